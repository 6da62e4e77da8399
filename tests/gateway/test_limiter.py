"""gateway.limiter: hits counted in memory and in a real Valkey, which is stopped, frozen and emptied."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager, closing
from itertools import count
from typing import Any

import pytest
import uvloop
from structlog.testing import capture_logs

from gateway.limiter import (
    MAXIMUM_NAMES,
    MINIMUM_CAPACITY,
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
from tests.waiting import PATIENCE_SECONDS

HOUR = 3600
WINDOW = range(HOUR - 60, HOUR + 1)
HITS = 600
CONCURRENT = 6
UNAVAILABLE = "rate_limit_store_unavailable"
AVAILABLE = "rate_limit_store_available"
NAMES = [
    *(("a",), ("b",), ("a", "b"), ("ab",), ("a/b",), ("a", "/b"), ("a\0b",), ("",), ("a", ""), ("\ud800",), ("é",))
]


@pytest.fixture(autouse=True)
def patience(monkeypatch: pytest.MonkeyPatch) -> None:
    """Wait long for the store, which on a busy machine may need more than STORE_SECONDS."""
    monkeypatch.setattr("gateway.limiter.STORE_SECONDS", PATIENCE_SECONDS)


class Clock:
    """Stands still until a test moves it."""

    def __init__(self) -> None:
        self.seconds = 1_000.0

    def __call__(self) -> float:
        return self.seconds


@asynccontextmanager
async def counting(url: str, clock: Callable[[], float] = time.monotonic) -> AsyncIterator[Counts]:
    """Open the counts of a worker with that store."""
    counts = Counts(store_at(url), clock)
    try:
        yield counts
    finally:
        await counts.close()


def events(scenario: Coroutine[Any, Any, None]) -> list[str]:
    """Run the scenario and return the events that it logs."""
    with capture_logs() as lines:
        asyncio.run(scenario)
    return [line["event"] for line in lines]


async def within_limit(throttle: Throttle, hits: int, *name: str) -> list[bool]:
    """Return which of so many hits are within the limit."""
    return [await throttle.hit(*name) is None for _ in range(hits)]


def test_hits_over_the_limit_get_the_seconds_to_the_window_s_end() -> None:
    async def scenario() -> None:
        throttle = Throttle(Counts(), "guesses", 2, HOUR)

        # Looking counts nothing.
        assert [await throttle.blocked_for("spring") for _ in range(5)] == [None] * 5
        assert await within_limit(throttle, 1, "spring") == [True]
        assert await throttle.blocked_for("spring") is None
        assert await within_limit(throttle, 1, "spring") == [True]
        assert await throttle.blocked_for("spring") in WINDOW
        assert await throttle.hit("spring") in WINDOW

    assert events(scenario()) == []


def test_names_and_purposes_are_counted_apart() -> None:
    async def scenario() -> None:
        counts = Counts()
        for throttle in (Throttle(counts, "guesses", 1, HOUR), Throttle(counts, "requests", 1, HOUR)):
            assert [await throttle.hit(*name) for name in NAMES] == [None] * len(NAMES)
            assert None not in [await throttle.hit(*name) for name in NAMES]

    assert events(scenario()) == []


# One store for several workers


def test_workers_with_one_store_share_the_count(valkey: Valkey) -> None:
    async def scenario() -> None:
        async with counting(valkey.url) as one, counting(valkey.url) as other:
            first, second = Throttle(one, "guesses", 4, HOUR), Throttle(other, "guesses", 4, HOUR)

            assert await within_limit(first, 2, "spring", "192.0.2.1") == [True] * 2
            assert await second.blocked_for("spring", "192.0.2.1") is None
            assert await within_limit(second, 3, "spring", "192.0.2.1") == [True, True, False]
            assert await first.blocked_for("spring", "192.0.2.1") in WINDOW
            assert await first.blocked_for("spring", "192.0.2.2") is None

            throttles = [Throttle(counts, "concurrent", 50, HOUR) for counts in (one, other)]
            seconds = await asyncio.gather(*(throttle.hit("spring") for throttle in throttles for _ in range(100)))
            assert seconds.count(None) == 50

    assert events(scenario()) == []


def test_the_store_forgets_an_ended_window_and_holds_no_address(valkey: Valkey) -> None:
    async def scenario() -> None:
        async with counting(valkey.url) as counts:
            await Throttle(counts, "guesses", 4, HOUR).hit("spring", "192.0.2.1")

    assert events(scenario()) == []
    _, key = valkey.ask("KEYS", "*").strip().rsplit("\r\n", 1)
    assert (key.startswith("flix:guesses/"), "192.0.2.1" in key) == (True, False)
    assert int(valkey.ask("TTL", key)[1:]) in WINDOW


def test_a_cancelled_count_mixes_no_results_up(valkey: Valkey) -> None:
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
                assert all(seconds in WINDOW for seconds in await staying)

    assert events(scenario()) == []


# An unavailable store


def test_without_its_store_a_worker_counts_for_itself_and_logs_it_once(valkey: Valkey) -> None:
    async def scenario() -> None:
        clock = Clock()
        async with counting(valkey.url, clock) as counts:
            throttle = Throttle(counts, "guesses", 3, HOUR)
            assert await within_limit(throttle, 2, "spring") == [True] * 2
            # The worker does not know the store's counts; it continues its own.
            for expected in ([True, True], [True, False]):
                valkey.stop()
                assert await within_limit(throttle, 1, "spring") == expected[:1]
                clock.seconds += RETRY_SECONDS
                assert await within_limit(throttle, 1, "spring") == expected[1:]
                valkey.start()
                clock.seconds += RETRY_SECONDS
                assert await within_limit(throttle, 4, "spring") == [True, True, True, False]

    assert events(scenario()) == [UNAVAILABLE, AVAILABLE, UNAVAILABLE, AVAILABLE]


def test_an_unavailable_store_is_not_asked_before_the_retry(valkey: Valkey) -> None:
    async def scenario() -> None:
        clock = Clock()
        async with counting(valkey.url, clock) as counts:
            throttle = Throttle(counts, "guesses", 100, HOUR)
            valkey.stop()
            await throttle.hit("spring")
            valkey.start()
            for seconds, size in ((RETRY_SECONDS - 0.01, ":0\r\n"), (0.01, ":1\r\n")):
                clock.seconds += seconds
                await throttle.hit("spring")
                assert valkey.ask("DBSIZE") == size

    assert events(scenario()) == [UNAVAILABLE, AVAILABLE]


def test_a_frozen_store_delays_only_the_first_count(valkey: Valkey, monkeypatch: pytest.MonkeyPatch) -> None:
    async def scenario() -> None:
        clock = Clock()
        async with counting(valkey.url, clock) as counts:
            throttle = Throttle(counts, "guesses", 3, HOUR)
            await throttle.hit("summer")
            valkey.freeze()
            with monkeypatch.context() as impatient:
                impatient.setattr("gateway.limiter.STORE_SECONDS", 0.1)
                assert await within_limit(throttle, 4, "spring") == [True, True, True, False]
            valkey.thaw()
            clock.seconds += RETRY_SECONDS
            assert await throttle.blocked_for("summer") is None

    assert events(scenario()) == [UNAVAILABLE, AVAILABLE]


@pytest.mark.parametrize(
    "bytes_of_store", [b"+OK\r\n", b"$-1\r\n", b"*1\r\n+x\r\n", b"$abc\r\n", b"HTTP/1.1 400 Bad Request\r\n\r\n"]
)
def test_another_server_in_the_store_s_place_is_an_unavailable_store(bytes_of_store: bytes) -> None:
    async def respond(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with closing(writer):
            while await reader.read(65_536):
                writer.write(bytes_of_store)
                await writer.drain()

    async def scenario() -> None:
        server = await asyncio.start_server(respond, "127.0.0.1", 0)
        async with counting(f"redis://127.0.0.1:{server.sockets[0].getsockname()[1]}/0") as counts:
            assert await within_limit(Throttle(counts, "requests", 1, HOUR), 2) == [True, False]
        server.close()

    assert events(scenario()) == [UNAVAILABLE]


def test_a_store_that_resets_its_connections_never_fails_a_count() -> None:
    async def scenario(url: str) -> None:
        # The clock steps so that every hit tries the store again.
        async with counting(url, count(step=RETRY_SECONDS).__next__) as counts:
            throttle = Throttle(counts, "requests", HITS, HOUR)
            for _ in range(HITS // CONCURRENT):
                assert await asyncio.gather(*(throttle.hit() for _ in range(CONCURRENT))) == [None] * CONCURRENT

    with resetting(b":1\r\n") as address, capture_logs() as lines:
        # uvloop has an error of its own for a write to a connection that was just reset.
        uvloop.run(scenario(f"redis://{address}/0"))

    assert {line["event"] for line in lines} == {UNAVAILABLE, AVAILABLE}


def test_waiting_too_long_for_a_busy_store_counts_without_it(valkey: Valkey, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("gateway.limiter.STORE_SECONDS", 0.01)

    async def scenario() -> None:
        async with counting(valkey.url) as counts:
            for _ in range(STORE_CONNECTIONS):
                await counts._slots.acquire()

            assert await within_limit(Throttle(counts, "requests", 1, HOUR), 2) == [True, False]

    # The store is not called unavailable.
    assert events(scenario()) == []


@pytest.mark.parametrize("options", [("--requirepass", "another"), ("--maxmemory", "1")], ids=["locked", "full"])
def test_a_store_that_refuses_is_unavailable_and_its_password_not_logged(options: tuple[str, ...]) -> None:
    async def scenario(address: str) -> None:
        user = ":hunter2@" if options[0] == "--requirepass" else ""
        async with counting(f"valkey://{user}{address}/0") as counts:
            assert await within_limit(Throttle(counts, "guesses", 1, HOUR), 2, "spring") == [True, False]

    with running_valkey(*options, "--maxmemory-policy", "noeviction") as refusing, capture_logs() as lines:
        asyncio.run(scenario(refusing.address))

    assert [(line["event"], line["log_level"]) for line in lines] == [(UNAVAILABLE, "warning")]
    assert "hunter2" not in str(lines)


# Memory


def test_a_window_ends_in_time_when_the_clock_steps_back() -> None:
    async def scenario() -> None:
        elapsed, wall = Clock(), Clock()
        memory = Memory(elapsed, wall)
        assert (await memory.incr("a", 60), await memory.get_expiry("a")) == (1, 1_060)
        wall.seconds -= 3_600
        assert (await memory.get("a"), await memory.get_expiry("a")) == (1, 1_060 - 3_600)
        elapsed.seconds += 60
        assert await memory.get("a") == 0

    asyncio.run(scenario())


def test_a_window_begins_with_its_first_hit() -> None:
    async def scenario() -> None:
        clock = Clock()
        memory = Memory(clock, clock)

        assert await memory.incr("a", 60) == 1
        clock.seconds += 59.9
        assert (await memory.incr("a", 60), await memory.get_expiry("a")) == (2, 1_060)
        clock.seconds += 0.1
        assert (await memory.get("a"), await memory.get_expiry("a")) == (0, 0)
        assert (await memory.incr("a", 60, 3), await memory.get_expiry("a")) == (3, 1_120)
        await memory.clear("a")
        assert (await memory.get("a"), await memory.reset(), await memory.check()) == (0, 0, True)

    assert events(scenario()) == []


def test_ended_windows_are_removed_first_and_then_the_oldest() -> None:
    async def scenario() -> None:
        clock = Clock()
        memory = Memory(clock, clock)
        await memory.incr("long", HOUR)
        for number in range(3 * MINIMUM_CAPACITY):
            clock.seconds += 1
            await memory.incr(str(number), 10)
        assert await memory.get("long") == 1
        assert await memory.reset() <= MINIMUM_CAPACITY

        for number in range(MAXIMUM_NAMES + 10):
            await memory.incr(str(number), HOUR)
        assert [await memory.get(str(number)) for number in (0, MAXIMUM_NAMES // 2 + 10)] == [0, 1]
        assert await memory.reset() <= MAXIMUM_NAMES

    assert events(scenario()) == []


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
def test_an_ipv6_client_is_counted_as_its_network(address: str, counted_as: str) -> None:
    assert network(address) == counted_as
