"""gateway.guesses: how many wrong access keys are checked, and whose they are counted as."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import httpx
import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st
from structlog.testing import capture_logs

from gateway.guesses import CONCURRENT_CHECKS, Guesses, carries_key
from gateway.limiter import Counts
from gateway.upstream import UpstreamRequest, UpstreamResponse, json_response
from services.content.schemas.learners import AccessRequest
from services.kit.core.errors import TooManyRequests, Unavailable, ValidationFailed
from services.kit.web.schemas import validated
from tests.gateway.fakes import Gateway, gateway_with, own_error, parsed, service_error

HOUR_MS = 3_600_000
TARGET = "/internal/public/events/launch"
GUESS = {"eventAccessKey": "a canary guess"}
BEARER = {"Authorization": "Bearer a.b.c"}
REFUSED = own_error("RATE_LIMITED", "Too many wrong access keys; try again later")
EVENT_CLOSED = service_error("EVENT_ACCESS_DENIED", status="blocked_private")
LESSON_CLOSED = service_error("LESSON_ACCESS_DENIED", status="blocked_private")
CHECKED = {"authorized": False, "status": "blocked_private", "message": "Private event access is required"}

CATALOG = "/api/public/events/launch/catalog"
LESSON = "/api/public/events/launch/lessons/opening"
# Each public address that takes a key, its target at content, and content's response to a wrong key.
ROUTES: dict[str, tuple[str, Any, int]] = {
    "/api/events/launch/access": (f"{TARGET}/access", EVENT_CLOSED, 403),
    CATALOG: (f"{TARGET}/catalog", EVENT_CLOSED, 403),
    f"{LESSON}/access-check": (f"{TARGET}/lessons/opening/access-check", CHECKED, 200),
    f"{LESSON}/playback": (f"{TARGET}/lessons/opening/playback", LESSON_CLOSED, 403),
    f"{LESSON}/materials": (f"{TARGET}/lessons/opening/materials", LESSON_CLOSED, 403),
    f"{LESSON}/quiz": (f"{TARGET}/lessons/opening/admission", LESSON_CLOSED, 403),
    f"{LESSON}/quiz/submit": (f"{TARGET}/lessons/opening/admission", LESSON_CLOSED, 403),
}


@contextmanager
def limited(per_client: int = 1, per_event: int = 1000, **variables: str) -> Iterator[Gateway]:
    """Open a gateway with these limits in an hour, over a content that finds every key wrong."""
    limits = {"ACCESS_KEY_GUESSES_MAX": str(per_client), "ACCESS_KEY_GUESSES_OF_EVENT_MAX": str(per_event)}
    with gateway_with(**limits, ACCESS_KEY_GUESSES_WINDOW_MS=str(HOUR_MS), **variables) as gateway:
        for target, document, status in ROUTES.values():
            gateway.content.responds(f"POST {target}", document, status)
        yield gateway


def guesses(gateway: Gateway, count: int, address: str = CATALOG, **options: Any) -> list[int]:
    """Send the same key several times and return the statuses."""
    return gateway.statuses(count, "POST", address, **{"json": GUESS, **options})


def key_is(gateway: Gateway, right: bool) -> None:
    """Let content find every key of the catalog right or wrong."""
    gateway.content.responds(f"POST {TARGET}/catalog", *(({"items": []}, 200) if right else (EVENT_CLOSED, 403)))


@pytest.mark.parametrize("address", ROUTES)
def test_over_the_limit_no_key_is_checked(address: str) -> None:
    target, document, status = ROUTES[address]
    with limited(per_client=3) as gateway:
        responses = [gateway.send("POST", address, json=GUESS) for _ in range(4)]

        assert [parsed(response) for response in responses] == [(status, document)] * 3 + [(429, REFUSED)]
        assert 3500 < int(responses[3].headers["Retry-After"]) <= 3600
        assert gateway.targets == [f"POST {target}"] * 3
        assert [(line["event"], line["eventSlug"]) for line in gateway.lines] == [
            ("access_key_guesses_refused", "launch")
        ]
        assert "canary" not in gateway.log


def test_guesses_at_all_addresses_of_an_event_are_counted_together() -> None:
    with limited(per_client=len(ROUTES)) as gateway:
        assert [guesses(gateway, 1, address)[0] for address in ROUTES] == [status for _, _, status in ROUTES.values()]
        assert [guesses(gateway, 1, address)[0] for address in ROUTES] == [429] * len(ROUTES)


def test_another_client_and_another_event_have_their_own_counts() -> None:
    with limited() as gateway:
        gateway.content.responds("POST /internal/public/events/other/catalog", EVENT_CLOSED, 403)
        # An IPv6 network of 64 bits is one client.
        peers = ["192.0.2.1", "192.0.2.1", "192.0.2.2", "2001:db8::1", "2001:db8::2", "2001:db8:0:1::1"]

        assert [guesses(gateway, 1, peer=peer)[0] for peer in peers] == [403, 429, 403, 403, 429, 403]
        assert guesses(gateway, 2, "/api/public/events/other/catalog") == [403, 429]


def test_many_clients_together_have_a_limit_but_not_those_admitted_before() -> None:
    with limited(per_client=2, per_event=3) as gateway:
        key_is(gateway, right=True)
        assert guesses(gateway, 1, peer="198.51.100.1") == [200]
        key_is(gateway, right=False)
        assert [guesses(gateway, 1, peer=f"192.0.2.{each}")[0] for each in range(4)] == [403, 403, 403, 429]
        # The admitted client has its own guesses left and no more.
        assert guesses(gateway, 3, peer="198.51.100.1") == [403, 403, 429]
        key_is(gateway, right=True)
        assert [guesses(gateway, 1, peer=peer)[0] for peer in ("198.51.100.1", "198.51.100.2")] == [429, 429]


NO_KEYS: list[dict[str, Any]] = [
    *({}, {"content": b""}, {"json": {}}, {"json": {"answers": []}}, {"json": {"eventaccesskey": "let-me-in"}}),
    *({"json": {"eventAccessKey": None}}, {"json": ["eventAccessKey"]}, {"json": {"nested": GUESS}}),
    *({"content": b"{"}, {"content": b"\xff"}),
]


@pytest.mark.parametrize("body", NO_KEYS, ids=str)
def test_a_request_without_a_key_is_neither_counted_nor_refused(body: dict[str, Any]) -> None:
    with limited() as gateway:
        assert gateway.statuses(3, "POST", CATALOG, **body) == [403] * 3
        assert guesses(gateway, 2) == [403, 429]
        assert gateway.statuses(1, "POST", CATALOG, **body) == [403]


@pytest.mark.parametrize(
    "body", [b'{"event\\u0041ccessKey":"a guess"}', b' {"eventAccessKey" :"a","eventAccessKey":"b"}']
)
def test_every_spelling_of_a_key_is_counted(body: bytes) -> None:
    with limited() as gateway:
        headers = {"Content-Type": "application/json"}
        assert guesses(gateway, 2, json=None, content=body, headers=headers) == [403, 429]


NAMES = st.sampled_from(["eventAccessKey", "event\\u0041ccessKey", "eventaccesskey", "event_access_key"])
VALUES = st.sampled_from(['"let-me-in"', '" let-me-in "', '"l\\u0065t-me-in"', '"short"', "null", "7", '["let-me-in"]'])
MEMBERS = st.lists(st.tuples(NAMES, VALUES).map(lambda member: '"{}": {}'.format(*member)), max_size=3)
BODIES = MEMBERS.map(lambda members: f"{{{', '.join(members)}}}".encode()) | st.binary(max_size=20)


@given(BODIES, st.sampled_from([b"", b" \n", b"\xef\xbb\xbf"]))
def test_what_content_reads_as_a_key_is_one_for_the_gateway(body: bytes, before: bytes) -> None:
    try:
        key = validated(AccessRequest, orjson.loads(before + body)).event_access_key
    except (orjson.JSONDecodeError, ValidationFailed):
        return
    assert carries_key(before + body) == (key is not None)


@pytest.mark.parametrize(
    ("document", "status"),
    [
        ({"items": []}, 200),
        (service_error("LESSON_ACCESS_DENIED", status="locked"), 403),
        (service_error("EVENT_NOT_FOUND"), 404),
        (service_error("VALIDATION_ERROR"), 400),
        (service_error("UPSTREAM_UNAVAILABLE"), 503),
        ({"event": {"title": "blocked_private"}}, 200),
    ],
)
def test_only_a_response_about_a_wrong_key_is_counted(document: Any, status: int) -> None:
    with limited() as gateway:
        gateway.content.responds(f"POST {TARGET}/catalog", document, status)
        assert guesses(gateway, 4) == [status] * 4
        key_is(gateway, right=False)
        assert guesses(gateway, 2) == [403, 429]


def test_a_guess_without_a_response_is_not_counted() -> None:
    with limited() as gateway:
        gateway.content.fails(f"POST {TARGET}/catalog", httpx.ConnectError("refused"))
        assert guesses(gateway, 3) == [503] * 3


def test_a_grant_alone_is_not_refused_over_the_limit() -> None:
    with limited() as gateway:
        # A wrong key beside it is counted.
        assert guesses(gateway, 2, headers=BEARER) == [403, 429]
        key_is(gateway, right=True)
        assert guesses(gateway, 3, json={}, headers=BEARER) == [200] * 3
        assert guesses(gateway, 1, headers=BEARER) == [429]


def test_a_replay_is_not_counted_and_is_refused_over_the_limit() -> None:
    submit, keyed = f"{LESSON}/quiz/submit", {"Idempotency-Key": "key-1"}
    with limited() as gateway:
        gateway.quiz.responds("POST /internal/replays", {"result": {"passed": True}})
        assert guesses(gateway, 3, submit, headers=keyed) == [200] * 3
        assert guesses(gateway, 2) == [403, 429]
        assert guesses(gateway, 1, submit, headers=keyed) == [429]


# Concurrent guesses


class FakeContent:
    """A content that waits before it checks keys, and records them."""

    def __init__(self) -> None:
        self.checked: list[str] = []
        self.waiting = 0
        self.may_respond = asyncio.Event()

    async def check(self, key: str) -> UpstreamResponse:
        self.waiting += 1
        await self.may_respond.wait()
        self.checked.append(key)
        return json_response({"items": []}) if key == "right" else json_response(EVENT_CLOSED, 403)


async def send_key(guesses: Guesses, content: FakeContent, key: str, address: str = "192.0.2.1") -> int:
    """Return the status of the response to a key."""
    body = orjson.dumps({"eventAccessKey": key})
    request = UpstreamRequest("POST", CATALOG, body=body, client_address=address)
    try:
        return (await guesses.judge("launch", request, lambda: content.check(key))).status
    except (TooManyRequests, Unavailable) as refusal:
        return refusal.status


def sending(guesses: Guesses, content: FakeContent, keys: list[str]) -> list[asyncio.Task[int]]:
    return [asyncio.create_task(send_key(guesses, content, key)) for key in keys]


async def settle() -> None:
    for _ in range(200):
        await asyncio.sleep(0)


def run(scenario: Any) -> Any:
    """Return the scenario's result, without its log lines."""
    with capture_logs():
        return asyncio.run(scenario)


WRONG = [f"guess-{number}" for number in range(200)]


def test_concurrent_guesses_exceed_the_limit_by_few_checks_and_no_response() -> None:
    async def scenario() -> tuple[list[int], list[str]]:
        content = FakeContent()
        tasks = sending(Guesses(Counts(), 20, 1000, HOUR_MS), content, WRONG)
        await settle()
        assert content.waiting == CONCURRENT_CHECKS
        content.may_respond.set()
        return await asyncio.gather(*tasks), content.checked

    statuses, checked = run(scenario())
    assert (statuses.count(403), statuses.count(429)) == (20, 180)
    assert 20 <= len(checked) < 20 + CONCURRENT_CHECKS


def test_concurrent_right_keys_all_open() -> None:
    async def scenario() -> list[int]:
        content = FakeContent()
        content.may_respond.set()
        return await asyncio.gather(*sending(Guesses(Counts(), 2, 1000, HOUR_MS), content, ["right"] * 200))

    assert run(scenario()) == [200] * 200


def test_a_client_that_waits_does_not_delay_another() -> None:
    async def scenario() -> tuple[int, bool]:
        guesses, stuck, other = Guesses(Counts(), 20, 1000, HOUR_MS), FakeContent(), FakeContent()
        waiting = sending(guesses, stuck, ["right"] * 20)
        await settle()
        other.may_respond.set()
        status = await send_key(guesses, other, "right", "192.0.2.2")
        still_waiting = not any(task.done() for task in waiting)
        stuck.may_respond.set()
        await asyncio.gather(*waiting)
        return status, still_waiting

    assert run(scenario()) == (200, True)


def test_a_client_that_leaves_passes_its_turn_on() -> None:
    async def scenario() -> tuple[int, list[str]]:
        guesses, content = Guesses(Counts(), 20, 1000, HOUR_MS), FakeContent()
        leaving = sending(guesses, content, WRONG[: 3 * CONCURRENT_CHECKS])
        await settle()
        for task in leaving:
            task.cancel()
        await asyncio.gather(*leaving, return_exceptions=True)
        content.may_respond.set()
        return await send_key(guesses, content, "right"), content.checked

    assert run(scenario()) == (200, ["right"])


def test_waiting_too_long_for_a_turn_is_unavailable() -> None:
    async def scenario() -> tuple[int, list[int], int]:
        guesses, content = Guesses(Counts(), 20, 1000, HOUR_MS, turn_seconds=0.01), FakeContent()
        stuck = sending(guesses, content, ["right"] * CONCURRENT_CHECKS)
        await settle()
        refused = await send_key(guesses, content, "right")
        content.may_respond.set()
        return refused, await asyncio.gather(*stuck), await send_key(guesses, content, "right")

    assert run(scenario()) == (503, [200] * CONCURRENT_CHECKS, 200)
