"""Learners' reads by GET: docs/api-rules.md, "Reading by GET". One rule, two forms."""

import re
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from services.kit.core.instants import parse_instant
from services.kit.web.list_queries import MOST_NAMED
from tests.contract.samples import (
    ACCESS_KEY,
    FUTURE,
    PAST,
    UNKNOWN,
    Json,
    attached,
    denied,
    new_event,
    new_lesson,
    new_quiz,
    parsed,
    private_event,
    public_event,
)
from tests.refusals import EVENT_NOT_FOUND, LESSON_NOT_FOUND, Response, invalid

KEY = {"eventAccessKey": ACCESS_KEY}
OF_EVENT = ("", "/catalog")
CONDITIONAL = (*OF_EVENT, *(f"/lessons/first/{action}" for action in ("playback", "materials", "quiz")))
CHECK = "/lessons/first/access-check"
ALL = (*CONDITIONAL, CHECK)
VARY = "Authorization, Origin, Accept-Encoding"
TAG = re.compile(r'W/"[A-Za-z0-9_-]{22}"')


def address(event: Json, place: str) -> str:
    """Return an address of the event."""
    return f"/api/public/events/{event['slug']}{place}"


def without_times(document: Any) -> Any:
    """Return the document of a POST form without the time of the response."""
    return {name: each for name, each in document.items() if name != "serverTime"}


def filled(admin: httpx.Client, event: Json, **fields: Any) -> Json:
    """Give the event a lesson `first` with a material and a quiz."""
    lesson = new_lesson(admin, event, slug="first", **fields)
    attached(admin, lesson)
    new_quiz(admin, lesson)
    return lesson


@pytest.fixture(scope="module")
def event(admin: httpx.Client) -> Json:
    """A public event that no test changes."""
    made = new_event(admin)
    filled(admin, made)
    return made


@pytest.fixture(scope="module")
def secret(admin: httpx.Client) -> Json:
    """A private event that no test changes."""
    made = private_event(admin)
    filled(admin, made)
    return made


@pytest.fixture(scope="module")
def granted(learner: httpx.Client, secret: Json) -> dict[str, str]:
    """The header of a grant of the private event."""
    grant = learner.post(f"/api/events/{secret['slug']}/access", json=KEY).json()["accessToken"]
    return {"Authorization": f"Bearer {grant}"}


def headers_of_caches(response: httpx.Response) -> dict[str, str | None]:
    """Return the headers by which a cache decides."""
    return {name: response.headers.get(name) for name in ("Cache-Control", "ETag", "Vary")}


@pytest.mark.parametrize("place", CONDITIONAL)
@pytest.mark.parametrize("is_private", [False, True], ids=["public", "private"])
def test_get_shows_what_post_shows_but_its_time(
    learner: httpx.Client, event: Json, secret: Json, granted: dict[str, str], place: str, is_private: bool
) -> None:
    chosen, headers = (secret, granted) if is_private else (event, {})
    shown = learner.get(address(chosen, place), headers=headers)
    if place == "":
        assert parsed(shown) == Response(200, {"item": public_event(chosen)})
    else:
        posted = learner.post(address(chosen, place), headers=headers)
        assert parsed(shown) == Response(200, without_times(posted.json()))
    assert b"serverTime" not in shown.content
    assert parse_instant(shown.headers["Server-Time"])
    tag = shown.headers["ETag"]
    assert TAG.fullmatch(tag)
    cache_control = "private, no-cache" if is_private else "public, no-cache"
    assert headers_of_caches(shown) == {"Cache-Control": cache_control, "ETag": tag, "Vary": VARY}
    # The same to who has it: but for the clock.
    for condition in (tag, tag.removeprefix("W/"), f'"another", {tag}', "*"):
        known = learner.get(address(chosen, place), headers={**headers, "If-None-Match": condition})
        assert (known.status_code, known.content, headers_of_caches(known)) == (304, b"", headers_of_caches(shown))
        assert parse_instant(known.headers["Server-Time"]) >= parse_instant(shown.headers["Server-Time"])
        assert "Content-Type" not in known.headers
    for condition in ('"another"', "nonsense", ""):
        again = learner.get(address(chosen, place), headers={**headers, "If-None-Match": condition})
        assert (parsed(again), again.headers["ETag"]) == (parsed(shown), tag)


@pytest.mark.parametrize("place", ALL)
def test_head_is_get_without_its_body(learner: httpx.Client, event: Json, place: str) -> None:
    got, head = (learner.request(method, address(event, place)) for method in ("GET", "HEAD"))
    moving = ("date", "x-request-id", "server-time")
    seen = [{name: each for name, each in response.headers.items() if name not in moving} for response in (got, head)]
    assert (head.status_code, head.content, seen[1]) == (200, b"", seen[0])


def test_an_access_check_is_about_this_moment(
    learner: httpx.Client, event: Json, secret: Json, granted: dict[str, str]
) -> None:
    for headers, chosen, status in (
        ({}, event, "released"),
        (granted, secret, "released"),
        ({}, secret, "blocked_private"),
    ):
        response = learner.get(address(chosen, CHECK), headers={**headers, "If-None-Match": "*"})
        assert (response.status_code, response.json()["status"]) == (200, status)
        assert headers_of_caches(response) == {"Cache-Control": "no-store", "ETag": None, "Vary": VARY}
        assert response.headers["Server-Time"] == response.json()["serverTime"]
        assert {*response.json()} == {*learner.post(address(chosen, CHECK), headers=headers).json()}


@pytest.mark.parametrize("place", CONDITIONAL)
@pytest.mark.parametrize("token", [None, "x.y.z", "nonsense"])
def test_without_the_grant_nobody_learns_whether_it_has_changed(
    learner: httpx.Client, secret: Json, granted: dict[str, str], place: str, token: str | None
) -> None:
    tag = learner.get(address(secret, place), headers=granted).headers["ETag"]
    stranger = {} if token is None else {"Authorization": f"Bearer {token}"}
    refused = denied("blocked_private", "EVENT_ACCESS_DENIED" if place in OF_EVENT else "LESSON_ACCESS_DENIED")
    for condition in (tag, "*"):
        response = learner.get(address(secret, place), headers={**stranger, "If-None-Match": condition})
        assert parsed(response) == refused
        assert headers_of_caches(response) == {"Cache-Control": "no-store", "ETag": None, "Vary": VARY}


@pytest.mark.parametrize("place", ALL)
def test_a_key_is_taken_neither_from_the_query_nor_from_a_body(learner: httpx.Client, secret: Json, place: str) -> None:
    names = ["eventAccessKey", *(f"x{number}" for number in range(200))]
    refused = learner.get(address(secret, place), params=dict.fromkeys(names, ACCESS_KEY))
    unknown = ["is not a known parameter: this address takes none"]
    # A refusal is not many times as long as its request.
    assert parsed(refused) == invalid(dict.fromkeys(names[:MOST_NAMED], unknown))
    with_body = learner.request("GET", address(secret, place), json=KEY)
    assert with_body.status_code == (200 if place == CHECK else 403)
    assert with_body.json()["status"] == "blocked_private"


@pytest.mark.parametrize("place", ALL)
def test_what_is_not_there_is_not_found(learner: httpx.Client, event: Json, place: str) -> None:
    anything = {"If-None-Match": "*"}
    absent = learner.get(address({"slug": UNKNOWN}, place), headers=anything)
    assert (parsed(absent), absent.headers["Cache-Control"]) == (EVENT_NOT_FOUND, "no-store")
    if place not in OF_EVENT:
        elsewhere = learner.get(address(event, place.replace("first", UNKNOWN)), headers=anything)
        assert parsed(elsewhere) == LESSON_NOT_FOUND


# What changes the tag


def changes(admin: httpx.Client, event: Json, lesson: Json) -> Iterator[tuple[str, set[str]]]:
    """Change something through the API; yield what and which addresses show it."""
    of_lesson, of_event = f"/api/events/{event['id']}/lessons/{lesson['id']}", f"/api/events/{event['id']}"
    materials, quiz = "/lessons/first/materials", "/lessons/first/quiz"
    admin.put(of_event, json={"title": "Another title"})
    yield "title of the event", {"", "/catalog"}
    admin.put(of_lesson, json={"title": "Another lesson"})
    yield "title of the lesson", {"/catalog", "/lessons/first/playback"}
    attached(admin, lesson)
    yield "a material", {materials}
    (made,) = admin.get("/api/quizzes", params={"lessonId": lesson["id"]}).json()["items"]
    admin.put(f"/api/quizzes/{made['id']}", json={"title": "Another quiz", "questions": made["questions"]})
    yield "title of the quiz", {quiz}
    new_lesson(admin, event, slug="second", releaseAt=FUTURE)
    yield "a lesson after it", {"/catalog", "/lessons/first/playback"}
    admin.put(f"/api/events/{event['id']}", json={"isActive": True})
    yield "nothing that is shown", set()


def test_a_change_is_seen_where_it_is_shown(admin: httpx.Client, learner: httpx.Client) -> None:
    event = new_event(admin)
    lesson = filled(admin, event)
    tags = {place: learner.get(address(event, place)).headers["ETag"] for place in CONDITIONAL}
    for what, shown_at in changes(admin, event, lesson):
        for place in CONDITIONAL:
            response = learner.get(address(event, place), headers={"If-None-Match": tags[place]})
            assert (response.status_code == 200) == (place in shown_at), (what, place)
            tags[place] = response.headers["ETag"]


def test_a_lesson_that_closes_ends_what_was_cached(admin: httpx.Client, learner: httpx.Client) -> None:
    event = new_event(admin)
    lesson = filled(admin, event)
    tags = {place: learner.get(address(event, place)).headers["ETag"] for place in CONDITIONAL}
    admin.put(f"/api/events/{event['id']}/lessons/{lesson['id']}", json={"releaseAt": FUTURE})
    responses = {
        place: learner.get(address(event, place), headers={"If-None-Match": tags[place]}) for place in CONDITIONAL
    }
    assert {place: each.status_code for place, each in responses.items()} == {
        "": 304,
        "/catalog": 200,
        **dict.fromkeys(CONDITIONAL[2:], 403),
    }
    admin.put(f"/api/events/{event['id']}/lessons/{lesson['id']}", json={"releaseAt": PAST})
    for place in CONDITIONAL:
        response = learner.get(address(event, place), headers={"If-None-Match": tags[place]})
        # As it was before, so what was cached holds again.
        assert response.status_code == 304, place


def test_a_private_event_is_for_no_shared_cache_as_soon_as_it_is_private(
    admin: httpx.Client, learner: httpx.Client
) -> None:
    event = new_event(admin, accessKey=ACCESS_KEY)
    place = address(event, "/catalog")
    tag = learner.get(place).headers["ETag"]
    admin.put(f"/api/events/{event['id']}", json={"visibility": "private"})
    assert learner.get(place, headers={"If-None-Match": tag}).status_code == 403


# Codings


@pytest.mark.parametrize(
    ("accepted", "coding"),
    [("gzip", "gzip"), ("gzip, deflate, br", "br"), ("br;q=0, *;q=0.1", "gzip"), ("identity", None), ("zstd", None)],
)
def test_a_long_body_is_compressed_for_who_takes_it(
    admin: httpx.Client, learner: httpx.Client, event: Json, accepted: str, coding: str | None
) -> None:
    long = new_event(admin, longDescription="What to say, to whom and when. " * 100)
    plain = learner.get(address(long, "/catalog"), headers={"Accept-Encoding": "identity"})
    response = learner.get(address(long, "/catalog"), headers={"Accept-Encoding": accepted})
    assert (parsed(response), response.headers.get("Content-Encoding")) == (parsed(plain), coding)
    assert headers_of_caches(response) == headers_of_caches(plain)
    assert (int(response.headers["Content-Length"]) < int(plain.headers["Content-Length"])) == (coding is not None)
    short = learner.get(address(event, ""), headers={"Accept-Encoding": accepted})
    assert "Content-Encoding" not in short.headers


def test_lists_of_admins_are_compressed_unless_they_hold_keys(admin: httpx.Client) -> None:
    event = private_event(admin, longDescription="What to say, to whom and when. " * 100)
    made = [new_lesson(admin, event, description="What to say, to whom. " * 18) for _ in range(3)]
    accepts = {"Accept-Encoding": "gzip"}
    lessons = admin.get(f"/api/events/{event['id']}/lessons", headers=accepts)
    assert parsed(lessons) == Response(200, {"items": made})
    assert (lessons.headers["Content-Encoding"], lessons.headers["Vary"]) == ("gzip", "Origin, Accept-Encoding")
    for with_keys in ("/api/events", f"/api/events/{event['id']}"):
        assert "Content-Encoding" not in admin.get(with_keys, headers=accepts).headers


# Former slugs


@pytest.mark.parametrize("place", ALL)
def test_a_former_slug_leads_to_the_present_one(admin: httpx.Client, learner: httpx.Client, place: str) -> None:
    event = new_event(admin)
    lesson = filled(admin, event)
    former, present = event["slug"], f"{event['slug']}-anew"
    admin.put(f"/api/events/{event['id']}", json={"slug": present})
    admin.put(f"/api/events/{event['id']}/lessons/{lesson['id']}", json={"slug": "l\u00e9on"})
    response = learner.get(address({"slug": former}, place), headers={"If-None-Match": "*"})
    expected = address({"slug": present}, place.replace("first", "l%C3%A9on"))
    assert (response.status_code, response.content, response.headers["Location"]) == (308, b"", expected)
    assert headers_of_caches(response) == {"Cache-Control": "no-store", "ETag": None, "Vary": VARY}
    assert learner.get(response.headers["Location"]).status_code == 200


@pytest.mark.parametrize("place", ALL)
def test_a_former_slug_of_a_private_event_leads_only_those_with_a_grant(
    admin: httpx.Client, learner: httpx.Client, place: str
) -> None:
    event = private_event(admin)
    filled(admin, event)
    grant = learner.post(f"/api/events/{event['slug']}/access", json=KEY).json()["accessToken"]
    present = f"{event['slug']}-anew"
    admin.put(f"/api/events/{event['id']}", json={"slug": present})
    assert parsed(learner.get(address(event, place))) == EVENT_NOT_FOUND
    response = learner.get(address(event, place), headers={"Authorization": f"Bearer {grant}"})
    assert (response.status_code, response.headers["Location"]) == (308, address({"slug": present}, place))


# Pages


def test_a_page_reads_the_clock_by_a_listed_origin(learner: httpx.Client, event: Json) -> None:
    response = learner.get(address(event, "/catalog"), headers={"Origin": "http://localhost:5173"})
    exposed = response.headers["Access-Control-Expose-Headers"].split(", ")
    assert {"Server-Time", "ETag", "Retry-After", "RateLimit", "RateLimit-Policy", "Link"} <= {*exposed}
