"""Events and the snapshot over HTTP."""

from collections.abc import Mapping
from typing import Any

import pytest

from tests.clock import HOUR, MILLISECOND, NOON
from tests.content.client import Client
from tests.content.examples import a_lesson
from tests.content.memory import InMemoryContentStore
from tests.content.resources.answers import (
    EVENT,
    EVENT_VIEW,
    EVENTS,
    LESSON_VIEW,
    LESSONS,
    MATERIALS,
    NEW_EVENT,
    NO_BODY,
    PREVIEW,
    SECRET_EVENT_VIEW,
    SNAPSHOT,
    everything,
)
from tests.matching import NEW_ID
from tests.refusals import EVENT_NOT_FOUND, Response, refusal

AT_NOON = "2026-03-01T12:00:00.000Z"
SECRET_EVENT = EVENTS + "/event-2"


def test_events_are_read_one_by_one_and_oldest_first(client: Client) -> None:
    assert client.admin("GET", EVENTS) == (200, {"items": [EVENT_VIEW, SECRET_EVENT_VIEW]})
    assert client.admin("GET", EVENT) == (200, {"item": EVENT_VIEW})


def test_an_event_is_created_with_the_documented_defaults(client: Client) -> None:
    expected = {
        **EVENT_VIEW,
        "id": NEW_ID,
        "title": "New",
        "slug": "brand-new",
        **dict.fromkeys(("description", "shortDescription", "longDescription"), ""),
        "isActive": False,
        "visibility": "private",
        "hero": {"title": "", "subtitle": "", "ctaText": ""},
        "visualStyle": {"backgroundColor": "#111111", "textColor": "#f5f5f5", "accentColor": "#e50914"},
        "logoUrl": None,
        "createdAt": AT_NOON,
        "updatedAt": AT_NOON,
    }
    created = client.admin("POST", EVENTS, NEW_EVENT)
    assert created == Response(201, {"item": expected})
    assert client.admin("GET", f"{EVENTS}/{created.document['item']['id']}") == (200, {"item": expected})


def test_an_event_is_created_with_the_sent_fields_trimmed(client: Client) -> None:
    sent = {
        "title": "  Everything \n",
        "slug": "  Every Thing! ",
        "description": " d ",
        "shortDescription": " s ",
        "longDescription": " l ",
        "isActive": True,
        "visibility": "public",
        "accessKey": " 123456 ",
        "hero": {"title": " h ", "subtitle": " u ", "ctaText": " c "},
        "visualStyle": {"backgroundColor": "#AbCdEf", "textColor": "#000000", "accentColor": "#FFFFFF"},
        "logoUrl": " https://flix.app/logo.png ",
        "highlightVideoUrl": "http://flix.app:8080/v?a=b#c",
    }
    expected = {
        **EVENT_VIEW,
        **sent,
        "id": NEW_ID,
        "title": "Everything",
        "slug": "every-thing",
        "description": "s",
        "shortDescription": "s",
        "longDescription": "l",
        "accessKey": "123456",
        "hero": {"title": "h", "subtitle": "u", "ctaText": "c"},
        "logoUrl": "https://flix.app/logo.png",
        "createdAt": AT_NOON,
        "updatedAt": AT_NOON,
    }
    assert client.admin("POST", EVENTS, sent) == (201, {"item": expected})


def test_no_column_is_set_through_an_undocumented_field(client: Client) -> None:
    extras = {
        "id": "event-0",
        "createdAt": "2000-01-01T00:00:00.000Z",
        "created_at": "2000-01-01T00:00:00.000Z",
        "updatedAt": "2000-01-01T00:00:00.000Z",
        "brandingProvider": "me",
        "short_description": "sneaked in",
        "hero_title": "sneaked in",
        "unknown": {"deep": [1, 2]},
        "__proto__": {},
    }
    plain = client.admin("POST", EVENTS, {**NEW_EVENT, "slug": "plain"}).document["item"]
    sneaky = client.admin("POST", EVENTS, {**NEW_EVENT, "slug": "sneaky", **extras}).document["item"]
    assert sneaky == {**plain, "id": NEW_ID, "slug": "sneaky"}
    assert client.admin("PUT", EVENT, {"title": "Other", **extras}) == (
        200,
        {"item": {**EVENT_VIEW, "title": "Other", "updatedAt": AT_NOON}},
    )


@pytest.mark.parametrize(
    ("path", "view", "sent", "changed"),
    [
        (EVENT, EVENT_VIEW, {"title": " Other ", "slug": "launch"}, {"title": "Other"}),
        (EVENT, EVENT_VIEW, {"description": "d"}, {"description": "d", "shortDescription": "d"}),
        (
            EVENT,
            EVENT_VIEW,
            {"accessKey": None, "logoUrl": None, "isActive": False},
            {"logoUrl": None, "isActive": False},
        ),
        (SECRET_EVENT, SECRET_EVENT_VIEW, {"accessKey": None}, {"accessKey": None}),
    ],
)
def test_an_update_changes_the_sent_fields_alone(
    client: Client, path: str, view: Mapping[str, Any], sent: dict[str, Any], changed: dict[str, Any]
) -> None:
    expected = {"item": {**view, **changed, "updatedAt": AT_NOON}}
    assert client.admin("PUT", path, sent) == (200, expected)
    assert client.admin("GET", path) == (200, expected)


def test_a_taken_event_slug_is_a_conflict(client: Client, store: InMemoryContentStore) -> None:
    before = everything(store)
    conflict = refusal(409, "EVENT_SLUG_CONFLICT", "Another event already has the slug secret")
    assert client.admin("POST", EVENTS, {"title": "Other", "slug": " SECRET! "}) == conflict
    assert client.admin("PUT", EVENT, {"title": "Other", "slug": "secret"}) == conflict
    assert everything(store) == before


def test_a_deleted_event_is_gone_with_its_lessons_and_materials(client: Client) -> None:
    assert client.admin("DELETE", EVENT) == NO_BODY
    assert client.admin("DELETE", EVENT) == EVENT_NOT_FOUND
    assert client.admin("GET", EVENT) == EVENT_NOT_FOUND
    assert client.admin("GET", LESSONS) == EVENT_NOT_FOUND
    assert client.admin("GET", MATERIALS) == EVENT_NOT_FOUND
    assert client.admin("GET", EVENTS) == (200, {"items": [SECRET_EVENT_VIEW]})


def test_the_snapshot_counts_the_whole_installation(client: Client, store: InMemoryContentStore) -> None:
    store.lessons.add(a_lesson(id="upcoming", slug="upcoming", release_at=NOON + MILLISECOND, expires_at=None))
    store.lessons.add(a_lesson(id="expired-1", slug="expired-1", expires_at=NOON))
    store.lessons.add(a_lesson(id="expired-2", slug="expired-2", expires_at=NOON - MILLISECOND))
    assert client.admin("GET", SNAPSHOT) == (
        200,
        {
            "totals": {"events": 2, "lessons": 5},
            "lessonReleaseStatus": {"upcoming": 1, "available": 2, "expired": 2},
        },
    )


def test_a_preview_shows_what_a_learner_would_meet_then(client: Client, store: InMemoryContentStore) -> None:
    store.lessons.add(a_lesson(id="later", slug="later", title="Later", release_at=NOON + 3 * HOUR, expires_at=None))
    before = {"status": "released", "authorized": True, "message": "Lesson is available", "unlocksInSeconds": 0}
    after = {"status": "expired", "authorized": False, "message": "Lesson access has expired", "unlocksInSeconds": 0}
    locked = {"status": "locked", "authorized": False, "message": "Lesson is not released yet"}
    first = {name: LESSON_VIEW[name] for name in ("id", "slug", "title", "releaseAt", "expiresAt")}
    later = {
        "id": "later",
        "slug": "later",
        "title": "Later",
        "releaseAt": "2026-03-01T15:00:00.000Z",
        "expiresAt": None,
    }
    closes, opens = LESSON_VIEW["expiresAt"], later["releaseAt"]
    gap: dict[str, Any] = {
        "code": "gap",
        "message": "No lesson is open between these two",
        "lessonIds": ["lesson-1", "later"],
    }
    gap |= {"since": closes, "until": opens}
    nothing = {"code": "nothing_open", "message": "No lesson is open then; this one opens next", "lessonIds": ["later"]}
    event = {"eventId": "event-1", "visibility": "public"}
    assert client.admin("GET", PREVIEW).document["item"] == {
        **event,
        "at": "2026-03-01T12:00:00.000Z",
        "lessons": [{**first, **before}, {**later, **locked, "unlocksInSeconds": 10_800}],
        "warnings": [gap],
    }
    at = "2026-03-01T14:30:00.000Z"
    assert client.admin("GET", f"{PREVIEW}?at={at}").document["item"] == {
        **event,
        "at": at,
        "lessons": [{**first, **after}, {**later, **locked, "unlocksInSeconds": 1_800}],
        "warnings": [{**nothing, "since": at, "until": opens}, gap],
    }


def test_a_preview_is_of_an_event_that_exists_at_an_instant(client: Client) -> None:
    assert client.admin("GET", "/api/events/nobody/access-preview") == EVENT_NOT_FOUND
    refused = client.admin("GET", f"{PREVIEW}?at=tomorrow&until=now").document["details"]["fieldErrors"]
    assert sorted(refused) == ["at", "until"]
