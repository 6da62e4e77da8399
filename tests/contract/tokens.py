"""Access tokens that auth would sign, and some that it never would."""

from datetime import timedelta
from typing import Any

from joserfc import jwt

from services.auth.entities import SigningKey
from services.auth.repository.store import PeeweeAuthStore
from services.auth.rules import keys
from services.kit.core.instants import now
from services.kit.storage.database import open_database
from tests.installation import Installation
from tests.kit.forging import Forge

ALGORITHM = "Ed25519"


class Tokens:
    """Signs with the key of a running installation."""

    def __init__(self, stack: Installation):
        database = open_database(stack.environment["AUTH_DATABASE_URL"])
        self._key = PeeweeAuthStore(database).signing_keys.list()[-1]
        database.close()
        self._encryption_key = keys.derive_key(stack.environment["SIGNING_KEY_SECRET"], keys.KEY_ENCRYPTION)

    def access_token(self, **claims: Any) -> str:
        """Return a valid token with these claims changed; None leaves a claim out."""
        return self._signed(self._key, claims)

    def forge(self) -> Forge:
        """Return a forge with the stack's own key, for tokens that the gateway and content accept."""
        forge = Forge(self._key.id, "content", now())
        forge.private_key = keys.decrypt_private_key(self._key, self._encryption_key)
        return forge

    def of_another_key(self) -> str:
        """Return a token of another key under the stack's key id."""
        return self._signed(keys.new_signing_key(self._key.id, now(), self._encryption_key), {})

    def _signed(self, key: SigningKey, claims: dict[str, Any], typ: str = "at+jwt") -> str:
        header = {"alg": ALGORITHM, "typ": typ, "kid": key.id}
        private = keys.decrypt_private_key(key, self._encryption_key)
        return jwt.encode(header, _claims(claims), private, algorithms=[ALGORITHM])


def _claims(changed: dict[str, Any]) -> dict[str, Any]:
    issued_at = int(now().timestamp())
    claims = {
        "iss": "flix-auth",
        "aud": ["gateway", "content", "quiz", "auth"],
        "sub": "admin-1",
        "username": "admin",
        "role": "admin",
        "roles": ["owner"],
        "sid": "session-1",
        "jti": "token-1",
        "iat": issued_at,
        "exp": issued_at + int(timedelta(minutes=15).total_seconds()),
        **changed,
    }
    return {name: value for name, value in claims.items() if value is not None}
