"""Creations under an Idempotency-Key, on both engines."""

from collections.abc import Iterator
from typing import Any

import peewee
import pytest
from falcon.testing import Result

from services.content.repository.store import PeeweeContentStore
from services.kit.web.pages import PageRequest
from tests.content.client import Client, access_token, content_app
from tests.content.examples import with_two_events
from tests.content.resources.answers import EVENTS, LESSONS, MATERIALS, NEW_EVENT, NEW_FILE, NEW_LESSON
from tests.refusals import Response, invalid

ANOTHER_EVENTS_LESSONS = "/api/events/event-2/lessons"
CREATIONS: list[tuple[str, dict[str, Any]]] = [
    (EVENTS, dict(NEW_EVENT)),
    (LESSONS, dict(NEW_LESSON)),
    (MATERIALS, {"files": [NEW_FILE, NEW_FILE]}),
]
creations = pytest.mark.parametrize(("path", "document"), CREATIONS, ids=["event", "lesson", "materials"])


@pytest.fixture
def store(content_database: peewee.Database) -> PeeweeContentStore:
    """Return a store with a public and a private event, each with an open lesson that has a material."""
    return with_two_events(PeeweeContentStore(content_database))


@pytest.fixture
def client(store: PeeweeContentStore, content_database: peewee.Database) -> Iterator[Client]:
    """Return a client of content over that store; idempotent responses are kept in the same database."""
    with Client.of(content_app(store, content_database)) as client:
        yield client


def post(client: Client, path: str, document: Any, key: str = "key-1", token: str | None = None) -> Result:
    """Create under the key."""
    return client.exchange("POST", path, token or access_token(), headers={"Idempotency-Key": key}, json=document)


def answer_of(result: Result) -> Response:
    """Return the status and the document."""
    return Response(result.status_code, result.json)


def counts(store: PeeweeContentStore) -> tuple[int, int, int]:
    """Count the events, the lessons of the first one and the materials of its lesson."""
    lessons, materials = store.lessons.list("event-1"), store.materials.list("lesson-1")
    return store.events.count(), len(lessons), len(materials)


@creations
def test_a_repeated_creation_creates_once_and_answers_alike(
    client: Client, store: PeeweeContentStore, path: str, document: dict[str, Any]
) -> None:
    before = counts(store)
    first = post(client, path, document)
    after = counts(store)
    again = [post(client, path, dict(reversed(document.items()))) for _ in range(2)]
    assert [(each.status_code, each.content) for each in again] == [(201, first.content)] * 2
    assert (first.status_code, first.headers.get("Idempotency-Replayed")) == (201, None)
    assert {each.headers["Idempotency-Replayed"] for each in again} == {"true"}
    assert {each.headers["Content-Type"] for each in (first, *again)} == {"application/json"}
    assert sum(after) - sum(before) == len(document.get("files", [None]))
    assert counts(store) == after


def test_a_key_belongs_to_its_admin_and_address(client: Client) -> None:
    first = post(client, LESSONS, NEW_LESSON)
    # The name may change, the person may not.
    same = post(client, LESSONS, NEW_LESSON, token=access_token(username="renamed"))
    assert (same.content, same.headers["Idempotency-Replayed"]) == (first.content, "true")
    assert post(client, LESSONS, NEW_LESSON, token=access_token(sub="admin-2")).status_code == 409
    elsewhere = post(client, ANOTHER_EVENTS_LESSONS, NEW_LESSON)
    assert (elsewhere.status_code, elsewhere.json["item"]["eventId"]) == (201, "event-2")
    assert post(client, EVENTS, NEW_EVENT).status_code == 201


@creations
def test_a_refused_request_keeps_nothing_under_its_key(
    client: Client, store: PeeweeContentStore, path: str, document: dict[str, Any]
) -> None:
    before = counts(store)
    assert post(client, path, {}).status_code == 400
    text = "must be 1 to 255 printable ASCII characters, as they are or in double quotes"
    assert answer_of(post(client, path, document, "a" * 256)) == invalid({"Idempotency-Key": [text]})
    assert counts(store) == before
    assert post(client, path, document).status_code == 201


def test_a_kept_response_stays_after_the_record_changes(client: Client, store: PeeweeContentStore) -> None:
    first = post(client, EVENTS, NEW_EVENT)
    address = f"{EVENTS}/{first.json['item']['id']}"
    client.admin("PUT", address, {"title": "Renamed"})
    assert post(client, EVENTS, NEW_EVENT).content == first.content
    client.admin("DELETE", address)
    assert post(client, EVENTS, NEW_EVENT).content == first.content
    assert [each.id for each in store.events.list(PageRequest())] == ["event-1", "event-2"]


def test_a_key_means_nothing_for_an_update(client: Client) -> None:
    for title in ("One", "Two"):
        answer = client.send(
            "PUT", EVENTS + "/event-1", access_token(), headers={"Idempotency-Key": "é"}, json={"title": title}
        )
        assert (answer.status, answer.document["item"]["title"]) == (200, title)
