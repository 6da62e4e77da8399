"""The limits of wrong access keys. Over a limit no key of that event is checked until the window ends.

One limit is per client and event; a higher one is per event, against many clients together. A client that was admitted
with the right key before is exempt from the second: the guesses of others must not lock it out.
"""

import asyncio
import math
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from weakref import WeakValueDictionary

import orjson

from gateway.limiter import Counts, Throttle, network
from gateway.upstream import HTTP_OK, UpstreamRequest, UpstreamResponse
from services.kit.core.errors import TooManyRequests, Unavailable
from services.kit.core.logging import log

# Keys of one client and event that a worker checks at the same time: all but one of them may be over the limit.
CONCURRENT_CHECKS = 8
# A request that waits longer for those of the same client gets 503: content is too slow.
WAIT_SECONDS = 10
ADMITTED_SECONDS = 86_400

Check = Callable[[], Awaitable[UpstreamResponse]]
Count = Callable[..., Awaitable[int | None]]
"""A Throttle's `hit` or `blocked_for`."""


class Guesses:
    """Allow `of_client` and `of_event` wrong keys in a window of `window_ms` milliseconds."""

    def __init__(
        self, counts: Counts, of_client: int, of_event: int, window_ms: int, wait_seconds: float = WAIT_SECONDS
    ):
        self._wait_seconds = wait_seconds
        seconds = math.ceil(window_ms / 1000)
        self._of_client = Throttle(counts, "wrong-access-keys", of_client, seconds)
        self._of_event = Throttle(counts, "wrong-access-keys-of-event", of_event, seconds)
        self._admitted = Throttle(counts, "right-access-keys", 1, ADMITTED_SECONDS)
        self._slots: WeakValueDictionary[tuple[str, str], asyncio.Semaphore] = WeakValueDictionary()

    async def limit(self, event_slug: str, request: UpstreamRequest, check: Check) -> UpstreamResponse:
        """Return the response of `check` to the learner's request, and count it when it says that the key was wrong.

        Raise TooManyRequests over a limit, in place of the check or of its response, and Unavailable when too many
        keys of this client wait. A request without a key is neither counted nor refused. A key that does not matter,
        because a grant opens the event or because the event is public, is not counted.
        """
        if not carries_key(request.body):
            return await check()
        client = network(request.client_address or "")
        async with self._slot(event_slug, client):
            await self._refuse(event_slug, client, self._of_client.blocked_for, self._of_event.blocked_for)
            response = await check()
            if _is_wrong_key(response):
                # Also refuse keys that were checked at the same time as the last key within the limit.
                await self._refuse(event_slug, client, self._of_client.hit, self._of_event.hit)
            elif response.status == HTTP_OK and not await self._admitted.is_used_up(event_slug, client):
                await self._admitted.hit(event_slug, client)
        return response

    async def _refuse(self, event_slug: str, client: str, of_client: Count, of_event: Count) -> None:
        by_client, by_event = await of_client(event_slug, client), await of_event(event_slug)
        if by_event is not None and await self._admitted.is_used_up(event_slug, client):
            by_event = None
        seconds = max(by_client or 0, by_event or 0)
        if seconds:
            log.warning("access_key_guesses_refused", eventSlug=event_slug)
            raise TooManyRequests("Too many wrong access keys; try again later", retry_after=seconds)

    @asynccontextmanager
    async def _slot(self, event_slug: str, client: str) -> AsyncIterator[None]:
        slots = self._slots.setdefault((event_slug, client), asyncio.Semaphore(CONCURRENT_CHECKS))
        try:
            async with asyncio.timeout(self._wait_seconds):
                await slots.acquire()
        except TimeoutError:
            raise Unavailable("Too many requests are waiting; try again shortly") from None
        try:
            yield
        finally:
            slots.release()


def carries_key(body: bytes) -> bool:
    """Return whether content can find an access key in the body. Content does not check a body it cannot read."""
    try:
        document = orjson.loads(body)
    except orjson.JSONDecodeError:
        return False
    return isinstance(document, dict) and isinstance(document.get("eventAccessKey"), str)


def _is_wrong_key(response: UpstreamResponse) -> bool:
    # Search the bytes first: most responses need not be parsed.
    return b"blocked_private" in response.body and response.document().get("status") == "blocked_private"
