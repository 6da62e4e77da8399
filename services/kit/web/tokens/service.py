"""Service tokens: JWTs under the secret that only the services share (HS256), with the called service as audience."""

from datetime import datetime, timedelta
from functools import cache, lru_cache
from typing import Any

from joserfc import jwt
from joserfc.jwk import OctKey

from services.kit.web.tokens.claims import check_claims, read_claims

SERVICE_TOKEN_TYPE = "service+jwt"  # noqa: S105
SERVICE_TOKEN_LIFETIME = timedelta(seconds=60)
SHARED_SECONDS = 15


def issue_service_token(secret: str, issuer: str, audience: str, at: datetime) -> str:
    """Return a token with which `issuer` may call the internal routes of `audience` for 45 seconds at least.

    The calls of a quarter of a minute share one, because signing is a good part of a call.
    """
    begin = int(at.timestamp()) // SHARED_SECONDS * SHARED_SECONDS
    return _signed(secret, issuer, audience, begin)


def verify_service_token(token: str, secret: str, audience: str, at: datetime) -> str:
    """Return the name of the calling service; raise Unauthorized."""
    claims = _verified_claims(token, secret)
    check_claims(claims, at, audience)
    return str(claims.get("iss", ""))


@lru_cache(maxsize=64)
def _signed(secret: str, issuer: str, audience: str, at_seconds: int) -> str:
    claims = {
        "iss": issuer,
        "aud": audience,
        "iat": at_seconds,
        "exp": at_seconds + int(SERVICE_TOKEN_LIFETIME.total_seconds()),
    }
    return jwt.encode({"alg": "HS256", "typ": SERVICE_TOKEN_TYPE}, claims, _shared_key(secret))


@lru_cache(maxsize=64)
def _verified_claims(token: str, secret: str) -> dict[str, Any]:
    # The signature of a token never changes. Its times are checked each time; what is raised is not remembered.
    return read_claims(token, _shared_key(secret), "HS256", SERVICE_TOKEN_TYPE)


@cache
def _shared_key(secret: str) -> OctKey:
    # A process has one secret, and every internal call signs or verifies with it.
    return OctKey.import_key(secret)
