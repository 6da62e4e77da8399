"""Writes that share a commit: those that come while one batch of them is under way are the next batch."""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from contextvars import Context, copy_context
from functools import partial
from typing import Any, NamedTuple, TypeVar

from services.kit.core.errors import too_many_waiting
from services.kit.core.outcomes import set_outcomes

MOST_AT_ONCE = 64
# Further ones are refused with 503.
MOST_WAITING = 512

Result = TypeVar("Result")
Call = Callable[[], Any]
Run = Callable[[Sequence[Call]], Awaitable[Sequence[Any]]]
"""Makes the calls in their order; returns the result of each, or the exception that it has raised."""


class _Waiting(NamedTuple):
    call: Call
    context: Context
    result: "asyncio.Future[Any]"


class Gathering:
    """Gives `run` one batch of calls at a time. A call whose caller is gone before its batch begins is left out."""

    def __init__(self, run: Run):
        self._run = run
        self._waiting: deque[_Waiting] = deque()
        self._batch: asyncio.Task[None] | None = None

    async def run(self, call: Callable[[], Result]) -> Result:
        """Make the call in the caller's context, alone or with others. Raise Unavailable when too many wait."""
        if len(self._waiting) >= MOST_WAITING:
            raise too_many_waiting()
        waiting = _Waiting(call, copy_context(), asyncio.get_running_loop().create_future())
        self._waiting.append(waiting)
        if self._batch is None:
            self._begin_next()
        result: Result = await waiting.result
        return result

    def _begin_next(self, _ended: object = None) -> None:
        self._batch = None
        if self._waiting:
            # A batch has no request of its own.
            self._batch = asyncio.create_task(self._run_next(), context=Context())
            self._batch.add_done_callback(self._begin_next)

    async def _run_next(self) -> None:
        taken = [self._waiting.popleft() for _ in range(min(MOST_AT_ONCE, len(self._waiting)))]
        batch = [each for each in taken if not each.result.done()]
        if not batch:
            return
        try:
            results = await self._run([partial(each.context.run, each.call) for each in batch])
        except Exception as error:  # Each caller gets it.
            results = [error] * len(batch)
        set_outcomes((each.result for each in batch), results)
