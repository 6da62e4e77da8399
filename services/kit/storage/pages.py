"""The SQL of a page: the order, the row to continue after, and the limit."""

from collections.abc import Sequence
from typing import Any

import peewee

from services.kit.web.pages import PageRequest


def paged(query: Any, columns: Sequence[Any], request: PageRequest, *, descending: bool = False) -> Any:
    """Return the select of one page, in the total order of the columns."""
    if request.after is not None:
        key, last = peewee.Tuple(*columns), peewee.Tuple(*(peewee.Value(part) for part in request.after))
        query = query.where(key < last if descending else key > last)
    order = [column.desc() if descending else column for column in columns]
    return query.order_by(*order).limit(request.fetch_limit)
