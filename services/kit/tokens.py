"""Tokens: who calls, and for what.

An admin's access token is a JWT that auth alone signs (Ed25519, RFC 8037 and RFC 9068); everyone else verifies it
with auth's published keys. A service token is a JWT under the secret that only the services share (HS256); it
lives for a minute and names its callee as the audience.
"""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cache
from typing import Any

import httpx
from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import KeySet, OctKey
from joserfc.jws import extract_compact

from services.kit.errors import Forbidden, Unauthorized, Unavailable
from services.kit.instants import Clock, now
from services.kit.observability import log

# What the claim `role` says of every admin (BEHAVIOUR.md, "Auth"); what an admin may do is in `roles` (RFC 9068).
ADMIN_ROLE = "admin"
# From the least to the most that one may do; each may also do what those before it may.
ROLES = ("viewer", "editor", "owner")
ACCESS_TOKEN_ISSUER = "flix-auth"  # noqa: S105 a name, not a secret
ACCESS_TOKEN_ALGORITHM = "Ed25519"  # noqa: S105
# RFC 9068 section 2.1: a token of another kind must not pass for an access token.
ACCESS_TOKEN_TYPE = "at+jwt"  # noqa: S105
SERVICE_TOKEN_TYPE = "service+jwt"  # noqa: S105
SERVICE_TOKEN_LIFETIME = timedelta(seconds=60)
# Services' clocks may differ by this much.
LEEWAY_SECONDS = 5
KEYS_LIFETIME = timedelta(minutes=5)
# An unknown key id, or a fetch that failed, asks auth again, at most this often: forged tokens must not become
# requests to auth.
KEYS_REFRESH_INTERVAL = timedelta(seconds=5)
KEYS_TIMEOUT_SECONDS = 3

FetchKeys = Callable[[], Awaitable[Any]]


@dataclass(frozen=True)
class Admin:
    """The person behind a verified access token; `role` is one of ROLES."""

    id: str
    username: str
    role: str


def issue_service_token(secret: str, issuer: str, audience: str, at: datetime) -> str:
    """A token with which the service `issuer` may call the internal routes of `audience` for a minute."""
    claims = {
        "iss": issuer,
        "aud": audience,
        "iat": int(at.timestamp()),
        "exp": int((at + SERVICE_TOKEN_LIFETIME).timestamp()),
    }
    return jwt.encode({"alg": "HS256", "typ": SERVICE_TOKEN_TYPE}, claims, _shared_key(secret))


def verify_service_token(token: str, secret: str, audience: str, at: datetime) -> str:
    """The name of the calling service; raises Unauthorized."""
    claims = _verified(token, _shared_key(secret), "HS256", SERVICE_TOKEN_TYPE)
    _check_claims(claims, at, audience)
    return str(claims.get("iss", ""))


class AccessTokenVerifier:
    """Verifies access tokens for one audience with auth's published keys, which it keeps for five minutes."""

    def __init__(self, fetch_keys: FetchKeys, audience: str, clock: Clock = now):
        self._fetch_keys = fetch_keys
        self._audience = audience
        self._clock = clock
        self._keys = KeySet([])
        self._asked_at: datetime | None = None
        self._asking = asyncio.Lock()
        self._auth_failed = False

    async def verify(self, token: str) -> Admin:
        """The admin; raises Unauthorized, Forbidden, or Unavailable when auth's keys are needed and cannot be had."""
        key_id = _header(token).get("kid")
        if not isinstance(key_id, str):
            raise Unauthorized
        await self._ensure_keys(key_id)
        claims = _verified(token, self._keys, ACCESS_TOKEN_ALGORITHM, ACCESS_TOKEN_TYPE)
        _check_claims(claims, self._clock(), self._audience, issuer=ACCESS_TOKEN_ISSUER)
        subject, username = claims.get("sub"), claims.get("username")
        if not (isinstance(subject, str) and isinstance(username, str)):
            raise Unauthorized
        return Admin(subject, username, _role(claims))

    async def _ensure_keys(self, key_id: str) -> None:
        if self._knows(key_id):
            # Only the request that finds the keys old waits for auth; and while auth is down they go on being good.
            if self._is_due(KEYS_REFRESH_INTERVAL if self._auth_failed else KEYS_LIFETIME):
                await self._ask()
            return
        async with self._asking:
            if not self._knows(key_id) and (not self._keys.keys or self._is_due(KEYS_REFRESH_INTERVAL)):
                await self._ask()
        if self._auth_failed and not self._knows(key_id):
            raise Unavailable("Sign-in keys are not available; try again shortly")

    def _is_due(self, interval: timedelta) -> bool:
        return self._asked_at is None or self._clock() - self._asked_at > interval

    async def _ask(self) -> None:
        asked_before, self._asked_at = self._asked_at, self._clock()
        try:
            self._keys = KeySet.import_key_set(await self._fetch_keys())
            self._auth_failed = False
        except (httpx.HTTPError, TimeoutError, JoseError, ValueError, KeyError, TypeError) as error:
            self._auth_failed = True
            log.warning("signing_keys_unavailable", error=repr(error))
        except asyncio.CancelledError:
            # The client hung up, and nobody has heard auth's answer.
            self._asked_at = asked_before
            raise

    def _knows(self, key_id: str) -> bool:
        return any(key.kid == key_id for key in self._keys.keys)


def fetch_keys_from(auth_url: str) -> FetchKeys:
    """How to get auth's JSON Web Key Set (RFC 7517) over HTTP."""

    async def fetch() -> Any:
        async with (
            httpx.AsyncClient(timeout=KEYS_TIMEOUT_SECONDS, trust_env=False) as client,
            asyncio.timeout(KEYS_TIMEOUT_SECONDS),
        ):
            response = await client.get(f"{auth_url}/.well-known/jwks.json")
        response.raise_for_status()
        return response.json()

    return fetch


def bearer_token(authorization: str | None) -> str:
    """The token of an Authorization header (RFC 6750 section 2.1); raises Unauthorized."""
    scheme, _, token = (authorization or "").partition(" ")
    if scheme.lower() != "bearer" or not token.strip():
        raise Unauthorized
    return token.strip()


@cache
def _shared_key(secret: str) -> OctKey:
    # A process knows one secret, and every internal call signs or verifies with it.
    return OctKey.import_key(secret)


def _header(token: str) -> dict[str, Any]:
    """What it says of itself, still unverified; raises Unauthorized."""
    try:
        header: dict[str, Any] = dict(extract_compact(token.encode()).protected)
    except (JoseError, ValueError):
        raise Unauthorized from None
    # An extension that must be understood (RFC 7515 section 4.1.11): we understand none.
    if "crit" in header:
        raise Unauthorized
    return header


def _verified(token: str, key: Any, algorithm: str, token_type: str) -> dict[str, Any]:
    if _header(token).get("typ") != token_type:
        raise Unauthorized
    try:
        return jwt.decode(token, key, algorithms=[algorithm]).claims
    # JSON that is too deep for Python's parser ends in a RecursionError.
    except (JoseError, ValueError, RecursionError):
        raise Unauthorized from None


def _role(claims: dict[str, Any]) -> str:
    """The one of ROLES that the token gives; raises Unauthorized, and Forbidden for a role that opens nothing here."""
    kind, roles = claims.get("role"), claims.get("roles")
    if not (isinstance(kind, str) and isinstance(roles, list) and len(roles) == 1 and isinstance(roles[0], str)):
        raise Unauthorized
    if kind != ADMIN_ROLE or roles[0] not in ROLES:
        raise Forbidden
    return roles[0]


def _check_claims(claims: dict[str, Any], at: datetime, audience: str, issuer: str | None = None) -> None:
    audiences = claims.get("aud")
    audiences = audiences if isinstance(audiences, list) else [audiences]
    expires_at, begins_at = claims.get("exp"), claims.get("nbf", 0)
    valid = (
        audience in audiences
        and type(expires_at) is int
        and expires_at + LEEWAY_SECONDS > at.timestamp()
        # RFC 7519 section 4.1.5; auth writes none.
        and type(begins_at) is int
        and begins_at - LEEWAY_SECONDS <= at.timestamp()
        and (issuer is None or claims.get("iss") == issuer)
    )
    if not valid:
        raise Unauthorized
