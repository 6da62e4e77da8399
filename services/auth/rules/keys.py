"""What a signing key looks like, in the database and as everyone may see it."""

import json
from datetime import datetime
from typing import Any

from joserfc.jwk import OKPKey

from services.auth.entities import SigningKey
from services.kit.tokens import ACCESS_TOKEN_ALGORITHM


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
