"""Addresses and texts that the databases find difficult."""

import peewee

from services.content.repository.store import PeeweeContentStore
from tests.content.client import Client, content_app
from tests.content.examples import with_two_events
from tests.content.resources.answers import EVENTS, LESSONS, NEW_LESSON, PUBLIC, SNAPSHOT
from tests.refusals import EVENT_NOT_FOUND, refusal


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
