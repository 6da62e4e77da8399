"""docs/contract/BEHAVIOUR.md, "Private access"."""

from collections.abc import Callable, Iterator
from typing import Any
from urllib.parse import quote

import httpx
import pytest

from tests.contract.conftest import judged
from tests.contract.doors import another_gateway
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
from tests.installation import Installation
from tests.refusals import LESSON_NOT_FOUND, Response, refusal

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


# Wrong keys


GUESSED_ENOUGH = refusal(429, "RATE_LIMITED", "Too many wrong access keys; try again later")
CLOSED = denied("blocked_private", "EVENT_ACCESS_DENIED")
NEW_KEY = {"eventAccessKey": "a new key"}


@pytest.fixture(scope="module")
def door(stack: Installation, tmp_path_factory: pytest.TempPathFactory) -> Iterator[httpx.Client]:
    """A gateway behind a trusted proxy, with the limits of wrong keys that it has by default."""
    variables = {
        "ACCESS_KEY_GUESSES_MAX": "",
        "ACCESS_KEY_GUESSES_OF_EVENT_MAX": "",
        "ACCESS_KEY_GUESSES_WINDOW_MS": "",
        "TRUSTED_PROXIES": "1",
    }
    with another_gateway(stack, tmp_path_factory.mktemp("door"), **variables) as client:
        yield judged(client)


Knock = Callable[..., Response]


def knocking(door: httpx.Client, event: Json) -> Knock:
    """Return a function that asks for the event's catalog, from an address, and returns the response."""

    def knock(key: Json, client: str = "203.0.113.1", slug: str = "", **headers: str) -> Response:
        address = catalog_address({"slug": slug or event["slug"]})
        response = parsed(door.post(address, json=key, headers={"X-Forwarded-For": client, **headers}))
        return Response(response.status, None) if response.status == 200 else response

    return knock


OPENED = Response(200, None)


def distinct(count: int, word: str = "guess") -> list[Json]:
    """Return as many wrong keys."""
    return [{"eventAccessKey": f"{word} {number}"} for number in range(count)]


def test_twenty_distinct_guesses_are_allowed_from_one_address(admin: httpx.Client, door: httpx.Client) -> None:
    """Wrong keys are limited (tightened) by distinct guesses: 20 from one client address and 1,000 in all at one event
    in a window."""
    knock = knocking(door, private_event(admin))
    assert [knock(key) for key in distinct(21)] == [CLOSED] * 20 + [GUESSED_ENOUGH]
    assert knock(KEY, "203.0.113.2") == OPENED


@pytest.mark.full
def test_a_thousand_distinct_guesses_are_allowed_at_one_event(admin: httpx.Client, door: httpx.Client) -> None:
    """Wrong keys are limited (tightened) by distinct guesses: 20 from one client address and 1,000 in all at one event
    in a window."""
    knock = knocking(door, private_event(admin))
    assert knock(KEY, "198.51.100.1") == OPENED
    for client in range(50):
        assert [knock(key, f"203.0.113.{client}") for key in distinct(20, f"guess of {client}")] == [CLOSED] * 20
    assert [knock(key, "203.0.113.99") for key in (KEY, *distinct(1))] == [GUESSED_ENOUGH] * 2
    assert [knock(key, "198.51.100.1") for key in (KEY, *distinct(1), KEY)] == [OPENED, CLOSED, OPENED]


def test_a_typo_and_yesterdays_key_are_no_new_guesses(admin: httpx.Client, door: httpx.Client) -> None:
    """The same wrong key again is no new guess; a key that was replaced within the last day is stale and no guess; a
    changed key begins new counts."""
    event = private_event(admin)
    knock = knocking(door, event)
    typo = {"eventAccessKey": "opne sesame"}
    assert [knock(typo) for _ in range(30)] == [CLOSED] * 30
    assert [knock(key) for key in distinct(20)] == [CLOSED] * 19 + [GUESSED_ENOUGH]
    admin.put(f"/api/events/{event['id']}", json={"accessKey": NEW_KEY["eventAccessKey"]})
    assert [knock(KEY) for _ in range(30)] == [CLOSED] * 30
    assert knock(NEW_KEY) == OPENED
    assert [knock(key) for key in distinct(21)] == [CLOSED] * 20 + [GUESSED_ENOUGH]


def test_guesses_at_every_spelling_are_counted_together(admin: httpx.Client, door: httpx.Client) -> None:
    """Guesses are counted for the event that was found, however its slug was spelled."""
    event = private_event(admin)
    knock = knocking(door, event)
    slug = event["slug"]
    spellings = [quote(each) for each in (slug, slug.upper(), slug.replace("-", "_"), f" {slug}", f"{slug}\u200b")]
    assert [knock(key, slug=spellings[number % 5]) for number, key in enumerate(distinct(20))] == [CLOSED] * 20
    assert [knock(KEY, slug=each) for each in spellings] == [GUESSED_ENOUGH] * 5


def test_who_has_used_up_the_guesses_is_told_nothing_more(admin: httpx.Client, door: httpx.Client) -> None:
    """Once a client has used up its guesses, every request of it that rests on a key in the body is 429, be the key
    right, stale, repeated or new; exempt are a valid grant and, at the bound of the whole event, an address that was
    admitted within the last day."""
    event = private_event(admin, accessKey="an old key")
    lesson = new_lesson(admin, event)
    admin.put(f"/api/events/{event['id']}", json={"accessKey": ACCESS_KEY})
    knock, client = knocking(door, event), {"X-Forwarded-For": "203.0.113.1"}
    # An address that was admitted is exempt at the bound of the event only.
    assert knock(KEY) == OPENED
    grant = door.post(f"/api/events/{event['slug']}/access", json=KEY, headers=client).json()["accessToken"]
    for key in distinct(20):
        knock(key)
    keys = (KEY, {"eventAccessKey": "an old key"}, *distinct(1), {"eventAccessKey": "a new guess"})
    assert [knock(key) for key in keys] == [GUESSED_ENOUGH] * 4
    for action in ACTIONS:
        address = public_address(event, lesson["slug"], action)
        assert parsed(door.post(address, json={**KEY, "answers": []}, headers=client)) == GUESSED_ENOUGH
    assert [knock(key, Authorization=f"Bearer {grant}") for key in ({}, *keys)] == [OPENED] * 5
    assert knock({}) == CLOSED


@pytest.mark.parametrize("action", ACTIONS)
def test_a_stale_key_is_answered_as_a_wrong_one(admin: httpx.Client, learner: httpx.Client, action: str) -> None:
    """A stale key is answered and delayed as a wrong one."""
    event = private_event(admin, accessKey="an old key")
    lesson = new_lesson(admin, event)
    admin.put(f"/api/events/{event['id']}", json={"accessKey": ACCESS_KEY})
    responses = [
        learner.post(public_address(event, lesson["slug"], action), json={"eventAccessKey": key, "answers": []})
        for key in ("an old key", "a wrong key")
    ]
    headers = [{name: text for name, text in each.headers.items() if name not in MOVING} for each in responses]
    bodies = [_still(parsed(each).document) for each in responses]
    assert (responses[0].status_code, headers[0], bodies[0]) == (responses[1].status_code, headers[1], bodies[1])


MOVING = ("date", "x-request-id")


def _still(body: Json) -> Json:
    """Return a response of access-check, or another one, without the time."""
    return {name: value for name, value in body.items() if name not in ("serverTime", "timing")}
