"""Pages over HTTP."""

from collections.abc import Callable
from datetime import UTC, datetime

import peewee
import pytest

from services.content.repository.store import PeeweeContentStore
from tests.content.client import Client, access_token, content_app, service_token
from tests.content.examples import a_lesson, a_material, an_event, some_events, some_lessons, some_materials
from tests.content.resources.answers import EVENTS, LESSONS, MATERIALS, PUBLIC, SOME_TEXT
from tests.refusals import Response, invalid

LISTS: list[tuple[str, Callable[[], str]]] = [
    *((path, access_token) for path in (EVENTS, LESSONS, MATERIALS)),
    (PUBLIC, service_token),
]


@pytest.mark.parametrize(("path", "token"), LISTS)
def test_wrong_limits_and_cursors_are_refused(client: Client, path: str, token: Callable[[], str]) -> None:
    # tests/kit/web/test_pages.py refuses many more; the last cursor is ["a","b","c"], bound to no list.
    refused = client.send("GET", path, token(), params={"limit": "101"})
    assert refused == invalid({"limit": ["must be a whole number from 1 to 100"]})
    refused = client.send("GET", path, token(), params={"cursor": "garbage"})
    assert refused == invalid({"cursor": ["must be a nextCursor of this list"]})
    refused = client.send("GET", path, token(), params={"cursor": "WyJhIiwiYiIsImMiXQ"})
    assert refused == invalid({"cursor": ["must be a nextCursor of this list with the same filters and the same sort"]})


def full_store(database: peewee.Database) -> PeeweeContentStore:
    """Return a store with 120 events, 120 lessons of one of them, and 120 materials of one of those."""
    store = PeeweeContentStore(database)
    with store.transaction():
        for event in (an_event(created_at=datetime(1960, 1, 1, tzinfo=UTC)), *some_events(119)):
            store.events.add(event)
        for lesson in (a_lesson(release_at=datetime(1, 1, 1, tzinfo=UTC)), *some_lessons(119)):
            store.lessons.add(lesson)
        store.materials.add_all([a_material(id="material-1", position=200), *some_materials(119)])
    return store


def test_pages_of_a_database_hold_every_item_once_in_order(content_database: peewee.Database) -> None:
    with Client.of(content_app(full_store(content_database), content_database)) as client:
        for path, token in LISTS:
            everything = client.send("GET", path, token())
            assert (everything.status, list(everything.document)) == (200, ["items"]), path
            items = everything.document["items"]
            assert len({each["id"] for each in items}) == 120, path
            first = client.send("GET", path, token(), params={"limit": "50"})
            assert first == Response(200, {"items": items[:50], "nextCursor": SOME_TEXT})
            # Without a limit a page after a cursor has 50 items.
            second = client.send("GET", path, token(), params={"cursor": first.document["nextCursor"]})
            assert second == Response(200, {"items": items[50:100], "nextCursor": SOME_TEXT})
            last = {"limit": "100", "cursor": second.document["nextCursor"]}
            assert client.send("GET", path, token(), params=last) == (200, {"items": items[100:], "nextCursor": None})
