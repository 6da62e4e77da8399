"""Synchronous use cases under an asynchronous server: a bounded pool of threads, each with its own connection."""

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context
from functools import partial
from typing import ParamSpec, TypeVar

import peewee

from services.kit.errors import Unavailable
from services.kit.idempotency import Keep, Key, Once, Reply, not_kept
from services.kit.observability import log

# Use cases that may wait for a thread; beyond that the honest answer is "try again".
WAITING_LIMIT = 512

Parameters = ParamSpec("Parameters")
Result = TypeVar("Result")


class UseCases:
    """Runs synchronous use cases in a bounded pool of threads, each with a database connection of its own."""

    def __init__(self, database: peewee.Database, threads: int, waiting_limit: int = WAITING_LIMIT):
        self._database = database
        self._once = Once(database)
        self._pool = ThreadPoolExecutor(threads, thread_name_prefix="use-case")
        self._limit = threads + waiting_limit
        self._running = 0

    async def run(
        self,
        use_case: Callable[Parameters, Result],
        *args: Parameters.args,
        **kwargs: Parameters.kwargs,
    ) -> Result:
        """The use case's result; raises Unavailable when too many wait or the database does not answer."""
        if self._running >= self._limit:
            raise Unavailable("Too many requests are waiting; try again shortly")
        call = partial(copy_context().run, partial(self.run_here, use_case, *args, **kwargs))
        self._running += 1
        try:
            return await asyncio.get_running_loop().run_in_executor(self._pool, call)
        finally:
            self._running -= 1

    async def run_once(
        self, key: Key | None, use_case: Callable[[Keep[Result]], Result], render: Callable[[Result], Reply]
    ) -> Reply:
        """The reply to a request that creates; what was done under its key before is answered again, not repeated."""
        if key is None:
            return render(await self.run(use_case, not_kept))
        return await self.run(self._once.run, key, use_case, render)

    async def replay(self, key: Key) -> Reply | None:
        """The reply that is kept for the key, if there is one."""
        return await self.run(self._once.replay, key)

    def close(self) -> None:
        """Wait for what is running, then close every thread's connection with its thread."""
        self._pool.shutdown(wait=True)

    def run_here(
        self,
        use_case: Callable[Parameters, Result],
        *args: Parameters.args,
        **kwargs: Parameters.kwargs,
    ) -> Result:
        """The use case's result, in this thread; raises Unavailable when the database does not answer."""
        try:
            return use_case(*args, **kwargs)
        except (peewee.OperationalError, peewee.InterfaceError) as error:
            log.error("database_unavailable", error=str(error))
            # The connection may be gone with its server; the next use case of this thread opens another.
            self._database.close()
            raise Unavailable("The database is not available; try again shortly") from error
