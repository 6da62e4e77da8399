"""gateway.distinct: distinct wrong keys, counted in memory and in a real Valkey."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Literal

import pytest
from structlog.testing import capture_logs

from gateway import distinct
from gateway.distinct import ADMITTED_SECONDS, SWEEP_SECONDS, Bounds, DistinctKeys, JudgedKey, Memory
from gateway.limiter import Counts, store_at
from tests.gateway.test_limiter import UNAVAILABLE, Clock
from tests.valkey import Valkey, running_valkey

HOUR = 3600
BOUNDS = Bounds(of_client=3, of_event=5, window_seconds=HOUR)
WINDOW = range(HOUR - 60, HOUR + 1)
Scenario = Callable[[DistinctKeys, DistinctKeys], Awaitable[None]]


def key(digest: str, client: str = "us", verdict: Literal["right", "stale", "wrong"] = "wrong") -> JudgedKey:
    """Return the judged key of a client."""
    return JudgedKey(f"guesses-of-{client}", "guesses-at-the-event", f"admission-of-{client}", verdict, digest)


def wrong(count: int, client: str = "us") -> list[JudgedKey]:
    """Return as many wrong keys of a client, which no other client sends."""
    return [key(f"{client}-{number}", client) for number in range(count)]


async def disclosed(keys: DistinctKeys, *judged: JudgedKey) -> list[bool]:
    """Return which of the judgements may be disclosed to the client."""
    return [await keys.seconds_until_disclosed(each) == 0 for each in judged]


@asynccontextmanager
async def workers(url: str | None, bounds: Bounds = BOUNDS) -> AsyncIterator[tuple[DistinctKeys, DistinctKeys]]:
    """Two workers with one store, or one worker twice without a store."""
    every = [Counts(store_at(url)), Counts(store_at(url))] if url else [Counts()]
    keys = [DistinctKeys(counts, bounds) for counts in every]
    try:
        yield keys[0], keys[-1]
    finally:
        for counts in every:
            await counts.close()


@pytest.fixture(params=["memory", "valkey"])
def run(request: pytest.FixtureRequest) -> Callable[[Scenario], None]:
    """Run a scenario with both kinds of storage in turn; nothing is logged."""
    valkey: Valkey | None = request.getfixturevalue("valkey") if request.param == "valkey" else None

    async def scene(scenario: Scenario) -> None:
        async with workers(valkey.url if valkey else None) as both:
            await scenario(*both)

    def run(scenario: Scenario) -> None:
        with capture_logs() as lines:
            asyncio.run(scene(scenario))
        assert lines == []

    return run


def test_distinct_keys_of_a_client_are_counted_and_then_none_is_disclosed(run: Callable[[Scenario], None]) -> None:
    async def scenario(one: DistinctKeys, other: DistinctKeys) -> None:
        assert await disclosed(one, *[key("typo")] * 50) == [True] * 50
        assert await disclosed(other, key("typo"), key("second"), key("third")) == [True] * 3
        # Repeated, new, stale and right.
        refused = [key("typo"), key("fourth"), key("old", verdict="stale"), key("right", verdict="right")]
        assert await disclosed(one, *refused) == await disclosed(other, *refused) == [False] * 4
        assert await one.seconds_until_disclosed(key("typo")) in WINDOW
        assert await disclosed(one, key("fourth", "others"), key("right", "others", "right")) == [True] * 2

    run(scenario)


def test_stale_and_right_keys_are_no_guesses(run: Callable[[Scenario], None]) -> None:
    async def scenario(one: DistinctKeys, _other: DistinctKeys) -> None:
        kept = [key(f"{verdict}-{number}", verdict=verdict) for verdict in ("stale", "right") for number in range(20)]
        assert await disclosed(one, *kept, *wrong(3)) == [True] * 43
        assert await disclosed(one, *kept[:1]) == [False]

    run(scenario)


def test_distinct_keys_at_an_event_are_counted_over_all_clients(run: Callable[[Scenario], None]) -> None:
    async def scenario(one: DistinctKeys, other: DistinctKeys) -> None:
        assert await disclosed(one, *(key("misprinted", f"learner-{number}") for number in range(100))) == [True] * 100
        assert await disclosed(other, key("right", "admitted", "right"), *wrong(2, "a"), *wrong(2, "b")) == [True] * 5
        newcomers = [key("misprinted", "learner-1"), key("right", "c", "right"), key("x", "c"), key("o", "c", "stale")]
        assert await disclosed(one, *newcomers) == [False] * 4
        assert await one.seconds_until_disclosed(newcomers[1]) in WINDOW
        # A client that was admitted has its own guesses left and no more.
        assert await disclosed(other, key("right", "admitted", "right"), *wrong(3, "admitted")) == [True] * 4
        assert await disclosed(other, key("right", "admitted", "right")) == [False]

    run(scenario)


def test_keys_sent_at_once_are_disclosed_up_to_the_bound(run: Callable[[Scenario], None]) -> None:
    async def scenario(one: DistinctKeys, other: DistinctKeys) -> None:
        waits = [(one if n % 2 else other).seconds_until_disclosed(each) for n, each in enumerate(wrong(60))]
        assert (await asyncio.gather(*waits)).count(0) == 3

    run(scenario)


# Valkey alone


def ask_keys(valkey: Valkey) -> dict[str, int]:
    """Return the milliseconds that each name in the store is kept."""
    names = valkey.ask("KEYS", "*").split("\r\n")[2::2]
    return {name: int(valkey.ask("PTTL", name)[1:]) for name in names}


def test_the_store_keeps_a_full_set_for_longer_than_it_counts(valkey: Valkey) -> None:
    async def scenario() -> None:
        async with workers(valkey.url, Bounds(2, 1000, HOUR)) as (one, _):
            await disclosed(one, key("first"))
            assert all(milliseconds // 1000 in WINDOW for milliseconds in ask_keys(valkey).values())
            await disclosed(one, key("second"), key("right", "others", "right"))
            name = "flix:access-keys:guesses-of-us"
            assert ask_keys(valkey)[name] // 1000 - HOUR in WINDOW
            assert ask_keys(valkey)["flix:access-keys:admission-of-others"] // 1000 in range(
                86_000, ADMITTED_SECONDS + 1
            )
            assert await disclosed(one, key("first")) == [False]
            # Its window has ended, and so new counts begin.
            valkey.ask("PEXPIRE", name, str(HOUR * 1000))
            assert await disclosed(one, key("first"), key("second"), key("third")) == [True, True, False]

    asyncio.run(scenario())


def test_without_its_store_a_worker_counts_for_itself(valkey: Valkey) -> None:
    async def scenario() -> None:
        async with workers(valkey.url) as (one, _):
            assert await disclosed(one, *wrong(2)) == [True] * 2
            valkey.stop()
            assert await disclosed(one, *wrong(4)) == [True] * 3 + [False]

    with capture_logs() as lines:
        asyncio.run(scenario())
    assert [line["event"] for line in lines] == [UNAVAILABLE]


def test_a_store_that_is_full_counts_in_the_worker() -> None:
    async def scenario(url: str) -> None:
        async with workers(url) as (one, _):
            assert await disclosed(one, *wrong(4)) == [True] * 3 + [False]

    with running_valkey("--maxmemory", "1", "--maxmemory-policy", "noeviction") as full, capture_logs():
        asyncio.run(scenario(full.url))


# Memory alone


def is_disclosed(memory: Memory, judged: JudgedKey, bounds: Bounds = BOUNDS) -> bool:
    return memory.seconds_until_disclosed(judged, bounds) == 0


def test_a_window_begins_with_its_first_key_and_ends_for_good() -> None:
    clock = Clock()
    memory = Memory(clock)
    assert is_disclosed(memory, key("first"))
    clock.seconds += HOUR - 1
    assert [is_disclosed(memory, each) for each in (key("second"), key("third"), key("fourth"))] == [True, True, False]
    assert memory.seconds_until_disclosed(key("first"), BOUNDS) == 1
    clock.seconds += 1
    assert [is_disclosed(memory, each) for each in (*wrong(3), key("first"))] == [True] * 3 + [False]


def test_an_admission_lasts_a_day_from_the_last_one() -> None:
    clock = Clock()
    memory, bounds = Memory(clock), Bounds(100, 1, 10 * ADMITTED_SECONDS)
    for _ in range(3):
        assert is_disclosed(memory, key("right", "learner", "right"), bounds)
        clock.seconds += ADMITTED_SECONDS - 1
    assert is_disclosed(memory, key("guess", "stranger"), bounds)
    assert is_disclosed(memory, key("old", "learner", "stale"), bounds)
    clock.seconds += 1
    assert not is_disclosed(memory, key("right", "learner", "right"), bounds)


def test_at_its_bound_the_memory_counts_hits_and_forgets_no_full_client(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(distinct, "MAXIMUM_DIGESTS", 40)
    monkeypatch.setattr(distinct, "MAXIMUM_NAMES", 60)
    bounds, clock = Bounds(3, 1_000_000, HOUR), Clock()
    memory = Memory(clock)
    full = [f"full-{number}" for number in range(20)]
    for each in full:
        assert [is_disclosed(memory, judged, bounds) for judged in wrong(3, each)] == [True] * 3
    # Two digests for each wrong key: one of the client, one of the event. From now on hits are counted.
    assert [is_disclosed(memory, key("typo"), bounds) for _ in range(4)] == [True] * 3 + [False]
    for number in range(1000):
        clock.seconds += 1
        is_disclosed(memory, key(f"{number}", f"stranger-{number}"), bounds)
    assert [is_disclosed(memory, key("right", each, "right"), bounds) for each in full] == [False] * 20
    assert len(memory._windows) <= 60 + SWEEP_SECONDS
    clock.seconds += HOUR
    assert [is_disclosed(memory, key("right", each, "right"), bounds) for each in full] == [True] * 20
    assert [is_disclosed(memory, key("typo"), bounds) for _ in range(4)] == [True] * 4
    assert (len(memory._windows), memory._digests) == (2, 2)


def test_ended_admissions_are_removed() -> None:
    clock = Clock()
    memory = Memory(clock)
    for number in range(100):
        is_disclosed(memory, key("right", f"learner-{number}", "right"))
    clock.seconds += ADMITTED_SECONDS
    is_disclosed(memory, key("right", "last", "right"))
    assert list(memory._admitted) == ["admission-of-last"]
