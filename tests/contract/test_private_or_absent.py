"""Without its key a private event answers as one that does not exist: compared on generated requests.

What the contract lets a stranger tell from a nonexistent event, and so cannot be alike:

- the catalog: 403 EVENT_ACCESS_DENIED of a private event, 404 EVENT_NOT_FOUND of none;
- access-check: 200 with the status blocked_private, and 404 EVENT_NOT_FOUND;
- playback, materials, quiz and submit: 403 LESSON_ACCESS_DENIED, and 404 EVENT_NOT_FOUND.

Everything else is: which lessons there are and when they open, whether there is a key at all, the public list, the
exchange of a key for a grant, what admins use, and every request that is refused for its form.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

import httpx
import pytest
from hypothesis import HealthCheck, assume, example, given, settings
from hypothesis import strategies as st

from tests.contract.samples import (
    ACCESS_KEY,
    FUTURE,
    LATER_PAST,
    UNKNOWN,
    Json,
    attached,
    new_event,
    new_lesson,
    new_quiz,
    private_event,
    unique,
)

ACTIONS = ("access-check", "playback", "materials", "quiz", "quiz/submit")
SLUGS = ("the-open-one", "the-locked-one", "the-expired-one")
# They differ between any two responses.
MOVING_HEADERS = ("date", "x-request-id")
MOVING_MEMBERS = ("requestId", "serverTime")

drawn = settings(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


@dataclass(frozen=True)
class Stage:
    """Two private events with the same lessons, one of them without a key, and a public event without lessons."""

    with_key: Json
    without_key: Json
    public: Json
    absent: str

    @property
    def private(self) -> tuple[Json, Json]:
        """Return both private events."""
        return self.with_key, self.without_key


@pytest.fixture(scope="module")
def stage(admin: httpx.Client) -> Stage:
    """Events that no test changes."""
    with_key, without_key = (private_event(admin, isActive=True) for _ in range(2))
    for event in (with_key, without_key):
        for slug, window in zip(SLUGS, ({}, {"releaseAt": FUTURE}, {"expiresAt": LATER_PAST}), strict=True):
            lesson = new_lesson(admin, event, slug=slug, **window)
            attached(admin, lesson)
            new_quiz(admin, lesson)
    admin.put(f"/api/events/{without_key['id']}", json={"accessKey": None})
    return Stage(with_key, without_key, new_event(admin, isActive=True), unique("absent"))


def comparable(response: httpx.Response) -> Any:
    """Return the whole response without the members that always differ."""
    headers = {name: text for name, text in response.headers.items() if name not in MOVING_HEADERS}
    return response.status_code, headers, _still(response.json()) if response.content else None


def _still(document: Any) -> Any:
    if isinstance(document, dict):
        return {name: _still(each) for name, each in document.items() if name not in MOVING_MEMBERS}
    return document


# Requests of strangers: guessed addresses, keys that are nearly right, and bodies of every form.
words = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=40)
lesson_slugs = (
    st.sampled_from([*SLUGS, UNKNOWN, "*", "%", "..", ".", "the-open-one/", "THE-OPEN-ONE", " the-open-one", "a" * 500])
    | words
)
near_misses = st.sampled_from(
    [ACCESS_KEY.upper(), ACCESS_KEY[:-1], ACCESS_KEY + "!", ACCESS_KEY.replace(" ", "\u00a0"), ACCESS_KEY * 2, "null  "]
)
wrong_keys = (near_misses | words).filter(lambda key: key.strip() != ACCESS_KEY)
wrong_bodies = (
    st.just({})
    | wrong_keys.map(lambda key: {"eventAccessKey": key})
    | wrong_keys.map(lambda key: {"eventAccessKey": key, "answers": []})
    | st.sampled_from([{"eventAccessKey": None}, {"eventAccessKey": 7}, {"eventAccessKey": [ACCESS_KEY]}, [], 1])
    | st.just({"answers": [{"questionId": "a", "optionId": "b"}], "eventAccessKey": "another key"})
)
headers = st.sampled_from(
    [{}, {"Idempotency-Key": "a-key-of-nobody"}, {"If-Match": '"1-2"'}, {"Authorization": "Bearer x"}]
)


def lesson_address(event_slug: str, lesson_slug: str, action: str) -> str:
    """Return the address of a learner's action on a lesson of any slug."""
    return f"/api/public/events/{event_slug}/lessons/{quote(lesson_slug, safe='')}/{action}"


@drawn
@given(st.sampled_from(ACTIONS), lesson_slugs, wrong_bodies, headers)
@example("quiz/submit", SLUGS[0], {"eventAccessKey": "another key", "answers": []}, {"Idempotency-Key": "k"})
def test_without_the_key_every_lesson_answers_as_an_absent_one(
    learner: httpx.Client, stage: Stage, action: str, slug: str, body: Any, sent: dict[str, str]
) -> None:
    elsewhere = learner.post(lesson_address(stage.absent, slug, action), json=body, headers=sent)
    # The gateway refuses an impossible address whether or not the event exists.
    assume(elsewhere.json()["error"] != "NOT_FOUND")

    responses = [
        learner.post(lesson_address(event["slug"], each, action), json=body, headers=sent)
        for event in stage.private
        for each in (slug, UNKNOWN)
    ]

    assert [comparable(response) for response in responses] == [comparable(responses[0])] * 4
    # None of these requests opens the event.
    assert responses[0].json().get("status", "blocked_private") == "blocked_private"
    assert responses[0].status_code in (200, 400, 403)


@drawn
@given(wrong_bodies, headers)
def test_a_closed_catalog_hides_whether_the_event_has_a_key(
    learner: httpx.Client, stage: Stage, body: Any, sent: dict[str, str]
) -> None:
    responses = [
        learner.post(f"/api/public/events/{each['slug']}/catalog", json=body, headers=sent) for each in stage.private
    ]

    assert comparable(responses[0]) == comparable(responses[1])
    assert responses[0].status_code in (400, 403)


every_action = st.sampled_from(("catalog", *(f"lessons/{SLUGS[0]}/{action}" for action in ACTIONS)))


@drawn
@given(every_action, st.sampled_from(["x{0}", "{0}x", "{0}%00", "{0}/", "{0}\t"]), wrong_bodies)
def test_a_slug_that_is_nearly_that_of_a_private_event_is_not_found(
    learner: httpx.Client, stage: Stage, action: str, variant: str, body: Any
) -> None:
    responses = [
        learner.post(f"/api/public/events/{quote(variant.format(slug), safe='')}/{action}", json=body)
        for slug in (stage.with_key["slug"], stage.absent)
    ]

    assert comparable(responses[0]) == comparable(responses[1])
    assert responses[0].status_code in (400, 404)


endings = (" ", "-", ".", "*", "%", "'", "\u200b", "é")
spellings = st.sampled_from([" {0}", "-{0}", *("{0}" + each for each in endings)])


@drawn
@given(every_action, spellings, st.sampled_from([str, str.upper, str.title, str.swapcase]), wrong_bodies)
def test_another_spelling_of_a_private_slug_reveals_no_more_than_the_slug(
    learner: httpx.Client, stage: Stage, action: str, variant: str, case: Any, body: Any
) -> None:
    slug = stage.with_key["slug"]
    responses = [
        learner.post(f"/api/public/events/{quote(spelled, safe='')}/{action}", json=body)
        for spelled in (slug, variant.format(case(slug)))
    ]

    assert comparable(responses[0]) == comparable(responses[1])
    assert responses[0].json().get("status", "blocked_private") == "blocked_private"


# Addresses that answer as if no such event existed


@drawn
@given(st.sampled_from(["POST", "GET", "PUT", "DELETE"]), wrong_bodies, headers)
def test_the_exchange_of_a_key_answers_as_for_an_absent_event(
    learner: httpx.Client, stage: Stage, method: str, body: Any, sent: dict[str, str]
) -> None:
    slugs = (stage.with_key["slug"], stage.without_key["slug"], stage.absent)

    responses = [learner.request(method, f"/api/events/{slug}/access", json=body, headers=sent) for slug in slugs]

    assert [comparable(response) for response in responses] == [comparable(responses[0])] * 3
    assert responses[0].status_code >= 400


@drawn
@given(
    st.sampled_from(["", "/lessons", "/lessons/{lesson}", "/lessons/{lesson}/materials", "/nowhere"]),
    st.sampled_from(["GET", "POST", "PUT", "DELETE", "PATCH"]),
    wrong_bodies,
)
def test_without_a_token_admin_addresses_answer_as_for_an_absent_event(
    learner: httpx.Client, stage: Stage, rest: str, method: str, body: Any
) -> None:
    ids = (stage.with_key["id"], stage.without_key["id"], stage.public["id"], stage.absent)

    responses = [learner.request(method, f"/api/events/{each}{rest.format(lesson=UNKNOWN)}", json=body) for each in ids]

    assert [comparable(response) for response in responses] == [comparable(responses[0])] * 4
    assert responses[0].status_code in (401, 404, 405)


BROKEN: tuple[tuple[bytes, dict[str, str]], ...] = (
    (b"{", {"Content-Type": "application/json"}),
    (b"null", {"Content-Type": "application/json"}),
    (b"\xff", {"Content-Type": "application/json"}),
    (b'{"eventAccessKey": "short"}', {"Content-Type": "application/json"}),
    (b'{"eventAccessKey": "' + b"x" * 65 + b'"}', {"Content-Type": "application/json"}),
    (b'{"eventAccessKey": "' + b"x" * 1024 * 1024 + b'"}', {"Content-Type": "application/json"}),
    (b"eventAccessKey=open+sesame", {"Content-Type": "application/x-www-form-urlencoded"}),
    (b"{}", {}),
    (b"{}", {"Content-Type": "application/json", "Origin": "https://evil.example"}),
)


@pytest.mark.parametrize("action", ["catalog", *(f"lessons/{SLUGS[0]}/{action}" for action in ACTIONS)])
def test_a_malformed_request_is_refused_alike_at_every_event(learner: httpx.Client, stage: Stage, action: str) -> None:
    slugs = (stage.with_key["slug"], stage.without_key["slug"], stage.public["slug"], stage.absent)
    for body, sent_headers in BROKEN:
        addresses = [f"/api/public/events/{slug}/{action}" for slug in slugs]
        responses = [learner.post(address, content=body, headers=sent_headers) for address in addresses]
        assert [comparable(response) for response in responses] == [comparable(responses[0])] * 4
        assert responses[0].status_code in (400, 403, 413, 415)


def listed(learner: httpx.Client, limit: int | None) -> Iterator[str]:
    """Yield every page of the public list, as text."""
    query: dict[str, Any] = {} if limit is None else {"limit": limit}
    while True:
        response = learner.get("/api/public/events", params=query)
        yield response.text
        cursor = response.json().get("nextCursor")
        if cursor is None:
            return
        query["cursor"] = cursor


@drawn
@given(st.none() | st.integers(1, 100))
def test_the_public_list_never_shows_a_private_event(learner: httpx.Client, stage: Stage, limit: int | None) -> None:
    shown = "".join(listed(learner, limit))

    assert [event["slug"] for event in stage.private if event["slug"] in shown or event["id"] in shown] == []
    assert stage.public["slug"] in shown
