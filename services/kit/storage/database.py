"""Database profiles: one Peewee database from a URL, opened by each thread on its first query, after the fork.

SQLite and PostgreSQL behave alike: foreign keys are enforced on every connection, a write transaction takes its lock
when it begins, and an acknowledged commit is durable. Nothing is kept in a session of PostgreSQL: behind a pooler in
transaction mode each transaction may have another one (docs/traps.md, 20).
"""

import select
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from contextvars import ContextVar
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Any, Self
from urllib.parse import parse_qs, urlsplit

import peewee
import psycopg
from psycopg.pq import TransactionStatus

from services.kit.core.database_url import read_database_url
from services.kit.core.deadlines import require_time_left
from services.kit.core.instants import from_milliseconds, to_milliseconds
from services.kit.storage.open_files import WatchedConnection, WatchedSqliteDatabase
from services.kit.storage.write_turns import write_turn

BUSY_TIMEOUT_SECONDS = 5
CONNECT_TIMEOUT_SECONDS = 5
CONNECT_RETRY_SECONDS = 0.2
# Milliseconds, for a statement, for the wait for a row's lock, and for an open transaction without a statement. The
# last also ends the transaction, with its locks, of a client whose host is gone.
_LIMITS = {"statement_timeout": 10_000, "lock_timeout": 5_000, "idle_in_transaction_session_timeout": 15_000}
# After ten seconds drop a server whose host is gone, because threads wait for it; the kernel would take two hours.
_LIBPQ_KEEPALIVE = {
    "keepalives_idle": 5,
    "keepalives_interval": 2,
    "keepalives_count": 3,
    # Milliseconds.
    "tcp_user_timeout": 10_000,
}
# What passes, in the messages of the server and, where it has no server or too many clients, of PgBouncer.
_TEMPORARY = (
    *("starting up", "shutting down", "recovery mode", "too many clients", "remaining connection slots"),
    *("query_wait_timeout", "server_login_retry", "client_login_timeout", "max_client_conn"),
)
# A commit is acknowledged only when it is on disk: FULL, because NORMAL may lose it at a power loss (docs/traps.md, 6).
_SQLITE_PRAGMAS = {"journal_mode": "wal", "synchronous": "full", "foreign_keys": 1}


class InstantField(peewee.BigIntegerField):
    """An aware UTC datetime, stored as milliseconds since the epoch."""

    def db_value(self, value: datetime | None) -> int | None:
        return None if value is None else to_milliseconds(value)

    def python_value(self, value: int | None) -> datetime | None:
        return None if value is None else from_milliseconds(value)


def open_database(url: str, application_name: str = "flix", *, create: bool = True) -> peewee.Database:
    """Return a database handle, which connects at its first query.

    `sqlite:///relative/path` and `sqlite:////absolute/path` open a file, `postgresql://...` a server; the parameters
    after its `?` (sslmode, connect_timeout and so on) go to libpq unchanged and override our defaults. Without
    `create` an absent SQLite file is an error instead of being created. Raise DatabaseUrlError for any other URL.
    """
    target = read_database_url(url)
    if target.server is not None:
        return _postgresql(target.server, application_name)
    return _sqlite(target.file, create)


class _ConnectionToFile(WatchedConnection):
    """A connection that does not create its file."""

    def __init__(self, file: str, **options: Any):
        super().__init__(f"{Path(file).absolute().as_uri()}?mode=rw", uri=True, **options)


def _sqlite(file: Path, create: bool) -> peewee.Database:
    return WatchedSqliteDatabase(
        str(file),
        pragmas=_SQLITE_PRAGMAS,
        timeout=BUSY_TIMEOUT_SECONDS,
        # A deferred transaction that reads and then writes fails at once under concurrency (docs/traps.md, 4).
        lock_type="IMMEDIATE",
        factory=WatchedConnection if create else _ConnectionToFile,
    )


class _LimitedCursor(psycopg.Cursor[Any]):
    """A cursor whose statement, outside of a transaction or beginning one, carries its limits in its own message.

    So they hold in whichever session runs it, and no session keeps them. The values are then in the text, since only a
    text holds several statements. Inside a transaction they are not: there the server logs no value with an error.
    """

    def __init__(self, connection: psycopg.Connection[Any], *, row_factory: Any = None, limits: Mapping[str, int]):
        super().__init__(connection, row_factory=row_factory or connection.row_factory)
        self._limits = [f"SET LOCAL {name} = {value};" for name, value in limits.items()]

    def execute(self, query: Any, params: Any = None, **options: Any) -> Self:
        """Execute the statement under the limits."""
        connection = self.connection
        if connection.pgconn.transaction_status != TransactionStatus.IDLE:
            return super().execute(query, params, **options)
        text = psycopg.ClientCursor(connection).mogrify(query, params) if params is not None else query
        super().execute("".join([*self._limits, text]), **options)
        return self.set_result(len(self._limits))


def _postgresql(url: str, application_name: str) -> peewee.Database:
    defaults: dict[str, Any] = {
        "connect_timeout": CONNECT_TIMEOUT_SECONDS,
        "application_name": application_name,
        **_LIBPQ_KEEPALIVE,
    }
    chosen = parse_qs(urlsplit(url).query)
    ours = {name: value for name, value in defaults.items() if name not in chosen}
    options = " ".join(chosen.get("options", []))
    limits = {name: value for name, value in _LIMITS.items() if name not in options}
    cursor = partial(_LimitedCursor, limits=limits)
    return peewee.PostgresqlDatabase(url, prefer_psycopg3=True, prepare_threshold=None, cursor_factory=cursor, **ours)


def close_if_ended(database: peewee.Database) -> None:
    """Close this thread's idle connection when the server has ended it, as at a failover: the next use would fail."""
    if not is_postgresql(database) or database.is_closed():
        return
    # An idle session receives nothing but its end, or a notice, which a new connection may miss.
    incoming = select.poll()
    incoming.register(database.connection().fileno(), select.POLLIN)
    if incoming.poll(0):
        database.close()


def wait_until_ready(database: peewee.Database, seconds: float) -> None:
    """Wait until the server accepts connections and leave none open; a SQLite file is always ready.

    Raise peewee.OperationalError after this many seconds, and at once for a permanent error, such as a wrong
    password or an unknown database.
    """
    deadline = time.monotonic() + seconds
    while is_postgresql(database):
        try:
            database.connect(reuse_if_open=True)
            # A pooler lets its clients in before it has a server.
            database.execute_sql("SELECT 1")
            database.close()
            return
        except peewee.OperationalError as error:
            if _is_permanent(error) or time.monotonic() > deadline:
                raise
            time.sleep(CONNECT_RETRY_SECONDS)


def _is_permanent(error: peewee.OperationalError) -> bool:
    return "FATAL:" in str(error) and not any(each in str(error) for each in _TEMPORARY)


def delete_all_rows(database: peewee.Database, tables: Sequence[type[peewee.Model]]) -> None:
    """Empty the tables, given in the order of their creation, in one transaction; append-only tables are kept."""
    tables = [table for table in tables if not getattr(table._meta, "append_only", False)]
    with transaction(database):
        if is_postgresql(database):
            # Without the lock a stream of new child rows, each locking its parent, could delay the deletion for ever.
            names = ", ".join(f'"{table._meta.table_name}"' for table in tables)
            database.execute_sql(f"LOCK TABLE {names} IN SHARE ROW EXCLUSIVE MODE")
        for table in reversed(tables):
            table.delete().execute(database)


def is_postgresql(database: peewee.Database) -> bool:
    """Return whether the handle is for a PostgreSQL server."""
    return isinstance(database, peewee.PostgresqlDatabase)


# SQLite's messages when a transaction, or a savepoint in it, has ended already.
_NOTHING_TO_ROLL_BACK = ("cannot rollback", "no such savepoint")

_at_begin: ContextVar[Callable[[], None] | None] = ContextVar("at_begin", default=None)


@contextmanager
def at_begin(function: Callable[[], None]) -> Iterator[None]:
    """Call the function at the beginning of each transaction of the block; what it raises rolls that one back."""
    token = _at_begin.set(function)
    try:
        yield
    finally:
        _at_begin.reset(token)


@contextmanager
def transaction(database: peewee.Database) -> Iterator[None]:
    """Commit all of the block or nothing; a nested one is a savepoint. SQLite takes the write lock at the start."""
    is_nested = database.in_transaction()
    function = None if is_nested else _at_begin.get()
    turn = nullcontext() if is_nested or is_postgresql(database) else write_turn(str(database.database))
    try:
        with turn, database.atomic():
            # The wait for its turn may have been long.
            require_time_left()
            if function is not None:
                function()
            yield
    except peewee.OperationalError as error:
        # On a full disk SQLite rolls back by itself, and our rollback then fails: raise the cause instead.
        cause: BaseException | None = error
        while cause is not None and any(text in str(cause) for text in _NOTHING_TO_ROLL_BACK):
            cause = cause.__context__
        if cause is None or cause is error:
            raise
        raise cause from None


def within_transaction(database: peewee.Database) -> AbstractContextManager[None]:
    """Join the caller's transaction, which the caller ends after any error, or begin one."""
    return nullcontext() if database.in_transaction() else transaction(database)


def lock_rows(query: Any, database: peewee.Database, strength: str = "FOR UPDATE") -> Any:
    """Return the select with a lock on its rows until the transaction ends.

    With FOR SHARE several transactions may lock the same row and none may change it. SQLite has already locked the
    whole database.
    """
    return query.for_update(strength) if is_postgresql(database) else query


@contextmanager
def snapshot(database: peewee.Database) -> Iterator[None]:
    """Read everything inside the block as of one moment; writing is an error."""
    if not is_postgresql(database):
        with database.atomic("DEFERRED"):
            yield
        return
    with database.atomic():
        database.execute_sql("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY")
        yield


@contextmanager
def long_running_connection(database: peewee.Database) -> Iterator[None]:
    """Lift the time limit of this thread's statements, for work that takes minutes; close what was not open."""
    opened = database.connect(reuse_if_open=True)
    try:
        with _unlimited_statements(database.connection()) if is_postgresql(database) else nullcontext():
            yield
    finally:
        if opened:
            database.close()


@contextmanager
def _unlimited_statements(connection: psycopg.Connection[Any]) -> Iterator[None]:
    limited: partial[_LimitedCursor] = connection.cursor_factory  # type: ignore[assignment]
    limits = {**limited.keywords["limits"], "statement_timeout": 0}
    connection.cursor_factory = partial(limited, limits=limits)  # type: ignore[assignment]
    try:
        yield
    finally:
        connection.cursor_factory = limited  # type: ignore[assignment]


def file_is_absent(database: peewee.Database) -> bool:
    """Return whether the SQLite file is missing or empty; connecting would write it."""
    return not is_postgresql(database) and not file_size(database)


def file_size(database: peewee.Database) -> int:
    """Return the bytes of the SQLite file; 0 for a server, or without a file."""
    file = Path(str(database.database))
    return 0 if is_postgresql(database) or not file.exists() else file.stat().st_size


def missing_tables(database: peewee.Database, tables: Iterable[type[peewee.Model]]) -> list[str]:
    """Return the names of the models' tables that the database does not have."""
    existing = set(database.get_tables())
    return [table._meta.table_name for table in tables if table._meta.table_name not in existing]
