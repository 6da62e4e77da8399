"""One migrator at a time, in this process and in all others, and the transaction of one migration."""

import fcntl
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import peewee

from services.kit.storage.database import file_is_absent, is_postgresql, transaction

# The same number for all services: an advisory lock belongs to one database of the server.
_ADVISORY_LOCK = 0x666C6978
_LOCK_RETRY_SECONDS = 0.1
# A migration waits only briefly for a lock on a table, because all later statements queue behind it; its own
# statements have no limit.
_POSTGRESQL_LIMITS = (
    "SET LOCAL lock_timeout = '5s'; SET LOCAL statement_timeout = 0; SET LOCAL idle_in_transaction_session_timeout = 0"
)
# peewee-migrate's Router patches Peewee's classes and rebinds its history model while it works: use one at a time in a
# process.
ROUTER_LOCK = threading.Lock()


@contextmanager
def connected(database: peewee.Database, *, create: bool = False) -> Iterator[None]:
    """Connect, and close again if it was not open; without `create` an absent file is not created."""
    opened = (create or not file_is_absent(database)) and database.connect(reuse_if_open=True)
    try:
        yield
    finally:
        if opened:
            database.close()


@contextmanager
def sole_migrator(database: peewee.Database) -> Iterator[None]:
    """Wait until no other thread or process migrates this database; the lock ends with its process.

    On PostgreSQL the block is one transaction, which holds the lock.
    """
    locked = _locked_transaction if is_postgresql(database) else _locked_file
    with ROUTER_LOCK, locked(database):
        yield


@contextmanager
def _locked_file(database: peewee.Database) -> Iterator[None]:
    with Path(f"{database.database}.migrate.lock").open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        with connected(database, create=True):
            yield


@contextmanager
def _locked_transaction(database: peewee.Database) -> Iterator[None]:
    # Between two attempts there is no transaction: waiting in one would keep one of the few connections of a pooler.
    while True:
        with connected(database), transaction(database):
            cursor = database.execute_sql("SELECT pg_try_advisory_xact_lock(%s)", [_ADVISORY_LOCK])
            if cursor.fetchone()[0]:
                database.execute_sql(_POSTGRESQL_LIMITS)
                yield
                return
        time.sleep(_LOCK_RETRY_SECONDS)


@contextmanager
def migration_transaction(database: Any) -> Iterator[None]:
    """Open the transaction of one migration; on PostgreSQL it is open already."""
    if is_postgresql(database):
        yield
        return
    # Before the transaction, inside which SQLite ignores this pragma: else a table's rebuild deletes child rows.
    database.pragma("foreign_keys", 0)
    try:
        with transaction(database):
            yield
            _refuse_orphans(database)
    finally:
        database.pragma("foreign_keys", 1)


def _refuse_orphans(database: peewee.Database) -> None:
    if orphans := database.execute_sql("PRAGMA foreign_key_check").fetchall():
        tables = ", ".join(sorted({row[0] for row in orphans}))
        raise peewee.IntegrityError(f"{len(orphans)} rows of {tables} would refer to rows that are not there")
