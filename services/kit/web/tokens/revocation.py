"""What auth has taken back before it expires: sessions that ended, and signing keys that were retired."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import httpx

from services.kit.core.instants import Clock, now
from services.kit.core.logging import log

# So long an access token may go on opening doors after its session has ended.
REVOKED_LIFETIME = timedelta(seconds=2)

FetchRevoked = Callable[[], Awaitable[Any]]


@dataclass(frozen=True, slots=True)
class Revoked:
    """The ids of ended sessions whose access tokens may not be over yet, and of keys whose tokens are good no more."""

    sessions: frozenset[str] = frozenset()
    keys: frozenset[str] = frozenset()

    @classmethod
    def of(cls, document: Any) -> "Revoked":
        """What auth answers, ``{"items": [session id...], "keys": [key id...]}``."""
        return cls(frozenset(document["items"]), frozenset(document["keys"]))


Revocations = Callable[[], Awaitable[Revoked]]


class RevocationList:
    """Revocations that auth is asked for at most every two seconds, by one request, for which the others wait.

    While auth is away what it said last goes on being good: nobody can be disabled there either.
    """

    def __init__(self, fetch: FetchRevoked, clock: Clock = now):
        self._fetch = fetch
        self._clock = clock
        self._revoked = Revoked()
        self._asked_at: datetime | None = None
        self._asking = asyncio.Lock()
        self._auth_failed = False

    async def __call__(self) -> Revoked:
        """What is revoked now, or was two seconds ago."""
        # Nobody but the one who asks waits for an auth that did not answer before.
        if self._is_old() and not (self._auth_failed and self._asking.locked()):
            async with self._asking:
                if self._is_old():
                    await self._ask()
        return self._revoked

    def _is_old(self) -> bool:
        return self._asked_at is None or self._clock() - self._asked_at > REVOKED_LIFETIME

    async def _ask(self) -> None:
        asked_at = self._clock()
        try:
            self._revoked = Revoked.of(await self._fetch())
            self._auth_failed = False
        except (httpx.HTTPError, TimeoutError, ValueError, KeyError, TypeError) as error:
            self._auth_failed = True
            log.warning("revocations_unavailable", error=repr(error))
        # Whoever waited all the while need not ask again. When the client hung up, nobody has heard auth's answer.
        self._asked_at = asked_at if not self._auth_failed else self._clock()
