"""The base of auth's resources, and the queue for hashing."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from weakref import WeakValueDictionary

from services.auth.rules.throttles import network_of
from services.auth.service.sign_in import AuthService
from services.kit.core.errors import Unavailable
from services.kit.storage.use_cases import UseCases

# Requests that wait or hash, each with a connection; from an address that has one of them already, half as many.
PLACES = 800
# The gateway gives requests that hash 35 s.
WAITING_SECONDS = 30
RETRY_SECONDS = 5


async def _no() -> bool:
    return False


class HashingQueue:
    """Lets use cases that hash a password run one at a time for an address, and in at most half of the threads.

    A hash takes as long as fifty other use cases: without the limit, guesses of passwords would leave no thread for
    people who have signed in. First come, first served. Suspects, from addresses with wrong passwords, wait apart: of
    them no more stand in the common line than hash at once, so that everybody else passes the rest.
    """

    def __init__(self, threads: int, places: int = PLACES, seconds: float = WAITING_SECONDS):
        concurrent = max(1, threads // 2)
        self._free = asyncio.Semaphore(concurrent)
        self._suspects = asyncio.Semaphore(concurrent)
        self._lines: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()
        self._places = places
        self._seconds = seconds
        self._in_flight = 0

    @asynccontextmanager
    async def slot(self, address: str | None, is_suspect: Callable[[], Awaitable[bool]] = _no) -> AsyncIterator[None]:
        """Wait for a free slot and keep it during the block; ask `is_suspect` when it is the address's turn.

        Raise Unavailable when too many are waiting, or after `seconds`.
        """
        line = self._lines.setdefault(network_of(address), asyncio.Lock())
        if self._in_flight >= (self._places // 2 if line.locked() else self._places):
            raise _busy()
        self._in_flight += 1
        try:
            async with AsyncExitStack() as stack:
                await self._wait(stack, line, is_suspect)
                yield
        finally:
            self._in_flight -= 1

    async def _wait(self, stack: AsyncExitStack, line: asyncio.Lock, is_suspect: Callable[[], Awaitable[bool]]) -> None:
        try:
            async with asyncio.timeout(self._seconds):
                await stack.enter_async_context(line)
                if await is_suspect():
                    await stack.enter_async_context(self._suspects)
                await stack.enter_async_context(self._free)
        except TimeoutError:
            raise _busy() from None


def _busy() -> Unavailable:
    return Unavailable("Too many sign-ins are waiting; try again shortly", retry_after=RETRY_SECONDS)


class AuthResource:
    """The service, the pool in which its use cases run, and the queue for hashing."""

    def __init__(self, service: AuthService, use_cases: UseCases, hashing: HashingQueue):
        self._service = service
        self._run = use_cases.run
        self._run_list = use_cases.run_list
        self._run_once = use_cases.run_once
        self._hashing = hashing
