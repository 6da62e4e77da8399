"""How rows of the old file become rows of a service: judged one by one, compared with what is there, and written.

A pass over a service's tables is a survey, which writes nothing, or the move, which is one transaction.
"""

import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Generic, TypeVar

import peewee
from tqdm import tqdm

from services.kit.baseline.old_file import BaselineError, OldFile
from services.kit.baseline.old_row import OldRow
from services.kit.storage.database import is_postgresql, transaction

REPEATED_ID = "id is that of an earlier row"
TAKEN_ID = "id is taken by another row of this installation"
_OF_REFUSED = "what it belongs to is not moved"
_HAS_REFUSED = "a row that belongs to it cannot be moved"
_ADVICE = (
    "nothing was moved: correct these rows in the old file, or leave them out with --skip-invalid (SKIP_INVALID=1); "
    "what is taken by this installation moves into an empty one only"
)
_COLUMNS = ("table", "found", "to move", "already there", "invalid")

Record = TypeVar("Record")


@dataclass(frozen=True, slots=True)
class Finding:
    """A rule that a row of the old file breaks."""

    table: str
    id: str
    rule: str

    def __str__(self) -> str:
        return f"{self.table}: {self.id}: {self.rule}"


@dataclass(slots=True)
class Tally:
    """What becomes of a table's rows."""

    table: str
    found: int
    new: int = 0
    there: int = 0

    @property
    def invalid(self) -> int:
        """Those that are neither."""
        return self.found - self.new - self.there


@dataclass(slots=True)
class Candidate(Generic[Record]):
    """A row that breaks no rule by itself, and the record that it becomes unless that is there already."""

    row: OldRow
    record: Record
    is_there: bool = False

    def compare(self, known: Record | None) -> None:
        """With the record that has its id here."""
        self.is_there = known == self.record
        if known is not None and not self.is_there:
            self.row.refuse(TAKEN_ID)


class Moving:
    """One pass over the old file for one service."""

    def __init__(
        self,
        old: OldFile,
        tables: Sequence[str],
        report: Callable[[Finding], None],
        advance: Callable[[int], object],
        *,
        writes: bool,
    ):
        for table in tables:
            old.forget(table)
        self.old = old
        self.tallies = {table: Tally(table, old.count(table)) for table in tables}
        self._report = report
        self._advance = advance
        self._writes = writes

    def each(
        self,
        table: str,
        read: Callable[[OldRow], Record],
        compare: Callable[[Sequence[Candidate[Record]]], None],
        add: Callable[[Sequence[Record]], None],
        noted: Callable[[Record], str] = lambda _record: "moved",
    ) -> None:
        """Move a table: `read` and `compare` refuse rows, `add` writes those that are left and not there.

        What is `noted` of a moved record, never empty, is found under its id by the tables that refer to it.
        """
        for rows in self.old.batches(table):
            candidates = [Candidate(row, read(row)) for row in rows if self._is_first(row)]
            compare([each for each in candidates if each.row.is_sound])
            for candidate in candidates:
                self._settle(candidate, noted)
            new = [each.record for each in candidates if each.row.is_sound and not each.is_there]
            if self._writes and new:
                add(new)
            self._advance(len(rows))

    def claims(self, row: OldRow) -> bool:
        """Whether the row is the first of its id in the file; else it has a problem."""
        if row.id is None or self.old.claim(row.table, row.id):
            return True
        row.refuse(REPEATED_ID)
        return False

    def refuse(self, row: OldRow, rule: str = _HAS_REFUSED) -> None:
        """Report the row with its parts; `rule` is for one that breaks none by itself."""
        for each in row.problems or [rule]:
            self._report(Finding(row.table, row.name, each))
        for part in row.parts:
            self.refuse(part, _OF_REFUSED if part.is_sound else _HAS_REFUSED)

    def parent(self, row: OldRow, column: str, table: str) -> str:
        """The id of a row that is moved; refuses this one otherwise."""
        parent_id = row.identifier(column)
        if parent_id and not self.old.noted(table, parent_id):
            row.refuse(f"{column} is of no row in {table} that is moved")
        return parent_id

    def _is_first(self, row: OldRow) -> bool:
        first = self.claims(row)
        if not first:
            # What refers to this id belongs to the first.
            self.refuse(row)
        return first

    def _settle(self, candidate: Candidate[Record], noted: Callable[[Record], str]) -> None:
        row = candidate.row
        if not row.is_sound:
            self.refuse(row)
            return
        self.old.note(row.table, str(row.id), noted(candidate.record))
        for each in _with_parts(row):
            tally = self.tallies[each.table]
            tally.there += candidate.is_there
            tally.new += not candidate.is_there


@dataclass(frozen=True)
class Importer:
    """A service's part in the move: its old tables, and how one pass goes over them.

    `gives` is the table whose moved rows another service refers to, `needs` the one that this service refers to.
    """

    tables: tuple[str, ...]
    move: Callable[[peewee.Database, Moving], None]
    gives: str | None = None
    needs: str | None = None


@dataclass(frozen=True)
class Part:
    """A service that takes part, and its database."""

    name: str
    importer: Importer
    database: peewee.Database


def import_baseline(old: OldFile, parts: Sequence[Part], *, skip_invalid: bool, dry_run: bool) -> bool:
    """Survey every part, say what was found, then move part by part; False when invalid rows have stopped it.

    Raises BaselineError when rows become invalid between the survey and the move.
    """
    tallies = [tally for part in parts for tally in _pass(old, part, _say, writes=False)]
    _say(*_table(tallies))
    if not skip_invalid and any(tally.invalid for tally in tallies):
        sys.stderr.write(f"{_ADVICE}\n")
        return False
    for part in () if dry_run else parts:
        moved = _pass(old, part, _pass_over if skip_invalid else _stop, writes=True)
        counts = ", ".join(f"{tally.new} {tally.table}" for tally in moved if tally.new)
        _say(f"{part.name}: moved {counts}" if counts else f"{part.name}: nothing to move")
    return True


def _pass(old: OldFile, part: Part, report: Callable[[Finding], None], *, writes: bool) -> Iterable[Tally]:
    task = f"{'moving' if writes else 'checking'} {part.name}"
    # The bar is for a person: it is not drawn into a file or a pipe.
    with tqdm(desc=task, unit=" rows", leave=False, disable=None) as bar:
        moving = Moving(old, part.importer.tables, report, bar.update, writes=writes)
        bar.total = sum(tally.found for tally in moving.tallies.values())
        if writes:
            with _whole_move(part.database):
                part.importer.move(part.database, moving)
        else:
            part.importer.move(part.database, moving)
    return moving.tallies.values()


@contextmanager
def _whole_move(database: peewee.Database) -> Iterator[None]:
    with transaction(database):
        if is_postgresql(database):
            # Between two batches the old file is read, however long that takes.
            database.execute_sql("SET LOCAL idle_in_transaction_session_timeout = 0")
        yield


def _stop(finding: Finding) -> None:
    raise BaselineError(f"{finding}, which it did not when it was checked: run the import again")


def _pass_over(finding: Finding) -> None:
    """It was reported by the survey."""


def _with_parts(row: OldRow) -> Iterator[OldRow]:
    yield row
    for part in row.parts:
        yield from _with_parts(part)


def _table(tallies: Sequence[Tally]) -> Iterator[str]:
    lines = [_COLUMNS, *((each.table, *_numbers(each)) for each in tallies)]
    for name, *numbers in lines:
        yield f"{name:<16}" + "".join(f"{number:>15}" for number in numbers)


def _numbers(tally: Tally) -> Iterator[str]:
    return map(str, (tally.found, tally.new, tally.there, tally.invalid))


def _say(*lines: object) -> None:
    for line in lines:
        # Above the bar, where one is drawn.
        tqdm.write(str(line), file=sys.stdout)
