"""Former slugs of events and lessons: POST forms answer under them as under the present ones."""

from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from tests.contract.conftest import judged
from tests.contract.doors import another_gateway
from tests.contract.samples import (
    ACCESS_KEY,
    Json,
    attached,
    chosen,
    new_event,
    new_lesson,
    new_quiz,
    private_event,
    unique,
)
from tests.contract.test_private_or_absent import comparable
from tests.installation import Installation

ACTIONS = ("access-check", "playback", "materials", "quiz", "quiz/submit")
KEY = {"eventAccessKey": ACCESS_KEY}
GUESSES = 5


class Renamed:
    """An event with an open lesson, asked under its first slugs, then renamed once."""

    def __init__(self, admin: httpx.Client, learner: httpx.Client, event: Json):
        self.admin = admin
        self.event = event
        self.lesson = new_lesson(admin, event)
        new_lesson(admin, event)
        self.quiz = new_quiz(admin, self.lesson)
        attached(admin, self.lesson)
        self.before = (event["slug"], self.lesson["slug"])
        for address in self.addresses(*self.before):
            self.ask(learner, address)
        self.present = (f"{event['slug']}-2", f"{self.lesson['slug']}-é")
        rename(admin, f"/api/events/{event['id']}", self.present[0])
        rename(admin, f"/api/events/{event['id']}/lessons/{self.lesson['id']}", self.present[1])

    def addresses(self, event_slug: str, lesson_slug: str) -> list[str]:
        """Return the addresses for learners with these slugs."""
        event = f"/api/public/events/{event_slug}"
        return [f"{event}/catalog", *(f"{event}/lessons/{lesson_slug}/{action}" for action in ACTIONS)]

    def ask(self, learner: httpx.Client, address: str, **sent: Any) -> Any:
        """Return the response without what always differs; answers are sent with a new key."""
        body = {**sent, "answers": chosen(self.quiz, True, False)} if address.endswith("submit") else sent
        status, headers, document = comparable(learner.post(address, json=body))
        if address.endswith("submit") and status == 200:
            document["result"] |= {"attemptId": None, "submittedAt": None}
        return status, headers, document


def rename(admin: httpx.Client, address: str, slug: str) -> None:
    """Give the event or lesson at the address another slug."""
    response = admin.put(address, json={"slug": slug})
    assert response.status_code == 200, response.text


@pytest.mark.parametrize("kind", ["public", "private"])
def test_every_post_answers_under_former_slugs_as_under_the_present(
    admin: httpx.Client, learner: httpx.Client, kind: str
) -> None:
    renamed = Renamed(admin, learner, new_event(admin) if kind == "public" else private_event(admin))
    key = {} if kind == "public" else KEY
    present = [renamed.ask(learner, each, **key) for each in renamed.addresses(*renamed.present)]
    assert [status for status, _headers, _document in present] == [200] * 6
    for event_slug in (renamed.before[0], renamed.before[0].upper(), renamed.present[0]):
        for lesson_slug in (renamed.before[1], renamed.present[1]):
            # Twice: the second one may come from memory.
            for _ in range(2):
                assert [
                    renamed.ask(learner, each, **key) for each in renamed.addresses(event_slug, lesson_slug)
                ] == present


def test_nothing_stale_is_told_when_another_takes_a_former_slug(admin: httpx.Client, learner: httpx.Client) -> None:
    renamed = Renamed(admin, learner, new_event(admin))
    event_slug, lesson_slug = renamed.before
    catalog = f"/api/public/events/{event_slug}/catalog"
    playback = f"/api/public/events/{event_slug}/lessons/{lesson_slug}/playback"
    for _ in range(2):
        assert learner.post(catalog).json()["event"]["slug"] == renamed.present[0]
        assert learner.post(playback).json()["lesson"]["slug"] == renamed.present[1]
    second = new_lesson(admin, renamed.event, slug=lesson_slug)
    assert learner.post(playback).json()["lesson"]["id"] == second["id"]
    other = new_event(admin, slug=event_slug)
    assert learner.post(catalog).json()["event"]["id"] == other["id"]
    assert learner.post(playback).json()["error"] == "LESSON_NOT_FOUND"
    admin.delete(f"/api/events/{other['id']}")
    for address in (catalog, playback):
        assert learner.post(address).json()["error"] == "EVENT_NOT_FOUND"


def test_without_the_key_a_former_slug_of_a_private_event_answers_as_an_unknown_one(
    admin: httpx.Client, learner: httpx.Client
) -> None:
    renamed = Renamed(admin, learner, private_event(admin))
    for body in ({}, {"eventAccessKey": "another key"}):
        for event_slug in (renamed.before[0], renamed.before[0].upper()):
            for lesson_slug in (*renamed.before[1:], renamed.present[1]):
                former = [renamed.ask(learner, each, **body) for each in renamed.addresses(event_slug, lesson_slug)]
                unknown = [renamed.ask(learner, each, **body) for each in renamed.addresses(unique("no"), lesson_slug)]
                assert [document["error"] for _status, _headers, document in former] == ["EVENT_NOT_FOUND"] * 6
                assert former == unknown


def test_a_retry_under_the_present_slugs_is_the_same_request(admin: httpx.Client, learner: httpx.Client) -> None:
    renamed = Renamed(admin, learner, new_event(admin))
    body, headers = {"answers": chosen(renamed.quiz, True, True)}, {"Idempotency-Key": unique("key")}
    addresses = [renamed.addresses(*slugs)[-1] for slugs in (renamed.before, renamed.present, renamed.before)]
    first, *retries = [learner.post(address, json=body, headers=headers) for address in addresses]
    assert (first.status_code, first.headers.get("Idempotency-Replayed")) == (200, None)
    assert [(each.content, each.headers["Idempotency-Replayed"]) for each in retries] == [(first.content, "true")] * 2


# Guesses


@pytest.fixture(scope="module")
def strict(stack: Installation, tmp_path_factory: pytest.TempPathFactory) -> Iterator[httpx.Client]:
    """A gateway that allows five guesses an hour."""
    bounds = {"ACCESS_KEY_GUESSES_MAX": str(GUESSES), "ACCESS_KEY_GUESSES_WINDOW_MS": "3600000"}
    with another_gateway(stack, tmp_path_factory.mktemp("strict"), **bounds) as client:
        yield judged(client)


def test_guesses_under_former_and_present_slugs_have_one_count(admin: httpx.Client, strict: httpx.Client) -> None:
    renamed = Renamed(admin, strict, private_event(admin))
    former, present = (renamed.addresses(*slugs)[0] for slugs in (renamed.before, renamed.present))
    addresses = [former, present, former, former, present, former, present]
    statuses = [
        strict.post(address, json={"eventAccessKey": f"guess {number}"}).status_code
        for number, address in enumerate(addresses)
    ]
    assert statuses == [404, 403, 404, 404, 403, 429, 429]
    assert strict.post(former, json=KEY).status_code == 429
    assert strict.post(f"/api/events/{renamed.before[0]}/access", json=KEY).status_code == 429


def test_the_key_is_exchanged_under_a_former_slug_too(admin: httpx.Client, learner: httpx.Client) -> None:
    renamed = Renamed(admin, learner, private_event(admin))
    former = f"/api/events/{renamed.before[0]}/access"
    token = learner.post(former, json=KEY).json()["accessToken"]
    response = learner.post(renamed.addresses(*renamed.before)[0], headers={"Authorization": f"Bearer {token}"})
    assert (response.status_code, response.json()["event"]["slug"]) == (200, renamed.present[0])
    unknown, wrong = (
        comparable(learner.post(address, json={"eventAccessKey": "another key"}))
        for address in (f"/api/events/{unique('no')}/access", former)
    )
    assert (wrong, wrong[0]) == (unknown, 403)
