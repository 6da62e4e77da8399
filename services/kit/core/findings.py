"""What a check says, and how it tells how far it is."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from typing import Protocol

# What a rule has to say of a record: its own name, and what is wrong.
Violation = tuple[str, str]
Repair = Callable[[], str]

# Stands for the id where no single row is meant.
WHOLE_TABLE = "-"
NOT_CHECKED = "not_checked"


@dataclass(frozen=True, slots=True)
class Finding:
    """A violation of a rule. `repair`, where there is one right one, does it and says what it did.

    No secret may stand in the message: findings are printed, logged and answered.
    """

    table: str
    id: str
    rule: str
    message: str
    repair: Repair | None = field(default=None, compare=False, repr=False)

    def line(self) -> str:
        """On one line, whatever the id is made of."""
        text = f"{self.table} {self.id} {self.rule}: {self.message}"
        return "".join(each if each.isprintable() else f"\\x{ord(each):02x}" for each in text)


class Progress(Protocol):
    """Whom a check tells how far it is."""

    def begin(self, stage: str, total: int) -> None:
        """A new stage, of so many rows; 0 where they are not counted."""

    def advance(self, rows: int) -> None:
        """So many rows more are done."""


class NoProgress:
    """Nobody wants to know."""

    def begin(self, stage: str, total: int) -> None:
        """Not told."""

    def advance(self, rows: int) -> None:
        """Not told."""


def violation_findings(table: str, record_id: str, said: Iterable[Violation]) -> Iterator[Finding]:
    """What the rules have said of one record, as findings without a repair."""
    return (Finding(table, record_id, rule, message) for rule, message in said)
