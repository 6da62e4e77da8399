"""One pass over the old file for one service: make each row legal, compare it with the database, and write it.

The first pass over a service's tables only reports; the second writes, in one transaction.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

import peewee

from deploy.import_baseline.old_file import OldFile
from deploy.import_baseline.old_row import OldRow
from deploy.import_baseline.report import Change, Finding, Tally

ID_REPEATED = "id is that of an earlier row"
ID_TAKEN = "id is taken by another row of this installation"
PARENT_REJECTED = "the row that it belongs to is not moved"
PART_REJECTED = "a row that belongs to it cannot be moved"

Record = TypeVar("Record")


@dataclass(slots=True)
class Candidate(Generic[Record]):
    """A row that breaks no rule by itself, and the record that it becomes unless the database has it already."""

    row: OldRow
    record: Record
    is_present: bool = False

    def compare(self, stored: Record | None) -> None:
        """Compare with the stored record of the same id; reject the row where they differ."""
        self.is_present = stored == self.record
        if stored is not None and not self.is_present:
            self.row.reject(ID_TAKEN)

    @property
    def is_new(self) -> bool:
        """Whether the record is to be written."""
        return self.row.is_valid and not self.is_present


class ImportPass:
    """One pass over the old file for one service."""

    def __init__(
        self,
        old: OldFile,
        tables: Sequence[str],
        report: Callable[[Finding | Change], None],
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

    def process(
        self,
        table: str,
        read: Callable[[OldRow], Record],
        compare: Callable[[Sequence[Candidate[Record]]], None],
        add: Callable[[Sequence[Record]], None],
        note: Callable[[Record], str] = lambda _record: "moved",
    ) -> None:
        """Process all rows of a table: `read` and `compare` reject rows, `add` writes the new ones that are left.

        The text from `note`, never empty, is kept under the record's id for the tables that refer to it.
        """
        for rows in self.old.batches(table):
            candidates = [Candidate(row, read(row)) for row in rows if self._is_first(row)]
            compare([each for each in candidates if each.row.is_valid])
            for candidate in candidates:
                self._count(candidate, note)
            new = [each.record for each in candidates if each.is_new]
            if self._writes and new:
                add(new)
            self._advance(len(rows))

    def claim_id(self, row: OldRow) -> bool:
        """Return whether the row is the first with its id in the file; reject it otherwise."""
        if row.id is None or self.old.claim(row.table, row.id):
            return True
        row.reject(ID_REPEATED)
        return False

    def report(self, row: OldRow, rule: str = PART_REJECTED) -> None:
        """Report a rejected row and its parts; report `rule` for a row that breaks none by itself."""
        for violation in row.violations or [rule]:
            self._report(Finding(row.table, row.label, violation))
        for part in row.parts:
            self.report(part, PARENT_REJECTED if part.is_valid else PART_REJECTED)

    def parent_id(self, row: OldRow, column: str, table: str) -> str:
        """Return the id of the parent row; reject this row where the parent is not moved."""
        parent_id = row.identifier(column)
        if parent_id and not self.old.noted(table, parent_id):
            row.reject(f"{column} is of no row in {table} that is moved")
        return parent_id

    def event_id_of_lesson(self, row: OldRow, lesson_id: str) -> str:
        """Return the event of the lesson; change the row's event_id where it is another."""
        event_id = self.old.noted("lessons", lesson_id) or ""
        if event_id and event_id != row.stored("event_id"):
            row.change("event_id", event_id)
        return event_id

    def _is_first(self, row: OldRow) -> bool:
        first = self.claim_id(row)
        if not first:
            # Report it without its parts: rows that refer to this id belong to the first row.
            self.report(row)
        return first

    def _count(self, candidate: Candidate[Record], note: Callable[[Record], str]) -> None:
        row = candidate.row
        if not row.is_valid:
            self.report(row)
            return
        self.old.note(row.table, str(row.id), note(candidate.record))
        for each in _with_parts(row):
            tally = self.tallies[each.table]
            tally.present += candidate.is_present
            tally.new += not candidate.is_present
            if not candidate.is_present:
                tally.changed += self._report_changes(each)

    def _report_changes(self, row: OldRow) -> bool:
        changes = [*row.changes()]
        # The first pass has reported them.
        for change in () if self._writes else changes:
            self._report(Change(row.table, row.label, change))
        return bool(changes)


@dataclass(frozen=True)
class Importer:
    """The import of one service's rows: the old tables, and the function that makes one pass over them."""

    tables: tuple[str, ...]
    run: Callable[[peewee.Database, ImportPass], None]


def _with_parts(row: OldRow) -> Iterator[OldRow]:
    yield row
    for part in row.parts:
        yield from _with_parts(part)
