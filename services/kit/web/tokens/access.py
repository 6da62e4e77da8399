"""Access tokens of admins: JWTs that auth alone signs (Ed25519), verified with its published keys."""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import httpx
from joserfc.errors import JoseError
from joserfc.jwk import KeySet

from services.kit.core.errors import Forbidden, ServiceError, Unauthorized, Unavailable
from services.kit.core.instants import Clock, now
from services.kit.core.logging import log
from services.kit.web.tokens.claims import check_claims, read_claims, read_header
from services.kit.web.tokens.revocation import Revocations

# What the claim `role` says of every admin (BEHAVIOUR.md, "Auth"); what an admin may do is in `roles` (RFC 9068).
ADMIN_ROLE = "admin"
# From the least to the most that one may do; each may also do what those before it may.
ROLES = ("viewer", "editor", "owner")
ACCESS_TOKEN_ISSUER = "flix-auth"  # noqa: S105 a name, not a secret
ACCESS_TOKEN_ALGORITHM = "Ed25519"  # noqa: S105
# RFC 9068 section 2.1: a token of another kind must not pass for an access token.
ACCESS_TOKEN_TYPE = "at+jwt"  # noqa: S105
KEYS_LIFETIME = timedelta(minutes=5)
# An unknown key id, or a fetch that failed, asks auth again, at most this often: forged tokens must not become
# requests to auth.
KEYS_REFRESH_INTERVAL = timedelta(seconds=5)

FetchKeys = Callable[[], Awaitable[Any]]
# What comes of asking an auth that is away, or answers no key set.
NO_KEYS = (httpx.HTTPError, TimeoutError, JoseError, ServiceError, ValueError, KeyError, TypeError)


@dataclass(frozen=True)
class Admin:
    """The person behind a verified access token; `role` is one of ROLES, `session_id` the sign-in that it is of."""

    id: str
    username: str
    role: str
    session_id: str


class AccessTokenVerifier:
    """Verifies access tokens for one audience with auth's published keys, which it keeps for five minutes."""

    def __init__(self, fetch_keys: FetchKeys, audience: str, revocations: Revocations, clock: Clock = now):
        self._fetch_keys = fetch_keys
        self._audience = audience
        self._revocations = revocations
        self._clock = clock
        self._keys = KeySet([])
        self._asked_at: datetime | None = None
        self._asking = asyncio.Lock()
        self._auth_failed = False

    async def prepare(self) -> None:
        """Have the keys before the first token is shown; while auth is away, they are asked for then."""
        asked_at = self._clock()
        with suppress(*NO_KEYS):
            self._keys = KeySet.import_key_set(await self._fetch_keys())
            self._asked_at = asked_at

    async def verify(self, token: str) -> Admin:
        """The admin; raises Unauthorized, Forbidden, or Unavailable when auth's keys are needed and cannot be had."""
        key_id, claims = await self._read(token, ACCESS_TOKEN_TYPE)
        admin = _admin(claims)
        # Last, so that auth is asked on behalf of nobody whom it has not given a token.
        revoked = await self._revocations()
        if admin.session_id in revoked.sessions or key_id in revoked.keys:
            raise Unauthorized
        return admin

    async def verified_claims(self, token: str, token_type: str) -> dict[str, Any]:
        """What a token of another type says that is signed with the same keys; raises Unauthorized, Unavailable."""
        key_id, claims = await self._read(token, token_type)
        if claims.get("iss") != ACCESS_TOKEN_ISSUER or key_id in (await self._revocations()).keys:
            raise Unauthorized
        return claims

    async def _read(self, token: str, token_type: str) -> tuple[str, dict[str, Any]]:
        key_id = read_header(token).get("kid")
        if not isinstance(key_id, str):
            raise Unauthorized
        await self._ensure_keys(key_id)
        claims = read_claims(token, self._keys, ACCESS_TOKEN_ALGORITHM, token_type)
        check_claims(claims, self._clock(), self._audience)
        return key_id, claims

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
        except NO_KEYS as error:
            self._auth_failed = True
            log.warning("signing_keys_unavailable", error=repr(error))
        except asyncio.CancelledError:
            # The client hung up, and nobody has heard auth's answer.
            self._asked_at = asked_before
            raise

    def _knows(self, key_id: str) -> bool:
        return any(key.kid == key_id for key in self._keys.keys)


def bearer_token(authorization: str | None) -> str:
    """The token of an Authorization header (RFC 6750 section 2.1); raises Unauthorized."""
    scheme, _, token = (authorization or "").partition(" ")
    if scheme.lower() != "bearer" or not token.strip():
        raise Unauthorized
    return token.strip()


def _admin(claims: dict[str, Any]) -> Admin:
    """Whom the claims name; raises Unauthorized for a missing one, and Forbidden for a role that opens nothing here."""
    names = ("sub", "username", "sid", "jti", "role")
    roles = claims.get("roles")
    if claims.get("iss") != ACCESS_TOKEN_ISSUER or not all(isinstance(claims.get(name), str) for name in names):
        raise Unauthorized
    if not (isinstance(roles, list) and len(roles) == 1 and isinstance(roles[0], str)):
        raise Unauthorized
    if claims["role"] != ADMIN_ROLE or roles[0] not in ROLES:
        raise Forbidden
    return Admin(claims["sub"], claims["username"], roles[0], claims["sid"])
