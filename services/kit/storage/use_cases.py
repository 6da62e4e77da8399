"""Use cases from asynchronous resources: alone or together, once for an Idempotency-Key, and as JSON lists."""

import asyncio
import threading
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, Generic, NamedTuple, TypeVar

import peewee

from services.kit.core.errors import ServiceError
from services.kit.storage.database import is_postgresql, snapshot, transaction
from services.kit.storage.database_errors import DATABASE_ERRORS
from services.kit.storage.gathering import Gathering
from services.kit.storage.idempotency import IdempotentRequests, Keep, NotTogether, Outcome, keep_nothing
from services.kit.storage.lists import ReadPage, RenderedList, render_long, render_page, render_short
from services.kit.storage.open_files import FilesGone
from services.kit.storage.thread_pool import WAITING_LIMIT, ThreadPool
from services.kit.web.idempotency import IdempotencyKey, StoredResponse
from services.kit.web.pages import PageRequest

Request = TypeVar("Request")
Result = TypeVar("Result")


class Once(NamedTuple, Generic[Request, Result]):
    """A request of several: what `run_once` takes, and `request` for the use case of all of them.

    `begin` sets the request's actor, id and log context.
    """

    key: IdempotencyKey | None
    request: Request
    use_case: Callable[[Keep[Result]], Result]
    render: Callable[[Result], StoredResponse]
    begin: Callable[[], object]


class UseCases:
    """Runs synchronous use cases in a pool of threads; `run`, `run_short` and `close` are the pool's."""

    def __init__(self, database: peewee.Database, threads: int, waiting_limit: int = WAITING_LIMIT):
        self._database = database
        self.threads = threads
        self.pool = ThreadPool(database, threads, waiting_limit)
        self.run = self.pool.run
        self.run_short = self.pool.run_short
        self.close = self.pool.close
        self._idempotent_requests = IdempotentRequests(database)
        self._long_lists = asyncio.Lock()
        self._gathering = Gathering(self._run_gathered)

    async def run_once(
        self,
        key: IdempotencyKey | None,
        use_case: Callable[[Keep[Result]], Result],
        render: Callable[[Result], StoredResponse],
    ) -> StoredResponse:
        """Run the use case of a request that creates something, or replay the response that is stored for its key."""
        if key is None:
            return render(await self.run(use_case, keep_nothing))
        return await self.run(self._idempotent_requests.run, key, use_case, render)

    async def run_once_gathered(
        self,
        key: IdempotencyKey | None,
        use_case: Callable[[Keep[Result]], Result],
        render: Callable[[Result], StoredResponse],
    ) -> StoredResponse:
        """Run it as `run_once`; on SQLite requests that come during a commit share the next transaction and commit.

        The use case must have one transaction, which waits for nothing but the database.
        """
        if is_postgresql(self._database):
            return await self.run_once(key, use_case, render)
        if key is None:
            return await self._gathering.run(lambda: render(use_case(keep_nothing)))
        with self._idempotent_requests.in_flight(key):
            return await self._gathering.run(partial(self._idempotent_requests.run_in_flight, key, use_case, render))

    async def run_together(
        self,
        requests: Sequence[Once[Request, Result]],
        use_case: Callable[[Sequence[Request]], Sequence[Result | ServiceError | None]],
    ) -> Sequence[StoredResponse | BaseException]:
        """Run them as `run_once` does, and return the response to each or its error.

        They have one transaction and one commit: a commit that fails is the error of each. `use_case` runs in it, and
        returns None for a request that has to run alone, because it would wait for another transaction. All run alone
        when the error of one would be the error of all.
        """
        outcomes: list[StoredResponse | BaseException | None] = [None] * len(requests)
        try:
            outcomes[:] = await self.run(self._together, requests, use_case)
        except NotTogether:
            pass
        except ServiceError as error:
            return [error] * len(requests)
        alone = [place for place, outcome in enumerate(outcomes) if outcome is None]
        # Each task has a context of its own.
        tasks = [asyncio.create_task(self._alone(requests[place])) for place in alone]
        for place, outcome in zip(alone, await asyncio.gather(*tasks, return_exceptions=True), strict=True):
            outcomes[place] = outcome
        return [outcome for outcome in outcomes if outcome is not None]

    async def run_list(self, read: ReadPage, requested: PageRequest) -> RenderedList:
        """Return the JSON of the requested page, or of the whole list as of one moment. Raise as `run` and `read` do.

        A page has `nextCursor` and a whole list has not, as old clients expect. At most one thread is busy with long
        lists.
        """
        if requested.limit is not None:
            return await self.run(render_page, read, requested)
        short = await self.run(render_short, read, requested)
        if short is not None:
            return short
        given_up = threading.Event()
        async with self._long_lists:
            try:
                return await self.run(self._render_long, read, requested, given_up)
            finally:
                # The client may be gone.
                given_up.set()

    async def replay(self, key: IdempotencyKey) -> StoredResponse | None:
        """Return the response that is stored for the key, or None."""
        return await self.run(self._idempotent_requests.replay, key)

    async def _run_gathered(self, calls: Sequence[Callable[[], Any]]) -> list[Any]:
        return await self.run(self._run_each, calls)

    def _run_each(self, calls: Sequence[Callable[[], Any]]) -> list[Any]:
        if len(calls) == 1:
            return [calls[0]()]
        # The transaction of each use case is a savepoint in this one.
        with transaction(self._database):
            return [_result_or_own_error(each) for each in calls]

    def _together(
        self,
        requests: Sequence[Once[Request, Result]],
        use_case: Callable[[Sequence[Request]], Sequence[Result | ServiceError | None]],
    ) -> list[Outcome]:
        def run(places: Sequence[int]) -> list[Outcome]:
            results = use_case([requests[place].request for place in places])
            return [
                result if result is None or isinstance(result, ServiceError) else requests[place].render(result)
                for place, result in zip(places, results, strict=True)
            ]

        return self._idempotent_requests.run_together([each.key for each in requests], run)

    async def _alone(self, request: Once[Request, Result]) -> StoredResponse:
        request.begin()
        return await self.run_once(request.key, request.use_case, request.render)

    def _render_long(self, read: ReadPage, requested: PageRequest, given_up: threading.Event) -> RenderedList:
        with snapshot(self._database):
            return render_long(read, requested, given_up)


def _result_or_own_error(call: Callable[[], Any]) -> Any:
    try:
        return call()
    except peewee.IntegrityError as error:
        return error
    except (FilesGone, *DATABASE_ERRORS):
        # An error of the database is that of each.
        raise
    except Exception as error:
        return error
