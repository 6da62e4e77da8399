"""services.kit.web.tokens.revocation: how often auth is asked, and what is in force while it is unavailable."""

import asyncio
from collections.abc import Awaitable
from datetime import timedelta
from typing import Any

import pytest

from services.kit.web.tokens.revocation import RevocationList, Revoked
from tests.clock import HOUR, MILLISECOND, SECOND
from tests.kit.web.tokens.fake_auth import FAILURES, FakeAuth

NOTHING: dict[str, Any] = {"items": [], "keys": []}
ONE_ENDED: dict[str, Any] = {"items": ["session-1"], "keys": []}
ONE_SESSION = Revoked(sessions=frozenset({"session-1"}))


class Revoking(FakeAuth):
    """An auth that publishes its revocations, and the list over it."""

    def __init__(self) -> None:
        super().__init__()
        self.response = NOTHING
        self.list = RevocationList(self.fetch, self.clock.elapsed)

    def read(self, times: int = 1) -> set[Revoked]:
        """Return what so many requests at the same time get."""

        async def read_all() -> list[Revoked]:
            pending: list[Awaitable[Revoked]] = [self.list() for _ in range(times)]
            return list(await asyncio.gather(*pending))

        return set(asyncio.run(read_all()))


@pytest.fixture
def auth() -> Revoking:
    return Revoking()


def test_the_list_has_the_sessions_and_the_keys_of_auth(auth: Revoking) -> None:
    auth.response = {"items": ["session-1", "session-2"], "keys": ["key-1"], "later": True}
    assert auth.read() == {Revoked(frozenset({"session-1", "session-2"}), frozenset({"key-1"}))}


def test_requests_at_the_same_time_share_one_fetch(auth: Revoking) -> None:
    auth.response = ONE_ENDED
    assert (auth.read(50), auth.requests) == ({ONE_SESSION}, 1)


def test_the_list_is_fetched_once_in_two_seconds(auth: Revoking) -> None:
    auth.read()
    auth.response = ONE_ENDED
    auth.clock.at += 2 * SECOND
    assert (auth.read(50), auth.requests) == ({Revoked()}, 1)
    auth.clock.at += MILLISECOND
    assert (auth.read(50), auth.requests) == ({ONE_SESSION}, 2)


@pytest.mark.parametrize("failure", FAILURES, ids=repr)
def test_while_auth_is_unavailable_the_last_list_stays_in_force(auth: Revoking, failure: Exception) -> None:
    auth.response = ONE_ENDED
    auth.read()
    auth.failure = failure
    requests = []
    for _ in range(6):
        auth.clock.at += SECOND
        assert auth.read(10) == {ONE_SESSION}
        requests.append(auth.requests)
    assert requests == [1, 1, 2, 2, 2, 3]


def test_the_first_list_of_an_unavailable_auth_is_empty(auth: Revoking) -> None:
    auth.failure = TimeoutError()
    assert (auth.read(10), auth.requests) == ({Revoked()}, 1)
    auth.clock.at += HOUR
    assert (auth.read(10), auth.requests) == ({Revoked()}, 2)
    auth.failure, auth.response = None, ONE_ENDED
    auth.clock.at += 2 * SECOND + MILLISECOND
    assert auth.read() == {ONE_SESSION}


@pytest.mark.parametrize(
    "response", [None, [], {}, {"items": []}, {"items": None, "keys": []}, {"items": [[]], "keys": []}]
)
def test_a_response_that_is_no_list_means_unavailable(auth: Revoking, response: Any) -> None:
    auth.response = response
    assert (auth.read(10), auth.requests) == ({Revoked()}, 1)


def test_after_a_failure_only_one_request_waits_for_auth() -> None:
    async def scenario() -> tuple[list[Revoked], int]:
        auth = Revoking()
        auth.failure = TimeoutError()
        await auth.list()
        auth.released.clear()
        auth.clock.at += 3 * SECOND
        async with asyncio.timeout(30):
            waiting = asyncio.create_task(auth.list())
            await auth.hangs.wait()
            lists = [await auth.list() for _ in range(3)]
            assert not waiting.done()
            auth.failure, auth.response = None, ONE_ENDED
            auth.released.set()
            return [*lists, await waiting, await auth.list()], auth.requests

    assert asyncio.run(scenario()) == ([Revoked()] * 3 + [ONE_SESSION] * 2, 2)


def test_after_a_client_disconnects_the_next_request_fetches() -> None:
    async def scenario() -> tuple[Revoked, int]:
        auth = Revoking()
        auth.released.clear()
        async with asyncio.timeout(30):
            first = asyncio.create_task(auth.list())
            await auth.hangs.wait()
            second = asyncio.create_task(auth.list())
            first.cancel()
            auth.response = ONE_ENDED
            auth.released.set()
            return await second, auth.requests

    assert asyncio.run(scenario()) == (ONE_SESSION, 2)


@pytest.mark.parametrize("distance", [-HOUR, HOUR], ids=["back", "ahead"])
def test_an_ended_session_is_refused_in_time_when_the_clock_steps(auth: Revoking, distance: timedelta) -> None:
    auth.read()
    auth.response = ONE_ENDED
    auth.clock.step(distance)
    assert (auth.read(), auth.requests) == ({Revoked()}, 1)
    auth.clock.at += 2 * SECOND + MILLISECOND
    assert (auth.read(), auth.requests) == ({ONE_SESSION}, 2)
