"""The keys that sign tokens: made when needed, published before they sign, retired in order."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from joserfc.jwk import OKPKey

from services.auth.entities import Rotation, SigningKey
from services.auth.errors import KeyUnreadable, KeyWaiting, SigningUnavailable
from services.auth.repository.contracts import AuthStore
from services.auth.rules import keys as rules
from services.kit.core.ids import new_id
from services.kit.core.instants import Clock
from services.kit.core.logging import log


class Keys:
    """Publishes, uses and rotates the signing keys.

    `secret` encrypts their private parts; no token lives longer than `token_lifetime`.
    """

    def __init__(self, store: AuthStore, secret: str, token_lifetime: timedelta, clock: Clock):
        self._store = store
        self._encryption_key = rules.derive_key(secret, rules.KEY_ENCRYPTION)
        self._lifetime = token_lifetime
        self._clock = clock

    def published(self) -> dict[str, Any]:
        """Return the JSON Web Key Set (RFC 7517) that verifies tokens; make the first key if there is none."""
        at = self._clock()
        keys = self._store.signing_keys.list()
        if rules.signing_key(keys, at) is None:
            with self._store.transaction():
                self._signing(at)
                keys = self._store.signing_keys.list()
        return {"keys": [rules.public_jwk(key) for key in keys if rules.is_published(key, at)]}

    def signing(self) -> tuple[str, OKPKey]:
        """Return the id and the private part of the key that signs now, in the caller's transaction.

        Raise SigningUnavailable.
        """
        at = self._clock()
        key = self._signing(at)
        self._maintain(at)
        try:
            return key.id, rules.decrypt_private_key(key, self._encryption_key)
        except KeyUnreadable as error:
            log.error("signing_key_unreadable", reason=str(error))
            raise SigningUnavailable from None

    def require_readable(self) -> None:
        """Raise KeyUnreadable when SIGNING_KEY_SECRET does not decrypt a published key."""
        at = self._clock()
        for key in self._store.signing_keys.list():
            if rules.is_published(key, at):
                rules.decrypt_private_key(key, self._encryption_key)

    def list(self) -> Sequence[SigningKey]:
        """Return every key, oldest first, with those retired within the last day."""
        return self._store.signing_keys.list()

    def retired_ids(self) -> Sequence[str]:
        """Return the ids of the keys whose tokens are not valid any more."""
        at = self._clock()
        return [key.id for key in self._store.signing_keys.list() if not rules.is_published(key, at)]

    def rotate(self) -> Rotation:
        """Publish the next key; the current one stays published until its last token has expired.

        Raise KeyWaiting, KeyUnreadable.
        """
        at = self._clock()
        with self._store.transaction():
            self._store.signing_keys.lock()
            keys = self._store.signing_keys.list()
            if rules.waiting_key(keys, at) is not None:
                raise KeyWaiting
            current = rules.signing_key(keys, at)
            if current is None:
                return self._replace([], self._new_key(at), at)
            rules.decrypt_private_key(current, self._encryption_key)
            key = self._new_key(at, at + rules.KEY_LEAD)
            replaced = [each for each in keys if each.retired_at is None]
            return self._replace(replaced, key, rules.publication_end(key, self._lifetime))

    def rotate_at_once(self) -> Rotation:
        """Retire every key now and sign with a new one; all access tokens and grants become invalid."""
        at = self._clock()
        with self._store.transaction():
            self._store.signing_keys.lock()
            published = [each for each in self._store.signing_keys.list() if rules.is_published(each, at)]
            return self._replace(published, self._new_key(at, at), at)

    def _signing(self, at: datetime) -> SigningKey:
        keys = self._store.signing_keys
        key = rules.signing_key(keys.list(), at)
        if key is None:
            # Lock and look again: another process may have made the first key.
            keys.lock()
            key = rules.signing_key(keys.list(), at)
        if key is None:
            key = self._new_key(at)
            self._replace([], key, at)
        return key

    def _new_key(self, at: datetime, *signs_from: datetime) -> SigningKey:
        return rules.new_signing_key(new_id(), at, self._encryption_key, *signs_from)

    def _replace(self, keys: Sequence[SigningKey], key: SigningKey, until: datetime) -> Rotation:
        retired = [replace(each, retired_at=until) for each in keys]
        for each in retired:
            self._store.signing_keys.save(each)
        self._store.signing_keys.add(key)
        entries = [("signing_key.retired", each.id) for each in retired]
        self._store.audit.append([("signing_key.created", key.id), *entries])
        return Rotation(key, retired)

    def _maintain(self, at: datetime) -> None:
        for key in self._store.signing_keys.list():
            if rules.is_removable(key, at):
                self._store.signing_keys.remove(key.id)
            elif not rules.is_encrypted(key):
                # The first release stored it in clear text.
                self._store.signing_keys.save(rules.encrypted(key, self._encryption_key))
