"""The schema of a table as a model declares it and as a database has it, and the differences between two schemas."""

import re
from collections.abc import Iterator, Mapping
from typing import Any, Literal, NamedTuple

import peewee

from services.kit.storage.batches import Table
from services.kit.storage.database import is_postgresql

# PostgreSQL rewrites the condition of a CHECK, so that only its name can be compared.
UNREADABLE = "CHECK"
_ACTIONS = {"a": "NO ACTION", "r": "RESTRICT", "c": "CASCADE", "n": "SET NULL", "d": "SET DEFAULT"}
_FOREIGN_KEYS = """
    SELECT a.attname, c.confrelid::regclass::text, p.attname, c.confdeltype::text, c.confupdtype::text
    FROM pg_constraint c JOIN pg_attribute a ON a.attrelid = c.conrelid AND a.attnum = c.conkey[1]
    JOIN pg_attribute p ON p.attrelid = c.confrelid AND p.attnum = c.confkey[1]
    WHERE c.contype = 'f' AND c.conrelid = to_regclass(%s)
"""
_PRIMARY_KEY = """
    SELECT a.attname FROM pg_index i CROSS JOIN unnest(i.indkey) WITH ORDINALITY AS k (number, place)
    JOIN pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = k.number
    WHERE i.indisprimary AND i.indrelid = to_regclass(%s) ORDER BY k.place
"""
_CHECKS = "SELECT conname FROM pg_constraint WHERE contype = 'c' AND conrelid = to_regclass(%s)"
_SQLITE_CHECK = re.compile(r'CONSTRAINT "([^"]+)" CHECK \(')
_QUOTED_OR_BRACKET = re.compile(r"'[^']*'|[()]")


class Part(NamedTuple):
    """A column, an index, a constraint, or the clause that only the declaration of a column has, such as DEFAULT."""

    kind: Literal["column", "index", "constraint", "clause"]
    name: str


Schema = Mapping[Part, str]


class Difference(NamedTuple):
    """A part whose text differs between two schemas; None where one of them lacks the part."""

    part: Part
    expected: str | None
    actual: str | None


def differences(expected: Schema, actual: Schema) -> Iterator[Difference]:
    """Yield the parts that differ, by kind and name."""
    for part in sorted({*expected, *actual}):
        texts = expected.get(part), actual.get(part)
        is_alike = texts[0] == texts[1] or (None not in texts and UNREADABLE in texts)
        if not is_alike:
            yield Difference(part, *texts)


def model_schema(table: Table, dialect: peewee.Database) -> dict[Part, str]:
    """Return the schema that the model declares, with the types of this kind of database; no connection is needed."""
    parts = {**_model_columns(table, dialect), **_model_indexes(table, dialect)}
    parts |= {Part("constraint", name): f"CHECK ({condition})" for name, condition in check_constraints(table)}
    for field in table._meta.refs:
        parent = f"{field.rel_model._meta.table_name} ({field.rel_field.column_name})"
        text = _foreign_key(parent, field.on_delete or "NO ACTION", field.on_update or "NO ACTION")
        parts[Part("constraint", field.column_name)] = text
    return parts


def database_schema(database: peewee.Database, name: str) -> dict[Part, str]:
    """Return the schema of the table of this name in the database."""
    columns: Any = database.get_columns(name)
    keys = primary_key(database, name)
    parts = {Part("column", each.name): _column(each.name, each.data_type, each.null, keys) for each in columns}
    for index in database.get_indexes(name):
        # The primary key has an index that no model declares.
        if index.unique and index.columns == keys:
            continue
        condition = re.split(r"\sWHERE\s", index.sql or "", maxsplit=1, flags=re.IGNORECASE)[1:]
        parts[Part("index", index.name)] = _index(index.columns, index.unique, *condition)
    return {**parts, **_database_checks(database, name), **_database_foreign_keys(database, name)}


def primary_key(database: peewee.Database, name: str) -> list[str]:
    """Return the columns of the table's primary key, in their order in the key."""
    if is_postgresql(database):
        return [row[0] for row in database.execute_sql(_PRIMARY_KEY, [name]).fetchall()]
    rows = database.execute_sql(f'PRAGMA table_info("{name}")').fetchall()
    return [row[1] for row in sorted(rows, key=lambda row: row[5]) if row[5]]


def check_constraints(table: Table) -> Iterator[tuple[str, str]]:
    """Yield the name and the condition of each CHECK that the model declares for the whole table."""
    for each in table._meta.constraints or ():
        if isinstance(each, peewee.NodeList):
            _, name, check = each.nodes
            yield name._path[0], check.sql.removeprefix("CHECK (").removesuffix(")")


def _model_columns(table: Table, dialect: peewee.Database) -> dict[Part, str]:
    keys = [field.column_name for field in table._meta.get_primary_keys()]
    parts = {}
    for field in table._meta.sorted_fields:
        name = field.column_name
        datatype = field.ddl_datatype(dialect.get_sql_context()).sql
        parts[Part("column", name)] = _column(name, datatype, field.null, keys)
        if field.constraints:
            parts[Part("clause", name)] = " ".join(_sql(each, dialect) for each in field.constraints)
    return parts


def _model_indexes(table: Table, dialect: peewee.Database) -> dict[Part, str]:
    parts = {}
    for index in table._meta.fields_to_index():
        columns = [getattr(each, "column_name", None) or _sql(each, dialect) for each in index._expressions]
        condition = [] if index._where is None else [_sql(index._where, dialect)]
        parts[Part("index", index._name)] = _index(columns, index._unique, *condition)
    return parts


def _sql(node: Any, dialect: peewee.Database) -> str:
    statement, _ = dialect.get_sql_context(scope=peewee.SCOPE_VALUES, value_literals=True).sql(node).query()
    return str(statement)


def _column(name: str, datatype: str, is_null: bool, keys: list[str]) -> str:
    key = ""
    if name in keys:
        key = " PRIMARY KEY" if len(keys) == 1 else f" PRIMARY KEY ({', '.join(keys)})"
    return f"{datatype.lower()}{key}{' NULL' if is_null else ' NOT NULL'}"


def _index(columns: list[str], is_unique: bool, condition: str = "") -> str:
    # The engines write different brackets and quotes around the same condition.
    where = " WHERE " + re.sub(r'[()"]', "", condition) if condition else ""
    return f"{'UNIQUE ' if is_unique else ''}index on {', '.join(columns)}{where}"


def _foreign_key(parent: str, on_delete: str, on_update: str) -> str:
    update = "" if on_update == "NO ACTION" else f" ON UPDATE {on_update}"
    return f"foreign key to {parent} with ON DELETE {on_delete}{update}"


def _database_checks(database: peewee.Database, name: str) -> dict[Part, str]:
    if is_postgresql(database):
        rows = database.execute_sql(_CHECKS, [name]).fetchall()
        return {Part("constraint", row[0]): UNREADABLE for row in rows}
    query = "SELECT sql FROM sqlite_master WHERE type = 'table' AND name = ?"
    (definition,) = database.execute_sql(query, [name]).fetchone()
    return {
        Part("constraint", found[1]): f"CHECK ({_up_to_closing_bracket(definition[found.end() :])})"
        for found in _SQLITE_CHECK.finditer(definition)
    }


def _up_to_closing_bracket(text: str) -> str:
    depth = 1
    for found in _QUOTED_OR_BRACKET.finditer(text):
        depth += {"(": 1, ")": -1}.get(found[0], 0)
        if depth == 0:
            return text[: found.start()]
    return text


def _database_foreign_keys(database: peewee.Database, name: str) -> dict[Part, str]:
    if is_postgresql(database):
        rows = database.execute_sql(_FOREIGN_KEYS, [name]).fetchall()
        keys = [(row[0], f"{row[1]} ({row[2]})", _ACTIONS[row[3]], _ACTIONS[row[4]]) for row in rows]
    else:
        rows = database.execute_sql(f'PRAGMA foreign_key_list("{name}")').fetchall()
        keys = [(row[3], f"{row[2]} ({row[4]})", row[6], row[5]) for row in rows]
    return {Part("constraint", column): _foreign_key(*key) for column, *key in keys}
