"""An auth that publishes keys or revocations, and a verifier that asks it."""

import asyncio
from collections.abc import Awaitable
from datetime import timedelta
from typing import Any

import httpx

from services.kit.core.errors import Unauthorized
from services.kit.web.tokens.access import AccessTokenVerifier, Admin
from services.kit.web.tokens.revocation import Revoked
from tests.clock import StoppedClock
from tests.kit.forging import Forge

ADA = Admin("admin-1", "ada", "owner", "session-1")
FAILURES = (
    httpx.ConnectError("refused"),
    httpx.ReadTimeout("slow"),
    TimeoutError(),
    httpx.HTTPStatusError("503", request=httpx.Request("GET", "http://auth"), response=httpx.Response(503)),
    ValueError("no JSON"),
)


class FakeAuth:
    """An auth with some keys; it may fail or hang, and it counts the requests."""

    def __init__(self, *forges: Forge, audience: str = "quiz"):
        self.response: Any = {"keys": [forge.public_key for forge in forges]}
        self.revoked = Revoked()
        self.failure: Exception | None = None
        self.requests = self.revocation_requests = 0
        self.clock = StoppedClock()
        # Set when a request hangs; it hangs until `released`.
        self.hangs, self.released = asyncio.Event(), asyncio.Event()
        self.released.set()
        self._audience = audience

    async def fetch(self) -> Any:
        """A FetchKeys or FetchRevoked."""
        self.requests += 1
        # Let other requests run in between.
        await asyncio.sleep(0)
        if not self.released.is_set():
            self.hangs.set()
            await self.released.wait()
        if self.failure is not None:
            raise self.failure
        return self.response

    async def revocations(self) -> Revoked:
        self.revocation_requests += 1
        return self.revoked

    def verifier(self) -> AccessTokenVerifier:
        """Return a new verifier of this auth's tokens."""
        return AccessTokenVerifier(self.fetch, self._audience, self.revocations, self.clock, self.clock.elapsed)


class Verifying:
    """A verifier, called from tests that are not asynchronous."""

    def __init__(self, auth: FakeAuth):
        self.auth = auth
        self.verifier = auth.verifier()

    def prepare(self) -> None:
        """Fetch the keys, as at the start of a process."""
        asyncio.run(self.verifier.prepare())

    def verify(self, *tokens: str) -> list[Admin]:
        async def verify_all() -> list[Admin]:
            pending: list[Awaitable[Admin]] = [self.verifier.verify(token) for token in tokens]
            return list(await asyncio.gather(*pending))

        return asyncio.run(verify_all())

    def refuses(self, token: str) -> bool:
        """Return whether the verification raises Unauthorized."""
        try:
            self.verify(token)
        except Unauthorized:
            return True
        return False

    def wait(self, time: timedelta) -> None:
        self.auth.clock.at += time
