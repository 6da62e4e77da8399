"""The triggers that refuse to change or delete the entries of the audit log, for every role.

Only the owner of the schema can drop or disable them, and the check finds that.
"""

from collections.abc import Mapping

import peewee

from services.kit.storage.database import is_postgresql

# Released migrations have run these texts: never change them.
_SQLITE_APPEND_ONLY = (
    "CREATE TRIGGER audit_log_no_{event} BEFORE {event} ON audit_log "
    "BEGIN SELECT RAISE(ABORT, 'audit_log takes no {event}'); END"
)
# REPLACE deletes the conflicting row without firing the triggers of DELETE (https://sqlite.org/lang_conflict.html).
_SQLITE_NEVER_REPLACED = (
    "CREATE TRIGGER audit_log_no_REPLACE BEFORE INSERT ON audit_log "
    "WHEN EXISTS (SELECT 1 FROM audit_log WHERE id = NEW.id OR rowid = NEW.rowid) "
    "BEGIN SELECT RAISE(ABORT, 'audit_log takes no REPLACE'); END"
)
_POSTGRESQL_REFUSAL = " BEGIN RAISE EXCEPTION 'audit_log takes no %%', TG_OP; END "
_POSTGRESQL_FUNCTION = (
    f"CREATE FUNCTION audit_log_refuse() RETURNS trigger LANGUAGE plpgsql AS $${_POSTGRESQL_REFUSAL}$$"
)
_POSTGRESQL_APPEND_ONLY = (
    "CREATE TRIGGER audit_log_append_only BEFORE UPDATE OR DELETE ON audit_log "
    "FOR EACH ROW EXECUTE FUNCTION audit_log_refuse()"
)
_POSTGRESQL_NO_TRUNCATE = (
    "CREATE TRIGGER audit_log_no_truncate BEFORE TRUNCATE ON audit_log "
    "FOR EACH STATEMENT EXECUTE FUNCTION audit_log_refuse()"
)
# The triggers that are enabled (not only for replicas) and call a function with our text.
_POSTGRESQL_TRIGGERS = (
    "SELECT tgname FROM pg_trigger JOIN pg_proc ON pg_proc.oid = tgfoid "
    "WHERE tgrelid = to_regclass('audit_log') AND tgenabled IN ('O', 'A') AND prosrc = %s"
)


def append_only(database: peewee.Database) -> tuple[str, ...]:
    """Return the statements of the migration that makes the table append-only."""
    if is_postgresql(database):
        return _POSTGRESQL_FUNCTION, _POSTGRESQL_APPEND_ONLY, _POSTGRESQL_NO_TRUNCATE
    return tuple(_SQLITE_APPEND_ONLY.format(event=event) for event in ("UPDATE", "DELETE"))


def not_append_only(database: peewee.Database) -> tuple[str, ...]:
    """Return the statements of a rollback that remain after the table was dropped."""
    return ("DROP FUNCTION audit_log_refuse()",) if is_postgresql(database) else ()


def never_replaced(database: peewee.Database) -> tuple[str, ...]:
    """Return the statements of the next migration: in SQLite, REPLACE also deletes rows. PostgreSQL needs none."""
    return () if is_postgresql(database) else (_SQLITE_NEVER_REPLACED,)


def lost_triggers(database: peewee.Database) -> Mapping[str, tuple[str, ...]]:
    """Return the missing, altered and disabled triggers, each with the statements that restore it."""
    if not is_postgresql(database):
        triggers = _by_name(append_only(database) + never_replaced(database))
        existing = database.execute_sql("SELECT name, sql FROM sqlite_master WHERE type = 'trigger'").fetchall()
        return {
            name: (f'DROP TRIGGER IF EXISTS "{name}"', create)
            for name, create in triggers.items()
            if (name, create) not in existing
        }
    triggers = _by_name((_POSTGRESQL_APPEND_ONLY, _POSTGRESQL_NO_TRUNCATE))
    refusal = _POSTGRESQL_REFUSAL.replace("%%", "%")
    existing_names = {name for (name,) in database.execute_sql(_POSTGRESQL_TRIGGERS, [refusal]).fetchall()}
    function = _POSTGRESQL_FUNCTION.replace("CREATE", "CREATE OR REPLACE")
    return {
        name: (function, f"DROP TRIGGER IF EXISTS {name} ON audit_log", create)
        for name, create in triggers.items()
        if name not in existing_names
    }


def _by_name(statements: tuple[str, ...]) -> dict[str, str]:
    return {statement.split()[2]: statement for statement in statements}
