"""gateway.limiter: hits counted in memory and in a real Valkey, which is stopped, frozen and emptied meanwhile."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager, closing
from itertools import count
from typing import Any

import pytest
import uvloop
from hypothesis import given
from hypothesis import strategies as some
from structlog.testing import capture_logs

from gateway.limiter import (
    LEAST_ROOM,
    MOST_NAMES,
    RETRY_SECONDS,
    STORE_CONNECTIONS,
    Counts,
    Memory,
    Throttle,
    network,
    store_at,
)
from tests.resetting import resetting
from tests.valkey import Valkey, running_valkey

HOUR = 3600
HITS = 600
AT_ONCE = 6
UNAVAILABLE = "rate_limit_store_unavailable"
AVAILABLE = "rate_limit_store_available"


class Clock:
    """Stands still until a test moves it."""

    def __init__(self) -> None:
        self.seconds = 1_000.0

    def __call__(self) -> float:
        return self.seconds


@asynccontextmanager
async def counting(url: str, clock: Callable[[], float] = time.monotonic) -> AsyncIterator[Counts]:
    """The counts of a worker with that store, whose connections are closed afterwards."""
    counts = Counts(store_at(url), clock)
    try:
        yield counts
    finally:
        await counts.close()


def events(scenario: Coroutine[Any, Any, None]) -> list[str]:
    """What the scenario logs."""
    with capture_logs() as lines:
        asyncio.run(scenario)
    return [line["event"] for line in lines]


async def within_limit(throttle: Throttle, hits: int, *name: str) -> list[bool]:
    """Of so many hits one after the other, which were within the limit."""
    return [await throttle.hit(*name) is None for _ in range(hits)]


# Throttle


def test_so_many_hits_are_within_the_limit_and_then_the_window_s_end_is_told() -> None:
    async def scenario() -> None:
        throttle = Throttle(Counts(), "guesses", 3, HOUR)

        assert await within_limit(throttle, 3, "spring") == [True] * 3
        seconds = await throttle.hit("spring")
        assert seconds is not None
        assert HOUR - 60 < seconds <= HOUR

    assert events(scenario()) == []


def test_to_look_counts_nothing() -> None:
    async def scenario() -> None:
        throttle = Throttle(Counts(), "guesses", 2, HOUR)

        assert [await throttle.blocked_for("spring") for _ in range(5)] == [None] * 5
        assert await within_limit(throttle, 1, "spring") == [True]
        assert await throttle.blocked_for("spring") is None
        assert await within_limit(throttle, 1, "spring") == [True]
        assert await throttle.blocked_for("spring") in range(HOUR - 60, HOUR + 1)

    assert events(scenario()) == []


def test_names_and_purposes_are_counted_apart() -> None:
    names = [
        ("a",),
        ("b",),
        ("a", "b"),
        ("ab",),
        ("a/b",),
        ("a", "/b"),
        ("a\0b",),
        ("",),
        ("a", ""),
        ("\ud800",),
        ("é",),
    ]

    async def scenario() -> None:
        counts = Counts()
        for throttle in (Throttle(counts, "guesses", 1, HOUR), Throttle(counts, "requests", 1, HOUR)):
            assert [await throttle.hit(*name) for name in names] == [None] * len(names)
            assert None not in [await throttle.hit(*name) for name in names]

    assert events(scenario()) == []


# One store for several workers


def test_workers_with_one_store_share_the_count(valkey: Valkey) -> None:
    async def scenario() -> None:
        async with counting(valkey.url) as one, counting(valkey.url) as other:
            first, second = Throttle(one, "guesses", 4, HOUR), Throttle(other, "guesses", 4, HOUR)

            assert await within_limit(first, 2, "spring", "192.0.2.1") == [True] * 2
            assert await second.blocked_for("spring", "192.0.2.1") is None
            assert await within_limit(second, 3, "spring", "192.0.2.1") == [True, True, False]
            assert await first.blocked_for("spring", "192.0.2.1") in range(HOUR - 60, HOUR + 1)
            assert await first.blocked_for("spring", "192.0.2.2") is None

    assert events(scenario()) == []


def test_of_many_hits_at_once_from_two_workers_just_the_limit_is_let_through(valkey: Valkey) -> None:
    async def scenario() -> None:
        async with counting(valkey.url) as one, counting(valkey.url) as other:
            throttles = [Throttle(counts, "guesses", 50, HOUR) for counts in (one, other)]

            seconds = await asyncio.gather(*(throttle.hit("spring") for throttle in throttles for _ in range(100)))

        assert seconds.count(None) == 50

    assert events(scenario()) == []


def test_the_store_forgets_a_window_that_has_ended_and_holds_no_address(valkey: Valkey) -> None:
    async def scenario() -> None:
        async with counting(valkey.url) as counts:
            await Throttle(counts, "guesses", 4, HOUR).hit("spring", "192.0.2.1")

    assert events(scenario()) == []
    _, key = valkey.ask("KEYS", "*").strip().rsplit("\r\n", 1)
    assert key.startswith("flix:guesses/")
    assert "192.0.2.1" not in key
    assert int(valkey.ask("TTL", key)[1:]) in range(HOUR - 60, HOUR + 1)


def test_a_client_that_goes_away_while_it_is_counted_mixes_no_answers_up(valkey: Valkey) -> None:
    async def scenario() -> None:
        async with counting(valkey.url) as counts:
            throttle = Throttle(counts, "guesses", 1_000_000, HOUR)
            blocked = Throttle(counts, "requests", 1, HOUR)
            await within_limit(blocked, 2, "spring")
            for turns in range(60):
                leaving = [asyncio.create_task(throttle.hit(str(number))) for number in range(8)]
                for _ in range(turns % 12):
                    await asyncio.sleep(0)
                for task in leaving:
                    task.cancel()
                staying = asyncio.gather(*(blocked.blocked_for("spring") for _ in range(8)))
                await asyncio.gather(*leaving, return_exceptions=True)
                assert all(seconds in range(HOUR - 60, HOUR + 1) for seconds in await staying)

    assert events(scenario()) == []


# A store that is away


def test_without_the_store_a_worker_counts_for_itself_and_says_so_once_until_it_is_back(valkey: Valkey) -> None:
    async def scenario() -> None:
        clock = Clock()
        async with counting(valkey.url, clock) as counts:
            throttle = Throttle(counts, "guesses", 3, HOUR)
            assert await within_limit(throttle, 2, "spring") == [True] * 2
            # The worker knows nothing of what the store counted before, and goes on from what it counted itself.
            for expected in ([True, True], [True, False]):
                valkey.stop()
                assert await within_limit(throttle, 1, "spring") == expected[:1]
                clock.seconds += RETRY_SECONDS
                assert await within_limit(throttle, 1, "spring") == expected[1:]
                valkey.start()
                clock.seconds += RETRY_SECONDS
                assert await within_limit(throttle, 4, "spring") == [True, True, True, False]

    assert events(scenario()) == [UNAVAILABLE, AVAILABLE, UNAVAILABLE, AVAILABLE]


def test_a_store_that_is_away_is_not_asked_before_its_time(valkey: Valkey) -> None:
    async def scenario() -> None:
        clock = Clock()
        async with counting(valkey.url, clock) as counts:
            throttle = Throttle(counts, "guesses", 100, HOUR)
            valkey.stop()
            await throttle.hit("spring")
            valkey.start()
            clock.seconds += RETRY_SECONDS - 0.01
            await throttle.hit("spring")
            assert valkey.ask("DBSIZE") == ":0\r\n"
            clock.seconds += 0.01
            await throttle.hit("spring")
            assert valkey.ask("DBSIZE") == ":1\r\n"

    assert events(scenario()) == [UNAVAILABLE, AVAILABLE]


def test_a_store_that_answers_nothing_holds_up_only_those_that_ask_it_first(valkey: Valkey) -> None:
    async def scenario() -> None:
        clock = Clock()
        async with counting(valkey.url, clock) as counts:
            throttle = Throttle(counts, "guesses", 3, HOUR)
            await throttle.hit("summer")
            valkey.freeze()
            assert await within_limit(throttle, 4, "spring") == [True, True, True, False]
            valkey.thaw()
            clock.seconds += RETRY_SECONDS
            assert await throttle.blocked_for("summer") is None

    assert events(scenario()) == [UNAVAILABLE, AVAILABLE]


@pytest.mark.parametrize(
    "said", [b"+OK\r\n", b"$-1\r\n", b"*1\r\n+x\r\n", b"$abc\r\n", b"HTTP/1.1 400 Bad Request\r\n\r\n"]
)
def test_what_is_no_store_counts_as_away(said: bytes) -> None:
    async def speak(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with closing(writer):
            while await reader.read(65_536):
                writer.write(said)
                await writer.drain()

    async def scenario() -> None:
        server = await asyncio.start_server(speak, "127.0.0.1", 0)
        async with counting(f"redis://127.0.0.1:{server.sockets[0].getsockname()[1]}/0") as counts:
            assert await within_limit(Throttle(counts, "requests", 1, HOUR), 2) == [True, False]
        server.close()

    assert events(scenario()) == [UNAVAILABLE]


def test_a_store_that_resets_its_connections_never_fails_a_count() -> None:
    async def scenario(url: str) -> None:
        # As if there were enough time between any two hits that the store is asked again.
        async with counting(url, count(step=RETRY_SECONDS).__next__) as counts:
            throttle = Throttle(counts, "requests", HITS, HOUR)
            for _ in range(HITS // AT_ONCE):
                assert await asyncio.gather(*(throttle.hit() for _ in range(AT_ONCE))) == [None] * AT_ONCE

    with resetting(b":1\r\n") as address, capture_logs() as lines:
        # uvloop has an error of its own for what is written to a connection that has just been reset.
        uvloop.run(scenario(f"redis://{address}/0"))

    assert {line["event"] for line in lines} == {UNAVAILABLE, AVAILABLE}


def test_who_gets_no_turn_at_a_slow_store_is_counted_without_it(
    valkey: Valkey, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("gateway.limiter.STORE_SECONDS", 0.01)

    async def scenario() -> None:
        async with counting(valkey.url) as counts, asyncio.timeout(60):
            for _ in range(STORE_CONNECTIONS):
                await counts._turns.acquire()

            assert await within_limit(Throttle(counts, "requests", 1, HOUR), 2) == [True, False]

    # The store is not to blame.
    assert events(scenario()) == []


def test_a_store_that_refuses_the_password_counts_as_away_and_the_password_is_not_logged() -> None:
    async def scenario(address: str) -> None:
        async with counting(f"valkey://:hunter2@{address}/0") as counts:
            assert await within_limit(Throttle(counts, "guesses", 1, HOUR), 2, "spring") == [True, False]

    with running_valkey("--requirepass", "another") as locked, capture_logs() as lines:
        asyncio.run(scenario(locked.address))

    assert [(line["event"], line["log_level"]) for line in lines] == [(UNAVAILABLE, "warning")]
    assert "hunter2" not in str(lines)


def test_a_store_that_refuses_to_write_counts_as_away() -> None:
    async def scenario(url: str) -> None:
        async with counting(url) as counts:
            assert await within_limit(Throttle(counts, "guesses", 1, HOUR), 2, "spring") == [True, False]

    with running_valkey("--maxmemory", "1", "--maxmemory-policy", "noeviction") as full:
        assert events(scenario(full.url)) == [UNAVAILABLE]


# Memory


def test_a_window_begins_with_its_first_hit_and_the_next_one_after_its_end() -> None:
    async def scenario() -> None:
        clock = Clock()
        memory = Memory(clock)

        assert await memory.incr("a", 60) == 1
        clock.seconds += 59.9
        assert (await memory.incr("a", 60), await memory.get_expiry("a")) == (2, 1_060)
        clock.seconds += 0.1
        assert (await memory.get("a"), await memory.get_expiry("a")) == (0, 0)
        assert (await memory.incr("a", 60, 3), await memory.get_expiry("a")) == (3, 1_120)
        await memory.clear("a")
        assert (await memory.get("a"), await memory.reset(), await memory.check()) == (0, 0, True)

    assert events(scenario()) == []


def test_ended_windows_make_room_for_new_ones_and_no_other_does() -> None:
    async def scenario() -> None:
        clock = Clock()
        memory = Memory(clock)
        await memory.incr("long", HOUR)
        for number in range(3 * LEAST_ROOM):
            clock.seconds += 1
            await memory.incr(str(number), 10)

        assert await memory.get("long") == 1
        assert await memory.reset() <= LEAST_ROOM

    assert events(scenario()) == []


def test_more_names_than_fit_push_out_the_oldest_only() -> None:
    async def scenario() -> None:
        memory = Memory(Clock())
        for number in range(MOST_NAMES + 10):
            await memory.incr(str(number), HOUR)

        assert await memory.get(str(0)) == 0
        assert await memory.get(str(MOST_NAMES // 2 + 10)) == 1
        assert await memory.reset() <= MOST_NAMES

    assert events(scenario()) == []


# Whom an address counts as


@pytest.mark.parametrize(
    ("address", "counted_as"),
    [
        ("192.0.2.1", "192.0.2.1"),
        ("::ffff:192.0.2.1", "192.0.2.1"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("2001:DB8:1:2::", "2001:db8:1:2::/64"),
        ("2001:0db8:0001:0002:ffff:ffff:ffff:ffff", "2001:db8:1:2::/64"),
        ("fe80::1%eth0", "fe80::/64"),
        ("::1", "::/64"),
        ("unix", "unix"),
        ("", ""),
    ],
)
def test_an_ipv6_client_counts_as_its_network(address: str, counted_as: str) -> None:
    assert network(address) == counted_as


@given(some.ip_addresses(v=6, network="2001:db8:7:7::/64"), some.ip_addresses(v=6, network="2001:db8:7:8::/64"))
def test_addresses_of_one_network_count_as_one_and_of_another_as_another(one: object, other: object) -> None:
    assert (network(str(one)), network(str(other))) == ("2001:db8:7:7::/64", "2001:db8:7:8::/64")
