"""The rules of stored records, besides the constraints of their tables. No message repeats a hash or a key."""

import json
import re
from base64 import urlsafe_b64encode
from collections.abc import Iterator

import argon2
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from joserfc.errors import JoseError
from joserfc.jwk import OKPKey

from services.auth.entities import Admin, SigningKey
from services.auth.errors import KeyUnreadable
from services.auth.rules.keys import decrypt_private_key
from services.kit.core.findings import Violation
from services.kit.core.texts import as_seen

_BCRYPT = re.compile(r"\$2[abxy]\$\d\d\$[./A-Za-z0-9]{53}", re.ASCII)


def admin_violations(admin: Admin) -> Iterator[Violation]:
    """Yield the rules that a stored admin breaks."""
    # The constraint of the table refuses an empty one.
    if admin.username and not as_seen(admin.username):
        yield "admin_username", "nobody can sign in by this name: nothing of it is visible"
    if not is_password_hash(admin.password_hash):
        yield "admin_password_hash", "no password fits: the hash is neither argon2id nor bcrypt"


def is_password_hash(text: str) -> bool:
    """Return whether sign-in can check the hash: argon2id, or bcrypt of an old installation."""
    try:
        return argon2.extract_parameters(text).type is argon2.Type.ID
    except argon2.exceptions.InvalidHashError:
        return _BCRYPT.fullmatch(text) is not None


def key_violations(key: SigningKey) -> Iterator[Violation]:
    """Yield the rules that a stored signing key breaks, as far as they can be checked without SIGNING_KEY_SECRET."""
    if _public_part(key) is None:
        yield "signing_key_public", "its public part cannot be read: rotate the keys at once"


def private_key_violations(key: SigningKey, encryption_key: bytes) -> Iterator[Violation]:
    """Yield what is wrong with the private part, checked with the key derived from SIGNING_KEY_SECRET."""
    try:
        signer = decrypt_private_key(key, encryption_key).private_key
    except KeyUnreadable as error:
        yield "signing_key", str(error)
        return
    if not isinstance(signer, Ed25519PrivateKey) or _encoded_public_key(signer) != _public_part(key):
        yield "signing_key", "its two parts are not of one key: rotate the keys at once"


def _public_part(key: SigningKey) -> str | None:
    try:
        public = json.loads(key.public_key)
        OKPKey.import_key(public)
        return str(public["x"])
    except (JoseError, ValueError, KeyError, TypeError):
        return None


def _encoded_public_key(signer: Ed25519PrivateKey) -> str:
    return urlsafe_b64encode(signer.public_key().public_bytes_raw()).rstrip(b"=").decode()
