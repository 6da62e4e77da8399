"""What an access token says, what a refresh token is, and how long they and their session live."""

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

# Everyone who acts on an admin's token; each accepts it only while its own name is here (RFC 8725 section 3.9).
ACCESS_TOKEN_AUDIENCES = ("gateway", "content", "quiz", "auth")
# A session ends then, however much it is used, and after so long without use (OWASP ASVS 5, 7.3.1 and 7.3.2).
SESSION_LIFETIME = timedelta(days=7)
REFRESH_IDLE_LIMIT = timedelta(days=1)
# A client that did not hear the answer, or asks from several tabs at once, may show a token again for so long.
REFRESH_GRACE = timedelta(seconds=10)


class Shown(Enum):
    """What a refresh token that is shown does."""

    REFRESHES = "the first use"
    REPEATS = "the answer to the first use, again"
    REUSED = "somebody has it who should not"
    IS_OVER = "nothing"


def access_token(
    admin: Admin, session: Session, token_id: str, key_id: str, key: OKPKey, now: datetime, expires_at: datetime
) -> str:
    """A signed access token (RFC 9068) for the admin."""
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
    """256 random bits."""
    return secrets.token_urlsafe(32)


def refresh_token_after(token: str, key: bytes) -> str:
    """The token that follows that one, the same whoever asks; without the key nobody can tell it."""
    return urlsafe_b64encode(hmac.digest(key, token.encode(), hashlib.sha256)).rstrip(b"=").decode()


def refresh_token_id(token: str) -> str:
    """Under what a token is kept; it has 256 random bits, so that a fast hash is no help to who would guess it."""
    return hashlib.sha256(token.encode()).hexdigest()


def session_end(began_at: datetime, access_token_lifetime: timedelta) -> datetime:
    """When a session that begins then is over; never before its first access token."""
    return began_at + max(SESSION_LIFETIME, access_token_lifetime)


def refresh_token_end(session: Session, now: datetime) -> datetime:
    """When a refresh token that is given now is over."""
    return min(now + REFRESH_IDLE_LIMIT, session.expires_at)


def access_token_end(session: Session, now: datetime, lifetime: timedelta) -> datetime:
    """When an access token that is given now is over."""
    return min(now + lifetime, session.expires_at)


def judge_refresh(
    session: Session, shown: RefreshToken, successor: RefreshToken | None, admin: Admin, now: datetime
) -> Shown:
    """What the token that is shown does; `successor` is the one that its first use has given, if it was used.

    A used token is a sign of theft (RFC 9700 section 4.14.2), unless it comes so soon that it may be the same client
    again, and nobody has gone on with the successor.
    """
    if session.ended_at is not None or session.expires_at <= now or admin.disabled_at is not None:
        return Shown.IS_OVER
    if shown.used_at is None:
        return Shown.IS_OVER if shown.expires_at <= now else Shown.REFRESHES
    is_fresh = successor is not None and successor.used_at is None
    return Shown.REPEATS if is_fresh and now - shown.used_at <= REFRESH_GRACE else Shown.REUSED
