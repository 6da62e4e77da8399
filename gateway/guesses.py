"""Guessing access keys: wrong ones are counted, and over a bound no key of that event is judged for a while.

The bounds are per client and event, and, wider, per event, so that many clients together cannot go on for ever. Over
the latter they go on who were let in with the key before: others' guesses must not shut out who is in.
"""

import asyncio
import math
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from weakref import WeakValueDictionary

import orjson

from gateway.limiter import Counts, Throttle, network
from gateway.upstream import HTTP_OK, Answer, Sent
from services.kit.core.errors import TooManyRequests, Unavailable
from services.kit.core.logging import log

# Keys of one client and event that are judged at once, by each worker: so many less one may be judged beyond the bound.
AT_ONCE = 8
# A longer wait for others of the same client says that content does not keep up.
TURN_SECONDS = 10
ADMITTED_SECONDS = 86_400

Judge = Callable[[], Awaitable[Answer]]
Count = Callable[..., Awaitable[int | None]]
"""A Throttle's `hit` or `blocked_for`."""


class Guesses:
    """Lets wrong keys be judged up to `of_client` and `of_event` times in a window of `window_ms`."""

    def __init__(
        self, counts: Counts, of_client: int, of_event: int, window_ms: int, turn_seconds: float = TURN_SECONDS
    ):
        self._turn_seconds = turn_seconds
        seconds = math.ceil(window_ms / 1000)
        self._of_client = Throttle(counts, "wrong-access-keys", of_client, seconds)
        self._of_event = Throttle(counts, "wrong-access-keys-of-event", of_event, seconds)
        self._admitted = Throttle(counts, "right-access-keys", 1, ADMITTED_SECONDS)
        self._turns: WeakValueDictionary[tuple[str, str], asyncio.Semaphore] = WeakValueDictionary()

    async def judged(self, event_slug: str, sent: Sent, judge: Judge) -> Answer:
        """The answer of `judge` to what a learner sent; one that says that the key was wrong is counted.

        Raises TooManyRequests over a bound, instead of asking and instead of telling, and Unavailable when too many
        keys of this client wait. What carries no key is neither counted nor refused, nor is a key counted that does not
        matter, because a grant opens the event or because it is public.
        """
        if not carries_key(sent.body):
            return await judge()
        client = network(sent.client_address or "")
        async with self._turn(event_slug, client):
            await self._refuse(event_slug, client, self._of_client.blocked_for, self._of_event.blocked_for)
            answer = await judge()
            if _says_wrong(answer):
                # Of those that were judged at once with the last that is within a bound, none hears that it was wrong.
                await self._refuse(event_slug, client, self._of_client.hit, self._of_event.hit)
            elif answer.status == HTTP_OK and not await self._admitted.is_used_up(event_slug, client):
                await self._admitted.hit(event_slug, client)
        return answer

    async def _refuse(self, event_slug: str, client: str, of_client: Count, of_event: Count) -> None:
        by_client, by_event = await of_client(event_slug, client), await of_event(event_slug)
        if by_event is not None and await self._admitted.is_used_up(event_slug, client):
            by_event = None
        seconds = max(by_client or 0, by_event or 0)
        if seconds:
            log.warning("access_key_guesses_refused", eventSlug=event_slug)
            raise TooManyRequests("Too many wrong access keys; try again later", retry_after=seconds)

    @asynccontextmanager
    async def _turn(self, event_slug: str, client: str) -> AsyncIterator[None]:
        turns = self._turns.setdefault((event_slug, client), asyncio.Semaphore(AT_ONCE))
        try:
            async with asyncio.timeout(self._turn_seconds):
                await turns.acquire()
        except TimeoutError:
            raise Unavailable("Too many requests are waiting; try again shortly") from None
        try:
            yield
        finally:
            turns.release()


def carries_key(body: bytes) -> bool:
    """Whether content may find an access key in it, which it reads just so; what it cannot read it does not judge."""
    try:
        document = orjson.loads(body)
    except orjson.JSONDecodeError:
        return False
    return isinstance(document, dict) and isinstance(document.get("eventAccessKey"), str)


def _says_wrong(answer: Answer) -> bool:
    # Most answers are seen not to say so without being read.
    return b"blocked_private" in answer.body and answer.document().get("status") == "blocked_private"
