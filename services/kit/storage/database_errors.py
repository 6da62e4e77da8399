"""What a database error means: an outage, damage, or the violation of one constraint."""

import sqlite3
from collections.abc import Sequence

import peewee

DATABASE_ERRORS = (peewee.DatabaseError, peewee.InterfaceError, sqlite3.DatabaseError)

_FOREIGN_KEY_VIOLATION = "23503"
# What PostgreSQL refuses because of the session or the server, not because of the statement (its manual, appendix A):
# it is read-only, as after a failover; a prepared statement does not fit the schema any more, or is gone.
_OUTAGES = frozenset({"25006", "0A000", "26000"})
# SQLITE_CORRUPT and SQLITE_NOTADB, without their extended parts.
_SQLITE_DAMAGE = (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB)
# data_corrupted, index_corrupted, undefined_table.
_POSTGRESQL_DAMAGE = ("XX001", "XX002", "42P01")


def sqlstate(error: BaseException) -> str | None:
    """PostgreSQL's five characters for what is wrong (its manual, appendix A); None for another's error."""
    return getattr(getattr(error, "orig", error), "sqlstate", None)


def is_outage(error: BaseException) -> bool:
    """Whether the error is the server's, the connection's or the session's, and another connection may do better."""
    if isinstance(error, peewee.OperationalError | peewee.InterfaceError | sqlite3.OperationalError):
        return True
    return sqlstate(error) in _OUTAGES


def is_foreign_key_violation(error: peewee.IntegrityError) -> bool:
    """Whether what the row refers to is not there; PostgreSQL says so by its SQLSTATE, in whatever language."""
    return sqlstate(error) == _FOREIGN_KEY_VIOLATION or str(error) == "FOREIGN KEY constraint failed"


def is_damage(error: BaseException) -> bool:
    """Whether the error says that the database itself is damaged, rather than busy, full or away."""
    original = getattr(error, "orig", error)
    sqlite_code = getattr(original, "sqlite_errorcode", 0) & 0xFF
    gone = str(original).startswith("no such table: ")
    return sqlite_code in _SQLITE_DAMAGE or gone or sqlstate(error) in _POSTGRESQL_DAMAGE


def violates_constraint(error: peewee.IntegrityError, constraint: str, columns: Sequence[str]) -> bool:
    """Whether the error is the violation of that constraint.

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
