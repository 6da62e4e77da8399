"""A signing key: how it is kept, when it signs, and how long everyone may see its public part."""

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

# Longer than anyone keeps the keys that were published before.
KEY_LEAD = KEYS_LIFETIME + timedelta(minutes=1)
# What the clocks of auth's replicas, and a request under way, may add to the time in which a key signs.
KEY_MARGIN = timedelta(minutes=1)
# For so long everyone is told that a retired key is one, whatever they may still have kept.
RETIRED_KEY_LIFETIME = timedelta(days=1)

SEALING = "signing keys"
SUCCESSION = "refresh tokens"

_SEAL = {"alg": "dir", "enc": "A256GCM"}


def derived_key(secret: str, purpose: str) -> bytes:
    """256 bits for one purpose out of SIGNING_KEY_SECRET (HKDF, RFC 5869); keys of two purposes tell nothing of each
    other."""
    return HKDF(SHA256(), length=32, salt=None, info=f"flix auth: {purpose}".encode()).derive(secret.encode())


def new_signing_key(key_id: str, now: datetime, seal: bytes, signs_from: datetime = EVER) -> SigningKey:
    """A fresh Ed25519 key pair, its private part under the key `seal`."""
    pair = OKPKey.generate_key("Ed25519")
    private_key = _sealed(json.dumps(pair.as_dict(private=True)), key_id, seal)
    return SigningKey(key_id, private_key, json.dumps(pair.as_dict(private=False)), now, None, signs_from)


def is_sealed(key: SigningKey) -> bool:
    """Whether its private part is encrypted; the first release kept it as it was."""
    return not key.private_key.startswith("{")


def sealed(key: SigningKey, seal: bytes) -> SigningKey:
    """The key that the first release kept in clear text, under the key `seal`."""
    return replace(key, private_key=_sealed(key.private_key, key.id, seal))


def opened(key: SigningKey, seal: bytes) -> OKPKey:
    """Its private part; raises KeyUnreadable."""
    try:
        return OKPKey.import_key(json.loads(_unsealed(key, seal) if is_sealed(key) else key.private_key))
    except (JoseError, ValueError, KeyError, TypeError):
        raise KeyUnreadable(key.id) from None


def is_published(key: SigningKey, now: datetime) -> bool:
    """Whether everyone is told its public part: before it signs, and until the last token that it signed is over."""
    return key.retired_at is None or key.retired_at > now


def is_forgotten(key: SigningKey, now: datetime) -> bool:
    """Whether nobody need be told any more that it was retired."""
    return key.retired_at is not None and key.retired_at + RETIRED_KEY_LIFETIME <= now


def signing_key(keys: Sequence[SigningKey], now: datetime) -> SigningKey | None:
    """Of all keys the one that signs now."""
    ready = [key for key in keys if is_published(key, now) and key.signs_from <= now]
    return max(ready, key=lambda key: (key.signs_from, key.created_at, key.id), default=None)


def waiting_key(keys: Sequence[SigningKey], now: datetime) -> SigningKey | None:
    """The one that is published and does not sign yet."""
    return next((key for key in keys if is_published(key, now) and key.signs_from > now), None)


def last_use(successor: SigningKey, token_lifetime: timedelta) -> datetime:
    """Until when the key before that one is published: the end of the last token that it can have signed."""
    return successor.signs_from + token_lifetime + KEY_MARGIN


def published_key(key: SigningKey) -> dict[str, Any]:
    """The key as a member of a JSON Web Key Set, without its private part."""
    return {**json.loads(key.public_key), "kid": key.id, "use": "sig", "alg": ACCESS_TOKEN_ALGORITHM}


def _sealed(private_key: str, key_id: str, seal: bytes) -> str:
    # The header is authenticated: what was sealed for one row does not open in another.
    return jwe.encrypt_compact({**_SEAL, "kid": key_id}, private_key.encode(), OctKey.import_key(seal))


def _unsealed(key: SigningKey, seal: bytes) -> bytes:
    found = jwe.decrypt_compact(key.private_key, OctKey.import_key(seal), algorithms=[*_SEAL.values()])
    if found.plaintext is None or found.headers().get("kid") != key.id:
        raise KeyUnreadable(key.id)
    return found.plaintext
