"""The tables as they are in the database against the models: what was dropped, added or altered by hand."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import peewee

from services.kit.core.findings import WHOLE_TABLE, Finding
from services.kit.maintenance.rows import check_constraints
from services.kit.storage.audit.append_only import lost_triggers
from services.kit.storage.batches import Table
from services.kit.storage.database import is_postgresql, transaction

_ADVICE = "restore a backup, or bring it back by hand"
_DELETE_ACTIONS = {"a": "NO ACTION", "r": "RESTRICT", "c": "CASCADE", "n": "SET NULL", "d": "SET DEFAULT"}
_FOREIGN_KEYS = """
    SELECT a.attname, c.confrelid::regclass::text, c.confdeltype::text
    FROM pg_constraint c JOIN pg_attribute a ON a.attrelid = c.conrelid AND a.attnum = c.conkey[1]
    WHERE c.contype = 'f' AND c.conrelid = to_regclass(%s)
"""
_CHECKS = "SELECT conname FROM pg_constraint WHERE contype = 'c' AND conrelid = to_regclass(%s)"
_NOT_VALID = "SELECT conname FROM pg_constraint WHERE NOT convalidated AND conrelid = to_regclass(%s)"
_INVALID_INDEXES = """
    SELECT indexrelid::regclass::text FROM pg_index
    WHERE NOT (indisvalid AND indisready AND indislive) AND indrelid = to_regclass(%s)
"""


@dataclass(frozen=True)
class _Column:
    type: str
    null: bool
    primary_key: bool

    def __str__(self) -> str:
        key = " PRIMARY KEY" if self.primary_key else ""
        return f"{self.type}{key}{' NULL' if self.null else ' NOT NULL'}"


def schema_findings(database: peewee.Database, table: Table) -> Iterator[Finding]:
    """Where the table differs from its model; the table itself must be there."""
    yield from _columns(database, table)
    yield from _indexes(database, table)
    yield from _constraints(database, table)
    if is_postgresql(database):
        yield from _switched_off(database, table)
    if getattr(table._meta, "append_only", False):
        yield from _append_only(database, table)


def _columns(database: peewee.Database, table: Table) -> Iterator[Finding]:
    name = table._meta.table_name
    wanted, there = _wanted_columns(database, table), _columns_there(database, table)
    for column in sorted({*wanted, *there}):
        if column not in there:
            yield Finding(name, column, "column_missing", f"there is no such column: {_ADVICE}")
        elif column not in wanted:
            yield Finding(name, column, "column_unknown", "the code knows no such column")
        elif wanted[column] != there[column]:
            yield Finding(name, column, "column_altered", f"it is {there[column]} and should be {wanted[column]}")


def _wanted_columns(database: peewee.Database, table: Table) -> dict[str, _Column]:
    keys = {field.column_name for field in table._meta.get_primary_keys()}
    context = database.get_sql_context()
    return {
        field.column_name: _Column(field.ddl_datatype(context).sql.lower(), field.null, field.column_name in keys)
        for field in table._meta.sorted_fields
    }


def _columns_there(database: peewee.Database, table: Table) -> dict[str, _Column]:
    columns: Any = database.get_columns(table._meta.table_name)
    return {each.name: _Column(each.data_type.lower(), each.null, each.primary_key) for each in columns}


def _indexes(database: peewee.Database, table: Table) -> Iterator[Finding]:
    name = table._meta.table_name
    there = {each.name: (each.columns, each.unique) for each in database.get_indexes(name)}
    for index in table._meta.fields_to_index():
        columns = [field.column_name for field in index._expressions]
        unique = "UNIQUE " if index._unique else ""
        if index._name not in there:
            message = f"there is no {unique}index on {', '.join(columns)}"
            yield Finding(name, index._name, "index_missing", message, _creation(database, index))
        elif there[index._name] != (columns, bool(index._unique)):
            yield Finding(name, index._name, "index_altered", f"it is not a {unique}index on {', '.join(columns)}")


def _creation(database: peewee.Database, index: Any) -> Any:
    def create() -> str:
        with transaction(database):
            database.execute(index)
        return "made it again"

    return create


def _constraints(database: peewee.Database, table: Table) -> Iterator[Finding]:
    name = table._meta.table_name
    there = _checks_there(database, name)
    for check, condition in check_constraints(table):
        text = check if is_postgresql(database) else f'CONSTRAINT "{check}" CHECK ({condition})'
        if text not in there:
            yield Finding(name, check, "constraint_missing", f"there is no CHECK ({condition}): {_ADVICE}")
    keys = _foreign_keys_there(database, name)
    for field in table._meta.refs:
        parent, action = field.rel_model._meta.table_name, field.on_delete or "NO ACTION"
        if (field.column_name, parent, action) not in keys:
            message = f"there is no foreign key to {parent} with ON DELETE {action}: {_ADVICE}"
            yield Finding(name, field.column_name, "constraint_missing", message)


def _checks_there(database: peewee.Database, name: str) -> Any:
    """The names on PostgreSQL; on SQLite the table's whole definition, which contains them."""
    if is_postgresql(database):
        return _column_of(database, _CHECKS, name)
    return "".join(_column_of(database, "SELECT sql FROM sqlite_master WHERE type = 'table' AND name = ?", name))


def _foreign_keys_there(database: peewee.Database, name: str) -> set[tuple[str, str, str]]:
    if is_postgresql(database):
        rows = database.execute_sql(_FOREIGN_KEYS, [name]).fetchall()
        return {(column, parent, _DELETE_ACTIONS[action]) for column, parent, action in rows}
    rows = database.execute_sql(f'PRAGMA foreign_key_list("{name}")').fetchall()
    return {(row[3], row[2], row[6]) for row in rows}


def _switched_off(database: peewee.Database, table: Table) -> Iterator[Finding]:
    name = table._meta.table_name
    for each in _column_of(database, _NOT_VALID, name):
        repair = _statement(database, f'ALTER TABLE "{name}" VALIDATE CONSTRAINT "{each}"', "validated it")
        yield Finding(name, each, "constraint_not_valid", "rows from before it were never judged by it", repair)
    for each in _column_of(database, _INVALID_INDEXES, name):
        repair = _statement(database, f"REINDEX INDEX {each}", "built it again")
        yield Finding(name, each, "index_not_valid", "no query uses it", repair)


def _append_only(database: peewee.Database, table: Table) -> Iterator[Finding]:
    for trigger, creation in lost_triggers(database).items():
        repair = _statements(database, creation, "made it again")
        message = "rows can be changed or taken away: the trigger that refuses it is missing, altered or disabled"
        yield Finding(table._meta.table_name, trigger, "append_only", message, repair)


def index_rebuild(database: peewee.Database, index: str) -> Any:
    """The repair of an index whose entries are not those of its table."""
    return _statement(database, f'REINDEX "{index}"', "built it again")


def _statement(database: peewee.Database, sql: str, done: str) -> Any:
    return _statements(database, [sql], done)


def _statements(database: peewee.Database, statements: Iterable[str], done: str) -> Any:
    def execute() -> str:
        with transaction(database):
            for sql in statements:
                database.execute_sql(sql)
        return done

    return execute


def _column_of(database: peewee.Database, sql: str, name: str) -> list[str]:
    return [row[0] for row in database.execute_sql(sql, [name]).fetchall()]


def table_finding(name: str) -> Finding:
    """A table that is not there at all."""
    return Finding(name, WHOLE_TABLE, "table_missing", f"there is no such table: {_ADVICE}")
