"""What every kind of token must be (RFC 7519, RFC 8725), whoever signs it."""

from datetime import datetime, timedelta
from typing import Any

from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jws import extract_compact

from services.kit.core.errors import Unauthorized

# Services' clocks may differ by this much.
LEEWAY = timedelta(seconds=5)
# Ours have at most some four thousand characters, with a name of two hundred in a rare script.
MAXIMUM_TOKEN_LENGTH = 8192
# Nothing else is looked at, and least of all an address or a key to verify it with (RFC 8725 section 3.10).
HEADER_MEMBERS = frozenset({"alg", "typ", "kid"})


def read_header(token: str) -> dict[str, Any]:
    """What it says of itself, still unverified; raises Unauthorized when that is more than we ever write (`crit`)."""
    _refuse_long(token)
    try:
        header = dict(extract_compact(token.encode()).protected)
    except (JoseError, ValueError, TypeError, RecursionError):
        raise Unauthorized from None
    _refuse_more(header)
    return header


def read_claims(token: str, key: Any, algorithm: str, token_type: str) -> dict[str, Any]:
    """The claims of a token whose signature is good; raises Unauthorized for another algorithm or type as well."""
    _refuse_long(token)
    try:
        decoded = jwt.decode(token, key, algorithms=[algorithm])
    # JSON that is too deep for Python's parser ends in a RecursionError, a `crit` that is no list in a TypeError.
    except (JoseError, ValueError, TypeError, RecursionError):
        raise Unauthorized from None
    _refuse_more(decoded.header)
    if decoded.header.get("typ") != token_type:
        raise Unauthorized
    return decoded.claims


def check_claims(claims: dict[str, Any], at: datetime, audience: str) -> None:
    """Raises Unauthorized unless it is for that audience, and good at that time."""
    audiences = claims.get("aud")
    audiences = audiences if isinstance(audiences, list) else [audiences]
    now, leeway = at.timestamp(), int(LEEWAY.total_seconds())
    # True is an int for Python, and a token that expires at 1e400 never does.
    is_good = (
        audience in audiences
        and type(claims.get("exp")) is int
        and claims["exp"] + leeway > now
        and all(type(claims[name]) is int and claims[name] - leeway <= now for name in ("iat", "nbf") if name in claims)
    )
    if not is_good:
        raise Unauthorized


def _refuse_long(token: str) -> None:
    if len(token) > MAXIMUM_TOKEN_LENGTH:
        raise Unauthorized


def _refuse_more(header: dict[str, Any]) -> None:
    if not header.keys() <= HEADER_MEMBERS:
        raise Unauthorized
