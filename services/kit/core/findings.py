"""The findings of a check, and the progress that it reports."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from typing import Protocol

# The name of a broken rule, and what is wrong.
Violation = tuple[str, str]
# Repairs a finding and returns a sentence about what was done.
Repair = Callable[[], str]

# The id of a finding about no single row.
WHOLE_TABLE = "-"
NOT_CHECKED = "not_checked"


@dataclass(frozen=True, slots=True)
class Finding:
    """A violation of a rule, with a `repair` where exactly one is right.

    The message must contain no secret: findings are printed, logged and sent to admins.
    """

    table: str
    id: str
    rule: str
    message: str
    repair: Repair | None = field(default=None, compare=False, repr=False)

    def line(self) -> str:
        """Return the finding as one line; what is not printable in it is escaped."""
        text = f"{self.table} {self.id} {self.rule}: {self.message}"
        return "".join(each if each.isprintable() else f"\\x{ord(each):02x}" for each in text)


class Progress(Protocol):
    """Receives the progress of a check."""

    def begin(self, stage: str, total: int) -> None:
        """Begin a stage of `total` rows; 0 if they are not counted."""

    def advance(self, rows: int) -> None:
        """Add to the number of checked rows."""


def violation_findings(table: str, record_id: str, violations: Iterable[Violation]) -> Iterator[Finding]:
    """Return the violations of one record as findings without a repair."""
    return (Finding(table, record_id, rule, message) for rule, message in violations)
