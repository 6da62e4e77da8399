"""Revocations: sessions that ended and signing keys that were retired before their tokens expire."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from services.kit.core.instants import ElapsedClock, elapsed
from services.kit.core.lean_httpx import httpx
from services.kit.core.logging import log

# The longest time for which an access token is accepted after its session has ended.
REVOKED_LIFETIME = timedelta(seconds=2)

FetchRevoked = Callable[[], Awaitable[Any]]


@dataclass(frozen=True, slots=True)
class Revoked:
    """The ids of ended sessions whose access tokens may not have expired, and of retired signing keys."""

    sessions: frozenset[str] = frozenset()
    keys: frozenset[str] = frozenset()

    @classmethod
    def from_document(cls, document: Any) -> "Revoked":
        """Read auth's response, ``{"items": [session id...], "keys": [key id...]}``."""
        return cls(frozenset(document["items"]), frozenset(document["keys"]))


Revocations = Callable[[], Awaitable[Revoked]]


class RevocationList:
    """The revocations, fetched from auth at most every two seconds by one request; the others wait for it.

    While auth is unavailable the last list stays in force: nobody can end a session at auth then either.
    """

    def __init__(self, fetch: FetchRevoked, elapsed: ElapsedClock = elapsed):
        self._fetch = fetch
        self._elapsed = elapsed
        self._revoked = Revoked()
        self._fetched_at: timedelta | None = None
        self._fetch_lock = asyncio.Lock()
        self._fetch_failed = False

    async def __call__(self) -> Revoked:
        """Return the revocations, at most two seconds old unless auth is unavailable."""
        # After a failed fetch only the request that fetches waits for auth.
        if self._is_old() and not (self._fetch_failed and self._fetch_lock.locked()):
            async with self._fetch_lock:
                if self._is_old():
                    await self._refresh()
        return self._revoked

    def _is_old(self) -> bool:
        return self._fetched_at is None or self._elapsed() - self._fetched_at > REVOKED_LIFETIME

    async def _refresh(self) -> None:
        fetched_at = self._elapsed()
        try:
            self._revoked = Revoked.from_document(await self._fetch())
            self._fetch_failed = False
        except (httpx.HTTPError, TimeoutError, ValueError, KeyError, TypeError) as error:
            self._fetch_failed = True
            log.warning("revocations_unavailable", error=repr(error))
        # After a failure count from its end, so that the requests that waited do not fetch again. A cancelled fetch
        # does not reach this line: the next request must fetch.
        self._fetched_at = fetched_at if not self._fetch_failed else self._elapsed()
