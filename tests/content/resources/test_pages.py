"""Pages over HTTP."""

from collections.abc import Callable

import pytest

from tests.content.client import Client, access_token, service_token
from tests.content.resources.answers import EVENTS, LESSONS, MATERIALS, PUBLIC, SOME_TEXT
from tests.refusals import Response, invalid

lists = pytest.mark.parametrize(
    ("path", "token"),
    [(EVENTS, access_token), (LESSONS, access_token), (MATERIALS, access_token), (PUBLIC, service_token)],
    ids=["events", "lessons", "materials", "public events"],
)


@lists
def test_wrong_limits_and_cursors_are_refused(client: Client, path: str, token: Callable[[], str]) -> None:
    for limit in ("", "0", "-1", "101", "1.5", "ten", "1e1", " 1", "٣", "0000000505", "9" * 5000):
        answer = client.send("GET", path, token(), params={"limit": limit})
        assert answer == invalid({"limit": ["must be a whole number from 1 to 100"]}), limit
    cursors = [
        *("", "garbage", "é", "x" * 5000),
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
    ]
    for cursor in cursors:
        answer = client.send("GET", path, token(), params={"cursor": cursor})
        assert answer == invalid({"cursor": ["must be a nextCursor of this list"]}), cursor


@lists
def test_pages_of_a_database_hold_every_item_once_in_order(
    full_client: Client, path: str, token: Callable[[], str]
) -> None:
    everything = full_client.send("GET", path, token())
    assert (everything.status, list(everything.document), len(everything.document["items"])) == (200, ["items"], 120)
    items = everything.document["items"]
    first = full_client.send("GET", path, token(), params={"limit": "50"})
    assert first == Response(200, {"items": items[:50], "nextCursor": SOME_TEXT})
    # Without a limit a page after a cursor has 50 items.
    second = full_client.send("GET", path, token(), params={"cursor": first.document["nextCursor"]})
    assert second == Response(200, {"items": items[50:100], "nextCursor": SOME_TEXT})
    last = {"limit": "100", "cursor": second.document["nextCursor"]}
    assert full_client.send("GET", path, token(), params=last) == (200, {"items": items[100:], "nextCursor": None})
