"""The rules of auth: what a token says and what a key looks like. No clock, no storage, no HTTP."""

import json
import re
from base64 import urlsafe_b64encode
from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

import argon2
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import OKPKey

from services.auth.entities import Admin, Session, SigningKey
from services.kit.integrity.findings import Breach
from services.kit.tokens import ACCESS_TOKEN_ALGORITHM, ACCESS_TOKEN_ISSUER, ACCESS_TOKEN_TYPE, ADMIN_ROLE

# Everyone who acts on an admin's token; each accepts it only while its own name is here (RFC 8725 section 3.9).
ACCESS_TOKEN_AUDIENCES = ("gateway", "content", "quiz", "auth")
# How long a session is kept. Nothing renews an access token from it yet; that comes with refresh tokens.
SESSION_LIFETIME = timedelta(days=7)

_BCRYPT = re.compile(r"\$2[abxy]\$\d\d\$[./A-Za-z0-9]{53}", re.ASCII)


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
        "roles": [admin.role],
        "sid": session.id,
        "jti": token_id,
        "iat": int(now.timestamp()),
        "exp": int((now + lifetime).timestamp()),
    }
    header = {"alg": ACCESS_TOKEN_ALGORITHM, "typ": ACCESS_TOKEN_TYPE, "kid": key.id}
    private_key = OKPKey.import_key(json.loads(key.private_key))
    return jwt.encode(header, claims, private_key, algorithms=[ACCESS_TOKEN_ALGORITHM])


# What a stored record must be, besides what its table's own constraints hold. No message repeats a hash or a key.


def admin_breaches(admin: Admin) -> Iterator[Breach]:
    """The rules that a stored admin breaks."""
    if admin.username != admin.username.strip():
        yield "admin_username", "nobody can sign in by this name: it begins or ends with a space"
    if not is_password_hash(admin.password_hash):
        yield "admin_password_hash", "no password fits: the hash is neither argon2id nor bcrypt"


def is_password_hash(text: str) -> bool:
    """Whether it is a hash that sign-in can judge: argon2id, or bcrypt of an old installation."""
    try:
        return argon2.extract_parameters(text).type is argon2.Type.ID
    except argon2.exceptions.InvalidHashError:
        return _BCRYPT.fullmatch(text) is not None


def key_breaches(key: SigningKey) -> Iterator[Breach]:
    """The rules that a stored signing key breaks."""
    if not _is_pair(key):
        yield "signing_key", "its two parts cannot be read, or are not of one key: retire it, and auth makes another"


def _is_pair(key: SigningKey) -> bool:
    try:
        private = OKPKey.import_key(json.loads(key.private_key))
        signer = private.private_key
        published = json.loads(key.public_key)["x"]
    except (JoseError, ValueError, KeyError, TypeError):
        return False
    if not isinstance(signer, Ed25519PrivateKey):
        return False
    derived = urlsafe_b64encode(signer.public_key().public_bytes_raw()).rstrip(b"=").decode()
    return bool(derived == published)
