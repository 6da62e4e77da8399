"""services.kit.storage.pages: pages of a query."""

from typing import Any

import peewee

from services.kit.storage.pages import paged
from services.kit.web.pages import page_of, page_request


class Row(peewee.Model):
    id = peewee.TextField()
    place = peewee.IntegerField()

    class Meta:
        table_name = "rows"
        legacy_table_names = False
        primary_key = peewee.CompositeKey("place", "id")


ROWS = [(2, "b"), (1, "z"), (2, "a"), (-1, "it's"), (2, "c"), (1, "a"), (3, "")]


def test_all_pages_together_are_the_list_in_its_order(database: peewee.Database) -> None:
    with database.connection_context(), database.bind_ctx([Row]):
        database.create_tables([Row])
        Row.insert_many([{"place": place, "id": name} for place, name in ROWS]).execute()

        for descending in (False, True):
            for limit in (1, 2, 3, 7, 8):
                seen, pages = read_all(limit, descending)
                assert seen == sorted(ROWS, reverse=descending)
                assert pages == -(-len(ROWS) // limit)


def read_all(limit: int, descending: bool) -> tuple[list[Any], int]:
    seen: list[Any] = []
    cursor, pages = None, 0
    while cursor is not None or not pages:
        request = page_request(str(limit), cursor, (int, str))
        fetched = list(paged(Row.select(), [Row.place, Row.id], request, descending=descending))
        page = page_of(fetched, request, lambda row: (row.place, row.id))
        seen += [(row.place, row.id) for row in page.items]
        cursor, pages = page.next_cursor, pages + 1
    return seen, pages
