"""The number of statements that a use case sends to its database."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

import peewee

Service = TypeVar("Service")


@dataclass(frozen=True)
class Cost(Generic[Service]):
    """A use case and the numbers of its queries and its savepoint statements, without BEGIN and COMMIT."""

    name: str
    use_case: Callable[[Service], Any]
    queries: int
    savepoints: int = 0


@contextmanager
def counted(database: peewee.Database) -> Iterator[list[str]]:
    """Collect the statements that are sent to the database during the block."""
    statements: list[str] = []
    hooks: list[Callable[[Any], None]] = database.query_hooks

    def note(query: Any) -> None:
        statements.append(query.sql)

    hooks.append(note)
    try:
        yield statements
    finally:
        hooks.remove(note)


def use_cases(service: object) -> set[str]:
    """Return the names of the use cases of the service and of its parts, such as `events.list`."""
    parts = {f"{name}.": part for name, part in vars(service).items() if not name.startswith("_")}
    return {
        prefix + name
        for prefix, part in {"": service, **parts}.items()
        for name in vars(type(part))
        if not name.startswith("_")
    }


def split(statements: Sequence[str]) -> tuple[int, int]:
    """Return the number of queries and the number of savepoint statements."""
    savepoints = [each for each in statements if each.startswith(("SAVEPOINT", "RELEASE", "ROLLBACK TO"))]
    return len(statements) - len(savepoints), len(savepoints)
