"""Signing keys: how they are encrypted, when each one signs, and how long its public part is published."""

import json
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from joserfc import jwe
from joserfc.errors import JoseError
from joserfc.jwk import OctKey, OKPKey

from services.auth.entities import EVER, SigningKey
from services.auth.errors import KeyUnreadable
from services.kit.web.tokens.access import ACCESS_TOKEN_ALGORITHM, KEYS_LIFETIME

# Longer than any verifier keeps the key set that it fetched before.
KEY_LEAD = KEYS_LIFETIME + timedelta(minutes=1)
# Clocks of auth's replicas may differ, and a request in flight may still sign.
KEY_MARGIN = timedelta(minutes=1)
# Retired keys are reported this long, so that no verifier accepts one from an old key set.
RETIRED_KEY_LIFETIME = timedelta(days=1)

# Purposes of derived keys. Stored data depends on these texts.
KEY_ENCRYPTION = "signing keys"
REFRESH_TOKENS = "refresh tokens"

_ENCRYPTION = {"alg": "dir", "enc": "A256GCM"}


def derive_key(secret: str, purpose: str) -> bytes:
    """Return 256 bits for one purpose, derived from SIGNING_KEY_SECRET (HKDF, RFC 5869)."""
    return HKDF(SHA256(), length=32, salt=None, info=f"flix auth: {purpose}".encode()).derive(secret.encode())


def new_signing_key(key_id: str, now: datetime, encryption_key: bytes, signs_from: datetime = EVER) -> SigningKey:
    """Generate an Ed25519 key pair whose private part is encrypted."""
    pair = OKPKey.generate_key("Ed25519")
    private_key = _encrypt(json.dumps(pair.as_dict(private=True)), key_id, encryption_key)
    return SigningKey(key_id, private_key, json.dumps(pair.as_dict(private=False)), now, None, signs_from)


def is_encrypted(key: SigningKey) -> bool:
    """Return whether the private part is encrypted; the first release stored it in clear text."""
    return not key.private_key.startswith("{")


def encrypted(key: SigningKey, encryption_key: bytes) -> SigningKey:
    """Return a key of the first release with its private part encrypted."""
    return replace(key, private_key=_encrypt(key.private_key, key.id, encryption_key))


def decrypt_private_key(key: SigningKey, encryption_key: bytes) -> OKPKey:
    """Return the private part. Raise KeyUnreadable."""
    try:
        private_key = _decrypt(key, encryption_key) if is_encrypted(key) else key.private_key
        return OKPKey.import_key(json.loads(private_key))
    except (JoseError, ValueError, KeyError, TypeError):
        raise KeyUnreadable(key.id) from None


def is_published(key: SigningKey, now: datetime) -> bool:
    """Return whether the public part is published: before the key signs, and until its last token has expired."""
    return key.retired_at is None or key.retired_at > now


def is_removable(key: SigningKey, now: datetime) -> bool:
    """Return whether the retirement of the key has been reported long enough."""
    return key.retired_at is not None and key.retired_at + RETIRED_KEY_LIFETIME <= now


def signing_key(keys: Sequence[SigningKey], now: datetime) -> SigningKey | None:
    """Return the key that signs now."""
    ready = [key for key in keys if is_published(key, now) and key.signs_from <= now]
    return max(ready, key=lambda key: (key.signs_from, key.created_at, key.id), default=None)


def waiting_key(keys: Sequence[SigningKey], now: datetime) -> SigningKey | None:
    """Return the key that is published and does not sign yet."""
    return next((key for key in keys if is_published(key, now) and key.signs_from > now), None)


def publication_end(successor: SigningKey, token_lifetime: timedelta) -> datetime:
    """Return when the last token that the previous key can have signed expires."""
    return successor.signs_from + token_lifetime + KEY_MARGIN


def public_jwk(key: SigningKey) -> dict[str, Any]:
    """Return the public part as a member of a JSON Web Key Set (RFC 7517)."""
    return {**json.loads(key.public_key), "kid": key.id, "use": "sig", "alg": ACCESS_TOKEN_ALGORITHM}


def _encrypt(private_key: str, key_id: str, encryption_key: bytes) -> str:
    # The header is authenticated, so a private key copied into another row cannot be decrypted there.
    return jwe.encrypt_compact({**_ENCRYPTION, "kid": key_id}, private_key.encode(), OctKey.import_key(encryption_key))


def _decrypt(key: SigningKey, encryption_key: bytes) -> bytes:
    found = jwe.decrypt_compact(key.private_key, OctKey.import_key(encryption_key), algorithms=[*_ENCRYPTION.values()])
    if found.plaintext is None or found.headers().get("kid") != key.id:
        raise KeyUnreadable(key.id)
    return found.plaintext
