"""Learner grants: signed here, for what content has judged."""

from datetime import timedelta

import uuid_utils

from services.auth import rules
from services.auth.entities import IssuedGrant
from services.auth.repository.contracts import AuthStore
from services.auth.service.keys import Keys
from services.kit.core.instants import Clock


class Grants:
    """Signs grants; nothing of them is kept, since content sees from its events which are still good."""

    def __init__(self, store: AuthStore, keys: Keys, lifetime: timedelta, clock: Clock):
        self._store = store
        self._keys = keys
        self._lifetime = lifetime
        self._clock = clock

    def issue(self, event_id: str, fingerprint: str) -> IssuedGrant:
        """A grant for the event while its access key has that fingerprint; raises SigningUnavailable."""
        with self._store.transaction():
            key_id, key = self._keys.signing()
        at, token_id = self._clock(), str(uuid_utils.uuid7())
        token = rules.learner_grant(event_id, fingerprint, token_id, key_id, key, at, at + self._lifetime)
        return IssuedGrant(token, int(self._lifetime.total_seconds()))
