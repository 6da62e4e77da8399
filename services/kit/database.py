"""Database profiles: one Peewee database from a URL, opened by each thread on its first query, after the fork.

SQLite and PostgreSQL answer alike: foreign keys hold on every connection, a write transaction takes its lock when
it begins, and an acknowledged commit is durable.
"""

import sqlite3
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Any, Generic, TypeVar
from urllib.parse import parse_qs, urlsplit

import peewee

from services.kit.instants import from_milliseconds, to_milliseconds

BUSY_TIMEOUT_SECONDS = 5
CONNECT_TIMEOUT_SECONDS = 5
CONNECT_RETRY_SECONDS = 0.2
_FOREIGN_KEY_VIOLATION = "23503"
_URL_FORMS = "the database URL must be sqlite:///FILE or postgresql://USER:PASSWORD@HOST/NAME"
_SESSION_SETTINGS = {
    # In milliseconds: a statement, the wait for a row's lock, an open transaction that does nothing.
    "statement_timeout": 10_000,
    "lock_timeout": 5_000,
    "idle_in_transaction_session_timeout": 15_000,
    # In seconds: a client's host that is gone without a word is given up after a minute, for its session holds locks.
    "tcp_keepalives_idle": 30,
    "tcp_keepalives_interval": 10,
    "tcp_keepalives_count": 3,
}
# The server's host is given up after some ten seconds, not after the two hours of a kernel: threads wait for answers.
_LIBPQ_KEEPALIVE = {
    "keepalives_idle": 5,
    "keepalives_interval": 2,
    "keepalives_count": 3,
    # In milliseconds.
    "tcp_user_timeout": 10_000,
}
# What PostgreSQL refuses because of the session or the server, not because of the statement (its manual, appendix A):
# it is read-only, as after a failover; a prepared statement does not fit the schema any more, or is gone.
_OUTAGES = frozenset({"25006", "0A000", "26000"})
# A commit is acknowledged only when it is on disk: FULL, because NORMAL may lose it at a power loss (TRAPS 6).
_SQLITE_PRAGMAS = {"journal_mode": "wal", "synchronous": "full", "foreign_keys": 1}

Record = TypeVar("Record")


class InstantField(peewee.BigIntegerField):
    """An aware UTC datetime, kept as milliseconds since the epoch."""

    def db_value(self, value: datetime | None) -> int | None:
        return None if value is None else to_milliseconds(value)

    def python_value(self, value: int | None) -> datetime | None:
        return None if value is None else from_milliseconds(value)


class DatabaseUrlError(ValueError):
    """The URL names no database that this system can open."""


def open_database(url: str, application_name: str = "flix", *, create: bool = True) -> peewee.Database:
    """A database handle; no connection is made before the first query.

    Without `create` a SQLite file that is not there, or is there no more, is not made anew by who connects.

    `sqlite:///relative/path` and `sqlite:////absolute/path` open a file, `postgresql://...` a server; what
    stands behind its `?` (sslmode, connect_timeout and so on) goes to libpq as it is, before our defaults. Raises
    DatabaseUrlError for anything else.
    """
    try:
        parts = urlsplit(url)
    except ValueError:  # A bracket in a password that is not percent-encoded.
        raise DatabaseUrlError(_URL_FORMS) from None
    # With two slashes the first folder would be taken for a host, and lost.
    if parts.scheme == "sqlite" and not parts.netloc and len(parts.path) > 1 and parts.path != "/:memory:":
        return _sqlite(Path(parts.path[1:]), create)
    if parts.scheme in ("postgresql", "postgres") and len(parts.path) > 1:
        return _postgresql(url.replace("postgres://", "postgresql://", 1), application_name)
    raise DatabaseUrlError(_URL_FORMS)


class _ConnectionToFile(sqlite3.Connection):
    """A connection to a file that is there."""

    def __init__(self, file: str, **options: Any):
        super().__init__(f"{Path(file).absolute().as_uri()}?mode=rw", uri=True, **options)


def _sqlite(file: Path, create: bool) -> peewee.Database:
    return peewee.SqliteDatabase(
        str(file),
        pragmas=_SQLITE_PRAGMAS,
        timeout=BUSY_TIMEOUT_SECONDS,
        # A deferred transaction that reads and then writes fails at once under concurrency (TRAPS 4).
        lock_type="IMMEDIATE",
        factory=sqlite3.Connection if create else _ConnectionToFile,
    )


def _postgresql(url: str, application_name: str) -> peewee.Database:
    defaults: dict[str, Any] = {
        "connect_timeout": CONNECT_TIMEOUT_SECONDS,
        "application_name": application_name,
        "options": " ".join(f"-c {name}={value}" for name, value in _SESSION_SETTINGS.items()),
        **_LIBPQ_KEEPALIVE,
    }
    chosen = parse_qs(urlsplit(url).query)
    ours = {name: value for name, value in defaults.items() if name not in chosen}
    return peewee.PostgresqlDatabase(url, prefer_psycopg3=True, **ours)


def wait_for(database: peewee.Database, seconds: float) -> None:
    """Wait until the server accepts connections, at most so long; leaves none open.

    Raises peewee.OperationalError when the time is over, and at once when the server refuses for good: a wrong
    password, an unknown role or database. A SQLite file needs no waiting.
    """
    deadline = time.monotonic() + seconds
    while is_postgresql(database):
        try:
            database.connect(reuse_if_open=True)
            database.close()
            return
        except peewee.OperationalError as error:
            if _refuses_for_good(error) or time.monotonic() > deadline:
                raise
            time.sleep(CONNECT_RETRY_SECONDS)


def _refuses_for_good(error: peewee.OperationalError) -> bool:
    passing = ("starting up", "shutting down", "recovery mode", "too many clients", "remaining connection slots")
    return "FATAL:" in str(error) and not any(each in str(error) for each in passing)


def delete_every_row(database: peewee.Database, tables: Sequence[type[peewee.Model]]) -> None:
    """Empty the tables, which are in the order of their creation, as one transaction; who writes meanwhile waits.

    What is append-only stays.
    """
    tables = [table for table in tables if not getattr(table._meta, "append_only", False)]
    with transaction(database):
        if is_postgresql(database):
            # Else a stream of new children, each of which holds its parent's row for a moment, could hold this off.
            names = ", ".join(f'"{table._meta.table_name}"' for table in tables)
            database.execute_sql(f"LOCK TABLE {names} IN SHARE ROW EXCLUSIVE MODE")
        for table in reversed(tables):
            table.delete().execute(database)


def is_postgresql(database: peewee.Database) -> bool:
    """Whether the handle is for a PostgreSQL server."""
    return isinstance(database, peewee.PostgresqlDatabase)


@contextmanager
def transaction(database: peewee.Database) -> Iterator[None]:
    """All or nothing; nested ones become savepoints. On SQLite the write lock is taken at the start."""
    try:
        with database.atomic():
            yield
    except peewee.OperationalError as error:
        # On a full disk SQLite rolls back by itself; what the caller must hear is why, not that nothing was left to do.
        cause: BaseException | None = error
        while cause is not None and "cannot rollback" in str(cause):
            cause = cause.__context__
        if cause is None or cause is error:
            raise
        raise cause from None


def locked(query: Any, database: peewee.Database, strength: str = "FOR UPDATE") -> Any:
    """The select, holding its rows until the transaction ends; on SQLite the whole database is held anyway.

    With the strength FOR SHARE others may hold the same rows likewise, and nobody may change them.
    """
    return query.for_update(strength) if is_postgresql(database) else query


@contextmanager
def snapshot(database: peewee.Database) -> Iterator[None]:
    """Everything that is read inside is of one moment; nothing may be written."""
    if not is_postgresql(database):
        with database.atomic("DEFERRED"):
            yield
        return
    with database.atomic():
        database.execute_sql("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY")
        yield


@contextmanager
def unhurried(database: peewee.Database) -> Iterator[None]:
    """This thread's connection, opened for work that may take minutes, and closed afterwards if it was not open."""
    opened = database.connect(reuse_if_open=True)
    try:
        if is_postgresql(database):
            database.execute_sql("SET statement_timeout = 0")
        yield
    finally:
        if opened:
            database.close()


def is_absent(database: peewee.Database) -> bool:
    """Whether there is no SQLite file yet, or one without a byte: to connect would write it."""
    file = Path(str(database.database))
    return not is_postgresql(database) and not (file.exists() and file.stat().st_size)


def breached(error: peewee.IntegrityError, constraint: str, columns: Sequence[str]) -> bool:
    """Whether the error is the breach of that constraint.

    PostgreSQL names the constraint; SQLite names a check constraint, but of a unique one only the
    columns (`table.column, table.column`).
    """
    diagnosis = getattr(getattr(error, "orig", None), "diag", None)
    if diagnosis is not None:
        # Its text also repeats the row's values, which may spell any constraint's name.
        return bool(diagnosis.constraint_name == constraint)
    # The whole text, since a missing value (NOT NULL) names its column as well.
    unique, check = f"UNIQUE constraint failed: {', '.join(columns)}", f"CHECK constraint failed: {constraint}"
    return str(error) == (unique if columns else check)


def message_of(error: BaseException) -> str:
    """What an error says; of PostgreSQL's only the first part, since the others repeat the values of the row."""
    diagnosis = getattr(getattr(error, "orig", error), "diag", None)
    return str(getattr(diagnosis, "message_primary", None) or error)


def sqlstate_of(error: BaseException) -> str | None:
    """PostgreSQL's five characters for what is wrong (its manual, appendix A); None for another's error."""
    return getattr(getattr(error, "orig", error), "sqlstate", None)


def is_outage(error: BaseException) -> bool:
    """Whether the error is the server's, the connection's or the session's, and another connection may do better."""
    if isinstance(error, peewee.OperationalError | peewee.InterfaceError | sqlite3.OperationalError):
        return True
    return sqlstate_of(error) in _OUTAGES


def is_foreign_key_breach(error: peewee.IntegrityError) -> bool:
    """Whether what the row refers to is not there; PostgreSQL says so by its SQLSTATE, in whatever language."""
    return sqlstate_of(error) == _FOREIGN_KEY_VIOLATION or str(error) == "FOREIGN KEY constraint failed"


class _Placeholder(str):
    """Stands for a parameter's value among the values of a compiled statement."""

    __slots__ = ()


class Parameter(peewee.Node):
    """A value of a prepared statement that is known only when it runs."""

    def __init__(self, name: str):
        super().__init__()
        self._placeholder = _Placeholder(name)

    def __sql__(self, context: Any) -> Any:
        return context.value(self._placeholder, converter=False)


class Statement(Generic[Record]):
    """A Peewee select that is compiled once and run many times with bound values.

    Peewee spends ten times as long building and compiling a query as SQLite does running it (TRAPS 16), so what
    every learner causes is prepared. The selected columns are given, in order, to `record`::

        by_slug = Statement(database, Event.select().where(Event.slug == Parameter("slug")), EventRecord)
        by_slug.first(slug="launch")
    """

    def __init__(self, database: peewee.Database, query: Any, record: Callable[..., Record]):
        self._database = database
        self._record = record
        self._sql, self._values = database.get_sql_context().sql(query).query()
        self._readers = [
            (index, column.python_value)
            # Under an alias it is the same column.
            for index, column in enumerate(each.unwrap() for each in query._returning)
            if isinstance(column, InstantField | peewee.BooleanField)
        ]

    def all(self, **values: object) -> list[Record]:
        """Every row, in the order of the query."""
        cursor = self._database.execute_sql(self._sql, self._bound(values))
        return [self._read(row) for row in cursor.fetchall()]

    def first(self, **values: object) -> Record | None:
        """The first row, or None."""
        row = self._database.execute_sql(self._sql, self._bound(values)).fetchone()
        return None if row is None else self._read(row)

    def _bound(self, values: dict[str, object]) -> list[object]:
        return [_storable(values[each]) if isinstance(each, _Placeholder) else each for each in self._values]

    def _read(self, row: Sequence[Any]) -> Record:
        columns = list(row)
        for index, read in self._readers:
            columns[index] = read(columns[index])
        return self._record(*columns)


def _storable(value: object) -> object:
    return to_milliseconds(value) if isinstance(value, datetime) else value
