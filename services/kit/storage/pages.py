"""The SQL of a page: the order, the place to go on from, and the limit."""

from collections.abc import Sequence
from typing import Any

import peewee

from services.kit.web.pages import PageRequest


def paged(query: Any, columns: Sequence[Any], request: PageRequest, *, descending: bool = False) -> Any:
    """The Peewee select in the total order of the columns, cut to what the request asks for."""
    if request.after is not None:
        place, behind = peewee.Tuple(*columns), peewee.Tuple(*(peewee.Value(part) for part in request.after))
        query = query.where(place < behind if descending else place > behind)
    order = [column.desc() if descending else column for column in columns]
    return query.order_by(*order).limit(request.fetch_limit)
