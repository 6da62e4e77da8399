"""A check as JSON lines, which the worker that runs it turns into its report (services/kit/storage/integrity.py)."""

import sys
import time

import orjson
import peewee

from services.kit.core.findings import NOT_CHECKED, WHOLE_TABLE, Finding
from services.kit.core.logging import safe_message
from services.kit.maintenance.examination import DATABASE, Examination, examine
from services.kit.storage.integrity import CheckLine
from services.kit.storage.migrations import Migrations
from services.kit.storage.soundness import find_damage
from services.kit.web.reports import SHOWN_FINDINGS, finding_view

# Lines that only count are written at most this often.
COUNT_SECONDS = 0.2


class Lines:
    """Receives the progress and the findings of a check and writes them as lines, those that count now and then."""

    def __init__(self) -> None:
        self._shown = self._more = self._done = 0
        self._written_at = time.monotonic()

    def begin(self, stage: str, total: int) -> None:
        """Begin a stage of this many rows; 0 when they are not counted."""
        self.write_counts()
        write_line({"stage": stage, "of": total})

    def advance(self, rows: int) -> None:
        """Add to the number of checked rows."""
        self._done += rows
        self._write_counts_sometimes()

    def find(self, finding: Finding) -> None:
        """Write the finding, or only count it where enough are shown."""
        if self._shown < SHOWN_FINDINGS:
            self._shown += 1
            write_line({"finding": finding_view(finding)})
        else:
            self._more += 1
            self._write_counts_sometimes()

    def write_counts(self) -> None:
        """Write what was only counted since the last time."""
        if self._done or self._more:
            write_line({"done": self._done, "more": self._more})
        self._done = self._more = 0
        self._written_at = time.monotonic()

    def _write_counts_sometimes(self) -> None:
        if time.monotonic() - self._written_at >= COUNT_SECONDS:
            self.write_counts()


def write_findings(database: peewee.Database, examination: Examination) -> None:
    """Check the database; leave out the migration files, which say nothing about it."""
    lines = Lines()
    try:
        for finding in examine(database, examination, lines, files=False):
            lines.find(finding)
    except Exception as error:
        # Report any error as a finding, so that an unfinished check does not look like a success.
        reason = " ".join(safe_message(error).split())
        lines.find(Finding(DATABASE, WHOLE_TABLE, NOT_CHECKED, f"broke off: {reason}"))
    lines.write_counts()


def write_damage(database: peewee.Database, migrations: Migrations) -> None:
    """Write one line with the damage of the database, null without any; raise as `find_damage`."""
    write_line({"damage": find_damage(database, migrations)})


def write_line(document: CheckLine | dict[str, str | None]) -> None:
    """Write the document to standard output at once."""
    sys.stdout.buffer.write(orjson.dumps(document) + b"\n")
    sys.stdout.buffer.flush()
