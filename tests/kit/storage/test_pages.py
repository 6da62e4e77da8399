"""services.kit.storage.pages: pages of a query."""

import peewee
import pytest

from services.kit.storage.pages import paged
from services.kit.web.pages import KeyOrders, Orders, PageRequest
from tests.stores import turned_over


class Row(peewee.Model):
    id = peewee.TextField()
    place = peewee.IntegerField()

    class Meta:
        table_name = "rows"
        legacy_table_names = False
        primary_key = peewee.CompositeKey("place", "id")


BY_PLACE: KeyOrders[tuple[int, str]] = Orders("place", {"place": lambda key: key})
ROWS = [(2, "b"), (1, "z"), (2, "a"), (-1, "it's"), (2, "c"), (1, "a"), (3, "")]


@pytest.mark.parametrize("sort", ["", "place", "-place"])
def test_all_pages_together_are_the_list_in_its_order(database: peewee.Database, sort: str) -> None:
    def fetch(request: PageRequest) -> list[tuple[int, str]]:
        query = paged(Row.select(), Orders("place", {"place": [Row.place, Row.id]}), request)
        return [(row.place, row.id) for row in query]

    with database.connection_context(), database.bind_ctx([Row]):
        database.create_tables([Row])
        Row.insert_many([{"place": place, "id": name} for place, name in ROWS]).execute()
        for limit in (1, 2, 3, 7, 8):
            assert turned_over(fetch, BY_PLACE, limit, sort) == sorted(ROWS, reverse=sort == "-place")
