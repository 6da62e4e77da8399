"""The limits of wrong access keys, counted as distinct guesses (docs/contract/BEHAVIOUR.md, "Private access").

Content judges a key and sends the judgement in a header; this module decides whether the client gets it. One limit is
per client and event; a higher one is per event, against many clients together. A client that was admitted with the
right key within a day is exempt from the second: the guesses of others must not lock it out.
"""

import asyncio
import hashlib
import math
import time
from collections.abc import Awaitable, Callable

from gateway.distinct import Bounds, DistinctKeys, JudgedKey
from gateway.limiter import Counts, network
from gateway.upstream import UpstreamResponse, Watch
from services.kit.core.errors import Limit, TooManyRequests
from services.kit.core.refusal_log import RefusalLog
from services.kit.core.texts import slug_form
from services.kit.web.judgements import Judgement, KeyJudgement

# Refusals are sent at multiples of this time after the request: content needs longer for a right key than for a wrong
# one, and a client over the limit must not measure which it was.
REFUSAL_STEP_SECONDS = 0.1

Pause = Callable[[float], Awaitable[None]]


class Guesses:
    """Allow `of_client` and `of_event` distinct wrong keys in a window of `window_ms` milliseconds."""

    def __init__(
        self,
        counts: Counts,
        of_client: int,
        of_event: int,
        window_ms: int,
        pause: Pause = asyncio.sleep,
        clock: Callable[[], float] = time.monotonic,
    ):
        window_seconds = math.ceil(window_ms / 1000)
        self._keys = DistinctKeys(counts, Bounds(of_client, of_event, window_seconds))
        # Named in both refusals: a client must not learn which of the two limits it has reached.
        self._limit = Limit("access-keys", of_client, window_seconds)
        self._pause = pause
        self._clock = clock
        self._refusals = RefusalLog("access_key_guesses_refused", "access_key_guesses", clock)

    def watch(self, event_slug: str, client_address: str | None) -> Watch:
        """Return the check of content's responses to one request of a learner, which begins now.

        It raises TooManyRequests in place of a response to a request that rests on a key when the client, or all
        clients of the event, have used up their guesses, be the key right, stale or wrong.
        """
        began_at = self._clock()

        async def check(response: UpstreamResponse) -> None:
            judgement = response.judgement
            if judgement is None or judgement.key is None:
                return
            key = _judged_key(event_slug, network(client_address or ""), judgement, judgement.key)
            seconds = await self._keys.seconds_until_disclosed(key)
            if seconds:
                self._refusals.count(eventSlug=event_slug)
                await self._pause(REFUSAL_STEP_SECONDS - (self._clock() - began_at) % REFUSAL_STEP_SECONDS)
                message = "Too many wrong access keys; try again later"
                raise TooManyRequests(message, retry_after=seconds, limit=self._limit)

        return check


def _judged_key(event_slug: str, client: str, judgement: Judgement, key: KeyJudgement) -> JudgedKey:
    # The event that was found, however its slug was spelled; where there is none, every spelling of the slug. A changed
    # key begins new counts, and keeps the clients that were admitted with the one before.
    event = ("slug", slug_form(event_slug)) if judgement.event_id is None else ("event", judgement.event_id)
    return JudgedKey(
        client=_name("client", *event, key.present, client),
        event=_name("event", *event, key.present),
        admission=_name("admission", *event, client),
        verdict=key.verdict,
        digest=key.digest,
    )


def _name(*parts: str) -> str:
    # A hash has one length, whatever a client sends, and holds no personal address.
    return hashlib.sha256(repr(parts).encode()).hexdigest()
