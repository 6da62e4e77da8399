"""A bounded pool of threads, each with its own connection: synchronous work under an asynchronous server.

It refuses all work while the database is damaged, because a refusal is better than a wrong response.
"""

import asyncio
import threading
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from contextvars import copy_context
from functools import partial
from pathlib import Path
from typing import BinaryIO, ParamSpec, TypeVar

import peewee

from services.kit.core.deadlines import require_time_left
from services.kit.core.errors import Unavailable, too_many_waiting
from services.kit.core.logging import log, safe_message
from services.kit.core.metrics import Gauge
from services.kit.core.refusal_log import RefusalLog
from services.kit.storage.database import close_if_ended, is_postgresql
from services.kit.storage.database_errors import DATABASE_ERRORS, is_damage, is_outage, refused_write
from services.kit.storage.open_files import (
    FileIdentity,
    FilesGone,
    WatchedSqliteDatabase,
    file_identity,
    require_open_files,
)

# Use cases that may wait for a thread; further requests are refused with 503.
WAITING_LIMIT = 512
# A thread waits this long for those that still run a use case.
CLOSING_SECONDS = 60
NOT_AVAILABLE = "The database is not available; try again shortly"
DAMAGED = "The database is damaged: nothing is read or written until it has been restored"

POOL_THREADS = Gauge("flix_pool_threads", "Threads for use cases")
POOL_IN_USE = Gauge("flix_pool_in_use", "Use cases that run or wait for a thread")
POOL_LIMIT = Gauge("flix_pool_limit", "Use cases that may run or wait")

Parameters = ParamSpec("Parameters")
Result = TypeVar("Result")


class ThreadPool:
    """Runs use cases in at most `threads` threads; at most `waiting_limit` wait for one.

    Damage closes it until `reopen`, sets `wake`, for which the watch over the database waits, and calls the functions
    in `at_damage`.
    """

    def __init__(self, database: peewee.Database, threads: int, waiting_limit: int = WAITING_LIMIT):
        self._database = database
        self.threads = threads
        self._executor = self._new_executor()
        self._places = threads + waiting_limit
        self._free_places = threading.Semaphore(self._places)
        self._full = RefusalLog("pool_full", "pool_full")
        POOL_THREADS.read = lambda: {(): self.threads}
        POOL_IN_USE.read = lambda: {(): self._places - self._free_places._value}
        POOL_LIMIT.read = lambda: {(): self._places}
        self.damaged = False
        self._lost_log_of: FileIdentity | None = None
        # The file itself: kept open, because a deleted file's identity may be given to the next one.
        self._without_log: BinaryIO | None = None
        self._losing = threading.Lock()
        self.wake = threading.Event()
        self.at_damage: list[Callable[[], None]] = []
        self._loop: asyncio.AbstractEventLoop | None = None

    async def run(
        self,
        use_case: Callable[Parameters, Result],
        *args: Parameters.args,
        **kwargs: Parameters.kwargs,
    ) -> Result:
        """Run the use case in a thread. Raise Unavailable when too many wait or the database cannot be used."""
        if self.damaged:
            raise Unavailable(DAMAGED)
        if not self._free_places.acquire(blocking=False):
            self._full.count(most=self._places)
            raise too_many_waiting()
        call = partial(copy_context().run, partial(self.run_in_this_thread, use_case, *args, **kwargs))
        # The executor's own future, cancelled with its client, would stay in its queue without being counted.
        future: Future[Result] = Future()
        waiting = [(call, future)]
        self._executor.submit(self._begin, waiting)
        try:
            return await asyncio.wrap_future(future)
        finally:
            # The client may be gone: do not begin a call that still waits, and free its request body.
            waiting.clear()

    async def run_short(
        self,
        read: Callable[Parameters, Result],
        *args: Parameters.args,
        **kwargs: Parameters.kwargs,
    ) -> Result:
        """Run a read of one row; raise as `run` does. On SQLite it runs on the event loop.

        There it takes a tenth of the time that handing it to a thread and back takes, and waits for no writer.
        """
        if is_postgresql(self._database):
            return await self.run(read, *args, **kwargs)
        self._loop = asyncio.get_running_loop()
        return self.run_in_this_thread(read, *args, **kwargs)

    def close_for_damage(self, reason: str) -> None:
        """Refuse every use case until `reopen`, and let every thread close its connection."""
        first = not self.damaged
        self.damaged = True
        if isinstance(self._database, WatchedSqliteDatabase):
            # A restore replaces the files that they have open.
            self._database.forget_connections()
        if first:
            log.error("database_damaged", reason=reason)
            for each in self.at_damage:
                each()
            self._close_connections()
        self.wake.set()

    def close_for_lost_files(self, lost: FilesGone) -> None:
        """Refuse every use case until `reopen`, which must not come before a restore when only the log is gone."""
        with self._losing, suppress(OSError):
            if lost.log_of is not None and self._lost_log_of is None:
                self._lost_log_of = lost.log_of
                self._without_log = Path(self._database.database).open("rb")  # noqa: SIM115
        self.close_for_damage(str(lost))

    def close_if_files_are_gone(self) -> None:
        """Look for lost files when no use case runs that would notice: a restore waits until no connection is left."""
        if isinstance(self._database, WatchedSqliteDatabase):
            try:
                self._database.require_files_of_all()
            except FilesGone as lost:
                self.close_for_lost_files(lost)

    def lost_its_log(self) -> bool:
        """Return whether the present file is the one whose write-ahead log, with the last commits, is gone."""
        return self._lost_log_of is not None and self._lost_log_of == file_identity(self._database.database)

    def reopen(self) -> None:
        """Accept use cases again, over new connections: the old ones may have a replaced file open."""
        # Old threads that still run a use case close their connections after it.
        self._executor = self._new_executor()
        with self._losing:
            if self._without_log is not None:
                self._without_log.close()
            self._lost_log_of = self._without_log = None
        self.damaged = False
        log.warning("database_sound_again")

    def close(self) -> None:
        """Wait for the running use cases, then end the threads and their connections; call it in another thread."""
        self._executor.shutdown(wait=True)
        self._close_connection_of_loop()

    def run_in_this_thread(
        self,
        use_case: Callable[Parameters, Result],
        *args: Parameters.args,
        **kwargs: Parameters.kwargs,
    ) -> Result:
        """Run the use case in this thread. Raise Unavailable after the deadline, or without the database."""
        require_time_left()
        if self.damaged:
            # Close the connection, because after a restore it may still have the damaged file open.
            self._database.close()
            raise Unavailable(DAMAGED)
        try:
            close_if_ended(self._database)
            result = use_case(*args, **kwargs)
            require_open_files(self._database)
            return result
        except FilesGone as lost:
            self._database.close()
            self.close_for_lost_files(lost)
            raise Unavailable(DAMAGED) from lost
        # Peewee does not wrap the errors that SQLite raises while rows are fetched.
        except DATABASE_ERRORS as error:
            # The connection or its session may be unusable: let the next use case of this thread open another.
            self._database.close()
            if is_damage(error):
                self.close_for_damage(safe_message(error))
            elif is_outage(error):
                log.error("database_unavailable", error=safe_message(error))
            else:
                raise
            if self.damaged:
                raise Unavailable(DAMAGED) from error
            raise (refused_write(error) or Unavailable(NOT_AVAILABLE)) from error

    def _close_connections(self) -> None:
        """Let every thread of the pool, and the event loop, close its connection, which no other may do."""
        self._close_connection_of_loop()
        everyone = threading.Barrier(self.threads)

        def close_own() -> None:
            try:
                self._database.close()
            finally:
                # Take no second turn before every other thread has had its own.
                with suppress(threading.BrokenBarrierError):
                    everyone.wait(CLOSING_SECONDS)

        # At the end of the process the pool takes nothing more.
        with suppress(RuntimeError):
            for _ in range(self.threads):
                self._executor.submit(close_own)

    def _close_connection_of_loop(self) -> None:
        # At the end of the process the loop is closed.
        with suppress(RuntimeError):
            if self._loop is not None:
                self._loop.call_soon_threadsafe(self._database.close)

    def _begin(self, waiting: list[tuple[partial[Result], Future[Result]]]) -> None:
        notify = None
        with suppress(IndexError):
            notify = _execute(*waiting.pop())
        # Free the place before the response, because the client may send its next request at once.
        self._free_places.release()
        if notify is not None:
            notify()

    def _new_executor(self) -> ThreadPoolExecutor:
        return ThreadPoolExecutor(self.threads, thread_name_prefix="use-case")


def _execute(call: Callable[[], Result], future: Future[Result]) -> Callable[[], None] | None:
    """Make the call and return the function that notifies its future; None when the future was cancelled."""
    if not future.set_running_or_notify_cancel():
        return None
    try:
        return partial(future.set_result, call())
    except BaseException as error:  # The waiting caller handles it, as with an executor.
        return partial(future.set_exception, error)
