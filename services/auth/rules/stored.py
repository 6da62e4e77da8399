"""What a stored record must be, besides what its table's own constraints hold. No message repeats a hash or a key."""

import json
import re
from base64 import urlsafe_b64encode
from collections.abc import Iterator

import argon2
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from joserfc.errors import JoseError
from joserfc.jwk import OKPKey

from services.auth.entities import Admin, SigningKey
from services.kit.integrity.findings import Breach

_BCRYPT = re.compile(r"\$2[abxy]\$\d\d\$[./A-Za-z0-9]{53}", re.ASCII)


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
