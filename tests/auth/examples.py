"""Example records, a service with cheap hashes, and hashers that count or interrupt."""

import json
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any

import argon2
from joserfc.jwk import OKPKey

from services.auth.entities import Admin, RefreshToken, Session, SigningKey
from services.auth.repository.contracts import AuthStore
from services.auth.rules.keys import KEY_ENCRYPTION, derive_key
from services.auth.service.sign_in import AuthService
from services.kit.core.instants import Clock
from tests.clock import NOON, StoppedClock

PASSWORD = "correct horse battery staple"
OWN_PASSWORD = "nine moles dig a tunnel"
LIFETIME = timedelta(minutes=15)
KEY_SECRET = "a secret that encrypts the keys of these tests"
ENCRYPTION_KEY = derive_key(KEY_SECRET, KEY_ENCRYPTION)


def an_admin(**changes: Any) -> Admin:
    return replace(Admin("admin-1", "ada", "$argon2id$not-a-hash", NOON, NOON), **changes)


def a_session(**changes: Any) -> Session:
    return replace(Session("session-1", "admin-1", NOON, NOON + timedelta(days=1), None), **changes)


def a_refresh_token(**changes: Any) -> RefreshToken:
    return replace(RefreshToken("token-1", "session-1", NOON, NOON + timedelta(hours=1)), **changes)


def a_key(**changes: Any) -> SigningKey:
    """Return a signing key without key material."""
    return replace(SigningKey("key-1", '{"d": "private"}', '{"x": "public"}', NOON, None), **changes)


def a_plain_key(key_id: str = "key-1") -> SigningKey:
    """Return a key as the first release stored it, in clear text."""
    pair = OKPKey.generate_key("Ed25519")
    private, public = (json.dumps(pair.as_dict(private=each)) for each in (True, False))
    return SigningKey(key_id, private, public, NOON, None)


class CountingHasher(argon2.PasswordHasher):
    """A cheap hasher that counts hashes and verifications."""

    def __init__(self, time_cost: int = 1):
        super().__init__(time_cost=time_cost, memory_cost=8, parallelism=1)
        self.hashes = 0
        self.verifications = 0

    def hash(self, password: str | bytes, *, salt: bytes | None = None) -> str:
        self.hashes += 1
        return super().hash(password, salt=salt)

    def verify(self, hash: str | bytes, password: str | bytes) -> Any:
        # A hash of another kind is refused without any work.
        self.verifications += str(hash).startswith("$argon2id$")
        return super().verify(hash, password)

    def take_counts(self) -> tuple[int, int]:
        """Return the hashes and verifications since the last call."""
        counts = (self.hashes, self.verifications)
        self.hashes = self.verifications = 0
        return counts


class InterruptedHasher(CountingHasher):
    """A hasher that runs one of the interruptions before each verification."""

    def __init__(self, *interruptions: Callable[[], object], time_cost: int = 1):
        super().__init__(time_cost)
        self._interruptions = list(interruptions)

    def verify(self, hash: str | bytes, password: str | bytes) -> Any:
        if self._interruptions:
            self._interruptions.pop(0)()
        return super().verify(hash, password)


def a_service(
    store: AuthStore,
    clock: Clock | None = None,
    hasher: CountingHasher | None = None,
    signing_key_secret: str = KEY_SECRET,
    **more: Any,
) -> AuthService:
    """Return auth over the store, by default at noon and with cheap hashes."""
    more.setdefault("grant_lifetime", LIFETIME)
    return AuthService(store, LIFETIME, signing_key_secret, clock or StoppedClock(), hasher or CountingHasher(), **more)
