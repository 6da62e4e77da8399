"""Lessons and materials over HTTP."""

from typing import Any

import pytest

from tests.clock import HOUR, NOON
from tests.content.client import Client
from tests.content.examples import a_lesson, a_material
from tests.content.memory import InMemoryContentStore
from tests.content.resources.answers import (
    EVENTS,
    LESSON,
    LESSON_VIEW,
    LESSONS,
    MATERIAL_NOT_FOUND,
    MATERIAL_VIEW,
    MATERIALS,
    NEW_FILE,
    NEW_LESSON,
    NO_BODY,
    everything,
)
from tests.matching import NEW_ID
from tests.refusals import EVENT_NOT_FOUND, LESSON_NOT_FOUND, Response, refusal

AT_NOON = "2026-03-01T12:00:00.000Z"


def test_the_lessons_of_an_event_are_listed_by_release(client: Client, store: InMemoryContentStore) -> None:
    store.lessons.add(a_lesson(id="earlier", slug="earlier", release_at=NOON - 2 * HOUR, expires_at=None))
    earlier = {
        **LESSON_VIEW,
        "id": "earlier",
        "slug": "earlier",
        "releaseAt": "2026-03-01T10:00:00.000Z",
        "expiresAt": None,
    }
    assert client.admin("GET", LESSONS) == (200, {"items": [earlier, LESSON_VIEW]})


def test_a_lesson_is_read_by_an_admin_and_by_a_service(client: Client) -> None:
    assert client.admin("GET", LESSON) == (200, {"item": LESSON_VIEW})
    assert client.gateway("GET", "/internal/events/event-1/lessons/lesson-1") == (200, {"item": LESSON_VIEW})


def test_a_lesson_is_created_with_the_documented_defaults(client: Client) -> None:
    expected = {
        **LESSON_VIEW,
        "id": NEW_ID,
        "title": "New",
        "description": "",
        "slug": "brand-new",
        "videoId": "brand-new",
        "releaseAt": AT_NOON,
        "expiresAt": None,
        "createdAt": AT_NOON,
        "updatedAt": AT_NOON,
    }
    created = client.admin("POST", LESSONS, NEW_LESSON)
    assert created == Response(201, {"item": expected})
    assert client.admin("GET", f"{LESSONS}/{created.document['item']['id']}") == (200, {"item": expected})


def test_a_lesson_is_created_with_the_sent_fields_trimmed_and_in_utc(client: Client) -> None:
    sent = {
        "title": " Everything ",
        "description": " d ",
        "slug": " Every Thing_1 ",
        "videoProvider": "vimeo",
        "videoId": " 123?h=abc ",
        "releaseAt": "2026-03-01T12:00+02:00",
        "expiresAt": "2026-03-01T12:00:00.1239999-05:30",
        "id": "lesson-0",
        "eventId": "event-2",
        "unknown": True,
    }
    expected = {
        **LESSON_VIEW,
        "id": NEW_ID,
        "title": "Everything",
        "description": "d",
        "slug": "every thing_1",
        "videoProvider": "vimeo",
        "videoId": "123?h=abc",
        "releaseAt": "2026-03-01T10:00:00.000Z",
        "expiresAt": "2026-03-01T17:30:00.123Z",
        "createdAt": AT_NOON,
        "updatedAt": AT_NOON,
    }
    assert client.admin("POST", LESSONS, sent) == (201, {"item": expected})


@pytest.mark.parametrize(
    ("sent", "changed"),
    [
        ({"title": " Other ", "slug": "first"}, {"title": "Other"}),
        ({"videoProvider": "gemini_stream", "videoId": "abc"}, {"videoProvider": "gemini_stream", "videoId": "abc"}),
        ({"releaseAt": "2026-03-01T13:59:59.9999+01:00"}, {"releaseAt": "2026-03-01T12:59:59.999Z"}),
        ({"expiresAt": "9999-12-31T23:59:59.999Z"}, {"expiresAt": "9999-12-31T23:59:59.999Z"}),
        ({"expiresAt": None}, {"expiresAt": None}),
        (
            {"releaseAt": "0001-01-01T00:00:00Z", "expiresAt": "0001-01-01t00:00:00.001z"},
            {"releaseAt": "0001-01-01T00:00:00.000Z", "expiresAt": "0001-01-01T00:00:00.001Z"},
        ),
        ({"title": "Other", "id": "x", "eventId": "event-2", "createdAt": None}, {"title": "Other"}),
    ],
)
def test_an_update_of_a_lesson_changes_the_sent_fields_alone(
    client: Client, sent: dict[str, Any], changed: dict[str, Any]
) -> None:
    expected = {"item": {**LESSON_VIEW, **changed, "updatedAt": AT_NOON}}
    assert client.admin("PUT", LESSON, sent) == (200, expected)
    assert client.admin("GET", LESSON) == (200, expected)


def test_a_taken_lesson_slug_is_a_conflict(client: Client, store: InMemoryContentStore) -> None:
    store.lessons.add(a_lesson(id="other", slug="other"))
    before = everything(store)
    conflict = refusal(409, "LESSON_SLUG_CONFLICT", "Another lesson of this event already has the slug other")
    assert client.admin("POST", LESSONS, {**NEW_LESSON, "slug": "Other "}) == conflict
    assert client.admin("PUT", LESSON, {"slug": "other"}) == conflict
    assert everything(store) == before


@pytest.mark.parametrize(
    ("method", "path", "document"),
    [
        ("POST", LESSONS, {**NEW_LESSON, "expiresAt": "2026-03-01T12:00:00.000Z"}),
        ("POST", LESSONS, {**NEW_LESSON, "expiresAt": "2026-03-01T13:00:00.000+01:00"}),
        ("PUT", LESSON, {"releaseAt": "2026-03-01T13:00:00.000Z", "title": "Other"}),
        ("PUT", LESSON, {"expiresAt": "2026-03-01T11:00:00.0009Z"}),
    ],
)
def test_a_window_that_ends_before_it_begins_is_refused(
    client: Client, store: InMemoryContentStore, method: str, path: str, document: dict[str, Any]
) -> None:
    before = everything(store)
    expected = refusal(400, "LESSON_INVALID_WINDOW", "expiresAt must be later than releaseAt")
    assert client.admin(method, path, document) == expected
    assert everything(store) == before


def test_a_deleted_lesson_is_gone_with_its_materials(client: Client) -> None:
    assert client.admin("DELETE", LESSON) == NO_BODY
    assert client.admin("DELETE", LESSON) == LESSON_NOT_FOUND
    assert client.admin("GET", LESSON) == LESSON_NOT_FOUND
    assert client.admin("GET", MATERIALS) == LESSON_NOT_FOUND
    assert client.admin("GET", LESSONS) == (200, {"items": []})


# Materials


def test_materials_are_listed_in_order_of_upload(client: Client, store: InMemoryContentStore) -> None:
    store.materials.add_all([a_material(id="a", position=2)])
    assert client.admin("GET", MATERIALS) == (200, {"items": [MATERIAL_VIEW, {**MATERIAL_VIEW, "id": "a"}]})


def test_twenty_files_are_attached_in_the_order_of_the_request(client: Client) -> None:
    sent = [{**NEW_FILE, "fileName": f"{number}.txt"} for number in range(20)]
    expected = [
        {**each, "id": NEW_ID, "eventId": "event-1", "lessonId": "lesson-1", "createdAt": AT_NOON} for each in sent
    ]
    assert client.admin("POST", MATERIALS, {"files": sent}) == (201, {"items": expected})
    assert client.admin("GET", MATERIALS) == (200, {"items": [MATERIAL_VIEW, *expected]})


def test_a_material_can_be_detached(client: Client) -> None:
    assert client.admin("DELETE", MATERIALS + "/material-1") == NO_BODY
    assert client.admin("DELETE", MATERIALS + "/material-1") == MATERIAL_NOT_FOUND
    assert client.admin("GET", MATERIALS) == (200, {"items": []})


# Records of another parent


@pytest.mark.parametrize(
    ("event_id", "lesson_id", "expected"),
    [
        ("event-9", "lesson-1", EVENT_NOT_FOUND),
        ("event-1", "lesson-9", LESSON_NOT_FOUND),
        ("event-1", "lesson-2", LESSON_NOT_FOUND),
        ("event-2", "lesson-1", LESSON_NOT_FOUND),
        ("event-1", "' OR 1=1 --", LESSON_NOT_FOUND),
        ("%F0%9F%8E%AC", "lesson-1", EVENT_NOT_FOUND),
        ("event-1", "x" * 3000, LESSON_NOT_FOUND),
    ],
)
def test_a_lesson_is_found_under_its_own_event_only(
    client: Client, store: InMemoryContentStore, event_id: str, lesson_id: str, expected: Response
) -> None:
    before = everything(store)
    path = f"/api/events/{event_id}/lessons/{lesson_id}"
    answers = [
        client.admin("GET", path),
        client.admin("PUT", path, {"title": "Other"}),
        client.admin("DELETE", path),
        client.admin("GET", path + "/materials"),
        client.admin("POST", path + "/materials", {"files": [NEW_FILE]}),
        client.admin("DELETE", path + "/materials/material-1"),
        client.gateway("GET", f"/internal/events/{event_id}/lessons/{lesson_id}"),
    ]
    assert answers == [expected] * 7
    assert client.admin("GET", EVENTS + "/event-9/lessons") == EVENT_NOT_FOUND
    assert client.admin("POST", EVENTS + "/event-9/lessons", NEW_LESSON) == EVENT_NOT_FOUND
    assert everything(store) == before
