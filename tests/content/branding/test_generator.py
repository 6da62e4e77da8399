"""Looks from providers on real sockets that are right, slow, failing, lying and endless."""

import asyncio
import gzip
import threading
from collections.abc import Coroutine
from typing import Any, TypeVar

import pytest
import uvloop
from structlog.testing import capture_logs

from services.content.branding.generator import Generator, generator_of
from services.content.branding.providers import Gemini, OpenAICompatible, ProviderFailed
from services.content.branding.rules import Brief, fallback_branding, provider_branding, provider_prompt
from services.content.config import ProviderSettings, read_settings
from services.content.entities import Generation
from services.content.errors import BrandingProviderFailed, BrandingProviderInvalid
from services.kit.core.errors import Unavailable
from tests.content.examples import a_look, an_event
from tests.content.fake_provider import (
    KEY,
    Behaviour,
    a_right_response,
    closing,
    dripping,
    endless,
    fake_provider,
    looking,
    responding,
    silent,
)
from tests.matching import Matching
from tests.ports import free_port

EVENT = an_event()
BRIEF = Brief("Bread for beginners, warm and rustic", None)
FALLBACK = fallback_branding(EVENT, BRIEF)
KINDS = ("gemini", "openai")
NO_LOOK = "its response is not a look in the form that was asked for"
NOT_JSON = "its response is not JSON"
LONG = "its response is longer than 256 KiB"
BROKEN: Any = Matching(r"\w+: the connection to it failed \(\w+\)")

Result = TypeVar("Result")


def run(coroutine: Coroutine[Any, Any, Result]) -> Result:
    """Run it under the event loop of a deployment."""
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        return runner.run(coroutine)


def generated(generator: Generator, kind: str = "gemini", *, fallback_on_error: bool = True) -> Generation:
    return run(generator.generate(EVENT, BRIEF, kind, fallback_on_error=fallback_on_error))


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("wrapping", ["{}", "Here it is:\n```json\n{}\n```"])
def test_a_right_response_becomes_the_look(kind: str, wrapping: str, monkeypatch: pytest.MonkeyPatch) -> None:
    # No proxy of the environment may see the key.
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, f"http://127.0.0.1:{free_port()}")
    text = '{"hero": {"title": "Bread", "subtitle": "In a week"}, "visualStyle": {"textColor": "#fff"}}'
    with fake_provider(looking(kind, wrapping.replace("{}", text))) as provider:
        made = generated(provider.generator(kind), kind)
    expected = provider_branding({"hero": {"title": "Bread", "subtitle": "In a week"}}, kind, FALLBACK)
    assert made == Generation(
        branding=expected, strategy="provider", attempts=1, duration_ms=made.duration_ms, fallback_reason=None
    )
    assert made.duration_ms >= 0


def test_gemini_is_asked_as_its_api_wants_it() -> None:
    with fake_provider(a_right_response("gemini")) as provider:
        generated(provider.generator("gemini"))
        (request,) = provider.received
    assert request.line == "POST /v1beta/models/model-1:generateContent HTTP/1.1"
    assert request.headers["x-goog-api-key"] == KEY
    assert "authorization" not in request.headers
    assert request.document == {
        "contents": [{"role": "user", "parts": [{"text": provider_prompt(EVENT, BRIEF)}]}],
        "generationConfig": {"responseMimeType": "application/json"},
    }


def test_an_openai_compatible_server_is_asked_as_its_api_wants_it() -> None:
    with fake_provider(a_right_response("openai")) as provider:
        generated(provider.generator("openai"), "openai")
        (request,) = provider.received
    assert request.line == "POST /chat/completions HTTP/1.1"
    assert request.headers["authorization"] == f"Bearer {KEY}"
    assert request.document == {
        "model": "model-1",
        "messages": [{"role": "user", "content": provider_prompt(EVENT, BRIEF)}],
        "response_format": {"type": "json_object"},
    }


def test_the_thoughts_of_a_model_are_left_out() -> None:
    parts = b'[{"text": "{ hm", "thought": true}, {"text": "{\\"hero\\": {\\"title\\""}, {"text": ": \\"Bread\\"}}"}]'
    with fake_provider(responding(b'{"candidates": [{"content": {"parts": ' + parts + b"}}]}")) as provider:
        assert generated(provider.generator()).branding.hero_title == "Bread"


BAD: list[tuple[str, Behaviour, str]] = [
    ("an error", responding(b"{}", 500), "it responded with status 500"),
    ("too many requests", responding(b"{}", 429, Retry_After="1"), "it responded with status 429"),
    ("a wrong key", responding(b'{"error": "key-of-the-provider"}', 401), "it responded with status 401"),
    ("a redirect", responding(b"", 307, Location="http://127.0.0.1:1/"), "it responded with status 307"),
    ("HTML", responding(b"<!doctype html><h1>Hello</h1>", Content_Type="text/html"), NOT_JSON),
    ("nothing", responding(b""), NOT_JSON),
    ("compressed", responding(gzip.compress(b" " * 10_000_000), Content_Encoding="gzip"), NOT_JSON),
    ("null", responding(b"null"), NO_LOOK),
    ("a list", responding(b"[]"), NO_LOOK),
    ("other JSON", responding(b'{"candidates": [], "choices": [{}]}'), NO_LOOK),
    ("very deep", responding(b"[" * 100_000), NOT_JSON),
    ("too long", responding(b" " * 300_000), LONG),
    ("endless", endless, LONG),
]
SAID = [None, 7, "", "Sorry, no.", "}{", "{]}", "[1]", '{"hello": 1}', '{"hero": null}', "{" * 9000 + "}"]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(("behaviour", "reason"), [each[1:] for each in BAD], ids=[each[0] for each in BAD])
def test_a_bad_response_three_times_ends_in_the_fallback(kind: str, behaviour: Behaviour, reason: str) -> None:
    with fake_provider(behaviour) as provider:
        made = generated(provider.generator(kind), kind)
        assert len(provider.received) == 3
    assert made == Generation(
        branding=FALLBACK,
        strategy="fallback",
        attempts=3,
        duration_ms=made.duration_ms,
        fallback_reason=f"{kind}: {reason}",
    )


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("said", SAID)
def test_what_a_model_says_that_is_no_look_is_refused(kind: str, said: object) -> None:
    with fake_provider(looking(kind, said)) as provider, pytest.raises(ProviderFailed) as raised:
        run(provider.of_kind(kind).look("a prompt"))
    assert str(raised.value) == NO_LOOK


@pytest.mark.parametrize("behaviour", [silent, dripping])
def test_a_slow_provider_is_left_at_its_deadline(behaviour: Behaviour) -> None:
    with fake_provider(behaviour) as provider:
        made = generated(provider.generator(deadline_seconds=0.2))
        # None may have reached it on a loaded machine.
        assert len(provider.received) <= 3
    assert (made.attempts, made.fallback_reason) == (3, "gemini: no response within 0.2 s")


def test_a_provider_that_cannot_be_reached_ends_in_the_fallback() -> None:
    nobody = Gemini(ProviderSettings(f"http://127.0.0.1:{free_port()}", "model-1", KEY))
    made = generated(Generator({"gemini": nobody}, pause_seconds=0))
    assert (made.attempts, made.fallback_reason) == (3, BROKEN)


def test_a_later_try_may_succeed() -> None:
    with fake_provider(closing, responding(b"", 503), a_right_response()) as provider:
        made = generated(provider.generator())
    assert (made.strategy, made.attempts, made.fallback_reason) == ("provider", 3, None)
    assert made.branding == provider_branding(a_look(), "gemini", FALLBACK)


def test_without_a_fallback_each_try_has_its_error() -> None:
    with (
        fake_provider(closing, responding(b"", 503), responding(b"[]")) as provider,
        pytest.raises(BrandingProviderFailed) as raised,
    ):
        generated(provider.generator(), fallback_on_error=False)
    errors = [BROKEN, "gemini: it responded with status 503", f"gemini: {NO_LOOK}"]
    assert raised.value.extra == {"details": {"errors": errors}}


def test_the_pause_grows_by_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    pauses: list[float] = []

    async def sleep(seconds: float) -> None:
        pauses.append(seconds)

    monkeypatch.setattr(asyncio, "sleep", sleep)
    with fake_provider(responding(b"", 500)) as provider:
        generated(Generator({"gemini": provider.of_kind("gemini")}))
    assert pauses == [0.25, 0.5]


def test_a_provider_without_a_key_counts_as_one_failed_try() -> None:
    generator = generator_of(read_settings({}))
    for kind in KINDS:
        made = generated(generator, kind)
        reason = f"{kind}: this installation has no key for it"
        assert (made.branding, made.attempts, made.fallback_reason) == (FALLBACK, 1, reason)
        with pytest.raises(BrandingProviderFailed) as raised:
            generated(generator, kind, fallback_on_error=False)
        assert raised.value.extra == {"details": {"errors": [reason]}}


def test_providers_are_those_of_the_settings() -> None:
    generator = generator_of(read_settings({}))
    generator.require_provider("gemini")
    generator.require_provider("openai")
    with pytest.raises(BrandingProviderInvalid) as raised:
        generator.require_provider("fallback")
    assert raised.value.extra["details"] == {
        "formErrors": [],
        "fieldErrors": {"provider": ["must be one of gemini, openai"]},
    }


def test_over_the_bound_a_generation_is_refused_and_the_others_end() -> None:
    both_wait, go_on = threading.Barrier(3), threading.Event()

    def held(send: Any, wait: Any) -> None:
        both_wait.wait(60)
        go_on.wait(60)
        a_right_response()(send, wait)

    async def three(generator: Generator) -> list[Any]:
        def start() -> Coroutine[Any, Any, Generation]:
            return generator.generate(EVENT, BRIEF, "gemini", fallback_on_error=True)

        async with asyncio.TaskGroup() as group:
            running = [group.create_task(start()) for _ in range(2)]
            await asyncio.to_thread(both_wait.wait, 60)
            with pytest.raises(Unavailable) as raised:
                await start()
            go_on.set()
        both_wait.reset()
        return [*(task.result().strategy for task in running), raised.value.retry_after, (await start()).strategy]

    with fake_provider(held, held, a_right_response()) as provider:
        results = run(three(provider.generator(places=2)))
    assert results == ["provider", "provider", 5, "provider"]


def test_no_key_and_no_prompt_is_logged() -> None:
    lying = responding(f'{{"error": "{KEY} {BRIEF.prompt}"}}'.encode(), 401)
    with capture_logs() as lines, fake_provider(lying, closing, a_right_response()) as provider:
        generated(provider.generator())
    assert [line["event"] for line in lines] == ["branding_try_failed", "branding_try_failed", "branding_generated"]
    assert KEY not in str(lines)
    assert BRIEF.prompt not in str(lines)


def test_a_key_is_not_in_the_text_of_its_settings() -> None:
    settings = read_settings({"BRANDING_GEMINI_API_KEY": KEY, "BRANDING_OPENAI_API_KEY": KEY})
    for provider in (Gemini(settings.gemini), OpenAICompatible(settings.openai), settings):
        assert KEY not in repr(provider)
