"""Learner grants: signed here after content has checked the access key."""

from datetime import timedelta

from services.auth.entities import IssuedGrant
from services.auth.repository.contracts import AuthStore
from services.auth.rules.grants import learner_grant
from services.auth.service.keys import Keys
from services.kit.core.ids import new_id
from services.kit.core.instants import Clock


class Grants:
    """Signs grants and stores nothing: content decides which grants are still valid."""

    def __init__(self, store: AuthStore, keys: Keys, lifetime: timedelta, clock: Clock):
        self._store = store
        self._keys = keys
        self._lifetime = lifetime
        self._clock = clock

    def issue(self, event_id: str, fingerprint: str) -> IssuedGrant:
        """Sign a grant for the event and the fingerprint of its access key. Raise SigningUnavailable."""
        with self._store.transaction():
            key_id, key = self._keys.signing()
        at, token_id = self._clock(), new_id()
        token = learner_grant(event_id, fingerprint, token_id, key_id, key, at, at + self._lifetime)
        return IssuedGrant(token, int(self._lifetime.total_seconds()))
