"""Records and a service to begin a test with, and a hasher that counts what it does."""

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any

import argon2

from services.auth import rules
from services.auth.entities import Admin, RefreshToken, Session, SigningKey
from services.auth.repository.contracts import AuthStore
from services.auth.service.sign_in import AuthService
from services.kit.core.instants import Clock
from tests.clock import NOON, StoppedClock

PASSWORD = "correct horse battery staple"
LIFETIME = timedelta(minutes=15)
KEY_SECRET = "a secret that encrypts the keys of these tests"
SEAL = rules.derived_key(KEY_SECRET, rules.SEALING)
SUCCESSION = rules.derived_key(KEY_SECRET, rules.SUCCESSION)


def an_admin(**changes: Any) -> Admin:
    """An admin, but for the changes."""
    return replace(Admin("admin-1", "ada", "$argon2id$not-a-hash", NOON, NOON), **changes)


def a_session(**changes: Any) -> Session:
    """A session of that admin, which lasts a day, but for the changes."""
    return replace(Session("session-1", "admin-1", NOON, NOON + timedelta(days=1), None), **changes)


def a_refresh_token(**changes: Any) -> RefreshToken:
    """An unused refresh token of that session, which lasts an hour, but for the changes."""
    return replace(RefreshToken("token-1", "session-1", NOON, NOON + timedelta(hours=1)), **changes)


def a_key(**changes: Any) -> SigningKey:
    """A signing key without any key in it, but for the changes."""
    return replace(SigningKey("key-1", '{"d": "private"}', '{"x": "public"}', NOON, None), **changes)


class CountingHasher(argon2.PasswordHasher):
    """A cheap hasher that counts its work; one hash or verification takes as long as any other."""

    def __init__(self, time_cost: int = 1):
        super().__init__(time_cost=time_cost, memory_cost=8, parallelism=1)
        self.hashes = 0
        self.verifications = 0

    def hash(self, password: str | bytes, *, salt: bytes | None = None) -> str:
        """Counted."""
        self.hashes += 1
        return super().hash(password, salt=salt)

    def verify(self, hash: str | bytes, password: str | bytes) -> Any:
        """Counted."""
        self.verifications += 1
        return super().verify(hash, password)

    def work_of(self) -> tuple[int, int]:
        """How many hashes and verifications since the last time."""
        work = (self.hashes, self.verifications)
        self.hashes = self.verifications = 0
        return work


class InterruptedHasher(CountingHasher):
    """Something happens while it hashes, once."""

    def __init__(self, *happenings: Callable[[], object]):
        super().__init__()
        self.happenings = list(happenings)

    def verify(self, hash: str | bytes, password: str | bytes) -> Any:
        """What happens first happens before it is done."""
        if self.happenings:
            self.happenings.pop(0)()
        return super().verify(hash, password)


def a_service(
    store: AuthStore,
    clock: Clock | None = None,
    hasher: CountingHasher | None = None,
    signing_key_secret: str = KEY_SECRET,
    **more: Any,
) -> AuthService:
    """Auth over that store, at noon and with cheap hashes unless it is told otherwise."""
    more.setdefault("grant_lifetime", LIFETIME)
    return AuthService(store, LIFETIME, signing_key_secret, clock or StoppedClock(), hasher or CountingHasher(), **more)
