"""The base of auth's resources, and the limit for hashing."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from services.auth.service.sign_in import AuthService
from services.kit.core.errors import Unavailable
from services.kit.storage.use_cases import UseCases

# At 25 hashes per second the last of them waits for three seconds, less than any client's deadline.
WAITING_LIMIT = 64


class HashingLimit:
    """Lets use cases that hash a password run in at most half of the threads.

    A hash takes as long as fifty other use cases: without the limit, guesses of passwords would leave no thread for
    people who have signed in.
    """

    def __init__(self, threads: int, waiting_limit: int = WAITING_LIMIT):
        concurrent = max(1, threads // 2)
        self._free = asyncio.Semaphore(concurrent)
        self._limit = concurrent + waiting_limit
        self._in_flight = 0

    @asynccontextmanager
    async def slot(self) -> AsyncIterator[None]:
        """Wait for a free slot and keep it during the block. Raise Unavailable when too many are waiting."""
        if self._in_flight >= self._limit:
            raise Unavailable("Too many sign-ins are waiting; try again shortly")
        self._in_flight += 1
        try:
            async with self._free:
                yield
        finally:
            self._in_flight -= 1


class AuthResource:
    """The service, the pool in which its use cases run, and the limit for hashing."""

    def __init__(self, service: AuthService, use_cases: UseCases, hashing: HashingLimit):
        self._service = service
        self._run = use_cases.run
        self._run_once = use_cases.run_once
        self._hashing = hashing
