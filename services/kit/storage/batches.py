"""Long tables in batches along their primary key, so that memory does not grow with them."""

from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import Any, TypeVar

import peewee

from services.kit.storage.statements import RowReader

BATCH_ROWS = 1_000

Record = TypeVar("Record")
Table = type[peewee.Model]


def batches(
    database: peewee.Database,
    query: Any,
    keys: tuple[peewee.Field, ...],
    record: Callable[..., Record],
    size: int = BATCH_ROWS,
) -> Iterator[list[Record]]:
    """Yield the records of the select in the order of `keys`, its first columns, at most `size` at a time.

    A row that cannot be read, such as a text where a number belongs, is left out: the check of rows names it.
    """
    query = query.order_by(*keys).limit(size)
    reader = RowReader(query, record)
    page = query
    while rows := fetch_rows(database, page):
        yield list(_readable(rows, reader))
        if len(rows) < size:
            return
        page = query.where(_follows(keys, rows[-1]))


def fetch_rows(database: peewee.Database, query: Any) -> list[Any]:
    """Return the rows of a select as the driver gives them."""
    sql, values = database.get_sql_context().sql(query).query()
    return list(database.execute_sql(sql, values).fetchall())


def _readable(rows: list[Any], reader: RowReader[Record]) -> Iterator[Record]:
    for row in rows:
        with suppress(TypeError, ValueError, OverflowError):
            yield reader.read(row)


def _follows(keys: tuple[Any, ...], row: Any) -> Any:
    if len(keys) == 1:
        return keys[0] > row[0]
    return peewee.Tuple(*keys) > peewee.Tuple(*row[: len(keys)])
