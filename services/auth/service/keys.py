"""The keys that sign access tokens: made when the first is needed, published before they sign, retired in order."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import uuid_utils
from joserfc.jwk import OKPKey

from services.auth import rules
from services.auth.entities import Rotation, SigningKey
from services.auth.errors import KeyUnreadable, KeyWaiting, SigningUnavailable
from services.auth.repository.contracts import AuthStore
from services.kit.core.instants import Clock
from services.kit.core.logging import log


class Keys:
    """Publishes the keys with which others verify tokens, gives the one that signs them, and lets another follow it.

    `secret` encrypts their private parts; no token that they sign lives longer than `token_lifetime`.
    """

    def __init__(self, store: AuthStore, secret: str, token_lifetime: timedelta, clock: Clock):
        self._store = store
        self._seal = rules.derived_key(secret, rules.SEALING)
        self._lifetime = token_lifetime
        self._clock = clock

    def published(self) -> dict[str, Any]:
        """The JSON Web Key Set (RFC 7517) with which everyone verifies access tokens."""
        at = self._clock()
        keys = self._store.signing_keys.list()
        if rules.signing_key(keys, at) is None:
            with self._store.transaction():
                self._signing(at)
                keys = self._store.signing_keys.list()
        return {"keys": [rules.published_key(key) for key in keys if rules.is_published(key, at)]}

    def signing(self) -> tuple[str, OKPKey]:
        """The id and the private part of the key that signs now; of the caller's transaction.

        Raises SigningUnavailable.
        """
        at = self._clock()
        key = self._signing(at)
        self._tidy(at)
        try:
            return key.id, rules.opened(key, self._seal)
        except KeyUnreadable as error:
            log.error("signing_key_unreadable", reason=str(error))
            raise SigningUnavailable from None

    def require_readable(self) -> None:
        """Raises KeyUnreadable when SIGNING_KEY_SECRET does not open a key that signs, or will."""
        at = self._clock()
        for key in self._store.signing_keys.list():
            if rules.is_published(key, at):
                rules.opened(key, self._seal)

    def list(self) -> Sequence[SigningKey]:
        """Every key, oldest first, also those that were retired within the last day."""
        return self._store.signing_keys.list()

    def retired(self) -> Sequence[str]:
        """The ids of those whose tokens are good no more."""
        at = self._clock()
        return [key.id for key in self._store.signing_keys.list() if not rules.is_published(key, at)]

    def rotate(self) -> Rotation:
        """Publish the key that signs after the present one, which is published until its last token is over.

        Raises KeyWaiting, and KeyUnreadable when the present one does not open.
        """
        at = self._clock()
        with self._store.transaction():
            self._store.signing_keys.hold()
            keys = self._store.signing_keys.list()
            if rules.waiting_key(keys, at) is not None:
                raise KeyWaiting
            present = rules.signing_key(keys, at)
            if present is None:
                return self._replace([], self._new_key(at), at)
            rules.opened(present, self._seal)
            key = self._new_key(at, at + rules.KEY_LEAD)
            replaced = [each for each in keys if each.retired_at is None]
            return self._replace(replaced, key, rules.last_use(key, self._lifetime))

    def rotate_at_once(self) -> Rotation:
        """Retire every key now, and sign with a new one; all access tokens that there are become worthless."""
        at = self._clock()
        with self._store.transaction():
            self._store.signing_keys.hold()
            published = [each for each in self._store.signing_keys.list() if rules.is_published(each, at)]
            return self._replace(published, self._new_key(at, at), at)

    def _signing(self, at: datetime) -> SigningKey:
        keys = self._store.signing_keys
        key = rules.signing_key(keys.list(), at)
        if key is None:
            # Of two processes that find none, one makes it.
            keys.hold()
            key = rules.signing_key(keys.list(), at)
        if key is None:
            key = self._new_key(at)
            self._replace([], key, at)
        return key

    def _new_key(self, at: datetime, *signs_from: datetime) -> SigningKey:
        return rules.new_signing_key(str(uuid_utils.uuid7()), at, self._seal, *signs_from)

    def _replace(self, keys: Sequence[SigningKey], key: SigningKey, until: datetime) -> Rotation:
        retired = [replace(each, retired_at=until) for each in keys]
        for each in retired:
            self._store.signing_keys.save(each)
        self._store.signing_keys.add(key)
        entries = [("signing_key.retired", each.id) for each in retired]
        self._store.audit.append([("signing_key.created", key.id), *entries])
        return Rotation(key, retired)

    def _tidy(self, at: datetime) -> None:
        for key in self._store.signing_keys.list():
            if rules.is_forgotten(key, at):
                self._store.signing_keys.remove(key.id)
            elif not rules.is_sealed(key):
                # The first release kept it in clear text.
                self._store.signing_keys.save(rules.sealed(key, self._seal))
