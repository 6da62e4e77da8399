"""gateway.guesses: how many wrong access keys are judged, whose they are counted as, and who goes on all the same."""

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

from gateway.guesses import AT_ONCE, Guesses, carries_key
from gateway.limiter import Counts, store_at
from gateway.upstream import Answer, Sent, answer_with
from services.content.schemas.learners import AccessRequest
from services.kit.core.errors import TooManyRequests, Unavailable, ValidationFailed
from services.kit.web.schemas import validated
from tests.gateway.door import REQUEST_ID, Door, error
from tests.valkey import Valkey

HOUR_MS = 3_600_000
INSIDE = "/internal/public/events/launch"
GUESS = {"eventAccessKey": "a canary guess"}
BEARER = {"Authorization": "Bearer a.b.c"}
REFUSED = {
    "error": "RATE_LIMITED",
    "message": "Too many wrong access keys; try again later",
    "requestId": "request-1",
}
EVENT_CLOSED = error("EVENT_ACCESS_DENIED", status="blocked_private")
LESSON_CLOSED = error("LESSON_ACCESS_DENIED", status="blocked_private")
CHECKED = {"authorized": False, "status": "blocked_private", "message": "Private event access is required"}

LESSON = "/api/public/events/launch/lessons/opening"
# Each public address that takes a key, what content is asked for it, and what it says of a wrong key.
ROUTES: dict[str, tuple[str, Any, int]] = {
    "/api/events/launch/access": (f"{INSIDE}/access", EVENT_CLOSED, 403),
    "/api/public/events/launch/catalog": (f"{INSIDE}/catalog", EVENT_CLOSED, 403),
    f"{LESSON}/access-check": (f"{INSIDE}/lessons/opening/access-check", CHECKED, 200),
    f"{LESSON}/playback": (f"{INSIDE}/lessons/opening/playback", LESSON_CLOSED, 403),
    f"{LESSON}/materials": (f"{INSIDE}/lessons/opening/materials", LESSON_CLOSED, 403),
    f"{LESSON}/quiz": (f"{INSIDE}/lessons/opening/admission", LESSON_CLOSED, 403),
    f"{LESSON}/quiz/submit": (f"{INSIDE}/lessons/opening/admission", LESSON_CLOSED, 403),
}
CATALOG = "/api/public/events/launch/catalog"


@contextmanager
def opened(most: int = 3, of_event: int = 1000, **variables: str) -> Iterator[Door]:
    """A gateway that lets so many wrong keys be judged in an hour, before a content that finds every key wrong."""
    bounds = {"ACCESS_KEY_GUESSES_MAX": str(most), "ACCESS_KEY_GUESSES_OF_EVENT_MAX": str(of_event)}
    door = Door({**bounds, "ACCESS_KEY_GUESSES_WINDOW_MS": str(HOUR_MS), **variables})
    for target, document, status in ROUTES.values():
        door.content.answers(f"POST {target}", document, status)
    try:
        yield door
    finally:
        door.close()


def guess(
    door: Door, address: str = CATALOG, *, headers: dict[str, str] | None = None, **options: Any
) -> httpx.Response:
    """The answer to a key, a wrong one unless there is another body."""
    return door.send("POST", address, headers={**REQUEST_ID, **(headers or {})}, **{"json": GUESS, **options})


def statuses(door: Door, count: int, **options: Any) -> list[int]:
    """How so many guesses one after the other are answered."""
    return [guess(door, **options).status_code for _ in range(count)]


def catalog_opens(door: Door) -> None:
    """From now on content finds the key right."""
    door.content.answers(f"POST {INSIDE}/catalog", {"catalog": {"items": []}})


@pytest.mark.parametrize("address", ROUTES)
def test_over_the_bound_no_key_is_judged_and_the_guesser_hears_when_to_come_back(address: str) -> None:
    target, document, status = ROUTES[address]
    with opened() as door:
        heard = [guess(door, address) for _ in range(3)]
        refused = guess(door, address)

        assert [(each.status_code, each.json()) for each in heard] == [(status, document)] * 3
        assert (refused.status_code, refused.json()) == (429, REFUSED)
        assert 3500 < int(refused.headers["Retry-After"]) <= 3600
        assert door.asked == [f"POST {target}"] * 3
        # Nothing was evaluated.
        assert [(each["event"], each["eventSlug"]) for each in door.lines] == [("access_key_guesses_refused", "launch")]
        assert "canary" not in door.everything_logged


def test_guesses_are_counted_together_wherever_they_are_made() -> None:
    with opened(most=len(ROUTES)) as door:
        heard = [guess(door, address).status_code for address in ROUTES]
        refused = [guess(door, address).status_code for address in ROUTES]

        assert heard == [status for _, _, status in ROUTES.values()]
        assert refused == [429] * len(ROUTES)


def test_another_client_and_another_event_have_counts_of_their_own() -> None:
    with opened(most=1) as door:
        door.content.answers("POST /internal/public/events/other/catalog", EVENT_CLOSED, 403)
        peers = ["192.0.2.1", "192.0.2.1", "192.0.2.2", "2001:db8::1", "2001:db8::2", "2001:db8:0:1::1"]

        # Of an IPv6 network whoever has it has every address.
        assert [guess(door, peer=peer).status_code for peer in peers] == [403, 429, 403, 403, 429, 403]
        assert statuses(door, 2, address="/api/public/events/other/catalog") == [403, 429]


def test_many_clients_together_have_a_bound_too() -> None:
    with opened(most=2, of_event=5) as door:
        heard = [guess(door, peer=f"192.0.2.{number}").status_code for number in range(5)]
        refused = guess(door, peer="192.0.2.9")

        assert heard == [403] * 5
        assert (refused.status_code, refused.json()) == (429, REFUSED)
        assert 3500 < int(refused.headers["Retry-After"]) <= 3600
        assert len(door.asked) == 5


def test_others_guesses_do_not_shut_out_who_was_let_in_before() -> None:
    with opened(most=2, of_event=3) as door:
        catalog_opens(door)
        assert guess(door, peer="198.51.100.1").status_code == 200
        door.content.answers(f"POST {INSIDE}/catalog", EVENT_CLOSED, 403)
        assert [guess(door, peer=f"192.0.2.{number}").status_code for number in range(4)] == [403, 403, 403, 429]
        # Who was in has its own guesses left, and no more.
        assert statuses(door, 3, peer="198.51.100.1") == [403, 403, 429]
        catalog_opens(door)
        assert [guess(door, peer=peer).status_code for peer in ("198.51.100.1", "198.51.100.2")] == [429, 429]


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"content": b""},
        {"json": {}},
        {"json": {"answers": []}},
        {"json": {"eventaccesskey": "let-me-in"}},
        {"json": {"eventAccessKey": None}},
        {"json": ["eventAccessKey"]},
        {"json": {"nested": GUESS}},
        {"content": b"{"},
        {"content": b"\xff"},
    ],
    ids=str,
)
def test_what_carries_no_key_is_neither_counted_nor_refused(body: dict[str, Any]) -> None:
    with opened(most=1) as door:
        assert [door.send("POST", CATALOG, **body).status_code for _ in range(3)] == [403] * 3
        assert statuses(door, 2) == [403, 429]
        assert door.send("POST", CATALOG, **body).status_code == 403


@pytest.mark.parametrize(
    "body", [b'{"event\\u0041ccessKey":"a guess"}', b' {"eventAccessKey" :"a","eventAccessKey":"b"}']
)
def test_no_spelling_of_a_key_goes_uncounted(body: bytes) -> None:
    with opened(most=1) as door:
        headers = {"Content-Type": "application/json"}
        assert [guess(door, json=None, content=body, headers=headers).status_code for _ in range(2)] == [403, 429]


NAMES = st.sampled_from(["eventAccessKey", "event\\u0041ccessKey", "eventaccesskey", "event_access_key"])
VALUES = st.sampled_from(['"let-me-in"', '" let-me-in "', '"l\\u0065t-me-in"', '"short"', "null", "7", '["let-me-in"]'])
MEMBERS = st.lists(st.tuples(NAMES, VALUES).map(lambda member: '"{}": {}'.format(*member)), max_size=3)
BODIES = MEMBERS.map(lambda members: f"{{{', '.join(members)}}}".encode()) | st.binary(max_size=20)


@given(BODIES, st.sampled_from([b"", b" \n", b"\xef\xbb\xbf"]))
def test_whatever_content_reads_as_a_key_is_one_here(body: bytes, before: bytes) -> None:
    try:
        key = validated(AccessRequest, orjson.loads(before + body)).event_access_key
    except (orjson.JSONDecodeError, ValidationFailed):
        return
    assert carries_key(before + body) == (key is not None)


def test_a_right_key_is_never_counted() -> None:
    with opened(most=1) as door:
        catalog_opens(door)
        assert statuses(door, 5) == [200] * 5
        door.content.answers(f"POST {INSIDE}/catalog", EVENT_CLOSED, 403)
        assert statuses(door, 2) == [403, 429]


@pytest.mark.parametrize(
    ("document", "status"),
    [
        (error("LESSON_ACCESS_DENIED", status="locked"), 403),
        (error("EVENT_NOT_FOUND"), 404),
        (error("VALIDATION_ERROR"), 400),
        (error("UPSTREAM_UNAVAILABLE"), 503),
        ({"event": {"title": "blocked_private"}}, 200),
    ],
)
def test_only_an_answer_that_says_that_the_key_is_wrong_is_counted(document: Any, status: int) -> None:
    with opened(most=1) as door:
        door.content.answers(f"POST {INSIDE}/catalog", document, status)
        assert statuses(door, 4) == [status] * 4


def test_a_guess_that_content_does_not_answer_is_not_counted() -> None:
    with opened(most=1) as door:
        door.content.fails(f"POST {INSIDE}/catalog", httpx.ConnectError("refused"))
        assert statuses(door, 3) == [503] * 3


def test_who_comes_with_a_grant_alone_goes_on_when_the_address_may_guess_no_more() -> None:
    with opened(most=1) as door:
        assert statuses(door, 2) == [403, 429]
        catalog_opens(door)
        assert [guess(door, json={}, headers=BEARER).status_code for _ in range(3)] == [200] * 3
        # A key that comes along is a key that would be judged.
        assert guess(door, headers=BEARER).status_code == 429


def test_a_wrong_key_beside_what_is_no_grant_is_counted() -> None:
    with opened(most=1) as door:
        assert statuses(door, 2, headers=BEARER) == [403, 429]


def test_a_kept_answer_is_given_again_without_being_counted_and_not_over_the_bound() -> None:
    submit, keyed = f"{LESSON}/quiz/submit", {"Idempotency-Key": "key-1"}
    with opened(most=1) as door:
        door.quiz.answers("POST /internal/replays", {"result": {"passed": True}})
        assert statuses(door, 3, address=submit, headers=keyed) == [200] * 3
        assert statuses(door, 2) == [403, 429]
        assert guess(door, submit, headers=keyed).status_code == 429


def test_the_address_is_the_one_that_our_proxy_was_called_by() -> None:
    with opened(most=1, TRUSTED_PROXIES="1") as door:
        chains = ["203.0.113.1", "203.0.113.9, 203.0.113.1", "203.0.113.2"]
        assert [guess(door, headers={"X-Forwarded-For": chain}).status_code for chain in chains] == [403, 429, 403]


# At once


def sent(key: str, address: str = "192.0.2.1") -> Sent:
    """A key from an address."""
    return Sent("POST", CATALOG, body=orjson.dumps({"eventAccessKey": key}), client_address=address)


class Lock:
    """A content that judges when it is let, and keeps what it has judged."""

    def __init__(self, right_key: str = "right") -> None:
        self.judged: list[str] = []
        self.waiting = 0
        self.may_judge = asyncio.Event()
        self._right_key = right_key

    async def judge(self, key: str) -> Answer:
        """What content answers to a key."""
        self.waiting += 1
        await self.may_judge.wait()
        self.judged.append(key)
        return answer_with({"items": []}) if key == self._right_key else answer_with(EVENT_CLOSED, 403)


async def try_key(guesses: Guesses, lock: Lock, key: str, address: str = "192.0.2.1") -> int:
    """The status of the answer to a key."""
    try:
        return (await guesses.judged("launch", sent(key, address), lambda: lock.judge(key))).status
    except (TooManyRequests, Unavailable) as refusal:
        return refusal.status


async def settled() -> None:
    """Everything that can go on has gone on."""
    for _ in range(200):
        await asyncio.sleep(0)


def quietly(scenario: Any) -> Any:
    """The scenario's result, without its log lines."""
    with capture_logs():
        return asyncio.run(scenario)


def test_of_many_guesses_at_once_no_more_than_the_bound_hear_that_they_are_wrong_and_few_more_are_judged() -> None:
    async def scenario() -> tuple[list[int], list[str]]:
        guesses, lock = Guesses(Counts(), 20, 1000, HOUR_MS), Lock()
        tries = [asyncio.create_task(try_key(guesses, lock, f"guess-{number}")) for number in range(200)]
        await settled()
        assert lock.waiting == AT_ONCE
        lock.may_judge.set()
        return await asyncio.gather(*tries), lock.judged

    heard, judged = quietly(scenario())
    assert (heard.count(403), heard.count(429), len(heard)) == (20, 180, 200)
    assert 20 <= len(judged) < 20 + AT_ONCE


def test_right_keys_at_once_all_open_however_many_they_are() -> None:
    async def scenario() -> list[int]:
        guesses, lock = Guesses(Counts(), 2, 1000, HOUR_MS), Lock()
        tries = [asyncio.create_task(try_key(guesses, lock, "right")) for _ in range(200)]
        lock.may_judge.set()
        return await asyncio.gather(*tries)

    assert quietly(scenario()) == [200] * 200


def test_a_client_that_waits_for_content_holds_up_no_other() -> None:
    async def scenario() -> tuple[int, bool]:
        guesses, stuck, other = Guesses(Counts(), 20, 1000, HOUR_MS), Lock(), Lock()
        waiting = [asyncio.create_task(try_key(guesses, stuck, "right")) for _ in range(20)]
        await settled()
        other.may_judge.set()
        answered = await try_key(guesses, other, "right", "192.0.2.2")
        still_waiting = not any(each.done() for each in waiting)
        stuck.may_judge.set()
        await asyncio.gather(*waiting)
        return answered, still_waiting

    assert quietly(scenario()) == (200, True)


def test_who_hangs_up_gives_its_turn_to_the_next() -> None:
    async def scenario() -> tuple[int, list[str]]:
        guesses, lock = Guesses(Counts(), 20, 1000, HOUR_MS), Lock()
        leaving = [asyncio.create_task(try_key(guesses, lock, f"guess-{number}")) for number in range(3 * AT_ONCE)]
        await settled()
        for each in leaving:
            each.cancel()
        await asyncio.gather(*leaving, return_exceptions=True)
        lock.may_judge.set()
        return await try_key(guesses, lock, "right"), lock.judged

    assert quietly(scenario()) == (200, ["right"])


def test_who_waits_too_long_for_a_turn_is_told_to_come_again() -> None:
    async def scenario() -> tuple[int, int | None]:
        guesses, lock = Guesses(Counts(), 20, 1000, HOUR_MS, turn_seconds=0.01), Lock()
        stuck = [asyncio.create_task(try_key(guesses, lock, "right")) for _ in range(AT_ONCE)]
        await settled()
        with pytest.raises(Unavailable) as refusal:
            await guesses.judged("launch", sent("right"), lambda: lock.judge("right"))
        lock.may_judge.set()
        assert await asyncio.gather(*stuck) == [200] * AT_ONCE
        return await try_key(guesses, lock, "right"), refusal.value.retry_after

    assert quietly(scenario()) == (200, 1)


def test_workers_with_one_store_count_together(valkey: Valkey) -> None:
    async def scenario() -> tuple[list[int], int]:
        stores = [Counts(store_at(valkey.url)) for _ in range(2)]
        workers, lock = [Guesses(counts, 20, 1000, HOUR_MS) for counts in stores], Lock()
        lock.may_judge.set()
        heard = await asyncio.gather(
            *(try_key(worker, lock, f"guess-{number}") for worker in workers for number in range(100))
        )
        for counts in stores:
            await counts.close()
        return heard, len(lock.judged)

    heard, judged = quietly(scenario())
    assert (heard.count(403), heard.count(429)) == (20, 180)
    assert 20 <= judged < 20 + 2 * AT_ONCE
