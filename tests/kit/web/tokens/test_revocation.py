"""The list of revoked sessions and keys: how often auth is asked, and what holds while it does not answer."""

import asyncio
from collections.abc import Awaitable
from typing import Any

import httpx
import pytest

from services.kit.web.tokens.access import AccessTokenVerifier
from services.kit.web.tokens.revocation import RevocationList, Revoked
from tests.clock import HOUR, MILLISECOND, NOON, SECOND
from tests.kit.forging import Forge

NOTHING: dict[str, Any] = {"items": [], "keys": []}
ONE_SESSION = Revoked(sessions=frozenset({"session-1"}))


class Auth:
    """An auth that has revoked something, or is away, and counts how often it is asked."""

    def __init__(self) -> None:
        self.answer: Any = NOTHING
        self.failure: Exception | None = None
        self.asked = 0
        self.is_asked = asyncio.Event()
        self.hangs: asyncio.Event | None = None

    async def fetch(self) -> Any:
        """A FetchRevoked."""
        self.asked += 1
        self.is_asked.set()
        # Where others may come in between.
        await (asyncio.sleep(0) if self.hangs is None else self.hangs.wait())
        if self.failure is not None:
            raise self.failure
        return self.answer


class World:
    """A list over that auth, with a clock that moves when it is told to."""

    def __init__(self) -> None:
        self.at = NOON
        self.auth = Auth()
        self.revocations = RevocationList(self.auth.fetch, lambda: self.at)

    def read(self, times: int = 1) -> set[Revoked]:
        """What so many requests at once are told."""

        async def all_of_them() -> list[Revoked]:
            asked: list[Awaitable[Revoked]] = [self.revocations() for _ in range(times)]
            return list(await asyncio.gather(*asked))

        return set(asyncio.run(all_of_them()))


@pytest.fixture
def world() -> World:
    """See World."""
    return World()


def test_what_auth_says_is_told(world: World) -> None:
    world.auth.answer = {"items": ["session-1", "session-2"], "keys": ["key-1"], "later": True}
    assert world.read() == {Revoked(frozenset({"session-1", "session-2"}), frozenset({"key-1"}))}


def test_all_who_come_at_once_wait_for_one_question(world: World) -> None:
    world.auth.answer = {"items": ["session-1"], "keys": []}
    assert (world.read(50), world.auth.asked) == ({ONE_SESSION}, 1)


def test_the_list_is_asked_for_again_when_it_is_more_than_two_seconds_old(world: World) -> None:
    world.read()
    world.auth.answer = {"items": ["session-1"], "keys": []}
    world.at += 2 * SECOND
    assert (world.read(50), world.auth.asked) == ({Revoked()}, 1)
    world.at += MILLISECOND
    assert (world.read(50), world.auth.asked) == ({ONE_SESSION}, 2)


def test_a_thousand_verifications_within_two_seconds_are_one_question() -> None:
    world, forge = World(), Forge()

    async def keys() -> Any:
        return forge.key_set()

    async def verify() -> None:
        verifier = AccessTokenVerifier(keys, "quiz", world.revocations, lambda: world.at)
        for _ in range(1000):
            await verifier.verify(forge.token())
            world.at += 2 * MILLISECOND

    asyncio.run(verify())
    assert world.auth.asked == 1


FAILURES = [
    httpx.ConnectError("refused"),
    httpx.ReadTimeout("slow"),
    TimeoutError(),
    ValueError("no JSON"),
]


@pytest.mark.parametrize("failure", FAILURES, ids=lambda failure: type(failure).__name__)
def test_while_auth_is_away_its_last_word_holds_and_it_is_asked_every_two_seconds(
    world: World, failure: Exception
) -> None:
    world.auth.answer = {"items": ["session-1"], "keys": []}
    world.read()
    world.auth.failure = failure
    asked = []
    for _ in range(6):
        world.at += SECOND
        assert world.read(10) == {ONE_SESSION}
        asked.append(world.auth.asked)
    assert asked == [1, 1, 2, 2, 2, 3]


def test_an_auth_that_has_not_spoken_yet_has_revoked_nothing(world: World) -> None:
    world.auth.failure = TimeoutError()
    assert world.read(10) == {Revoked()}
    assert world.auth.asked == 1


def test_what_was_revoked_while_auth_was_away_holds_as_soon_as_it_is_back(world: World) -> None:
    world.read()
    world.auth.failure = TimeoutError()
    world.at += HOUR
    assert world.read() == {Revoked()}
    world.auth.failure, world.auth.answer = None, {"items": ["session-1"], "keys": []}
    world.at += 2 * SECOND + MILLISECOND
    assert world.read() == {ONE_SESSION}


@pytest.mark.parametrize(
    "answer", [None, [], {}, {"items": []}, {"items": None, "keys": []}, {"items": [[]], "keys": []}]
)
def test_an_answer_that_is_no_list_is_an_auth_that_is_away(world: World, answer: Any) -> None:
    world.auth.answer = answer
    assert world.read(10) == {Revoked()}
    assert world.auth.asked == 1


def test_nobody_but_the_one_who_asks_waits_for_an_auth_that_did_not_answer_before() -> None:
    async def scenario() -> tuple[list[Revoked], int]:
        world = World()
        world.auth.failure = TimeoutError()
        await world.revocations()
        world.auth.is_asked.clear()
        world.auth.hangs = asyncio.Event()
        world.at += 3 * SECOND
        async with asyncio.timeout(30):
            waiting = asyncio.create_task(world.revocations())
            await world.auth.is_asked.wait()
            told = [await world.revocations() for _ in range(3)]
            assert not waiting.done()
            world.auth.failure, world.auth.answer = None, {"items": ["session-1"], "keys": []}
            world.auth.hangs.set()
            return [*told, await waiting, await world.revocations()], world.auth.asked

    assert asyncio.run(scenario()) == ([Revoked()] * 3 + [ONE_SESSION] * 2, 2)


def test_a_client_that_hangs_up_leaves_the_question_to_the_next() -> None:
    async def scenario() -> tuple[Revoked, int]:
        world = World()
        world.auth.hangs = asyncio.Event()
        async with asyncio.timeout(30):
            first = asyncio.create_task(world.revocations())
            await world.auth.is_asked.wait()
            second = asyncio.create_task(world.revocations())
            first.cancel()
            world.auth.answer = {"items": ["session-1"], "keys": []}
            world.auth.hangs.set()
            return await second, world.auth.asked

    assert asyncio.run(scenario()) == (ONE_SESSION, 2)
