"""The meaning of a database error: an outage, damage, or the violation of one constraint."""

import sqlite3
from collections.abc import Sequence

import peewee

from services.kit.core.errors import DiskFull, NoWrites, ReadOnly

DATABASE_ERRORS = (peewee.DatabaseError, peewee.InterfaceError, sqlite3.DatabaseError)

_FOREIGN_KEY_VIOLATION = "23503"
# Errors of the session or the server rather than the statement (PostgreSQL's manual, appendix A): the server is
# read-only, as after a failover; a prepared statement no longer fits the schema, or is gone.
_READ_ONLY = "25006"
_OUTAGES = frozenset({_READ_ONLY, "0A000", "26000"})
_DISK_FULL = "53100"
_LOCK_TIMEOUT = "55P03"
_SQLITE_DAMAGE = (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB)
# data_corrupted, index_corrupted, undefined_table.
_POSTGRESQL_DAMAGE = ("XX001", "XX002", "42P01")


def sqlstate(error: BaseException) -> str | None:
    """Return PostgreSQL's error code of five characters (its manual, appendix A); None for SQLite's errors."""
    return getattr(_original(error), "sqlstate", None)


def is_outage(error: BaseException) -> bool:
    """Return whether server, connection or session failed, so that a new connection may succeed."""
    if isinstance(error, peewee.OperationalError | peewee.InterfaceError | sqlite3.OperationalError):
        return True
    return sqlstate(error) in _OUTAGES


def is_lock_timeout(error: BaseException) -> bool:
    """Return whether another session of PostgreSQL kept the lock for too long."""
    return sqlstate(error) == _LOCK_TIMEOUT


def refused_write(error: BaseException) -> NoWrites | None:
    """Return the response to an error that only writes meet: the database is read-only, or its disk is full."""
    code, sqlite_code = sqlstate(error), _sqlite_code(error)
    if code == _READ_ONLY or sqlite_code == sqlite3.SQLITE_READONLY:
        return ReadOnly()
    if code == _DISK_FULL or sqlite_code == sqlite3.SQLITE_FULL:
        return DiskFull()
    return None


def file_advice(error: BaseException) -> str:
    """Return what to do about an error of a SQLite file that its text does not say; empty for other errors."""
    code = _sqlite_code(error)
    if code == sqlite3.SQLITE_IOERR:
        return " (make room on its disk; if there is room, the disk may be broken)"
    if code == sqlite3.SQLITE_CANTOPEN:
        return " (let this user read and write the file and its folder)"
    return ""


def is_foreign_key_violation(error: peewee.IntegrityError) -> bool:
    """Return whether the row refers to a missing row."""
    return sqlstate(error) == _FOREIGN_KEY_VIOLATION or str(error) == "FOREIGN KEY constraint failed"


def is_damage(error: BaseException) -> bool:
    """Return whether the database is damaged, rather than busy, full or unreachable."""
    is_table_missing = str(_original(error)).startswith("no such table: ")
    return _sqlite_code(error) in _SQLITE_DAMAGE or is_table_missing or sqlstate(error) in _POSTGRESQL_DAMAGE


def violates_constraint(error: peewee.IntegrityError, constraint: str, columns: Sequence[str]) -> bool:
    """Return whether this constraint was violated.

    PostgreSQL names the constraint. SQLite names a check constraint, but for a unique one only its `columns`
    (`table.column`).
    """
    diagnosis = getattr(_original(error), "diag", None)
    if diagnosis is not None:
        # Do not search the text: it repeats the row's values, which may contain any constraint's name.
        return bool(diagnosis.constraint_name == constraint)
    # Compare the whole text, because the error of a missing value (NOT NULL) names its column as well.
    unique, check = f"UNIQUE constraint failed: {', '.join(columns)}", f"CHECK constraint failed: {constraint}"
    return str(error) == (unique if columns else check)


def _original(error: BaseException) -> BaseException:
    """Return the driver's error. Peewee wraps one twice when a statement has to connect first."""
    while (wrapped := getattr(error, "orig", None)) is not None:
        error = wrapped
    return error


def _sqlite_code(error: BaseException) -> int:
    """Return SQLite's primary result code, 0 for other errors."""
    return getattr(_original(error), "sqlite_errorcode", 0) & 0xFF
