"""docs/contract/BEHAVIOUR.md, "Lessons"."""

import math
from datetime import datetime, timedelta

import httpx
import pytest

from tests.contract.samples import (
    FUTURE,
    INVALID_WINDOW,
    LATER_PAST,
    PAST,
    Json,
    access,
    catalog_address,
    created,
    denied,
    file_body,
    lesson_address,
    lesson_body,
    materials_address,
    new_event,
    new_lesson,
    parsed,
    public_address,
)
from tests.refusals import LESSON_NOT_FOUND, refusal

LOCKED = {"releaseAt": FUTURE}
EXPIRED = {"releaseAt": PAST, "expiresAt": LATER_PAST}
RELEASED = {"releaseAt": PAST, "expiresAt": FUTURE}


def test_a_lesson_slug_is_trimmed_and_lower_cased(admin: httpx.Client) -> None:
    """The slug is trimmed and lower-cased"""
    event = new_event(admin)
    lesson = created(
        admin.post(
            f"/api/events/{event['id']}/lessons", json={"title": " First ", "slug": "  Kick-Off_1 ", "releaseAt": PAST}
        )
    )
    assert lesson == {
        "id": lesson["id"],
        "eventId": event["id"],
        "title": "First",
        "description": "",
        "slug": "kick-off_1",
        "videoProvider": "youtube",
        "videoId": "kick-off_1",
        "releaseAt": PAST,
        "expiresAt": None,
        "createdAt": lesson["createdAt"],
        "updatedAt": lesson["createdAt"],
    }


def test_a_lesson_slug_is_taken_within_its_event_only(admin: httpx.Client) -> None:
    """unique within its event (409 LESSON_SLUG_CONFLICT, tightened)"""
    event, other_event = new_event(admin), new_event(admin)
    lesson, other = new_lesson(admin, event), new_lesson(admin, event)
    conflict = refusal(
        409, "LESSON_SLUG_CONFLICT", f"Another lesson of this event already has the slug {lesson['slug']}"
    )
    taken = f" {lesson['slug'].upper()} "
    assert parsed(admin.post(f"/api/events/{event['id']}/lessons", json=lesson_body(slug=taken))) == conflict
    assert parsed(admin.put(lesson_address(other), json={"slug": taken})) == conflict
    assert parsed(admin.get(lesson_address(other))) == (200, {"item": other})
    assert new_lesson(admin, other_event, slug=lesson["slug"])["slug"] == lesson["slug"]


def test_lessons_are_listed_by_release_then_creation_then_id(admin: httpx.Client, learner: httpx.Client) -> None:
    """Lists are ordered by releaseAt, then createdAt, then id"""
    event = new_event(admin)
    releases = (FUTURE, PAST, LATER_PAST, PAST, PAST, LATER_PAST, PAST)
    made = [new_lesson(admin, event, releaseAt=release_at) for release_at in releases]
    in_order = sorted(made, key=lambda lesson: (lesson["releaseAt"], lesson["createdAt"], lesson["id"]))
    assert parsed(admin.get(f"/api/events/{event['id']}/lessons")) == (200, {"items": in_order})
    catalog = learner.post(catalog_address(event)).json()["catalog"]["items"]
    assert [item["id"] for item in catalog] == [lesson["id"] for lesson in in_order]


def test_previous_and_next_follow_the_order_of_the_list(admin: httpx.Client, learner: httpx.Client) -> None:
    """previous/next follow the same order."""
    event = new_event(admin)
    made = [new_lesson(admin, event, releaseAt=when) for when in (LATER_PAST, PAST, PAST, LATER_PAST)]
    made.append(new_lesson(admin, event, **LOCKED))
    in_order = sorted(made, key=lambda lesson: (lesson["releaseAt"], lesson["createdAt"], lesson["id"]))
    for place, lesson in enumerate(in_order[:-1]):
        status, body = parsed(learner.post(public_address(event, lesson["slug"], "playback")))
        assert (status, body["navigation"]) == (
            200,
            {"previous": _neighbour(in_order[place - 1]) if place else None, "next": _neighbour(in_order[place + 1])},
        )


def _neighbour(lesson: Json) -> Json:
    status = "locked" if lesson["releaseAt"] == FUTURE else "released"
    return {"slug": lesson["slug"], "title": lesson["title"], "status": status}


@pytest.mark.parametrize("expires_at", ["2020-01-01T00:00:00.000Z", "2019-12-31T23:59:59.999Z"])
def test_a_lesson_cannot_close_before_it_opens(admin: httpx.Client, expires_at: str) -> None:
    """expiresAt, when set, must be later than releaseAt"""
    event = new_event(admin)
    address = f"/api/events/{event['id']}/lessons"
    assert parsed(admin.post(address, json=lesson_body(expiresAt=expires_at))) == INVALID_WINDOW
    assert parsed(admin.get(address)) == (200, {"items": []})


@pytest.mark.parametrize("change", [{"expiresAt": PAST}, {"releaseAt": LATER_PAST}, {"releaseAt": FUTURE}])
def test_a_partial_update_cannot_make_a_lesson_close_before_it_opens(admin: httpx.Client, change: Json) -> None:
    """also after a partial update: 400 LESSON_INVALID_WINDOW."""
    lesson = new_lesson(admin, new_event(admin), **EXPIRED)
    assert parsed(admin.put(lesson_address(lesson), json=change)) == INVALID_WINDOW
    assert parsed(admin.get(lesson_address(lesson))) == (200, {"item": lesson})


@pytest.mark.parametrize(
    ("window", "status"),
    [(LOCKED, "locked"), ({**LOCKED, "expiresAt": "2999-01-02T00:00:00.000Z"}, "locked"), (EXPIRED, "expired")],
)
def test_a_lesson_outside_its_window_says_why_it_is_closed(
    admin: httpx.Client, learner: httpx.Client, window: Json, status: str
) -> None:
    """Status at server time t: `locked` while releaseAt > t; else `expired` when expiresAt <= t"""
    event = new_event(admin)
    lesson = new_lesson(admin, event, **window)
    for action in ("playback", "materials", "quiz"):
        assert parsed(learner.post(public_address(event, lesson["slug"], action))) == denied(status)
    assert parsed(learner.post(public_address(event, lesson["slug"], "quiz/submit"), json={"answers": []})) == denied(
        status
    )


@pytest.mark.parametrize("window", [RELEASED, {"releaseAt": PAST}])
def test_a_lesson_inside_its_window_is_released(admin: httpx.Client, learner: httpx.Client, window: Json) -> None:
    """else `released`."""
    event = new_event(admin)
    lesson = new_lesson(admin, event, **window)
    status, body = parsed(learner.post(public_address(event, lesson["slug"], "access-check")))
    assert (status, body) == access("released", body["serverTime"], PAST, window.get("expiresAt"), 0)


def test_the_dashboard_counts_lessons_by_their_status(admin: httpx.Client) -> None:
    """The dashboard calls the same three upcoming, available and expired."""
    address = "/api/admin/dashboard/operational-snapshot"
    before = admin.get(address).json()
    event = new_event(admin)
    for window in (LOCKED, RELEASED, RELEASED, EXPIRED, EXPIRED, EXPIRED):
        new_lesson(admin, event, **window)
    totals, lessons = before["totals"], before["lessonReleaseStatus"]
    assert parsed(admin.get(address)) == (
        200,
        {
            "totals": {"events": totals["events"] + 1, "lessons": totals["lessons"] + 6},
            "lessonReleaseStatus": {
                "upcoming": lessons["upcoming"] + 1,
                "available": lessons["available"] + 2,
                "expired": lessons["expired"] + 3,
            },
        },
    )


@pytest.mark.parametrize("seconds", [1.001, 90.0, 86_400.5])
def test_the_seconds_to_the_release_are_rounded_up(admin: httpx.Client, learner: httpx.Client, seconds: float) -> None:
    """unlocksInSeconds is the ceiling of the remaining seconds"""
    event = new_event(admin)
    lesson = new_lesson(admin, event)
    server_time = _instant(learner.post(catalog_address(event)).json()["serverTime"])
    # An hour more, so that the lesson is still locked however slow this machine is.
    release_at = _written(server_time + timedelta(hours=1, seconds=seconds))
    admin.put(lesson_address(lesson), json={"releaseAt": release_at})
    status, body = parsed(learner.post(public_address(event, lesson["slug"], "access-check")))
    remaining = _instant(release_at) - _instant(body["serverTime"])
    seconds_left = math.ceil(remaining / timedelta(seconds=1))
    assert (status, body) == access("locked", body["serverTime"], release_at, None, seconds_left)


def test_no_seconds_remain_to_a_release_that_is_past(admin: httpx.Client, learner: httpx.Client) -> None:
    """0 when past."""
    event = new_event(admin)
    lesson = new_lesson(admin, event, **EXPIRED)
    status, body = parsed(learner.post(public_address(event, lesson["slug"], "access-check")))
    assert (status, body) == access("expired", body["serverTime"], PAST, LATER_PAST, 0)


def test_a_lesson_is_not_found_under_another_event(admin: httpx.Client) -> None:
    """A lesson addressed under another event's id is LESSON_NOT_FOUND."""
    event, other = new_event(admin), new_event(admin)
    lesson = new_lesson(admin, event)
    astray = {**lesson, "eventId": other["id"]}
    assert parsed(admin.get(lesson_address(astray))) == LESSON_NOT_FOUND
    assert parsed(admin.put(lesson_address(astray), json={"title": "Another"})) == LESSON_NOT_FOUND
    assert parsed(admin.delete(lesson_address(astray))) == LESSON_NOT_FOUND
    assert parsed(admin.get(materials_address(astray))) == LESSON_NOT_FOUND
    assert parsed(admin.post(materials_address(astray), json={"files": [file_body()]})) == LESSON_NOT_FOUND
    assert parsed(admin.get(lesson_address(lesson))) == (200, {"item": lesson})
    assert parsed(admin.get(materials_address(lesson))) == (200, {"items": []})


def _instant(text: str) -> datetime:
    return datetime.fromisoformat(text)


def _written(instant: datetime) -> str:
    return instant.isoformat(timespec="milliseconds").replace("+00:00", "Z")
