"""The rules of auth: what a token says and what a key looks like. No clock, no storage, no HTTP."""

import json
from datetime import datetime, timedelta
from typing import Any

from joserfc import jwt
from joserfc.jwk import OKPKey

from services.auth.entities import Admin, Session, SigningKey
from services.kit.tokens import ACCESS_TOKEN_ALGORITHM, ACCESS_TOKEN_ISSUER, ACCESS_TOKEN_TYPE, ADMIN_ROLE

# Everyone who acts on an admin's token; each accepts it only while its own name is here (RFC 8725 section 3.9).
ACCESS_TOKEN_AUDIENCES = ("gateway", "content", "quiz", "auth")
# How long a session is kept. Nothing renews an access token from it yet; that comes with refresh tokens.
SESSION_LIFETIME = timedelta(days=7)


def new_signing_key(key_id: str, now: datetime) -> SigningKey:
    """A fresh Ed25519 key pair."""
    key = OKPKey.generate_key("Ed25519")
    return SigningKey(
        id=key_id,
        private_key=json.dumps(key.as_dict(private=True)),
        public_key=json.dumps(key.as_dict(private=False)),
        created_at=now,
        retired_at=None,
    )


def published_key(key: SigningKey) -> dict[str, Any]:
    """The key as a member of a JSON Web Key Set, without its private part."""
    return {**json.loads(key.public_key), "kid": key.id, "use": "sig", "alg": ACCESS_TOKEN_ALGORITHM}


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
        "sid": session.id,
        "jti": token_id,
        "iat": int(now.timestamp()),
        "exp": int((now + lifetime).timestamp()),
    }
    header = {"alg": ACCESS_TOKEN_ALGORITHM, "typ": ACCESS_TOKEN_TYPE, "kid": key.id}
    private_key = OKPKey.import_key(json.loads(key.private_key))
    return jwt.encode(header, claims, private_key, algorithms=[ACCESS_TOKEN_ALGORITHM])
