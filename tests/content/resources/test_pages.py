"""Pages over HTTP."""

from collections.abc import Callable

import pytest

from tests.content.client import Client, access_token, service_token
from tests.content.resources.answers import EVENTS, LESSONS, MATERIALS, PUBLIC, SOME_TEXT
from tests.refusals import Answer, invalid

lists = pytest.mark.parametrize(
    ("path", "token"),
    [(EVENTS, access_token), (LESSONS, access_token), (MATERIALS, access_token), (PUBLIC, service_token)],
    ids=["events", "lessons", "materials", "public events"],
)


@lists
def test_wrong_limits_and_cursors_are_refused(client: Client, path: str, token: Callable[[], str]) -> None:
    # tests/kit/web/test_pages.py refuses many more; the last cursor is ["a","b","c"], which is no list's sort key.
    refused = client.send("GET", path, token(), params={"limit": "101"})
    assert refused == invalid({"limit": ["must be a whole number from 1 to 100"]})
    for cursor in ("garbage", "WyJhIiwiYiIsImMiXQ"):
        refused = client.send("GET", path, token(), params={"cursor": cursor})
        assert refused == invalid({"cursor": ["must be a nextCursor of this list"]}), cursor


@lists
def test_pages_of_a_database_hold_every_item_once_in_order(
    full_client: Client, path: str, token: Callable[[], str]
) -> None:
    everything = full_client.send("GET", path, token())
    assert (everything.status, list(everything.document), len(everything.document["items"])) == (200, ["items"], 120)
    items = everything.document["items"]
    first = full_client.send("GET", path, token(), params={"limit": "50"})
    assert first == Answer(200, {"items": items[:50], "nextCursor": SOME_TEXT})
    # Without a limit a page after a cursor has 50 items.
    second = full_client.send("GET", path, token(), params={"cursor": first.document["nextCursor"]})
    assert second == Answer(200, {"items": items[50:100], "nextCursor": SOME_TEXT})
    last = {"limit": "100", "cursor": second.document["nextCursor"]}
    assert full_client.send("GET", path, token(), params=last) == (200, {"items": items[100:], "nextCursor": None})
