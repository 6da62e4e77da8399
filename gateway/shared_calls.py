"""Share a call among callers that wait for the same result; nobody gets that of a call that began before they came."""

import asyncio
from collections.abc import Awaitable, Callable
from functools import partial
from typing import Generic, TypeVar

from services.kit.core.errors import UpstreamTimeout

Key = TypeVar("Key")
Result = TypeVar("Result")


class SharedCall(Generic[Result]):
    """A call that runs once at a time; callers that come while it runs share the next one.

    `at_rest` is called when a call has ended and nobody waits for the next one.
    """

    def __init__(self, call: Callable[[], Awaitable[Result]], at_rest: Callable[[], object] = lambda: None):
        self._call = call
        self._at_rest = at_rest
        self._current: asyncio.Task[Result] | None = None
        self._next: asyncio.Task[Result] | None = None

    async def __call__(self) -> Result:
        """Return the result of a call that begins after this. Raise what it raises."""
        if self._next is None:
            self._next = asyncio.create_task(self._run_after(self._current))
            # All who asked may be gone when it fails.
            self._next.add_done_callback(lambda task: task.cancelled() or task.exception())
        # A client that disconnects does not end the call of the others.
        return await asyncio.shield(self._next)

    async def _run_after(self, current: asyncio.Task[Result] | None) -> Result:
        if current is not None:
            await asyncio.wait([current])
        self._current, self._next = self._next, None
        try:
            if current is not None and not current.cancelled() and isinstance(current.exception(), UpstreamTimeout):
                # Those who share this call have waited for as long as a call may take.
                raise UpstreamTimeout
            return await self._call()
        finally:
            self._current = None
            if self._next is None:
                self._at_rest()


class SharedCalls(Generic[Key, Result]):
    """A shared call for each key, forgotten when nobody waits for it."""

    def __init__(self, call: Callable[[Key], Awaitable[Result]]):
        self._call = call
        self._shared: dict[Key, SharedCall[Result]] = {}

    async def __call__(self, key: Key) -> Result:
        """Return the result of a call with this key that begins after this. Raise what it raises."""
        shared = self._shared.get(key)
        if shared is None:
            # Forgotten when it rests, and not by those who asked: they may be gone.
            forget = partial(self._shared.pop, key, None)
            shared = self._shared[key] = SharedCall(partial(self._call, key), forget)
        return await shared()
