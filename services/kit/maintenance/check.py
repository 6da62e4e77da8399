"""The command `check`: findings on standard output, how far it is on standard error."""

import sys
import time
from collections.abc import Callable
from typing import Any

import peewee
from tqdm import tqdm

from services.kit.core.errors import ServiceError
from services.kit.core.findings import Finding
from services.kit.core.logging import safe_message
from services.kit.maintenance.examination import Examination, examine
from services.kit.storage.database_errors import DATABASE_ERRORS

# Where nobody watches, a line now and then for the log; none where the work is short.
LINE_SECONDS = 5.0

Say = Callable[[str], None]


def check(database: peewee.Database, examination: Examination, say: Say, *, repair: bool, alone: bool = False) -> int:
    """Say every finding, and with `repair` what was done about it; how many findings remain."""
    remaining = found = 0
    with Meter() as meter:
        for finding in examine(database, examination, meter, alone=alone):
            found += 1
            is_repaired, line = _treated(finding) if repair else (False, finding.line())
            remaining += not is_repaired
            say(line)
    if repair and examination.tidy is not None and not remaining:
        for line in examination.tidy(database):
            say(line)
    if not found:
        say("no findings")
    return remaining


def _treated(finding: Finding) -> tuple[bool, str]:
    """Whether its repair was done, and what there is to say."""
    if finding.repair is None:
        return False, f"{finding.line()} (no repair is the right one for certain)"
    try:
        return True, f"{finding.line()}: repaired: {finding.repair()}"
    except (*DATABASE_ERRORS, ServiceError) as error:
        return False, f"{finding.line()}: not repaired: {' '.join(safe_message(error).split())}"


class Meter:
    """A progress bar on a terminal, a line every few seconds elsewhere."""

    def __init__(self) -> None:
        self._terminal = sys.stderr.isatty()
        self._bar: Any = None
        self._stage, self._done, self._of = "", 0, 0
        self._said_at = time.monotonic()

    def __enter__(self) -> "Meter":
        return self

    def __exit__(self, *_exception: object) -> None:
        self._close()

    def begin(self, stage: str, total: int) -> None:
        """As Progress."""
        self._close()
        self._stage, self._done, self._of = stage, 0, total
        if self._terminal:
            self._bar = tqdm(desc=stage, total=total or None, unit="row", leave=False, file=sys.stderr)
        self._speak()

    def advance(self, rows: int) -> None:
        """As Progress."""
        self._done += rows
        if self._bar is not None:
            self._bar.update(rows)
        self._speak()

    def _speak(self) -> None:
        if self._terminal or time.monotonic() - self._said_at < LINE_SECONDS:
            return
        self._said_at = time.monotonic()
        of = f": {self._done} of {self._of}" if self._of else ""
        sys.stderr.write(f"checking {self._stage}{of}\n")
        sys.stderr.flush()

    def _close(self) -> None:
        if self._bar is not None:
            self._bar.close()
            self._bar = None
