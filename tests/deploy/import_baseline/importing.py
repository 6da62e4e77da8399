"""Imports of one service into one database, from files that are written for them."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import peewee

from deploy.import_baseline.import_pass import Importer
from deploy.import_baseline.old_file import BaselineError, open_old_file
from deploy.import_baseline.run import ADVICE, Part, run_import
from tests.deploy.import_baseline.examples import Rows, write_baseline

Numbers = tuple[int, int, int, int]


class Outcome(NamedTuple):
    """Whether the import went through, and its report: for each table found, to move, already there, invalid."""

    done: bool
    findings: Sequence[str]
    numbers: Mapping[str, Numbers]


class Import:
    """Imports into one database."""

    def __init__(self, importer: Importer, database: peewee.Database, folder: Path):
        self._importer = importer
        self._database = database
        self._file = folder / "flix.sqlite"

    def run(
        self, rows: Rows, lessons: Mapping[str, str] | None = None, *, skip_invalid: bool = False, dry_run: bool = False
    ) -> Outcome:
        """Import a file with these rows; `lessons` are the lessons that content has moved, with their events."""
        self._file.unlink(missing_ok=True)
        with open_old_file(write_baseline(self._file, rows, strict=False)) as old:
            for lesson_id, event_id in (lessons or {}).items():
                old.note("lessons", lesson_id, event_id)
            part = Part("service", self._importer, self._database)
            lines: list[str] = []
            done = True
            try:
                run_import(old, [part], lines.append, skip_invalid=skip_invalid, dry_run=dry_run)
            except BaselineError as error:
                if str(error) != ADVICE:
                    raise
                done = False
        head = next(place for place, line in enumerate(lines) if line.startswith("table "))
        table = lines[head + 1 : head + 1 + len(self._importer.tables)]
        return Outcome(done, lines[:head], dict(map(_numbers, table)))


def _numbers(line: str) -> tuple[str, Numbers]:
    # The numbers of changed rows are those of the lines before the table.
    table, found, new, _changed, present, invalid = line.split()
    return table, (int(found), int(new), int(present), int(invalid))
