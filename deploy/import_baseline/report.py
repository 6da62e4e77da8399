"""The report of an import: the rules that rows break, and what becomes of the rows of each table."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

_COLUMNS = ("table", "found", "to move", "changed", "already there", "invalid")


@dataclass(frozen=True, slots=True)
class Finding:
    """A rule for which a row of the old file cannot be moved."""

    table: str
    id: str
    rule: str

    def __str__(self) -> str:
        return f"{self.table}: {self.id}: not moved: {self.rule}"


@dataclass(frozen=True, slots=True)
class Change:
    """A change that makes a row of the old file legal here."""

    table: str
    id: str
    change: str

    def __str__(self) -> str:
        return f"{self.table}: {self.id}: changed: {self.change}"


@dataclass(slots=True)
class Tally:
    """The numbers of a table's rows: in the file, to be moved, changed among these, and already there."""

    table: str
    found: int
    new: int = 0
    changed: int = 0
    present: int = 0

    @property
    def invalid(self) -> int:
        """The number of rows that break a rule, alone or together with the rows that belong to them."""
        return self.found - self.new - self.present


def table_lines(tallies: Sequence[Tally]) -> Iterator[str]:
    """Return the lines of the table that shows all tallies."""
    rows = [
        _COLUMNS,
        *((each.table, each.found, each.new, each.changed, each.present, each.invalid) for each in tallies),
    ]
    for name, *numbers in rows:
        yield f"{name:<16}" + "".join(f"{number:>15}" for number in numbers)


def moved_line(name: str, tallies: Sequence[Tally]) -> str:
    """Return the line that says how many rows of each table a service has received."""
    counts = ", ".join(f"{tally.new} {tally.table}" for tally in tallies if tally.new)
    return f"{name}: moved {counts}" if counts else f"{name}: nothing to move"
