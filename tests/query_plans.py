"""How a database runs the selects of a use case."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import peewee

from services.kit.storage.database import is_postgresql


def plans(database: peewee.Database, use_case: Callable[[], object]) -> str:
    """Return the plans of the selects that the use case sends. The rows should be analysed."""
    queries: list[tuple[str, Any]] = []
    with _noted(database, queries):
        use_case()
    explain = "EXPLAIN" if is_postgresql(database) else "EXPLAIN QUERY PLAN"
    lines = [row[-1] for sql, values in queries for row in database.execute_sql(f"{explain} {sql}", values).fetchall()]
    return "\n".join(map(str, lines))


def reads_whole(table: str, plan: str) -> bool:
    """Return whether a plan reads the table without an index, or sorts what it has read of it in an index's place."""
    return any(
        f"Seq Scan on {table}" in line or (line.strip().startswith(f"SCAN {table}") and "USING" not in line)
        for line in plan.splitlines()
    )


@contextmanager
def _noted(database: peewee.Database, queries: list[tuple[str, Any]]) -> Iterator[None]:
    def note(query: Any) -> None:
        if query.sql.startswith("SELECT"):
            queries.append((query.sql, query.params))

    database.query_hooks.append(note)
    try:
        yield
    finally:
        database.query_hooks.remove(note)
