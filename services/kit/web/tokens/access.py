"""Access tokens of admins: JWTs that only auth signs (Ed25519), verified with its published keys."""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from joserfc.errors import JoseError
from joserfc.jwk import KeySet

from services.kit.core.errors import Forbidden, ServiceError, Unauthorized, Unavailable
from services.kit.core.instants import Clock, ElapsedClock, elapsed, now
from services.kit.core.lean_httpx import httpx
from services.kit.core.logging import log
from services.kit.core.recently_used import RecentlyUsed
from services.kit.web.tokens.claims import check_claims, read_claims, read_header
from services.kit.web.tokens.revocation import Revocations

# The claim `role` of every admin (docs/contract/BEHAVIOUR.md, "Auth"); permissions follow from `roles` (RFC 9068).
ADMIN_ROLE = "admin"
# In ascending order: each role has the permissions of those before it.
ROLES = ("viewer", "editor", "owner")
ACCESS_TOKEN_ISSUER = "flix-auth"  # noqa: S105 a name, not a secret
ACCESS_TOKEN_ALGORITHM = "Ed25519"  # noqa: S105
# RFC 9068 section 2.1: no token of another kind is accepted as an access token.
ACCESS_TOKEN_TYPE = "at+jwt"  # noqa: S105
KEYS_LIFETIME = timedelta(minutes=5)
# After an unknown key id or a failed fetch the keys are fetched again, at most this often: forged tokens must not
# cause many requests to auth.
KEYS_REFRESH_INTERVAL = timedelta(seconds=5)

# Tokens whose verified claims a process remembers, about 1 KB each.
REMEMBERED_TOKENS = 2048

FetchKeys = Callable[[], Awaitable[Any]]
# Raised if auth is unavailable, or its response is no key set.
FETCH_ERRORS = (httpx.HTTPError, TimeoutError, JoseError, ServiceError, ValueError, KeyError, TypeError)


@dataclass(frozen=True)
class Admin:
    """The admin of a verified access token; `role` is one of ROLES, `session_id` names the sign-in."""

    id: str
    username: str
    role: str
    session_id: str


class AccessTokenVerifier:
    """Verifies access tokens for one audience with auth's published keys, cached for five minutes."""

    def __init__(
        self,
        fetch_keys: FetchKeys,
        audience: str,
        revocations: Revocations,
        clock: Clock = now,
        elapsed: ElapsedClock = elapsed,
    ):
        self._fetch_keys = fetch_keys
        self._audience = audience
        self.revocations = revocations
        self._clock = clock
        self._elapsed = elapsed
        self._keys = KeySet([])
        self._key_ids: frozenset[str | None] = frozenset()
        # By type and token: the key id and the claims. To verify a signature is a good part of an admin's request.
        self._verified: RecentlyUsed[tuple[str, str], tuple[str, dict[str, Any]]] = RecentlyUsed(REMEMBERED_TOKENS)
        self._fetched_at: timedelta | None = None
        self._fetch_lock = asyncio.Lock()
        self._fetch_failed = False

    async def prepare(self) -> None:
        """Fetch the keys before the first request; if auth is unavailable, the first request fetches them."""
        fetched_at = self._elapsed()
        with suppress(*FETCH_ERRORS):
            self._use_keys(await self._fetch_keys())
            self._fetched_at = fetched_at

    async def verify(self, token: str) -> Admin:
        """Return the admin; raise Unauthorized, Forbidden, or Unavailable without auth's keys."""
        key_id, claims = await self._read(token, ACCESS_TOKEN_TYPE)
        admin = _admin(claims)
        # Last, so that only tokens that auth has signed cause a request to auth.
        revoked = await self.revocations()
        if admin.session_id in revoked.sessions or key_id in revoked.keys:
            raise Unauthorized
        return admin

    async def verified_claims(self, token: str, token_type: str) -> dict[str, Any]:
        """Return the claims of a token of another type with the same keys; raise Unauthorized, Unavailable."""
        key_id, claims = await self._read(token, token_type)
        if claims.get("iss") != ACCESS_TOKEN_ISSUER or key_id in (await self.revocations()).keys:
            raise Unauthorized
        return claims

    async def _read(self, token: str, token_type: str) -> tuple[str, dict[str, Any]]:
        remembered = self._verified.get((token_type, token))
        key_id = _key_id(token) if remembered is None else remembered[0]
        await self._ensure_keys(key_id)
        # Asked again, because new keys forget what those before have verified.
        _, claims = self._verified.get((token_type, token)) or self._verify_signature(token, token_type, key_id)
        check_claims(claims, self._clock(), self._audience)
        return key_id, claims

    def _verify_signature(self, token: str, token_type: str, key_id: str) -> tuple[str, dict[str, Any]]:
        verified = key_id, read_claims(token, self._keys, ACCESS_TOKEN_ALGORITHM, token_type)
        self._verified.put((token_type, token), verified)
        return verified

    async def _ensure_keys(self, key_id: str) -> None:
        if self._has_key(key_id):
            # Only one request waits for auth if the keys are old. While auth is unavailable they stay valid.
            if self._is_older_than(KEYS_REFRESH_INTERVAL if self._fetch_failed else KEYS_LIFETIME):
                await self._refresh()
            return
        async with self._fetch_lock:
            if not self._has_key(key_id) and (not self._keys.keys or self._is_older_than(KEYS_REFRESH_INTERVAL)):
                await self._refresh()
        if self._fetch_failed and not self._has_key(key_id):
            raise Unavailable("Sign-in keys are not available; try again shortly")

    def _is_older_than(self, age: timedelta) -> bool:
        return self._fetched_at is None or self._elapsed() - self._fetched_at > age

    async def _refresh(self) -> None:
        fetched_before, self._fetched_at = self._fetched_at, self._elapsed()
        try:
            self._use_keys(await self._fetch_keys())
            self._fetch_failed = False
        except FETCH_ERRORS as error:
            self._fetch_failed = True
            log.warning("signing_keys_unavailable", error=repr(error))
        except asyncio.CancelledError:
            # The client disconnected before auth's response: the next request must fetch.
            self._fetched_at = fetched_before
            raise

    def _use_keys(self, document: Any) -> None:
        self._keys = KeySet.import_key_set(document)
        self._key_ids = frozenset(key.kid for key in self._keys.keys)
        self._verified.clear()

    def _has_key(self, key_id: str) -> bool:
        return key_id in self._key_ids


def bearer_token(authorization: str | None) -> str:
    """Return the token of an Authorization header (RFC 6750 section 2.1); raise Unauthorized."""
    scheme, _, token = (authorization or "").partition(" ")
    if scheme.lower() != "bearer" or not token.strip():
        raise Unauthorized
    return token.strip()


def _key_id(token: str) -> str:
    key_id = read_header(token).get("kid")
    if not isinstance(key_id, str):
        raise Unauthorized
    return key_id


def _admin(claims: dict[str, Any]) -> Admin:
    """Return the admin of the claims; raise Unauthorized for a missing claim, Forbidden for an unknown role."""
    names = ("sub", "username", "sid", "jti", "role")
    roles = claims.get("roles")
    if claims.get("iss") != ACCESS_TOKEN_ISSUER or not all(isinstance(claims.get(name), str) for name in names):
        raise Unauthorized
    if not (isinstance(roles, list) and len(roles) == 1 and isinstance(roles[0], str)):
        raise Unauthorized
    if claims["role"] != ADMIN_ROLE or roles[0] not in ROLES:
        raise Forbidden
    return Admin(claims["sub"], claims["username"], roles[0], claims["sid"])
