"""docs/contract/BEHAVIOUR.md, "Private access"."""

from typing import Any

import httpx
import pytest

from tests.contract.samples import (
    ACCESS_KEY,
    FUTURE,
    LATER_PAST,
    PAST,
    UNKNOWN,
    Json,
    access,
    attached,
    catalog_address,
    catalog_item,
    chosen,
    denied,
    lesson_address,
    new_event,
    new_lesson,
    new_quiz,
    parsed,
    private_event,
    public_address,
)
from tests.refusals import LESSON_NOT_FOUND, Response

ACTIONS = ("access-check", "playback", "materials", "quiz", "quiz/submit")
KEY = {"eventAccessKey": ACCESS_KEY}
# Bodies of learners without the key.
WITHOUT_THE_KEY: tuple[Json, ...] = (
    {},
    {"eventAccessKey": "another key"},
    {"eventAccessKey": ACCESS_KEY.upper()},
    {"eventAccessKey": ACCESS_KEY + "!"},
)


def ask(learner: httpx.Client, event: Json, lesson_slug: str, action: str, sent: Json) -> tuple[int, Any]:
    """Send the request and return the response."""
    body = {**sent, "answers": []} if action == "quiz/submit" else sent
    return parsed(learner.post(public_address(event, lesson_slug, action), json=body))


def blocked(body: Any) -> Response:
    """Return the response of access-check without the key."""
    return access("blocked_private", body["serverTime"], None, None, None)


def test_the_key_opens_a_private_event(admin: httpx.Client, learner: httpx.Client) -> None:
    """For a private event the request's eventAccessKey must equal the event's accessKey"""
    event = private_event(admin)
    lesson = new_lesson(admin, event)
    quiz = new_quiz(admin, lesson)
    materials = attached(admin, lesson)
    assert learner.post(catalog_address(event), json=KEY).json()["catalog"]["items"] == [
        catalog_item(lesson, "released")
    ]
    assert ask(learner, event, lesson["slug"], "access-check", KEY)[1]["authorized"] is True
    assert ask(learner, event, lesson["slug"], "playback", KEY)[1]["lesson"]["id"] == lesson["id"]
    assert ask(learner, event, lesson["slug"], "materials", KEY) == (200, {"items": materials})
    assert ask(learner, event, lesson["slug"], "quiz", KEY)[1]["item"]["id"] == quiz["id"]
    answers = {**KEY, "answers": chosen(quiz, True, True)}
    submitted = learner.post(public_address(event, lesson["slug"], "quiz/submit"), json=answers)
    assert (submitted.status_code, submitted.json()["result"]["scorePercentage"]) == (200, 100)


@pytest.mark.parametrize("sent", WITHOUT_THE_KEY)
def test_a_private_event_stays_closed_without_its_key(admin: httpx.Client, learner: httpx.Client, sent: Json) -> None:
    """For a private event the request's eventAccessKey must equal the event's accessKey"""
    event = private_event(admin)
    assert parsed(learner.post(catalog_address(event), json=sent)) == denied("blocked_private", "EVENT_ACCESS_DENIED")


@pytest.mark.parametrize("sent", [*WITHOUT_THE_KEY, KEY, {"eventAccessKey": "null  null"}])
def test_a_private_event_without_a_key_opens_for_nobody(admin: httpx.Client, learner: httpx.Client, sent: Json) -> None:
    """an event without a key opens for nobody."""
    event = private_event(admin)
    lesson = new_lesson(admin, event)
    admin.put(f"/api/events/{event['id']}", json={"accessKey": None})
    assert parsed(learner.post(catalog_address(event), json=sent)) == denied("blocked_private", "EVENT_ACCESS_DENIED")
    assert ask(learner, event, lesson["slug"], "playback", sent) == denied("blocked_private")


@pytest.mark.parametrize("action", ACTIONS)
@pytest.mark.parametrize("window", [{}, {"releaseAt": FUTURE}, {"expiresAt": LATER_PAST}])
@pytest.mark.parametrize("sent", WITHOUT_THE_KEY[:2])
def test_without_the_key_an_unknown_lesson_answers_as_a_known_one(
    admin: httpx.Client, learner: httpx.Client, action: str, window: Json, sent: Json
) -> None:
    """The key is judged before the lesson is looked up, so that without it an unknown lesson answers as a known one
    does (tightened)."""
    event = private_event(admin)
    lesson = new_lesson(admin, event, **window)
    known = ask(learner, event, lesson["slug"], action, sent)
    unknown = ask(learner, event, UNKNOWN, action, sent)
    if action == "access-check":
        assert known == blocked(known[1])
        assert unknown == blocked(unknown[1])
    else:
        assert known == unknown == denied("blocked_private")


@pytest.mark.parametrize("action", ACTIONS)
def test_with_the_key_an_unknown_lesson_is_not_found(admin: httpx.Client, learner: httpx.Client, action: str) -> None:
    """The key is judged before the lesson is looked up"""
    assert ask(learner, private_event(admin), UNKNOWN, action, KEY) == LESSON_NOT_FOUND


def test_a_catalog_that_is_closed_reveals_nothing_else(admin: httpx.Client, learner: httpx.Client) -> None:
    """catalog answers 403 EVENT_ACCESS_DENIED with status blocked_private and reveals nothing else."""
    full, empty = private_event(admin, title="Top secret"), private_event(admin, title="Empty")
    admin.put(f"/api/events/{empty['id']}", json={"accessKey": None})
    new_lesson(admin, full)
    responses = [parsed(learner.post(catalog_address(event))) for event in (full, empty)]
    assert responses == [denied("blocked_private", "EVENT_ACCESS_DENIED")] * 2


def test_an_access_check_without_the_key_gives_no_times(admin: httpx.Client, learner: httpx.Client) -> None:
    """access-check answers 200 with authorized false and status blocked_private, and (tightened) null timing values,
    since the window is the event's business too."""
    event = private_event(admin)
    lesson = new_lesson(admin, event, releaseAt=FUTURE)
    status, body = ask(learner, event, lesson["slug"], "access-check", {})
    assert (status, body) == blocked(body)


@pytest.mark.parametrize("action", ["playback", "materials", "quiz", "quiz/submit"])
def test_what_a_lesson_holds_is_denied_with_the_status_that_blocks(
    admin: httpx.Client, learner: httpx.Client, action: str
) -> None:
    """playback, materials, quiz and submit answer 403 LESSON_ACCESS_DENIED with the status that blocks."""
    event = private_event(admin)
    lesson = new_lesson(admin, event, releaseAt=FUTURE)
    assert ask(learner, event, lesson["slug"], action, {}) == denied("blocked_private")
    assert ask(learner, event, lesson["slug"], action, KEY) == denied("locked")
    admin.put(lesson_address(lesson), json={"releaseAt": PAST, "expiresAt": LATER_PAST})
    assert ask(learner, event, lesson["slug"], action, KEY) == denied("expired")


def test_each_status_has_its_message(admin: httpx.Client, learner: httpx.Client) -> None:
    """Messages: "Lesson is available", "Lesson is not released yet", "Lesson access has expired", "Private event access
    is required"."""
    event = private_event(admin)
    windows: tuple[Json, ...] = ({}, {"releaseAt": FUTURE}, {"expiresAt": LATER_PAST})
    lessons = [new_lesson(admin, event, **window) for window in windows]
    checks = [ask(learner, event, lesson["slug"], "access-check", KEY)[1] for lesson in lessons]
    checks.append(ask(learner, event, lessons[0]["slug"], "access-check", {})[1])
    assert [(check["authorized"], check["status"], check["message"]) for check in checks] == [
        (True, "released", "Lesson is available"),
        (False, "locked", "Lesson is not released yet"),
        (False, "expired", "Lesson access has expired"),
        (False, "blocked_private", "Private event access is required"),
    ]


def test_the_catalog_keeps_the_video_of_a_closed_lesson_to_itself(admin: httpx.Client, learner: httpx.Client) -> None:
    """In the catalog, videoId is null unless the lesson is released (tightened: the old catalog gave away locked
    videos)."""
    event = new_event(admin)
    windows: tuple[Json, ...] = (
        {"releaseAt": PAST, "expiresAt": LATER_PAST},
        {"releaseAt": LATER_PAST},
        {"releaseAt": FUTURE},
    )
    lessons = [new_lesson(admin, event, videoProvider="vimeo", videoId="73190", **window) for window in windows]
    status, body = parsed(learner.post(catalog_address(event)))
    items = [catalog_item(*each) for each in zip(lessons, ("expired", "released", "locked"), strict=True)]
    assert [item["videoId"] for item in items] == [None, "73190", None]
    assert (status, body["catalog"]) == (200, {"items": items, "isEmpty": False})
