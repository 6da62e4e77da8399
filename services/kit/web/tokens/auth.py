"""The HTTP requests to auth that the verification of access tokens needs."""

import asyncio
import ssl
from functools import cache
from typing import Any

from services.kit.core.config import ServerSettings
from services.kit.core.instants import now
from services.kit.core.lean_httpx import httpx
from services.kit.web.tokens.access import AccessTokenVerifier, FetchKeys
from services.kit.web.tokens.revocation import FetchRevoked, RevocationList
from services.kit.web.tokens.service import issue_service_token

KEYS_TIMEOUT_SECONDS = 3
# Short, because an admin's request waits for it whenever the list is old.
REVOKED_TIMEOUT_SECONDS = 1


def access_token_verifier(settings: ServerSettings) -> AccessTokenVerifier:
    """Build the verifier of the access tokens for this process."""
    revocations = RevocationList(fetch_revoked_from(settings.auth_url, settings.service_secret, settings.name))
    return AccessTokenVerifier(fetch_keys_from(settings.auth_url), settings.name, revocations)


def fetch_keys_from(auth_url: str) -> FetchKeys:
    """Return a function that fetches auth's JSON Web Key Set (RFC 7517); it raises httpx.HTTPError, TimeoutError."""

    async def fetch() -> Any:
        return await _get(f"{auth_url}/.well-known/jwks.json", KEYS_TIMEOUT_SECONDS)

    return fetch


def fetch_revoked_from(auth_url: str, service_secret: str, name: str) -> FetchRevoked:
    """Return a function with which the process `name` fetches the ended sessions and retired keys."""

    async def fetch() -> Any:
        token = issue_service_token(service_secret, name, "auth", now())
        return await _get(f"{auth_url}/internal/ended-sessions", REVOKED_TIMEOUT_SECONDS, f"Bearer {token}")

    return fetch


async def _get(url: str, seconds: float, authorization: str | None = None) -> Any:
    headers = {} if authorization is None else {"Authorization": authorization}
    async with (
        httpx.AsyncClient(verify=_certificates(), timeout=seconds, trust_env=False) as client,
        asyncio.timeout(seconds),
    ):
        try:
            response = await client.get(url, headers=headers)
        except AttributeError as error:
            # Under uvloop anyio raises "None has no `getpeername`" for a connection that is reset at once, as by an
            # auth that stops. The aiohttp transport has no such fault, but makes each process start 0.1 s later.
            raise httpx.ConnectError("the connection was reset at once") from error
    response.raise_for_status()
    return response.json()


@cache
def _certificates() -> ssl.SSLContext:
    # Cached because reading them blocks the event loop for about 30 ms.
    return httpx.create_ssl_context(trust_env=False)
