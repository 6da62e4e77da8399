"""What a use case costs its database, in statements."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

import peewee

Service = TypeVar("Service")


@dataclass(frozen=True)
class Cost(Generic[Service]):
    """A use case and the number of its statements: those that read or write, and those that make savepoints.

    The beginning and the end of a transaction are not among them.
    """

    name: str
    use_case: Callable[[Service], Any]
    queries: int
    savepoints: int = 0


@contextmanager
def counted(database: peewee.Database) -> Iterator[list[str]]:
    """The statements that the database is sent meanwhile, as Peewee tells them to its hooks."""
    statements: list[str] = []
    hooks: list[Callable[[Any], None]] = database.query_hooks

    def note(query: Any) -> None:
        statements.append(query.sql)

    hooks.append(note)
    try:
        yield statements
    finally:
        hooks.remove(note)


def split(statements: Sequence[str]) -> tuple[int, int]:
    """How many read or write, and how many make or release savepoints."""
    savepoints = [each for each in statements if each.startswith(("SAVEPOINT", "RELEASE", "ROLLBACK TO"))]
    return len(statements) - len(savepoints), len(savepoints)
