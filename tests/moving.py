"""How the import of one service is tested: against its database, and as its whole listing."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

import peewee
import pytest

from services.kit.baseline import Importer, OldFile, Part, import_baseline, opened
from tests.baseline_file import Rows, write_baseline

Numbers = tuple[int, int, int, int]


class Import:
    """Imports of one service into one database, from files that are written for it."""

    def __init__(self, importer: Importer, database: peewee.Database, folder: Path, output: pytest.CaptureFixture[str]):
        self._importer = importer
        self._database = database
        self._folder = folder
        self._output = output

    def run(
        self,
        rows: Rows,
        lessons: Mapping[str, str] | None = None,
        *,
        skip_invalid: bool = False,
        dry_run: bool = False,
    ) -> tuple[bool, list[str], dict[str, Numbers]]:
        """Whether it went through, the findings, and each table's found, to move, already there, invalid."""
        self._output.readouterr()
        with self._opened(rows) as old:
            for lesson_id, event_id in (lessons or {}).items():
                old.note("lessons", lesson_id, event_id)
            part = Part("service", self._importer, self._database)
            done = import_baseline(old, [part], skip_invalid=skip_invalid, dry_run=dry_run)
        lines = self._output.readouterr().out.splitlines()
        head = next(place for place, line in enumerate(lines) if line.startswith("table "))
        table = lines[head + 1 : head + 1 + len(self._importer.tables)]
        return done, lines[:head], dict(_numbers(line) for line in table)

    def findings(self, rows: Rows, lessons: Mapping[str, str] | None = None) -> Sequence[str]:
        """The whole listing of rows, one of which at least is invalid."""
        done, findings, _ = self.run(rows, lessons)
        assert not done
        return findings

    @contextmanager
    def _opened(self, rows: Rows) -> Iterator[OldFile]:
        file = self._folder / "flix.sqlite"
        file.unlink(missing_ok=True)
        with opened(write_baseline(file, rows, strict=False)) as old:
            yield old


def _numbers(line: str) -> tuple[str, Numbers]:
    table, found, new, there, invalid = line.split()
    return table, (int(found), int(new), int(there), int(invalid))
