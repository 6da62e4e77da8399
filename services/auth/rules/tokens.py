"""What an access token says, and how long it and its session live."""

import json
from datetime import datetime, timedelta

from joserfc import jwt
from joserfc.jwk import OKPKey

from services.auth.entities import Admin, Session, SigningKey
from services.kit.tokens import ACCESS_TOKEN_ALGORITHM, ACCESS_TOKEN_ISSUER, ACCESS_TOKEN_TYPE, ADMIN_ROLE

# Everyone who acts on an admin's token; each accepts it only while its own name is here (RFC 8725 section 3.9).
ACCESS_TOKEN_AUDIENCES = ("gateway", "content", "quiz", "auth")
# How long a session is kept. Nothing renews an access token from it yet; that comes with refresh tokens.
SESSION_LIFETIME = timedelta(days=7)


def access_token(
    admin: Admin, session: Session, token_id: str, key: SigningKey, now: datetime, lifetime: timedelta
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
        "exp": int((now + lifetime).timestamp()),
    }
    header = {"alg": ACCESS_TOKEN_ALGORITHM, "typ": ACCESS_TOKEN_TYPE, "kid": key.id}
    private_key = OKPKey.import_key(json.loads(key.private_key))
    return jwt.encode(header, claims, private_key, algorithms=[ACCESS_TOKEN_ALGORITHM])
