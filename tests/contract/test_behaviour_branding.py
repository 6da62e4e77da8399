"""docs/contract/BEHAVIOUR.md, "Events": looks from a prompt. Providers are on sockets of their own."""

import hashlib
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import httpx
import pytest

from services.content.branding.generator import Generator
from services.content.rules import changed_event
from services.kit.core.instants import parse_instant
from tests.content.client import Client, access_token, content_app
from tests.content.examples import a_look, event_changes, with_two_events
from tests.content.fake_provider import (
    FakeProvider,
    a_right_response,
    closing,
    fake_provider,
    looking,
    responding,
    silent,
)
from tests.content.memory import InMemoryContentStore
from tests.contract.samples import DEFAULT_STYLE, Json, new_event, parsed
from tests.refusals import refusal
from tests.waiting import until

PROMPT = "Bread for beginners, warm and rustic; with flour from the mill next door, and patience"
DETAILS = {"errors": ["gemini: it responded with status 500"] * 3}


def generate(admin: httpx.Client, event: Json, **fields: Any) -> httpx.Response:
    """Ask the running installation, which has no key of a provider."""
    return admin.post(f"/api/events/{event['id']}/branding/generate", json={"prompt": PROMPT, **fields})


@contextmanager
def content_with(generator: Generator) -> Iterator[tuple[Client, InMemoryContentStore]]:
    """Yield a client of content alone, whose looks are made by this generator."""
    store = with_two_events(InMemoryContentStore())
    with Client.of(content_app(store, generator=generator)) as client:
        yield client, store


def generated(fake: FakeProvider, kind: str = "gemini", **fields: Any) -> Any:
    """Ask content, which asks the provider, and return the document of the response."""
    with content_with(fake.generator(kind)) as (client, _):
        body = {"prompt": PROMPT, **fields}
        return client.admin("POST", "/api/events/event-1/branding/generate", body).document


@pytest.mark.parametrize("hint", [None, "linen and wood"])
def test_without_a_provider_the_look_is_computed(admin: httpx.Client, hint: str | None) -> None:
    """a fallback that needs no network: title from the event, subtitle the first 80 characters of the prompt, ctaText
    "Start now", textColor #f8fafc, backgroundColor and accentColor the first two groups of six hex digits of SHA-256
    over `slug:prompt:styleHint` (styleHint empty when absent), logoUrl null (changed: the old one named a foreign image
    service)."""
    event = new_event(admin, logoUrl="https://flix.example/logo.png")
    status, body = parsed(generate(admin, event, **({"styleHint": hint} if hint else {})))
    digits = hashlib.sha256(f"{event['slug']}:{PROMPT}:{hint or ''}".encode()).hexdigest()
    assert (status, body["item"]["strategy"]) == (200, "fallback")
    assert body["item"]["assets"] == {
        "logoUrl": None,
        "hero": {"title": "An event", "subtitle": PROMPT[:80], "ctaText": "Start now"},
        "visualStyle": {
            "backgroundColor": f"#{digits[:6]}",
            "textColor": "#f8fafc",
            "accentColor": f"#{digits[6:12]}",
        },
    }


def test_a_look_is_written_to_the_event(admin: httpx.Client) -> None:
    """Either is written to the event: hero, visualStyle, logoUrl, brandingProvider (the provider, or `fallback`),
    brandingPromptVersion `v1`, brandingGeneratedAt."""
    event = new_event(admin)
    status, body = parsed(generate(admin, event))
    item = body["item"]
    branded = item["event"]
    assert (status, item) == (
        200,
        {
            "eventId": event["id"],
            "provider": "fallback",
            "strategy": "fallback",
            "promptVersion": "v1",
            "assets": item["assets"],
            "event": {
                **event,
                **item["assets"],
                "brandingProvider": "fallback",
                "brandingPromptVersion": "v1",
                "brandingGeneratedAt": branded["updatedAt"],
                "updatedAt": branded["updatedAt"],
            },
            "meta": {
                "attempts": 1,
                "durationMs": item["meta"]["durationMs"],
                "fallbackReason": "gemini: this installation has no key for it",
            },
        },
    )
    assert parse_instant(branded["updatedAt"]) >= parse_instant(event["updatedAt"])
    assert parsed(admin.get(f"/api/events/{event['id']}")) == (200, {"item": branded})
    with fake_provider(a_right_response()) as provider:
        item = generated(provider)["item"]
    assert (item["provider"], item["strategy"], item["assets"]) == ("gemini", "provider", a_look())
    written = ("brandingProvider", "brandingPromptVersion", "hero", "visualStyle", "logoUrl")
    assert [item["event"][name] for name in written] == ["gemini", "v1", *(a_look()[name] for name in written[2:])]


def test_a_provider_is_asked_three_times_before_the_fallback() -> None:
    """`POST /api/events/{eventId}/branding/generate` makes a look from a prompt: the provider is asked up to three
    times, each with a deadline of 9 s and a pause that grows by 250 ms; then, unless fallbackOnError is false (502
    BRANDING_PROVIDER_FAILED with details.errors, one a try), a fallback"""
    with fake_provider(closing, silent, a_right_response()) as provider:
        generator = Generator({"gemini": provider.of_kind("gemini")}, deadline_seconds=1, pause_seconds=0)
        with content_with(generator) as (client, _):
            body = client.admin("POST", "/api/events/event-1/branding/generate", {"prompt": PROMPT}).document
    assert (body["item"]["strategy"], body["item"]["meta"]["attempts"]) == ("provider", 3)
    with fake_provider(responding(b"", 500)) as provider:
        meta = generated(provider)["item"]["meta"]
        assert len(provider.received) == 3
        assert (meta["attempts"], meta["fallbackReason"]) == (3, DETAILS["errors"][-1])
        failed = generated(provider, fallbackOnError=False)
    assert (
        failed
        == refusal(
            502, "BRANDING_PROVIDER_FAILED", "The provider gave no look; nothing was changed", details=DETAILS
        ).document
    )


@pytest.mark.parametrize(
    ("said", "assets"),
    [
        ({}, {"logoUrl": None, "visualStyle": DEFAULT_STYLE, "hero": {"title": "The launch", "ctaText": "Start now"}}),
        (
            {
                "logoUrl": "javascript:alert(1)",
                "visualStyle": {"backgroundColor": "red", "textColor": "#fff", "accentColor": "#C0FFEE"},
                "hero": {"title": "x" * 200, "subtitle": "y" * 300, "ctaText": "  "},
            },
            {
                "logoUrl": None,
                "visualStyle": {**DEFAULT_STYLE, "accentColor": "#C0FFEE"},
                "hero": {"title": "x" * 120, "subtitle": "y" * 220, "ctaText": "Start now"},
            },
        ),
    ],
)
def test_what_a_provider_says_is_held_to_the_rules(said: Json, assets: Json) -> None:
    """What a provider says is held to the event's own rules: a colour that is none becomes the default one, an address
    that is no http(s) one null, a text is cut to Hero's limits, and an empty one is the fallback's."""
    with fake_provider(a_right_response(**{"hero": {}, "visualStyle": {}, "logoUrl": None, **said})) as provider:
        item = generated(provider)["item"]
    assert item["strategy"] == "provider"
    hero = {"subtitle": PROMPT[:80], **assets["hero"]}
    assert item["assets"] == {**assets, "hero": hero}


def test_gemini_is_the_default_provider(admin: httpx.Client) -> None:
    """`gemini` is the default provider; without its key the fallback is used."""
    with fake_provider(a_right_response("gemini")) as provider:
        assert generated(provider)["item"]["provider"] == "gemini"
    body = generate(admin, new_event(admin)).json()
    assert body["item"]["meta"]["fallbackReason"] == "gemini: this installation has no key for it"


def test_another_provider_is_asked_by_its_name() -> None:
    """Either is written to the event: hero, visualStyle, logoUrl, brandingProvider (the provider, or `fallback`)"""
    with fake_provider(looking("openai", '{"hero": {"title": "Bread"}}')) as provider:
        item = generated(provider, "openai", provider="openai")["item"]
    assert (item["provider"], item["event"]["brandingProvider"]) == ("openai", "openai")


def test_an_unknown_provider_is_refused(admin: httpx.Client) -> None:
    """An unknown provider is 400 BRANDING_PROVIDER_INVALID."""
    event = new_event(admin)
    details = {"formErrors": [], "fieldErrors": {"provider": ["must be one of gemini, openai"]}}
    for name in ("dalle", "fallback"):
        assert parsed(generate(admin, event, provider=name)) == refusal(
            400, "BRANDING_PROVIDER_INVALID", "There is no such provider of looks", details=details
        )
    assert parsed(admin.get(f"/api/events/{event['id']}")) == (200, {"item": event})


def test_an_event_that_was_changed_meanwhile_is_not_overwritten() -> None:
    """An event that was changed meanwhile is 409 (PRECONDITION_FAILED's words): nothing is overwritten."""
    opened = threading.Event()

    def late(send: Callable[[bytes], None], wait: Callable[[], None]) -> None:
        opened.wait(60)
        a_right_response()(send, wait)

    with fake_provider(late) as provider, content_with(provider.generator()) as (client, store):

        def change(_is_done: Callable[[], bool]) -> None:
            until(lambda: bool(provider.received), "the provider is asked")
            event = store.events.get("event-1")
            store.events.save(changed_event(event, event_changes(title="By hand")(event), event.updated_at))
            opened.set()

        path, body = "/api/events/event-1/branding/generate", {"prompt": PROMPT}
        response = client.send_during(change, "POST", path, access_token(), json=body)
        event = client.admin("GET", "/api/events/event-1").document["item"]
    text = "It has been changed since: read it again, then repeat the change with its new ETag"
    assert response == refusal(409, "PRECONDITION_FAILED", text)
    assert (event["title"], event["hero"]["title"], event["brandingProvider"]) == ("By hand", "Learn", None)
