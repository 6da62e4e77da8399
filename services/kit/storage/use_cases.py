"""Synchronous use cases under an asynchronous server: a bounded pool of threads, each with its own connection."""

import asyncio
import threading
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from contextvars import copy_context
from functools import partial
from typing import ParamSpec, TypeVar

import peewee

from services.kit.core.errors import Unavailable
from services.kit.core.logging import log, safe_message
from services.kit.storage.database_errors import DATABASE_ERRORS, is_damage, is_outage
from services.kit.storage.idempotency import Keep, Once, not_kept
from services.kit.web.idempotency import IdempotencyKey, StoredResponse

# Use cases that may wait for a thread; beyond that the honest answer is "try again".
WAITING_LIMIT = 512
AWAY = "The database is not available; try again shortly"
DAMAGED = "The database is damaged: nothing is read or written until it has been restored"

Parameters = ParamSpec("Parameters")
Result = TypeVar("Result")


class UseCases:
    """Runs synchronous use cases in a bounded pool of threads, each with a database connection of its own.

    While the database is damaged it runs none: no answer is better than a wrong one. `wake` is set at damage, for
    who watches over the database.
    """

    def __init__(self, database: peewee.Database, threads: int, waiting_limit: int = WAITING_LIMIT):
        self._database = database
        self._once = Once(database)
        self.threads = threads
        self._pool = self._new_pool()
        self._room = threading.Semaphore(threads + waiting_limit)
        self.damaged = False
        self.wake = threading.Event()

    async def run(
        self,
        use_case: Callable[Parameters, Result],
        *args: Parameters.args,
        **kwargs: Parameters.kwargs,
    ) -> Result:
        """The use case's result; raises Unavailable when too many wait or the database is away or damaged."""
        if self.damaged:
            raise Unavailable(DAMAGED)
        if not self._room.acquire(blocking=False):
            raise Unavailable("Too many requests are waiting; try again shortly")
        call = partial(copy_context().run, partial(self.run_in_this_thread, use_case, *args, **kwargs))
        # The executor's own future would be cancelled with its client, stay in the queue, and be counted no more.
        heard: Future[Result] = Future()
        waiting = [(call, heard)]
        self._pool.submit(self._begin, waiting)
        try:
            return await asyncio.wrap_future(heard)
        finally:
            # Nobody waits any more: what has not begun is not begun, and the queue lets go what it holds.
            waiting.clear()

    async def run_once(
        self,
        key: IdempotencyKey | None,
        use_case: Callable[[Keep[Result]], Result],
        render: Callable[[Result], StoredResponse],
    ) -> StoredResponse:
        """The reply to a request that creates; what was done under its key before is answered again, not repeated."""
        if key is None:
            return render(await self.run(use_case, not_kept))
        return await self.run(self._once.run, key, use_case, render)

    async def replay(self, key: IdempotencyKey) -> StoredResponse | None:
        """The reply that is kept for the key, if there is one."""
        return await self.run(self._once.replay, key)

    def close_for_damage(self, reason: str) -> None:
        """Refuse every use case from now on."""
        if not self.damaged:
            log.error("database_damaged", reason=reason)
        self.damaged = True
        self.wake.set()

    def reopen(self) -> None:
        """Go on, over new connections: the old ones may hold a file that has been replaced."""
        # The old threads end, and their connections with them, when nothing holds their pool any more.
        self._pool = self._new_pool()
        self.damaged = False
        log.warning("database_sound_again")

    def close(self) -> None:
        """Wait for what is running, then close every thread's connection with its thread."""
        self._pool.shutdown(wait=True)

    def run_in_this_thread(
        self,
        use_case: Callable[Parameters, Result],
        *args: Parameters.args,
        **kwargs: Parameters.kwargs,
    ) -> Result:
        """The use case's result, in this thread; raises Unavailable when the database is away or damaged."""
        if self.damaged:
            # This thread must not go on with the old file when the database is back.
            self._database.close()
            raise Unavailable(DAMAGED)
        try:
            return use_case(*args, **kwargs)
        # Peewee leaves an error of SQLite's that comes while rows are fetched as it is.
        except DATABASE_ERRORS as error:
            # The connection may be gone with its server, or its session be good for nothing any more; the next use case
            # of this thread opens another.
            self._database.close()
            if is_damage(error):
                self.close_for_damage(safe_message(error))
            elif is_outage(error):
                log.error("database_unavailable", error=safe_message(error))
            else:
                raise
            raise Unavailable(DAMAGED if self.damaged else AWAY) from error

    def _begin(self, waiting: list[tuple[partial[Result], Future[Result]]]) -> None:
        outcome = None
        with suppress(IndexError):
            call, heard = waiting.pop()
            outcome = _outcome(call, heard)
        self._room.release()
        if outcome is not None:
            outcome()

    def _new_pool(self) -> ThreadPoolExecutor:
        return ThreadPoolExecutor(self.threads, thread_name_prefix="use-case")


def _outcome(call: Callable[[], Result], heard: Future[Result]) -> Callable[[], None] | None:
    """Do it, unless nobody wants to hear of it; how to tell."""
    if not heard.set_running_or_notify_cancel():
        return None
    try:
        return partial(heard.set_result, call())
    except BaseException as error:  # As an executor does: whoever waits decides what to make of it.
        return partial(heard.set_exception, error)
