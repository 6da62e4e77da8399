"""Access tokens, refresh tokens, and the lifetimes of both and of their session."""

import hashlib
import hmac
import secrets
from base64 import urlsafe_b64encode
from datetime import datetime, timedelta
from enum import Enum

from joserfc import jwt
from joserfc.jwk import OKPKey

from services.auth.entities import Admin, RefreshToken, Session
from services.kit.web.tokens.access import ACCESS_TOKEN_ALGORITHM, ACCESS_TOKEN_ISSUER, ACCESS_TOKEN_TYPE, ADMIN_ROLE

# Each verifier accepts a token only while its own name is in this list (RFC 8725 section 3.9).
ACCESS_TOKEN_AUDIENCES = ("gateway", "content", "quiz", "auth")
# The longest life of a session, and how long it may stay unused (OWASP ASVS 5.0, 7.3.1 and 7.3.2).
SESSION_LIFETIME = timedelta(days=7)
REFRESH_IDLE_LIMIT = timedelta(days=1)
# A client that lost the response, or refreshes from several tabs at once, may use a token again for this long.
REFRESH_GRACE = timedelta(seconds=10)


class RefreshOutcome(Enum):
    """The outcome of a use of a refresh token."""

    FIRST_USE = "new tokens"
    RETRY = "the response to the first use, again"
    REUSE = "a sign of theft: the session ends"
    REFUSED = "nothing"


def access_token(
    admin: Admin, session: Session, token_id: str, key_id: str, key: OKPKey, now: datetime, expires_at: datetime
) -> str:
    """Return a signed access token (RFC 9068) for the admin."""
    claims = {
        "iss": ACCESS_TOKEN_ISSUER,
        "aud": list(ACCESS_TOKEN_AUDIENCES),
        "sub": admin.id,
        "username": admin.username,
        "role": ADMIN_ROLE,
        "roles": [admin.role],
        "sid": session.id,
        "jti": token_id,
        "iat": int(now.timestamp()),
        "exp": int(expires_at.timestamp()),
    }
    header = {"alg": ACCESS_TOKEN_ALGORITHM, "typ": ACCESS_TOKEN_TYPE, "kid": key_id}
    return jwt.encode(header, claims, key, algorithms=[ACCESS_TOKEN_ALGORITHM])


def new_refresh_token() -> str:
    """Return 256 random bits."""
    return secrets.token_urlsafe(32)


def refresh_token_after(token: str, key: bytes) -> str:
    """Return the successor of the token; it is always the same, and only the key reveals it."""
    return urlsafe_b64encode(hmac.digest(key, token.encode(), hashlib.sha256)).rstrip(b"=").decode()


def refresh_token_id(token: str) -> str:
    """Return the id under which the token is stored; with 256 random bits a fast hash is enough."""
    return hashlib.sha256(token.encode()).hexdigest()


def session_end(began_at: datetime, access_token_lifetime: timedelta) -> datetime:
    """Return when a session that begins then expires, never before its first access token."""
    return began_at + max(SESSION_LIFETIME, access_token_lifetime)


def refresh_token_end(session: Session, now: datetime) -> datetime:
    """Return when a refresh token issued now expires."""
    return min(now + REFRESH_IDLE_LIMIT, session.expires_at)


def access_token_end(session: Session, now: datetime, lifetime: timedelta) -> datetime:
    """Return when an access token issued now expires."""
    return min(now + lifetime, session.expires_at)


def refresh_outcome(
    session: Session, token: RefreshToken, successor: RefreshToken | None, admin: Admin, now: datetime
) -> RefreshOutcome:
    """Return the outcome of a use of the token; `successor` is the token that its first use has issued.

    A second use is a sign of theft (RFC 9700 section 4.14.2), unless it comes within REFRESH_GRACE and the successor
    is unused: then the same client may have retried.
    """
    if session.ended_at is not None or session.expires_at <= now or admin.disabled_at is not None:
        return RefreshOutcome.REFUSED
    if token.used_at is None:
        return RefreshOutcome.REFUSED if token.expires_at <= now else RefreshOutcome.FIRST_USE
    is_unused = successor is not None and successor.used_at is None
    return RefreshOutcome.RETRY if is_unused and now - token.used_at <= REFRESH_GRACE else RefreshOutcome.REUSE
