"""What learners are shown and what is kept from them."""

from datetime import datetime
from typing import Any

import pytest

from tests.clock import HOUR, MILLISECOND, NOON
from tests.content.client import Client, service_token
from tests.content.examples import KEY, a_lesson, an_event
from tests.content.memory import InMemoryContentStore
from tests.content.resources.answers import LESSON_VIEW, MATERIAL_VIEW, PUBLIC, PUBLIC_EVENT_VIEW, SOME_TEXT
from tests.refusals import EVENT_NOT_FOUND, LESSON_NOT_FOUND, Answer, invalid, refusal


def test_only_active_public_events_are_listed_to_learners_without_their_keys(
    client: Client, store: InMemoryContentStore
) -> None:
    store.events.save(an_event(access_key="never-shown"))
    store.events.add(an_event(id="event-3", slug="idle", is_active=False))
    assert client.gateway("GET", PUBLIC) == (200, {"items": [PUBLIC_EVENT_VIEW]})


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
    "serverTime": "2026-03-01T12:00:00.000Z",
}


def test_a_catalog_shows_an_event_and_its_lessons(client: Client) -> None:
    assert client.gateway("POST", PUBLIC + "/launch/catalog") == (200, CATALOG)


def test_a_catalog_gives_the_video_of_a_released_lesson_only(client: Client, store: InMemoryContentStore) -> None:
    store.lessons.add(a_lesson(id="l", slug="locked", release_at=NOON + MILLISECOND, expires_at=None))
    store.lessons.add(a_lesson(id="e", slug="expired", release_at=NOON - 2 * HOUR, expires_at=NOON))
    items = client.gateway("POST", PUBLIC + "/launch/catalog").document["catalog"]["items"]
    assert [(each["slug"], each["status"], each["videoId"]) for each in items] == [
        ("expired", "expired", None),
        ("first", "released", "dQw4w9WgXcQ"),
        ("locked", "locked", None),
    ]


def test_the_catalog_of_an_inactive_event_without_lessons_is_empty(client: Client, store: InMemoryContentStore) -> None:
    store.events.add(an_event(id="event-3", slug="idle", is_active=False))
    assert client.gateway("POST", PUBLIC + "/idle/catalog") == (
        200,
        {
            "event": {**PUBLIC_EVENT_VIEW, "id": "event-3", "slug": "idle"},
            "catalog": {"items": [], "isEmpty": True},
            "serverTime": "2026-03-01T12:00:00.000Z",
        },
    )


def test_the_catalog_of_a_private_event_needs_its_key_and_never_shows_it(client: Client) -> None:
    denied = refusal(403, "EVENT_ACCESS_DENIED", "Private event access is required", status="blocked_private")
    for document in (None, {}, {"eventAccessKey": "let-me-out"}, {"accessKey": KEY}, {"event_access_key": KEY}):
        assert client.gateway("POST", PUBLIC + "/secret/catalog", document) == denied
    opened = client.gateway("POST", PUBLIC + "/secret/catalog", {"eventAccessKey": KEY})
    event = {**PUBLIC_EVENT_VIEW, "id": "event-2", "slug": "secret", "visibility": "private"}
    lesson = {**CATALOG["catalog"]["items"][0], "id": "lesson-2"}
    assert opened == (200, {**CATALOG, "event": event, "catalog": {"items": [lesson], "isEmpty": False}})


def access(status: str, message: str, **timing: Any) -> Answer:
    """The answer of access-check at noon."""
    at_noon = "2026-03-01T12:00:00.000Z"
    return Answer(
        200,
        {
            "authorized": status == "released",
            "status": status,
            "message": message,
            "serverTime": at_noon,
            "timing": {**timing, "serverTime": at_noon},
        },
    )


@pytest.mark.parametrize(
    ("window", "expected"),
    [
        (
            (NOON - HOUR, NOON + HOUR),
            access(
                "released",
                "Lesson is available",
                releaseAt="2026-03-01T11:00:00.000Z",
                expiresAt="2026-03-01T13:00:00.000Z",
                unlocksInSeconds=0,
            ),
        ),
        (
            (NOON, None),
            access(
                "released",
                "Lesson is available",
                releaseAt="2026-03-01T12:00:00.000Z",
                expiresAt=None,
                unlocksInSeconds=0,
            ),
        ),
        (
            (NOON + MILLISECOND, None),
            access(
                "locked",
                "Lesson is not released yet",
                releaseAt="2026-03-01T12:00:00.001Z",
                expiresAt=None,
                unlocksInSeconds=1,
            ),
        ),
        (
            (NOON - HOUR, NOON),
            access(
                "expired",
                "Lesson access has expired",
                releaseAt="2026-03-01T11:00:00.000Z",
                expiresAt="2026-03-01T12:00:00.000Z",
                unlocksInSeconds=0,
            ),
        ),
    ],
)
def test_access_check_tells_the_status_and_the_times_of_a_lesson(
    client: Client,
    store: InMemoryContentStore,
    window: tuple[datetime, datetime | None],
    expected: Answer,
) -> None:
    store.lessons.save(a_lesson(release_at=window[0], expires_at=window[1]))
    assert client.gateway("POST", PUBLIC + "/launch/lessons/first/access-check") == expected


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


def test_playback_gives_what_a_player_needs(client: Client) -> None:
    assert client.gateway("POST", PUBLIC + "/launch/lessons/first/playback") == (200, PLAYBACK)


def test_playback_names_the_neighbours_with_their_status_and_nothing_more(
    client: Client, store: InMemoryContentStore
) -> None:
    store.lessons.add(a_lesson(id="e", slug="gone", title="Gone", release_at=NOON - 2 * HOUR, expires_at=NOON))
    store.lessons.add(a_lesson(id="l", slug="to-come", title="To come", release_at=NOON + HOUR, expires_at=None))
    assert client.gateway("POST", PUBLIC + "/launch/lessons/first/playback") == (
        200,
        {
            **PLAYBACK,
            "navigation": {
                "previous": {"slug": "gone", "title": "Gone", "status": "expired"},
                "next": {"slug": "to-come", "title": "To come", "status": "locked"},
            },
        },
    )


def test_admission_answers_with_the_lesson_and_materials_with_its_files(client: Client) -> None:
    lesson = PUBLIC + "/launch/lessons/first"
    assert client.gateway("POST", lesson + "/admission") == (200, {"item": LESSON_VIEW})
    assert client.gateway("POST", lesson + "/materials") == (200, {"items": [MATERIAL_VIEW]})


@pytest.mark.parametrize("lesson_slug", ["first", "nothing"])
@pytest.mark.parametrize("document", [None, {}, {"eventAccessKey": "let-me-out"}, {"accessKey": KEY}])
def test_without_its_key_a_private_event_answers_for_an_unknown_lesson_as_for_a_known_one(
    client: Client, lesson_slug: str, document: dict[str, str] | None
) -> None:
    lesson = f"{PUBLIC}/secret/lessons/{lesson_slug}"
    assert client.gateway("POST", lesson + "/access-check", document) == access(
        "blocked_private",
        "Private event access is required",
        releaseAt=None,
        expiresAt=None,
        unlocksInSeconds=None,
    )
    denied = refusal(403, "LESSON_ACCESS_DENIED", "Private event access is required", status="blocked_private")
    for word in ("admission", "playback", "materials"):
        assert client.gateway("POST", f"{lesson}/{word}", document) == denied


def test_with_its_key_a_private_event_opens(client: Client) -> None:
    lesson, document = PUBLIC + "/secret/lessons/first", {"eventAccessKey": f" {KEY} "}
    opened = {
        "access-check": access(
            "released",
            "Lesson is available",
            releaseAt="2026-03-01T11:00:00.000Z",
            expiresAt="2026-03-01T13:00:00.000Z",
            unlocksInSeconds=0,
        ),
        "admission": (200, {"item": {**LESSON_VIEW, "id": "lesson-2", "eventId": "event-2"}}),
        "playback": (200, {**PLAYBACK, "lesson": {**PLAYBACK["lesson"], "id": "lesson-2"}}),
        "materials": (
            200,
            {"items": [{**MATERIAL_VIEW, "id": "material-2", "eventId": "event-2", "lessonId": "lesson-2"}]},
        ),
    }
    assert {word: client.gateway("POST", f"{lesson}/{word}", document) for word in opened} == opened


@pytest.mark.parametrize(
    ("window", "status", "message"),
    [
        ((NOON + MILLISECOND, None), "locked", "Lesson is not released yet"),
        ((NOON - HOUR, NOON), "expired", "Lesson access has expired"),
    ],
)
def test_a_lesson_that_is_not_open_gives_away_nothing_but_its_status(
    client: Client,
    store: InMemoryContentStore,
    window: tuple[datetime, datetime | None],
    status: str,
    message: str,
) -> None:
    store.lessons.save(a_lesson(release_at=window[0], expires_at=window[1]))
    denied = refusal(403, "LESSON_ACCESS_DENIED", message, status=status)
    for word in ("admission", "playback", "materials"):
        assert client.gateway("POST", f"{PUBLIC}/launch/lessons/first/{word}") == denied


@pytest.mark.parametrize("word", ["access-check", "admission", "playback", "materials"])
def test_an_unknown_event_or_lesson_is_not_found_by_learners(client: Client, word: str) -> None:
    assert client.gateway("POST", f"{PUBLIC}/nowhere/lessons/first/{word}") == EVENT_NOT_FOUND
    assert client.gateway("POST", f"{PUBLIC}/launch/lessons/nothing/{word}") == LESSON_NOT_FOUND
    assert client.gateway("POST", f"{PUBLIC}/event-1/lessons/lesson-1/{word}") == EVENT_NOT_FOUND
    assert client.gateway("POST", f"{PUBLIC}/nowhere/catalog") == EVENT_NOT_FOUND


PUBLIC_POSTS = ["/launch/access", "/launch/catalog"] + [
    f"/launch/lessons/first/{word}" for word in ("access-check", "admission", "playback", "materials")
]


@pytest.mark.parametrize("path", PUBLIC_POSTS)
def test_the_public_posts_take_an_empty_body_no_body_at_all_and_empty_braces(client: Client, path: str) -> None:
    as_json, as_text = {"Content-Type": "application/json; charset=utf-8"}, {"Content-Type": "text/plain"}
    requests: list[dict[str, Any]] = [
        {},
        {"body": b""},
        {"body": b"", "headers": as_json},
        {"headers": as_json},
        {"headers": as_text},
        {"body": b" \r\n", "headers": as_json},
        {"body": b"{}", "headers": as_json},
        {"body": b'{"unknown": 1}', "headers": as_json},
    ]
    answers = [client.send("POST", PUBLIC + path, service_token(), **request) for request in requests]
    assert answers == [answers[0]] * len(requests)
    assert answers[0].status == 200


@pytest.mark.parametrize("path", PUBLIC_POSTS)
@pytest.mark.parametrize("key", [None, 5, True, [], {}, "", "12345", "x" * 65, "let\u0000me-in"])
def test_the_public_posts_refuse_a_key_that_cannot_be_one_and_do_not_repeat_it(
    client: Client, path: str, key: object
) -> None:
    answer = client.gateway("POST", PUBLIC + path, {"eventAccessKey": key})
    assert answer == invalid({"eventAccessKey": [SOME_TEXT]})
    assert "x" * 65 not in str(answer)
