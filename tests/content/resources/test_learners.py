"""What learners are shown, and what is kept from them."""

from datetime import datetime
from typing import Any

import pytest

from tests.clock import HOUR, MILLISECOND, NOON
from tests.content.client import Client
from tests.content.examples import KEY, a_lesson, an_event
from tests.content.memory import InMemoryContentStore
from tests.content.resources.answers import LESSON_VIEW, MATERIAL_VIEW, PUBLIC, PUBLIC_EVENT_VIEW
from tests.refusals import EVENT_NOT_FOUND, LESSON_NOT_FOUND, Response, refusal

AT_NOON = "2026-03-01T12:00:00.000Z"
FIRST = PUBLIC + "/launch/lessons/first"
CATALOG: dict[str, Any] = {
    "event": PUBLIC_EVENT_VIEW,
    "catalog": {
        "items": [
            {
                "id": "lesson-1",
                "slug": "first",
                "title": "The first lesson",
                "description": "How to begin",
                "videoProvider": "youtube",
                "videoId": "dQw4w9WgXcQ",
                "releaseAt": "2026-03-01T11:00:00.000Z",
                "expiresAt": "2026-03-01T13:00:00.000Z",
                "status": "released",
            }
        ],
        "isEmpty": False,
    },
    "serverTime": AT_NOON,
}
PLAYBACK: dict[str, Any] = {
    "player": {
        "provider": "youtube",
        "videoId": "dQw4w9WgXcQ",
        "embedUrl": "https://www.youtube-nocookie.com/embed/dQw4w9WgXcQ",
        "constraints": {
            "allowedDomains": ["flix.app", "www.flix.app"],
            "disableDownload": True,
            "disablePictureInPicture": False,
            "referrerPolicy": "strict-origin-when-cross-origin",
        },
    },
    "lesson": {
        "id": "lesson-1",
        "slug": "first",
        "title": "The first lesson",
        "videoProvider": "youtube",
        "videoId": "dQw4w9WgXcQ",
        "releaseAt": "2026-03-01T11:00:00.000Z",
        "expiresAt": "2026-03-01T13:00:00.000Z",
    },
    "navigation": {"previous": None, "next": None},
}


def access(status: str, message: str, release_at: str | None, expires_at: str | None, seconds: int | None) -> Response:
    """Return the response of access-check at noon."""
    timing = {"releaseAt": release_at, "expiresAt": expires_at, "unlocksInSeconds": seconds, "serverTime": AT_NOON}
    authorized = status == "released"
    document = {"authorized": authorized, "status": status, "message": message, "serverTime": AT_NOON, "timing": timing}
    return Response(200, document)


RELEASED = access("released", "Lesson is available", "2026-03-01T11:00:00.000Z", "2026-03-01T13:00:00.000Z", 0)
BLOCKED = access("blocked_private", "Private event access is required", None, None, None)


def test_active_public_events_are_listed_without_their_keys(client: Client, store: InMemoryContentStore) -> None:
    store.events.save(an_event(access_key="never-shown"))
    store.events.add(an_event(id="event-3", slug="idle", is_active=False))
    assert client.gateway("GET", PUBLIC) == (200, {"items": [PUBLIC_EVENT_VIEW]})


def test_a_catalog_shows_an_event_and_its_lessons(client: Client, store: InMemoryContentStore) -> None:
    assert client.gateway("POST", PUBLIC + "/launch/catalog") == (200, CATALOG)
    store.events.add(an_event(id="event-3", slug="idle", is_active=False))
    empty = {"items": [], "isEmpty": True}
    idle = {**PUBLIC_EVENT_VIEW, "id": "event-3", "slug": "idle"}
    assert client.gateway("POST", PUBLIC + "/idle/catalog") == (200, {**CATALOG, "event": idle, "catalog": empty})


def test_a_catalog_shows_the_video_of_a_released_lesson_only(client: Client, store: InMemoryContentStore) -> None:
    store.lessons.add(a_lesson(id="l", slug="locked", release_at=NOON + MILLISECOND, expires_at=None))
    store.lessons.add(a_lesson(id="e", slug="expired", release_at=NOON - 2 * HOUR, expires_at=NOON))
    items = client.gateway("POST", PUBLIC + "/launch/catalog").document["catalog"]["items"]
    assert [(each["slug"], each["status"], each["videoId"]) for each in items] == [
        ("expired", "expired", None),
        ("first", "released", "dQw4w9WgXcQ"),
        ("locked", "locked", None),
    ]


@pytest.mark.parametrize(
    ("window", "expected"),
    [
        ((NOON - HOUR, NOON + HOUR), RELEASED),
        ((NOON, None), access("released", "Lesson is available", AT_NOON, None, 0)),
        (
            (NOON + MILLISECOND, None),
            access("locked", "Lesson is not released yet", "2026-03-01T12:00:00.001Z", None, 1),
        ),
        (
            (NOON - HOUR, NOON),
            access("expired", "Lesson access has expired", "2026-03-01T11:00:00.000Z", AT_NOON, 0),
        ),
    ],
)
def test_a_lesson_shows_its_status_and_opens_only_when_released(
    client: Client, store: InMemoryContentStore, window: tuple[datetime, datetime | None], expected: Response
) -> None:
    store.lessons.save(a_lesson(release_at=window[0], expires_at=window[1]))
    assert client.gateway("POST", FIRST + "/access-check") == expected
    status, message = expected.document["status"], expected.document["message"]
    denied = refusal(403, "LESSON_ACCESS_DENIED", message, status=status)
    for action in ("admission", "playback", "materials"):
        answer = client.gateway("POST", f"{FIRST}/{action}")
        assert answer.status == 200 if status == "released" else answer == denied


def test_playback_names_the_neighbours_with_their_status_alone(client: Client, store: InMemoryContentStore) -> None:
    store.lessons.add(a_lesson(id="e", slug="gone", title="Gone", release_at=NOON - 2 * HOUR, expires_at=NOON))
    store.lessons.add(a_lesson(id="l", slug="to-come", title="To come", release_at=NOON + HOUR, expires_at=None))
    navigation = {
        "previous": {"slug": "gone", "title": "Gone", "status": "expired"},
        "next": {"slug": "to-come", "title": "To come", "status": "locked"},
    }
    assert client.gateway("POST", FIRST + "/playback") == (200, {**PLAYBACK, "navigation": navigation})


@pytest.mark.parametrize(
    ("slug", "number", "document"), [("launch", 1, None), ("secret", 2, {"eventAccessKey": f" {KEY} "})]
)
def test_a_public_event_opens_to_everyone_and_a_private_one_with_its_key(
    client: Client, slug: str, number: int, document: Any
) -> None:
    ids = {"id": f"lesson-{number}"}
    material = {"id": f"material-{number}", "eventId": f"event-{number}", "lessonId": f"lesson-{number}"}
    visibility = "private" if slug == "secret" else "public"
    event = {**PUBLIC_EVENT_VIEW, "id": f"event-{number}", "slug": slug, "visibility": visibility}
    lessons = {"items": [{**CATALOG["catalog"]["items"][0], **ids}], "isEmpty": False}
    opened: dict[str, Any] = {
        "catalog": (200, {**CATALOG, "event": event, "catalog": lessons}),
        "lessons/first/access-check": RELEASED,
        "lessons/first/admission": (200, {"item": {**LESSON_VIEW, **ids, "eventId": f"event-{number}"}}),
        "lessons/first/playback": (200, {**PLAYBACK, "lesson": {**PLAYBACK["lesson"], **ids}}),
        "lessons/first/materials": (200, {"items": [{**MATERIAL_VIEW, **material}]}),
    }
    assert {path: client.gateway("POST", f"{PUBLIC}/{slug}/{path}", document) for path in opened} == opened


@pytest.mark.parametrize(
    "document", [None, {}, {"eventAccessKey": "let-me-out"}, {"accessKey": KEY}, {"event_access_key": KEY}]
)
def test_a_private_event_is_closed_without_its_key(client: Client, document: Any) -> None:
    denied = refusal(403, "EVENT_ACCESS_DENIED", "Private event access is required", status="blocked_private")
    assert client.gateway("POST", PUBLIC + "/secret/catalog", document) == denied
    denied = refusal(403, "LESSON_ACCESS_DENIED", "Private event access is required", status="blocked_private")
    for lesson in ("first", "nothing"):
        assert client.gateway("POST", f"{PUBLIC}/secret/lessons/{lesson}/access-check", document) == BLOCKED
        for action in ("admission", "playback", "materials"):
            assert client.gateway("POST", f"{PUBLIC}/secret/lessons/{lesson}/{action}", document) == denied


@pytest.mark.parametrize("action", ["access-check", "admission", "playback", "materials"])
def test_learners_find_no_unknown_event_or_lesson(client: Client, action: str) -> None:
    assert client.gateway("POST", f"{PUBLIC}/nowhere/lessons/first/{action}") == EVENT_NOT_FOUND
    assert client.gateway("POST", f"{PUBLIC}/launch/lessons/nothing/{action}") == LESSON_NOT_FOUND
    assert client.gateway("POST", f"{PUBLIC}/event-1/lessons/lesson-1/{action}") == EVENT_NOT_FOUND
    assert client.gateway("POST", f"{PUBLIC}/nowhere/catalog") == EVENT_NOT_FOUND
