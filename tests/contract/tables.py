"""What a test of a running installation looks up, and holds, in the tables behind it."""

from collections.abc import Iterator
from contextlib import closing, contextmanager

from services.kit.storage.database import is_postgresql, open_database, transaction
from tests.installation import Installation


def rows(stack: Installation, service: str, table: str) -> int:
    """How many there are by now."""
    with closing(open_database(stack.environment[f"{service.upper()}_DATABASE_URL"])) as database:
        return int(database.execute_sql(f"SELECT COUNT(*) FROM {table}").fetchone()[0])


@contextmanager
def nobody_writes(stack: Installation, service: str, table: str) -> Iterator[None]:
    """Whoever writes to the table waits."""
    with (
        closing(open_database(stack.environment[f"{service.upper()}_DATABASE_URL"])) as database,
        transaction(database),
    ):
        if is_postgresql(database):
            database.execute_sql(f"LOCK TABLE {table} IN EXCLUSIVE MODE")
        yield
