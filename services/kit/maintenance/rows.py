"""Rows against their own tables' rules, asked with SQL: a restore or a switched-off check may have let others in.

Every question is asked in batches along the primary key, so that memory does not grow with what is found.
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

# Told of a row, by its id, in the transaction that is about to delete it with whatever belongs to it.
BeforeRemoval = Callable[[peewee.Database, Table, str], None]


def row_findings(
    database: peewee.Database, table: Table, progress: Progress, before_removal: BeforeRemoval | None = None
) -> Iterator[Finding]:
    """Rows that break the table's types, NOT NULLs, CHECKs, unique indexes and foreign keys, each by its id.

    Some repairs delete a row, which `before_removal` is then told.
    """
    name = table._meta.table_name
    progress.begin(f"rows of {name}", 0)
    yield from _breaking_themselves(database, table)
    for index in table._meta.fields_to_index():
        if index._unique:
            yield from _repeated(database, table, index)
    for field in table._meta.refs:
        yield from _orphans(database, table, field, before_removal)


def keys_of(table: Table) -> tuple[Any, ...]:
    """The fields of the primary key."""
    return tuple(table._meta.get_primary_keys())


@dataclass(frozen=True)
class _RowRule:
    name: str
    message: str
    broken: str


def _breaking_themselves(database: peewee.Database, table: Table) -> Iterator[Finding]:
    # All rules of a row in one reading of the table.
    rules = [*_column_rules(database, table), *_check_rules(table)]
    keys = keys_of(table)
    flags = [SQL(f"({rule.broken})") for rule in rules]
    query = table.select(*keys, *flags).where(SQL(f"({' OR '.join(f'({rule.broken})' for rule in rules)})"))
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
            # SQLite keeps any kind of value in any column.
            other = f"typeof({column}) NOT IN ('{kind}', 'null')"
            yield _RowRule("column_type", f"{field.column_name} is not of the type {kind}", other)
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


def _repeated(database: peewee.Database, table: Table, index: Any) -> Iterator[Finding]:
    columns = [field.column_name for field in index._expressions]
    # Under an alias a column of the model is one of this table all the same.
    again = table.select(*index._expressions).group_by(*index._expressions).having(fn.COUNT(SQL("*")) > 1)
    keys = keys_of(table)
    query = table.select(*keys).where(peewee.Tuple(*index._expressions).in_(again))
    message = f"another row has the same {' and '.join(columns)}"
    for batch in batches(database, query, keys, tuple):
        yield from (Finding(table._meta.table_name, _id(row), index._name, message) for row in batch)


def _orphans(
    database: peewee.Database, table: Table, field: Any, before_removal: BeforeRemoval | None
) -> Iterator[Finding]:
    parent = field.rel_model
    there = parent.select(SQL("1")).where(field.rel_field == field)
    is_orphan = field.is_null(False) & ~fn.EXISTS(there)
    keys = keys_of(table)
    message = f"{field.column_name} names no row of {parent._meta.table_name}"

    def found(key: Any) -> Finding:
        row_id = str(key)

        def remove() -> str:
            this_orphan = (keys[0] == row_id) & is_orphan
            with transaction(database):
                # Held, so that what is told of it is so: somebody else may have repaired it meanwhile.
                held = lock_rows(table.select(*keys).where(this_orphan), database)
                if not fetch_rows(database, held):
                    return "it is no orphan, or not there, any more"
                if before_removal is not None:
                    before_removal(database, table, row_id)
                table.delete().where(this_orphan).execute(database)
            return f"deleted it, since {message}"

        # SQLite keeps a blob where a text belongs: that is no id by which a row could be told from another.
        goes_with_its_parent = (field.on_delete or "").upper() == "CASCADE" and isinstance(key, str)
        repair = remove if goes_with_its_parent else None
        return Finding(table._meta.table_name, row_id, "foreign_key", message, repair)

    for batch in batches(database, table.select(*keys).where(is_orphan), keys, tuple):
        yield from (found(key) for (key,) in batch)


def _id(values: Any) -> str:
    return "/".join(map(str, values))
