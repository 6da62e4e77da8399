"""Looks over HTTP, from a provider on a real socket, on both engines."""

import asyncio
import threading
from collections.abc import Callable, Iterator
from typing import Any

import peewee
import pytest
from falcon.testing import ASGIConductor, Result

from services.content.repository.store import PeeweeContentStore
from services.content.service.content import ContentService
from tests.audit import entries_in
from tests.clock import StoppedClock
from tests.content.client import Client, access_token, content_app
from tests.content.examples import SECRET, a_look, event_changes, with_two_events
from tests.content.fake_provider import FakeProvider, a_right_response, fake_provider, responding
from tests.content.resources.answers import EVENT, EVENT_VIEW
from tests.matching import Matching
from tests.refusals import EVENT_NOT_FOUND, Response, invalid, refusal
from tests.waiting import until

GENERATE = EVENT + "/branding/generate"
PROMPT = {"prompt": "Bread for beginners, warm and rustic"}
BRANDED_VIEW = {
    **EVENT_VIEW,
    **a_look(),
    "brandingProvider": "gemini",
    "brandingPromptVersion": "v1",
    "brandingGeneratedAt": "2026-03-01T12:00:00.000Z",
    "updatedAt": "2026-03-01T12:00:00.000Z",
}
CHANGED = refusal(
    409, "PRECONDITION_FAILED", "It has been changed since: read it again, then repeat the change with its new ETag"
)


class Gate:
    """A behaviour that responds rightly, once the test lets it."""

    def __init__(self) -> None:
        self.opened = threading.Event()

    def __call__(self, send: Callable[[bytes], None], wait: Callable[[], None]) -> None:
        assert self.opened.wait(60)
        a_right_response()(send, wait)


@pytest.fixture
def store(content_database: peewee.Database) -> PeeweeContentStore:
    """Return a store with a public and a private event."""
    return with_two_events(PeeweeContentStore(content_database))


@pytest.fixture
def service(store: PeeweeContentStore) -> ContentService:
    """Return the service over that store, for changes beside the app's."""
    return ContentService(store, SECRET, StoppedClock())


Open = Callable[[FakeProvider], Any]


@pytest.fixture
def app(store: PeeweeContentStore, content_database: peewee.Database) -> Open:
    """Return what makes the app that asks a provider."""
    return lambda provider: content_app(store, content_database, generator=provider.generator())


@pytest.fixture
def provided(app: Open) -> Iterator[tuple[Client, FakeProvider]]:
    """Yield a client, and the provider that responds rightly."""
    with fake_provider(a_right_response()) as provider, Client.of(app(provider)) as client:
        yield client, provider


def test_a_providers_look_is_stored_and_returned(
    provided: tuple[Client, FakeProvider], store: PeeweeContentStore
) -> None:
    client, _ = provided
    before = len(entries_in(store.audit))
    result = client.exchange("POST", GENERATE, access_token(), json={**PROMPT, "styleHint": "linen", "unknown": 1})
    item = result.json["item"]
    assert result.status_code == 200
    assert item == {
        "eventId": "event-1",
        "provider": "gemini",
        "strategy": "provider",
        "promptVersion": "v1",
        "assets": a_look(),
        "event": BRANDED_VIEW,
        "meta": {"attempts": 1, "durationMs": item["meta"]["durationMs"]},
    }
    read = client.exchange("GET", EVENT, access_token())
    assert (read.json, read.headers["ETag"]) == ({"item": BRANDED_VIEW}, result.headers["ETag"])
    # One audit entry, as for an update by the admin.
    assert entries_in(store.audit)[before:] == [("event.changed", "event-1")]


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ({}, invalid({"prompt": ["is required"]})),
        ({"prompt": " too few "}, invalid({"prompt": ["must have at least 8 characters"]})),
        ({"prompt": "x" * 601}, invalid({"prompt": ["must have at most 600 characters"]})),
        ({**PROMPT, "styleHint": "ab"}, invalid({"styleHint": ["must have at least 3 characters"]})),
        ({**PROMPT, "styleHint": "x" * 121}, invalid({"styleHint": ["must have at most 120 characters"]})),
        ({**PROMPT, "provider": "x" * 41}, invalid({"provider": ["must have at most 40 characters"]})),
        ({**PROMPT, "fallbackOnError": "no"}, invalid({"fallbackOnError": [Matching(".+")]})),
        (
            {**PROMPT, "provider": "dalle"},
            refusal(
                400,
                "BRANDING_PROVIDER_INVALID",
                "There is no such provider of looks",
                details={"formErrors": [], "fieldErrors": {"provider": ["must be one of gemini"]}},
            ),
        ),
    ],
)
def test_a_wrong_request_asks_nobody(
    provided: tuple[Client, FakeProvider], body: dict[str, object], expected: Response
) -> None:
    client, provider = provided
    assert client.admin("POST", GENERATE, body) == expected
    assert client.admin("POST", "/api/events/nobody/branding/generate", PROMPT) == EVENT_NOT_FOUND
    assert provider.received == []


def test_a_failed_provider_changes_nothing_without_a_fallback(app: Open) -> None:
    with fake_provider(responding(b"", 500)) as provider, Client.of(app(provider)) as client:
        assert client.admin("POST", GENERATE, {**PROMPT, "fallbackOnError": False}) == refusal(
            502,
            "BRANDING_PROVIDER_FAILED",
            "The provider gave no look; nothing was changed",
            details={"errors": ["gemini: it responded with status 500"] * 3},
        )
        assert client.admin("GET", EVENT) == (200, {"item": EVENT_VIEW})
        fallback = client.admin("POST", GENERATE, PROMPT)
    assert (fallback.status, fallback.document["item"]["strategy"]) == (200, "fallback")
    assert fallback.document["item"]["meta"]["fallbackReason"] == "gemini: it responded with status 500"
    assert fallback.document["item"]["event"]["brandingProvider"] == "fallback"


def test_an_event_that_changes_meanwhile_is_not_overwritten(app: Open, service: ContentService) -> None:
    gate = Gate()
    with fake_provider(gate) as provider, Client.of(app(provider)) as client:

        def change(_is_done: Callable[[], bool]) -> None:
            until(lambda: bool(provider.received), "the provider is asked")
            service.events.update("event-1", event_changes(hero_title="By hand"))
            gate.opened.set()

        assert client.send_during(change, "POST", GENERATE, access_token(), json=PROMPT) == CHANGED
        event = client.admin("GET", EVENT).document["item"]
    assert (event["hero"]["title"], event["brandingProvider"]) == ("By hand", None)


def test_an_event_that_is_deleted_meanwhile_is_not_found(app: Open, service: ContentService) -> None:
    gate = Gate()
    with fake_provider(gate) as provider, Client.of(app(provider)) as client:

        def delete(_is_done: Callable[[], bool]) -> None:
            until(lambda: bool(provider.received), "the provider is asked")
            service.events.delete("event-1")
            gate.opened.set()

        assert client.send_during(delete, "POST", GENERATE, access_token(), json=PROMPT) == EVENT_NOT_FOUND


def test_a_key_gives_the_first_look_again_and_asks_nobody(provided: tuple[Client, FakeProvider]) -> None:
    client, provider = provided

    def generate(body: object) -> Result:
        return client.exchange("POST", GENERATE, access_token(), headers={"Idempotency-Key": "key-1"}, json=body)

    first, again = generate(PROMPT), generate(PROMPT)
    assert (again.content, again.headers["Idempotency-Replayed"]) == (first.content, "true")
    assert len(provider.received) == 1
    assert generate({**PROMPT, "styleHint": "linen"}).status_code == 422


def all_at_once(app: Any, gate: Gate, provider: FakeProvider, *keys: str) -> tuple[Result, list[Result]]:
    """Generate under each key; while all wait for the provider, read the event. Return that response and theirs."""

    async def run() -> tuple[Result, list[Result]]:
        conductor = ASGIConductor(app)
        async with conductor:
            token = {"Authorization": f"Bearer {access_token()}"}
            generations = [
                asyncio.create_task(
                    conductor.simulate_post(GENERATE, headers={**token, "Idempotency-Key": key}, json=PROMPT)
                )
                for key in keys
            ]
            await asyncio.to_thread(until, lambda: len(provider.received) == len(keys), "all are asked")
            read: Result = await conductor.simulate_get(EVENT, headers=token)
            gate.opened.set()
            responses = [await each for each in generations]
        return read, responses

    return asyncio.run(run())


def test_waiting_for_a_provider_holds_no_thread(app: Open) -> None:
    gate = Gate()
    # The app has two threads.
    with fake_provider(gate) as provider:
        read, generated = all_at_once(app(provider), gate, provider, "one", "two", "three")
    assert (read.status_code, read.json) == (200, {"item": EVENT_VIEW})
    # The first one to end has changed the event.
    assert sorted(each.status_code for each in generated) == [200, 409, 409]


def test_two_requests_with_one_key_write_one_look(app: Open, store: PeeweeContentStore) -> None:
    gate, before = Gate(), len(entries_in(store.audit))
    with fake_provider(gate) as provider:
        _, generated = all_at_once(app(provider), gate, provider, "one", "one")
    assert len(entries_in(store.audit)) == before + 1
    # The second one is answered again, or refused while the first one is being written.
    replayed = [each for each in generated if each.status_code == 200]
    assert {each.content for each in replayed} == {replayed[0].content}
    assert {each.json["error"] for each in generated if each.status_code != 200} <= {"IDEMPOTENCY_KEY_IN_FLIGHT"}
