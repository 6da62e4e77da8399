"""Counts of rows, and locks, in the tables of a running stack."""

from collections.abc import Iterator
from contextlib import closing, contextmanager

from services.kit.storage.database import is_postgresql, open_database, transaction
from tests.installation import Installation


def rows(stack: Installation, service: str, table: str) -> int:
    """Return the number of rows."""
    return int(stack.rows(service, f"SELECT COUNT(*) FROM {table}")[0][0])


@contextmanager
def locked_table(stack: Installation, service: str, table: str) -> Iterator[None]:
    """Lock the table: its writers wait."""
    with (
        closing(open_database(stack.environment[f"{service.upper()}_DATABASE_URL"])) as database,
        transaction(database),
    ):
        if is_postgresql(database):
            database.execute_sql(f"LOCK TABLE {table} IN EXCLUSIVE MODE")
        yield
