"""The check of the database's tables against the models, and the repairs of manual changes."""

from collections.abc import Iterable, Iterator

import peewee

from services.kit.core.findings import WHOLE_TABLE, Finding, Repair
from services.kit.storage.audit.append_only import lost_triggers
from services.kit.storage.batches import Table
from services.kit.storage.database import is_postgresql, transaction
from services.kit.storage.schema import Difference, database_schema, differences, model_schema

_ADVICE = "restore a backup, or create it by hand"
_NOT_VALID = "SELECT conname FROM pg_constraint WHERE NOT convalidated AND conrelid = to_regclass(%s)"
_INVALID_INDEXES = """
    SELECT indexrelid::regclass::text FROM pg_index
    WHERE NOT (indisvalid AND indisready AND indislive) AND indrelid = to_regclass(%s)
"""


def schema_findings(database: peewee.Database, table: Table) -> Iterator[Finding]:
    """Yield the differences between an existing table and its model."""
    name = table._meta.table_name
    for difference in differences(model_schema(table, database), database_schema(database, name)):
        # An operator may add an index or a constraint. Clauses are not read from the database.
        if difference.part.kind == "column" or (difference.part.kind != "clause" and difference.expected is not None):
            yield _finding(database, table, difference)
    if is_postgresql(database):
        yield from _switched_off(database, name)
    if getattr(table._meta, "append_only", False):
        yield from _append_only(database, name)


def table_finding(name: str) -> Finding:
    """Return the finding of a missing table."""
    return Finding(name, WHOLE_TABLE, "table_missing", f"there is no such table: {_ADVICE}")


def index_rebuild(database: peewee.Database, index: str) -> Repair:
    """Return the repair of an index whose entries differ from its table."""
    return _execution(database, [f'REINDEX "{index}"'], "rebuilt it")


def _finding(database: peewee.Database, table: Table, difference: Difference) -> Finding:
    (kind, name), expected, actual = difference
    rule, message, repair = f"{kind}_altered", f"it is {actual} and should be {expected}", None
    if expected is None:
        rule, message = "column_unknown", "the code knows no such column"
    elif kind == "index" and actual is None:
        rule, message, repair = "index_missing", f"there is no {expected}", _creation(database, table, name)
    elif kind == "constraint":
        rule, message = "constraint_missing", f"there is no {expected}: {_ADVICE}"
    elif actual is None:
        rule, message = "column_missing", f"there is no such column: {_ADVICE}"
    return Finding(table._meta.table_name, name, rule, message, repair)


def _creation(database: peewee.Database, table: Table, name: str) -> Repair:
    (index,) = (each for each in table._meta.fields_to_index() if each._name == name)

    def create() -> str:
        with transaction(database):
            database.execute(index)
        return "recreated it"

    return create


def _switched_off(database: peewee.Database, name: str) -> Iterator[Finding]:
    for each in _column_of(database, _NOT_VALID, name):
        repair = _execution(database, [f'ALTER TABLE "{name}" VALIDATE CONSTRAINT "{each}"'], "validated it")
        yield Finding(name, each, "constraint_not_valid", "older rows were never checked against it", repair)
    for each in _column_of(database, _INVALID_INDEXES, name):
        repair = _execution(database, [f"REINDEX INDEX {each}"], "rebuilt it")
        yield Finding(name, each, "index_not_valid", "no query uses it", repair)


def _append_only(database: peewee.Database, name: str) -> Iterator[Finding]:
    for trigger, statements in lost_triggers(database).items():
        repair = _execution(database, statements, "recreated it")
        message = "rows can be changed or deleted: the trigger that refuses it is missing, altered or disabled"
        yield Finding(name, trigger, "append_only", message, repair)


def _execution(database: peewee.Database, statements: Iterable[str], done: str) -> Repair:
    def execute() -> str:
        with transaction(database):
            for sql in statements:
                database.execute_sql(sql)
        return done

    return execute


def _column_of(database: peewee.Database, sql: str, name: str) -> list[str]:
    return [row[0] for row in database.execute_sql(sql, [name]).fetchall()]
