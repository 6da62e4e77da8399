"""Prepared statements: compiled once and run many times; rows become records by the names of their columns."""

import inspect
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Any, Generic, TypeVar

import peewee

from services.kit.core.instants import from_milliseconds, to_milliseconds
from services.kit.storage.database import InstantField

Record = TypeVar("Record")


class _Placeholder(str):
    """Stands for a parameter's value among the values of a compiled statement."""

    __slots__ = ()


class _Placeholders(_Placeholder):
    """Stands for as many values as are bound."""

    __slots__ = ()


class Parameter(peewee.Node):
    """A value of a prepared statement that is known only when it runs."""

    _stands_as: type[_Placeholder] = _Placeholder

    def __init__(self, name: str):
        super().__init__()
        self._placeholder = self._stands_as(name)

    def __sql__(self, context: Any) -> Any:
        return context.value(self._placeholder, converter=False)


class Parameters(Parameter):
    """The values of an `in_` of a prepared statement, one or more, that are known only when it runs."""

    _stands_as = _Placeholders

    def __sql__(self, context: Any) -> Any:
        return super().__sql__(context.literal("(")).literal(")")


class RowReader(Generic[Record]):
    """Turns the rows of a select into records: each column becomes the argument of its name.

    `record` is a dataclass, a NamedTuple or a function. Raises TypeError unless the names of the columns are exactly
    those of its arguments, because columns matched by position could swap silently. `tuple` takes the columns by
    position, `str` the only one.
    """

    def __init__(self, query: Any, record: Callable[..., Record]):
        # An alias hides the field that converts its values.
        columns = [each.unwrap() for each in query._returning]
        self._converters: list[tuple[int, Callable[[Any], object]]] = [
            (index, from_milliseconds if isinstance(column, InstantField) else bool)
            for index, column in enumerate(columns)
            if isinstance(column, InstantField | peewee.BooleanField)
        ]
        self._record = _tuple if record is tuple else record
        # None if the arguments have the order of the columns: a call by place is faster.
        self._names = _names(query._returning, record)

    def read(self, row: Sequence[Any]) -> Record:
        """Return the record of one row."""
        columns = list(row)
        for index, convert in self._converters:
            if columns[index] is not None:
                columns[index] = convert(columns[index])
        if self._names is None:
            return self._record(*columns)
        return self._record(**dict(zip(self._names, columns, strict=True)))


class _Prepared:
    """A Peewee query that is compiled once and run many times with bound values."""

    def __init__(self, database: peewee.Database, query: Any):
        self._database = database
        self._sql, self._values = database.get_sql_context().sql(query).query()
        self._takes_several = any(isinstance(each, _Placeholders) for each in self._values)

    def _execute(self, values: Mapping[str, Any]) -> Any:
        if self._takes_several:
            return self._execute_several(values)
        bound = [_storable(values[each]) if isinstance(each, _Placeholder) else each for each in self._values]
        return self._database.execute_sql(self._sql, bound)

    def _execute_several(self, values: Mapping[str, Any]) -> Any:
        mark = self._database.param
        begin, *pieces = self._sql.split(mark)
        text, bound = [begin], []
        for each, piece in zip(self._values, pieces, strict=True):
            value = values[each] if isinstance(each, _Placeholder) else each
            several = value if isinstance(each, _Placeholders) else [value]
            text += [", ".join([mark] * len(several)), piece]
            bound += [_storable(one) for one in several]
        return self._database.execute_sql("".join(text), bound)


class Write(_Prepared):
    """A Peewee insert or delete with Parameters, of which no row is returned."""

    def run(self, **values: object) -> int:
        """Execute it with these values; return the number of rows that it wrote."""
        return int(self._execute(values).rowcount)


class Insertion(Write):
    """The insert of rows, whose values are named as the table's fields."""

    def __init__(self, database: peewee.Database, table: type[peewee.Model]):
        super().__init__(database, table.insert({field: Parameter(field.name) for field in table._meta.sorted_fields}))
        self._before, self._row = self._sql.split(" VALUES ")

    def run_all(self, rows: Sequence[Mapping[str, object]]) -> None:
        """Insert these rows, one or more, in one statement: all or none."""
        bound = [_storable(row[each]) for row in rows for each in self._values]
        self._database.execute_sql(f"{self._before} VALUES {', '.join([self._row] * len(rows))}", bound)


class Statement(_Prepared, Generic[Record]):
    """A Peewee select that is compiled once and run many times with bound values.

    Peewee takes ten times as long to build and compile a query as SQLite takes to run it (docs/traps.md, 16), so the
    queries of learners' requests are prepared. Rows become records as RowReader describes::

        by_slug = Statement(database, EventRow.select().where(EventRow.slug == Parameter("slug")), Event)
        by_slug.first(slug="launch")
    """

    def __init__(self, database: peewee.Database, query: Any, record: Callable[..., Record]):
        super().__init__(database, query)
        self._reader = RowReader(query, record)

    def all(self, **values: object) -> list[Record]:
        """Return every row, in the order of the query."""
        return [self._reader.read(row) for row in self._execute(values).fetchall()]

    def first(self, **values: object) -> Record | None:
        """Return the first row, or None."""
        row = self._execute(values).fetchone()
        return None if row is None else self._reader.read(row)


def _name(column: Any) -> str:
    if isinstance(column, peewee.Field):
        return str(column.column_name)
    # Not getattr: Peewee's functions have an attribute of every name.
    alias = vars(column).get("_alias")
    if alias is not None:
        return str(alias)
    raise TypeError(f"a selected expression needs a name: give {column!r} an alias")


def _names(columns: Sequence[Any], record: Callable[..., Any]) -> list[str] | None:
    """Return the names of the columns for a call by name, or None for a call by place. Raise TypeError."""
    if record is tuple:
        return None
    if record is str:
        if len(columns) != 1:
            raise TypeError(f"a str is made of one column, not of {len(columns)}")
        return None
    names = [_name(column) for column in columns]
    parameters = inspect.signature(record).parameters
    arguments = list(parameters)
    if sorted(names) != sorted(arguments):
        differing = ", ".join(sorted({*names} ^ {*arguments}) or sorted(names))
        raise TypeError(f"the columns of a statement and the fields of {record.__name__} differ: {differing}")
    by_place = names == arguments and all(each.kind is each.POSITIONAL_OR_KEYWORD for each in parameters.values())
    return None if by_place else names


def _tuple(*columns: Any) -> Any:
    return columns


def _storable(value: object) -> object:
    return to_milliseconds(value) if isinstance(value, datetime) else value
