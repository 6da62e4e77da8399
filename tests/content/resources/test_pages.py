"""Pages over HTTP."""

from typing import Any

import peewee
import pytest

from services.content.repository.store import PeeweeContentStore
from tests.content.client import Client, access_token, content_app, service_token
from tests.content.memory import InMemoryContentStore
from tests.content.resources.answers import EVENTS, LESSONS, MATERIALS, PUBLIC, SOME_TEXT, full_store
from tests.refusals import Answer, invalid

LISTS = [
    pytest.param(EVENTS, access_token, id="events"),
    pytest.param(LESSONS, access_token, id="lessons"),
    pytest.param(MATERIALS, access_token, id="materials"),
    pytest.param(PUBLIC, service_token, id="public events"),
]


@pytest.mark.parametrize(("path", "token"), LISTS)
@pytest.mark.parametrize("limit", ["", "0", "-1", "101", "1.5", "ten", "1e1", " 1", "٣", "0000000505", "9" * 5000])
def test_a_limit_is_a_whole_number_from_1_to_100(client: Client, path: str, token: Any, limit: str) -> None:
    answer = client.send("GET", path, token(), params={"limit": limit})
    assert answer == invalid({"limit": ["must be a whole number from 1 to 100"]})


@pytest.mark.parametrize(("path", "token"), LISTS)
@pytest.mark.parametrize(
    "cursor",
    [
        "",
        "garbage",
        "W10",  # []
        "e30",  # {}
        "bnVsbA",  # null
        "WyJhIiwiYiIsImMiXQ",  # ["a","b","c"]
        "W3RydWUsImEiXQ",  # [true,"a"]
        "WzEuNSwiYSJd",  # [1.5,"a"]
        "WzAsIlx1MDAwMCJd",  # [0,"\u0000"]
        "WzE4NDQ2NzQ0MDczNzA5NTUxNjE1LCJhIl0",  # [18446744073709551615,"a"]
        "WzEsMTg0NDY3NDQwNzM3MDk1NTE2MTUsImEiXQ",  # [1,18446744073709551615,"a"]
        "WzE4NDQ2NzQ0MDczNzA5NTUxNjE1XQ",  # [18446744073709551615]
        "é",
        "x" * 5000,
    ],
)
def test_a_cursor_that_no_list_has_given_is_refused(client: Client, path: str, token: Any, cursor: str) -> None:
    answer = client.send("GET", path, token(), params={"cursor": cursor})
    assert answer == invalid({"cursor": ["must be a nextCursor of this list"]})


@pytest.mark.parametrize(("path", "token"), LISTS)
def test_pages_show_every_item_once_in_the_order_of_the_whole_list(path: str, token: Any) -> None:
    with Client.of(content_app(full_store(InMemoryContentStore()))) as client:
        turn_over(client, path, token())


@pytest.mark.parametrize(("path", "token"), LISTS)
def test_pages_of_a_database_show_every_item_once_in_the_order_of_the_whole_list(
    content_database: peewee.Database, path: str, token: Any
) -> None:
    with Client.of(content_app(full_store(PeeweeContentStore(content_database)))) as client:
        turn_over(client, path, token())


def turn_over(client: Client, path: str, token: str) -> None:
    """Compare the whole list of 120 items with its pages of 50."""
    whole = client.send("GET", path, token)
    assert (whole.status, list(whole.document), len(whole.document["items"])) == (200, ["items"], 120)
    items = whole.document["items"]
    first = client.send("GET", path, token, params={"limit": "50"})
    assert first == Answer(200, {"items": items[:50], "nextCursor": SOME_TEXT})
    # Without a limit a page behind a cursor has 50 items.
    second = client.send("GET", path, token, params={"cursor": first.document["nextCursor"]})
    assert second == Answer(200, {"items": items[50:100], "nextCursor": SOME_TEXT})
    last = {"limit": "100", "cursor": second.document["nextCursor"]}
    assert client.send("GET", path, token, params=last) == (200, {"items": items[100:], "nextCursor": None})
