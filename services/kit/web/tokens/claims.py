"""The checks of every kind of token (RFC 7519, RFC 8725)."""

import json
from datetime import datetime, timedelta
from typing import Any

from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jws import extract_compact

from services.kit.core.errors import Unauthorized

# The greatest difference between two services' clocks.
LEEWAY = timedelta(seconds=5)
# Our longest tokens have about 4,000 characters: a name of 200 characters outside ASCII.
MAXIMUM_TOKEN_LENGTH = 8192
# A token must bring no key of its own, nor the address of one (RFC 8725 section 3.10).
HEADER_MEMBERS = frozenset({"alg", "typ", "kid"})


def read_header(token: str) -> dict[str, Any]:
    """Return the header, which is not verified; raise Unauthorized if it has members that we never write (`crit`)."""
    if len(token) > MAXIMUM_TOKEN_LENGTH:
        raise Unauthorized
    try:
        header = dict(extract_compact(token.encode()).protected)
    except (JoseError, ValueError, TypeError, RecursionError):
        raise Unauthorized from None
    if not header.keys() <= HEADER_MEMBERS:
        raise Unauthorized
    return header


def read_unverified_claims(token: str) -> dict[str, Any]:
    """Return the claims of a token that another service has verified; raise Unauthorized if they cannot be read."""
    try:
        claims = json.loads(extract_compact(token.encode()).payload)
    except (JoseError, ValueError, TypeError, RecursionError):
        raise Unauthorized from None
    if not isinstance(claims, dict):
        raise Unauthorized
    return claims


def read_claims(token: str, key: Any, algorithm: str, token_type: str) -> dict[str, Any]:
    """Verify the signature and return the claims; raise Unauthorized, also for another algorithm or type."""
    if len(token) > MAXIMUM_TOKEN_LENGTH:
        raise Unauthorized
    try:
        decoded = jwt.decode(token, key, algorithms=[algorithm])
    # RecursionError: JSON that is too deep for Python's parser. TypeError: a `crit` that is no list.
    except (JoseError, ValueError, TypeError, RecursionError):
        raise Unauthorized from None
    if not decoded.header.keys() <= HEADER_MEMBERS or decoded.header.get("typ") != token_type:
        raise Unauthorized
    return decoded.claims


def check_claims(claims: dict[str, Any], at: datetime, audience: str) -> None:
    """Raise Unauthorized unless the token is for that audience and valid at that time."""
    audiences = claims.get("aud")
    audiences = audiences if isinstance(audiences, list) else [audiences]
    now, leeway = at.timestamp(), int(LEEWAY.total_seconds())
    # Not isinstance: True is an int in Python. No floats: a token with an expiry of 1e400 would never expire.
    is_valid = (
        audience in audiences
        and type(claims.get("exp")) is int
        and claims["exp"] + leeway > now
        and all(type(claims[name]) is int and claims[name] - leeway <= now for name in ("iat", "nbf") if name in claims)
    )
    if not is_valid:
        raise Unauthorized
