"""The check of rows against the rules of their table, which a restore or a disabled constraint may have bypassed.

It reads in batches along the primary key, so that memory does not grow with the number of findings.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import peewee
from peewee import SQL, fn

from services.kit.core.findings import Finding, Progress
from services.kit.core.instants import FIRST_MILLISECOND, LAST_MILLISECOND
from services.kit.storage.batches import Table, batches, fetch_rows
from services.kit.storage.database import InstantField, is_postgresql, lock_rows, transaction
from services.kit.storage.schema import check_constraints

# Called with the id of a row in the transaction that is about to delete it and the rows that depend on it.
BeforeRemoval = Callable[[peewee.Database, Table, str], None]


def row_findings(
    database: peewee.Database, table: Table, progress: Progress, before_removal: BeforeRemoval | None = None
) -> Iterator[Finding]:
    """Yield the rows that break a type, NOT NULL, CHECK, unique index or foreign key of the table.

    A repair calls `before_removal` before it deletes a row.
    """
    name = table._meta.table_name
    progress.begin(f"rows of {name}", 0)
    yield from _rule_findings(database, table)
    for index in table._meta.fields_to_index():
        if index._unique:
            yield from _repeated_findings(database, table, index)
    for field in table._meta.refs:
        yield from _orphan_findings(database, table, field, before_removal)


def keys_of(table: Table) -> tuple[Any, ...]:
    """Return the fields of the primary key."""
    return tuple(table._meta.get_primary_keys())


@dataclass(frozen=True)
class _RowRule:
    name: str
    message: str
    condition: str


def _rule_findings(database: peewee.Database, table: Table) -> Iterator[Finding]:
    # Check all rules of a row in one pass over the table.
    rules = [*_column_rules(database, table), *_check_rules(table)]
    keys = keys_of(table)
    flags = [SQL(f"({rule.condition})") for rule in rules]
    query = table.select(*keys, *flags).where(SQL(f"({' OR '.join(f'({rule.condition})' for rule in rules)})"))
    for batch in batches(database, query, keys, tuple):
        for row in batch:
            for rule, broken in zip(rules, row[len(keys) :], strict=True):
                if broken:
                    yield Finding(table._meta.table_name, _id(row[: len(keys)]), rule.name, rule.message)


def _column_rules(database: peewee.Database, table: Table) -> Iterator[_RowRule]:
    for field in table._meta.sorted_fields:
        column = f'"{field.column_name}"'
        if not field.null:
            yield _RowRule("not_null", f"{field.column_name} is missing", f"{column} IS NULL")
        kind = "text" if isinstance(_stored(field), peewee.TextField) else "integer"
        if not is_postgresql(database):
            # SQLite stores any type of value in any column.
            is_other_type = f"typeof({column}) NOT IN ('{kind}', 'null')"
            yield _RowRule("column_type", f"{field.column_name} is not of the type {kind}", is_other_type)
        if isinstance(field, InstantField):
            bounds = f"{FIRST_MILLISECOND} AND {LAST_MILLISECOND}"
            yield _RowRule(
                "instant", f"{field.column_name} is no instant that exists", f"{column} NOT BETWEEN {bounds}"
            )


def _check_rules(table: Table) -> Iterator[_RowRule]:
    for name, condition in check_constraints(table):
        yield _RowRule(name, f"breaks CHECK ({condition})", f"NOT ({condition})")


def _stored(field: Any) -> Any:
    return _stored(field.rel_field) if isinstance(field, peewee.ForeignKeyField) else field


def _repeated_findings(database: peewee.Database, table: Table, index: Any) -> Iterator[Finding]:
    columns = [field.column_name for field in index._expressions]
    repeated = table.select(*index._expressions).group_by(*index._expressions).having(fn.COUNT(SQL("*")) > 1)
    keys = keys_of(table)
    query = table.select(*keys).where(peewee.Tuple(*index._expressions).in_(repeated))
    message = f"another row has the same {' and '.join(columns)}"
    for batch in batches(database, query, keys, tuple):
        yield from (Finding(table._meta.table_name, _id(row), index._name, message) for row in batch)


def _orphan_findings(
    database: peewee.Database, table: Table, field: Any, before_removal: BeforeRemoval | None
) -> Iterator[Finding]:
    parent = field.rel_model
    existing_parent = parent.select(SQL("1")).where(field.rel_field == field)
    is_orphan = field.is_null(False) & ~fn.EXISTS(existing_parent)
    keys = keys_of(table)
    message = f"{field.column_name} names no row of {parent._meta.table_name}"

    def finding(key: Any) -> Finding:
        row_id = str(key)

        def remove() -> str:
            this_orphan = (keys[0] == row_id) & is_orphan
            with transaction(database):
                # Lock the row: another repair may have removed it.
                locked = lock_rows(table.select(*keys).where(this_orphan), database)
                if not fetch_rows(database, locked):
                    return "it is gone or no longer an orphan"
                if before_removal is not None:
                    before_removal(database, table, row_id)
                table.delete().where(this_orphan).execute(database)
            return f"deleted it, since {message}"

        # SQLite may store a blob as the key, and its text would not identify the row.
        is_repairable = (field.on_delete or "").upper() == "CASCADE" and isinstance(key, str)
        repair = remove if is_repairable else None
        return Finding(table._meta.table_name, row_id, "foreign_key", message, repair)

    for batch in batches(database, table.select(*keys).where(is_orphan), keys, tuple):
        yield from (finding(key) for (key,) in batch)


def _id(values: Any) -> str:
    return "/".join(map(str, values))
