"""The command `check`: findings on standard output, progress on standard error."""

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

# Without a terminal a line of progress is written at this interval, so a short check writes none.
LINE_SECONDS = 5.0

Print = Callable[[str], None]


def check(
    database: peewee.Database, examination: Examination, print_line: Print, *, repair: bool, alone: bool = False
) -> int:
    """Print every finding, with `repair` also its repair, and return the number of findings that remain."""
    remaining = count = 0
    with Meter() as meter:
        for finding in examine(database, examination, meter, alone=alone):
            count += 1
            is_repaired, line = _repaired(finding) if repair else (False, finding.line())
            remaining += not is_repaired
            print_line(line)
    if repair and examination.tidy is not None and not remaining:
        for line in examination.tidy(database):
            print_line(line)
    if not count:
        print_line("no findings")
    return remaining


def _repaired(finding: Finding) -> tuple[bool, str]:
    """Repair the finding; return whether that succeeded, and the line to print."""
    if finding.repair is None:
        return False, f"{finding.line()} (no automatic repair: the right one is not certain)"
    try:
        return True, f"{finding.line()}: repaired: {finding.repair()}"
    except (*DATABASE_ERRORS, ServiceError) as error:
        return False, f"{finding.line()}: not repaired: {' '.join(safe_message(error).split())}"


class Meter:
    """A progress bar on a terminal, a line every few seconds elsewhere."""

    def __init__(self) -> None:
        self._terminal = sys.stderr.isatty()
        self._bar: Any = None
        self._stage, self._done, self._total = "", 0, 0
        self._written_at = time.monotonic()

    def __enter__(self) -> "Meter":
        return self

    def __exit__(self, *_exception: object) -> None:
        self._close()

    def begin(self, stage: str, total: int) -> None:
        """Begin a stage of this many rows; 0 when they are not counted."""
        self._close()
        self._stage, self._done, self._total = stage, 0, total
        if self._terminal:
            self._bar = tqdm(desc=stage, total=total or None, unit="row", leave=False, file=sys.stderr)
        self._write_line()

    def advance(self, rows: int) -> None:
        """Add to the number of checked rows."""
        self._done += rows
        if self._bar is not None:
            self._bar.update(rows)
        self._write_line()

    def _write_line(self) -> None:
        if self._terminal or time.monotonic() - self._written_at < LINE_SECONDS:
            return
        self._written_at = time.monotonic()
        of = f": {self._done} of {self._total}" if self._total else ""
        sys.stderr.write(f"checking {self._stage}{of}\n")
        sys.stderr.flush()

    def _close(self) -> None:
        if self._bar is not None:
            self._bar.close()
            self._bar = None
