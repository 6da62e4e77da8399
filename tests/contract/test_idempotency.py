"""Idempotency-Key at the gateway: on every POST that creates or generates, and on no other."""

from collections.abc import Callable
from concurrent.futures import FIRST_COMPLETED, ThreadPoolExecutor, wait
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

import httpx
import pytest
import yaml

from tests.contract import tables
from tests.contract.openapi import GATEWAY, METHODS
from tests.contract.people import USERS
from tests.contract.samples import (
    ACCESS_KEY,
    FUTURE,
    LATER_PAST,
    Json,
    chosen,
    denied,
    lesson_address,
    new_event,
    new_lesson,
    new_quiz,
    parsed,
    private_event,
    public_address,
    question,
    unique,
)
from tests.contract.scene import BRANDING, LESSONS, MATERIALS, SUBMIT, Scene
from tests.contract.tables import locked_table
from tests.installation import ADMIN, Installation
from tests.refusals import EVENT_NOT_FOUND, refusal

REUSED = refusal(
    422, "IDEMPOTENCY_KEY_REUSED", "This Idempotency-Key was sent with another body; send a new key for a new request"
)
IN_FLIGHT = refusal(
    409, "IDEMPOTENCY_KEY_IN_FLIGHT", "A request with this Idempotency-Key is under way; try again shortly"
)


# The service and the table where each operation that takes a key creates rows.
CREATIONS = {
    "POST /api/events": ("content", "events"),
    f"POST {LESSONS}": ("content", "lessons"),
    f"POST {MATERIALS}": ("content", "materials"),
    "POST /api/quizzes": ("quiz", "quizzes"),
    SUBMIT: ("quiz", "quiz_attempts"),
    f"POST {USERS}": ("auth", "admins"),
}


@dataclass(frozen=True)
class Creation:
    """A request that creates a row in a table of a service."""

    scene: Scene
    operation: str
    body: Json
    service: str
    table: str

    def send(self, key: str | bytes, **fields: Any) -> httpx.Response:
        """Send it under the key; the fields change the body."""
        headers: Any = {"Idempotency-Key": key}
        return self.scene.request(self.operation, json={**self.body, **fields}, headers=headers)


@pytest.fixture(params=CREATIONS)
def creation(request: pytest.FixtureRequest, admin: httpx.Client, learner: httpx.Client) -> Creation:
    """Each request that creates, in turn."""
    scene, operation = Scene(admin, learner), str(request.param)
    return Creation(scene, operation, scene.valid_body(operation) or {}, *CREATIONS[operation])


def test_every_operation_that_takes_a_key_is_here() -> None:
    paths = yaml.safe_load(GATEWAY.read_text())["paths"]
    # tests/content/resources/test_branding.py: it changes an event and creates none.
    assert {*CREATIONS, BRANDING} == {
        f"{method.upper()} {path}"
        for path, item in paths.items()
        for method in METHODS
        if "idempotency" in str(item.get(method, {}).get("parameters")).lower()
    }


def rows(stack: Installation, creation: Creation) -> int:
    """Return the number of rows."""
    return tables.rows(stack, creation.service, creation.table)


def replayed(response: httpx.Response) -> str | None:
    """Return the header that marks a replay."""
    text: str | None = response.headers.get("Idempotency-Replayed")
    return text


def test_a_repeated_request_creates_once_and_gets_the_same_response(stack: Installation, creation: Creation) -> None:
    key, before = unique("key"), rows(stack, creation)
    first = creation.send(key)
    created = rows(stack, creation) - before
    again = [creation.send(f'"{key}"'), creation.send(key)]
    assert first.status_code in (200, 201)
    assert (created, replayed(first)) == (1, None)
    assert [(each.status_code, each.content, replayed(each)) for each in again] == [
        (first.status_code, first.content, "true")
    ] * 2
    assert rows(stack, creation) - before == created


def test_another_body_under_the_key_is_refused_and_changes_nothing(stack: Installation, creation: Creation) -> None:
    key = unique("key")
    creation.send(key)
    before = rows(stack, creation)
    assert parsed(creation.send(key, unknown=1)) == REUSED
    assert rows(stack, creation) == before


# A repetition that hashes a password waits for its turn: see the next test.
@pytest.mark.parametrize("creation", [each for each in CREATIONS if each != f"POST {USERS}"], indirect=True)
def test_a_repetition_in_flight_gets_retry_after(stack: Installation, creation: Creation) -> None:
    key, before = unique("key"), rows(stack, creation)
    with ThreadPoolExecutor(2) as pool:
        with locked_table(stack, creation.service, creation.table):
            sent = [pool.submit(creation.send, key) for _ in range(2)]
            done, waiting = wait(sent, timeout=30, return_when=FIRST_COMPLETED)
        [refused], [first] = [each.result() for each in done], [each.result() for each in waiting]
    assert (parsed(refused), refused.headers["Retry-After"]) == (IN_FLIGHT, "1")
    assert first.status_code in (200, 201)
    assert (creation.send(key).content, replayed(first)) == (first.content, None)
    assert rows(stack, creation) - before == 1


def test_an_invitation_that_is_repeated_in_flight_gets_the_first_response(
    admin: httpx.Client, learner: httpx.Client
) -> None:
    scene, operation = Scene(admin, learner), f"POST {USERS}"
    creation = Creation(scene, operation, scene.valid_body(operation) or {}, *CREATIONS[operation])
    key = unique("key")
    with ThreadPoolExecutor(2) as pool:
        first, second = (each.result() for each in [pool.submit(creation.send, key) for _ in range(2)])
    assert {first.status_code, second.status_code} == {201}
    assert (first.content, {replayed(first), replayed(second)}) == (second.content, {None, "true"})


def test_a_key_is_ignored_where_nothing_is_created(admin: httpx.Client, learner: httpx.Client) -> None:
    event = new_event(admin)
    lesson = new_lesson(admin, event)
    new_quiz(admin, lesson)
    headers: Any = {"Idempotency-Key": b"\xe9"}
    for client, method, address, bodies in (
        (learner, "POST", "/api/admin/login", (ADMIN, {**ADMIN, "unknown": 1})),
        (admin, "PUT", lesson_address(lesson), ({"title": "One"}, {"title": "Two"})),
        *(
            (learner, "POST", public_address(event, lesson["slug"], action), ({}, {"unknown": 1}))
            for action in ("access-check", "playback", "materials", "quiz")
        ),
    ):
        responses = [client.request(method, address, json=body, headers=headers) for body in bodies]
        assert [(each.status_code, replayed(each)) for each in responses] == [(200, None)] * 2


# A lesson that changes between a submission and its replay


class Sitting:
    """A learner's submission under a key."""

    def __init__(self, admin: httpx.Client, learner: httpx.Client, event: Json):
        self.admin, self.learner, self.event = admin, learner, event
        self.lesson = new_lesson(admin, event)
        self.quiz = new_quiz(admin, self.lesson)
        self.headers = {"Idempotency-Key": unique("key")}
        self.body = {"answers": chosen(self.quiz, True, True)}
        if event["accessKey"]:
            self.body["eventAccessKey"] = event["accessKey"]

    def submit(self, **fields: Any) -> httpx.Response:
        """Send the same request; the fields change its body."""
        address = public_address(self.event, self.lesson["slug"], "quiz/submit")
        return self.learner.post(address, json={**self.body, **fields}, headers=self.headers)

    def change(self, address: str, **fields: str | None) -> Json:
        """Change a record and return it."""
        response = self.admin.put(address, json=fields)
        assert response.status_code == 200, response.text
        return dict(response.json()["item"])

    def attempts(self) -> int:
        """Return the number of attempts."""
        return len(self.admin.get(f"/api/quizzes/{self.quiz['id']}/attempts").json()["items"])


@pytest.fixture
def sitting(admin: httpx.Client, learner: httpx.Client) -> Sitting:
    """A submission in a private event."""
    return Sitting(admin, learner, private_event(admin))


ENDS: dict[str, Callable[[Sitting], httpx.Response]] = {
    "closed": lambda it: it.admin.put(lesson_address(it.lesson), json={"releaseAt": FUTURE}),
    "expired": lambda it: it.admin.put(lesson_address(it.lesson), json={"expiresAt": LATER_PAST}),
    "no lesson": lambda it: it.admin.delete(lesson_address(it.lesson)),
    "another title": lambda it: it.admin.put(lesson_address(it.lesson), json={"title": "Renamed"}),
    "another quiz": lambda it: it.admin.put(
        f"/api/quizzes/{it.quiz['id']}",
        json={"title": "Harder", "questions": [question("New?", ("a", True), ("b", False))]},
    ),
    "no quiz": lambda it: it.admin.delete(f"/api/quizzes/{it.quiz['id']}"),
}


@pytest.mark.parametrize("end", ENDS.values(), ids=ENDS.keys())
def test_a_submission_is_replayed_after_any_change_to_its_lesson(
    sitting: Sitting, end: Callable[[Sitting], httpx.Response]
) -> None:
    first = sitting.submit()
    assert end(sitting).is_success
    again = sitting.submit()
    assert (first.status_code, replayed(first)) == (200, None)
    assert (again.status_code, again.content, replayed(again)) == (200, first.content, "true")
    assert parsed(sitting.submit(unknown=1)) == REUSED
    assert sitting.attempts() == 1


def test_a_retry_after_a_rename_or_with_a_changed_key_is_the_same_request(sitting: Sitting) -> None:
    first = sitting.submit()
    event_address = f"/api/events/{sitting.event['id']}"
    sitting.event = sitting.change(event_address, slug=unique("renamed"))
    sitting.lesson = sitting.change(lesson_address(sitting.lesson), slug=unique("renamed"))
    renamed = sitting.submit()
    sitting.event = sitting.change(event_address, accessKey="another key")
    with_old_key, with_new_key = sitting.submit(), sitting.submit(eventAccessKey="another key")
    grant = sitting.learner.post(f"/api/events/{sitting.event['slug']}/access", json={"eventAccessKey": "another key"})
    sitting.headers["Authorization"] = f"Bearer {grant.json()['accessToken']}"
    with_grant = sitting.submit()
    for again in (renamed, with_new_key, with_grant):
        assert (again.status_code, again.content, replayed(again)) == (200, first.content, "true")
    # The key is judged first, and that of yesterday is not right.
    assert parsed(with_old_key) == denied("blocked_private")
    assert sitting.attempts() == 1


def test_spellings_of_an_address_are_one_request(sitting: Sitting) -> None:
    first = sitting.submit()
    for spell in (str.upper, "  {}".format, "{}\u200b".format):
        event_slug, lesson_slug = (quote(spell(each["slug"])) for each in (sitting.event, sitting.lesson))
        address = public_address({"slug": event_slug}, lesson_slug, "quiz/submit")
        again = sitting.learner.post(address, json=sitting.body, headers=sitting.headers)
        assert (again.status_code, again.content, replayed(again)) == (200, first.content, "true")
    assert sitting.attempts() == 1


def test_a_deleted_event_opens_for_nobody_and_replays_nothing(sitting: Sitting) -> None:
    sitting.submit()
    assert sitting.admin.delete(f"/api/events/{sitting.event['id']}").is_success
    assert parsed(sitting.submit()) == EVENT_NOT_FOUND


# A stranger who guesses the Idempotency-Key of a learner


def in_each_case(sitting: Sitting, body: Json, **headers: str) -> list[tuple[int, Json, dict[str, str]]]:
    """Return the whole responses to a stranger with a used key, the same key and another body, and an unused key."""
    address = public_address(sitting.event, sitting.lesson["slug"], "quiz/submit")
    used = sitting.headers["Idempotency-Key"]
    cases = ((used, body), (used, {**body, "answers": []}), (unique("unused"), body), ("\u00e9".encode(), body))
    every: list[Any] = [({**headers, "Idempotency-Key": key}, sent) for key, sent in cases]
    responses = [sitting.learner.post(address, json=sent, headers=sent_headers) for sent_headers, sent in every]
    moving = ("date", "x-request-id")
    return [
        (
            response.status_code,
            parsed(response).document,
            {name: text for name, text in response.headers.items() if name not in moving},
        )
        for response in responses
    ]


STRANGERS: dict[str, dict[str, str | None]] = {
    "without a key": {"eventAccessKey": None},
    "with a guess": {"eventAccessKey": "a wrong key"},
    "with yesterday's key": {"eventAccessKey": "another key"},
}
LESSONS_NOW: dict[str, Callable[[Sitting], object]] = {
    "open": lambda it: None,
    "closed": lambda it: it.change(lesson_address(it.lesson), releaseAt=FUTURE),
    "deleted": lambda it: it.admin.delete(lesson_address(it.lesson)),
}


@pytest.mark.parametrize("now", LESSONS_NOW.values(), ids=LESSONS_NOW.keys())
@pytest.mark.parametrize("changes", STRANGERS.values(), ids=STRANGERS.keys())
def test_a_stranger_gets_the_same_refusal_whether_or_not_the_key_was_used(
    sitting: Sitting, changes: dict[str, str | None], now: Callable[[Sitting], object]
) -> None:
    event_address = f"/api/events/{sitting.event['id']}"
    sitting.event = sitting.change(event_address, accessKey="another key")
    sitting.event = sitting.change(event_address, accessKey=ACCESS_KEY)
    assert sitting.submit().status_code == 200
    now(sitting)
    # The answers are the learner's own: the stranger has guessed everything but the access key.
    body = {name: value for name, value in {**sitting.body, **changes}.items() if value is not None}
    refused = in_each_case(sitting, body, Authorization="Bearer an.invalid.grant")
    assert refused == [refused[0]] * 4
    assert refused[0][:2] == denied("blocked_private")
    assert sitting.attempts() == 1


def test_on_a_public_event_whoever_sends_key_and_body_is_the_sender(admin: httpx.Client, learner: httpx.Client) -> None:
    sitting = Sitting(admin, learner, new_event(admin))
    first = sitting.submit()
    sitting.admin.delete(lesson_address(sitting.lesson))
    again = sitting.submit(eventAccessKey="any key at all")
    assert (again.status_code, again.content, replayed(again)) == (200, first.content, "true")
