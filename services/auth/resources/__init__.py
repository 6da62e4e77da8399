"""HTTP in, one service call, HTTP out."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import ParamSpec, TypeVar

from services.auth.service.sign_in import AuthService
from services.kit.core.errors import Unavailable
from services.kit.storage.idempotency import Keep
from services.kit.storage.use_cases import UseCases
from services.kit.web.idempotency import IdempotencyKey, StoredResponse

# At 25 a second the last of them waits for some three seconds, less than anybody's deadline.
WAITING_LIMIT = 64

Parameters = ParamSpec("Parameters")
Result = TypeVar("Result")


class AuthResource:
    """What every resource of auth holds: the service, and the pool that its use cases run in."""

    def __init__(self, service: AuthService, use_cases: UseCases):
        self._service = service
        self._run = use_cases.run


class HashingResource(AuthResource):
    """One of whose use cases hashes a password; all of them share a `Hashing`."""

    def __init__(self, service: AuthService, use_cases: UseCases, hashing: "Hashing"):
        super().__init__(service, use_cases)
        self._hash = hashing.run
        self._hash_once = hashing.run_once


class Hashing:
    """What runs the use cases that hash a password: by default in no more than half of the threads.

    A hash takes as long as fifty other use cases: however many strangers guess from however many addresses, threads
    are left for everyone who has signed in.
    """

    def __init__(self, use_cases: UseCases, waiting_limit: int = WAITING_LIMIT):
        at_once = max(1, use_cases.threads // 2)
        self._use_cases = use_cases
        self._free = asyncio.Semaphore(at_once)
        self._limit = at_once + waiting_limit
        self._running = 0

    async def run(
        self, use_case: Callable[Parameters, Result], *args: Parameters.args, **kwargs: Parameters.kwargs
    ) -> Result:
        """The use case's result; raises Unavailable when too many wait."""
        async with self._turn():
            return await self._use_cases.run(use_case, *args, **kwargs)

    async def run_once(
        self,
        key: IdempotencyKey | None,
        use_case: Callable[[Keep[Result]], Result],
        render: Callable[[Result], StoredResponse],
    ) -> StoredResponse:
        """As UseCases.run_once; raises Unavailable when too many wait."""
        async with self._turn():
            return await self._use_cases.run_once(key, use_case, render)

    @asynccontextmanager
    async def _turn(self) -> AsyncIterator[None]:
        if self._running >= self._limit:
            raise Unavailable("Too many sign-ins are waiting; try again shortly")
        self._running += 1
        try:
            async with self._free:
                yield
        finally:
            self._running -= 1
