"""The frame of every response, and addresses and texts that the databases find difficult."""

import peewee

from services.content.repository.store import PeeweeContentStore
from tests.content.client import Client, access_token, content_app
from tests.content.examples import with_two_events
from tests.content.resources.answers import EVENT, EVENTS, LESSONS, MATERIALS, NEW_LESSON, PUBLIC, SNAPSHOT
from tests.refusals import EVENT_NOT_FOUND, REQUEST_ID, refusal


def test_every_response_has_the_request_id_and_its_type(client: Client) -> None:
    results = [
        client.exchange("GET", EVENTS, access_token()),
        client.exchange("GET", EVENTS),
        client.exchange("GET", "/nope"),
        client.exchange("PUT", EVENT, access_token(), body=b"{"),
        client.exchange("DELETE", MATERIALS + "/material-1", access_token()),
    ]
    assert [each.headers["x-request-id"] for each in results] == [REQUEST_ID] * 5
    assert [each.json["requestId"] for each in results if each.status_code >= 400] == [REQUEST_ID] * 3
    assert {each.headers["content-type"] for each in results[:4]} == {"application/json"}


def test_awkward_addresses_and_texts_work_on_both_engines(content_database: peewee.Database) -> None:
    with Client.of(content_app(with_two_events(PeeweeContentStore(content_database)))) as client:
        totals = {"events": 2, "lessons": 2}
        counts = {"upcoming": 0, "available": 2, "expired": 0}
        assert client.admin("GET", SNAPSHOT) == (200, {"totals": totals, "lessonReleaseStatus": counts})
        for event_id in ("%F0%9F%8E%AC", "'", "%25", "%5C", "x" * 3000, "%C3%28", "%ED%A0%80"):
            assert client.admin("GET", f"{EVENTS}/{event_id}") == EVENT_NOT_FOUND
            assert client.gateway("POST", f"{PUBLIC}/{event_id}/catalog") == EVENT_NOT_FOUND
        assert client.admin("POST", EVENTS, {"title": "🎬" * 50_000, "slug": "x" * 400}).status == 201
        for slug in ("🎬" * 400, "lessons_window", "lessons_event_id_slug"):
            created = client.admin("POST", LESSONS, {**NEW_LESSON, "slug": slug})
            assert (created.status, created.document["item"]["slug"]) == (201, slug)
            assert client.admin("POST", LESSONS, {**NEW_LESSON, "slug": slug}) == refusal(
                409, "LESSON_SLUG_CONFLICT", f"Another lesson of this event already has the slug {slug}"
            )
