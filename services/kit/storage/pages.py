"""The SQL of a page: the order, the row to continue after, and the limit."""

from collections.abc import Sequence
from typing import Any

import peewee
from peewee import fn

from services.kit.core.texts import search_form
from services.kit.storage.database import is_postgresql
from services.kit.web.pages import Orders, PageRequest

# For a WHERE that may have no condition.
ANY_ROW = peewee.SQL("1 = 1")

ColumnOrders = Orders[Sequence[Any]]
"""The columns of each order: together they are a total order, from an index."""


def paged(query: Any, orders: ColumnOrders, request: PageRequest) -> Any:
    """Return the select of one page in its order."""
    columns, descending = orders.of(request.sort)
    if request.after is not None:
        key, last = peewee.Tuple(*columns), peewee.Tuple(*(peewee.Value(part) for part in request.after))
        query = query.where(key < last if descending else key > last)
    return query.order_by(*ordering(orders, request)).limit(request.fetch_limit)


def ordering(orders: ColumnOrders, request: PageRequest) -> list[Any]:
    """Return the terms of ORDER BY."""
    columns, descending = orders.of(request.sort)
    return [column.desc() if descending else column for column in columns]


def contains(database: peewee.Database, searched: Any, text: str) -> Any:
    """Return the condition that the column, a `search_form`, has the text in it, in any case.

    Not LIKE: each engine folds other letters, and % and _ are wildcards.
    """
    position = fn.STRPOS if is_postgresql(database) else fn.INSTR
    return position(searched, search_form(text)) > 0
