"""The keys that sign access tokens: made when the first is needed, published for everyone who verifies."""

from typing import Any

import uuid_utils

from services.auth import rules
from services.auth.entities import SigningKey
from services.auth.repository import AuthStore
from services.kit.instants import Clock


class Keys:
    """Publishes the keys with which others verify tokens, and gives the one that signs them."""

    def __init__(self, store: AuthStore, clock: Clock):
        self._store = store
        self._clock = clock

    def published(self) -> dict[str, Any]:
        """The JSON Web Key Set (RFC 7517) with which everyone verifies access tokens."""
        keys = self._store.signing_keys.list()
        if not keys:
            with self._store.transaction():
                keys = self._usable()
        return {"keys": [rules.published_key(key) for key in keys]}

    def signing(self) -> SigningKey:
        """The key that signs now; of the caller's transaction."""
        return self._usable()[-1]

    def _usable(self) -> list[SigningKey]:
        keys = list(self._store.signing_keys.list())
        if not keys:
            keys = [rules.new_signing_key(str(uuid_utils.uuid7()), self._clock())]
            self._store.signing_keys.add(keys[0])
        return keys
