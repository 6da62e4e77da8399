"""Records to begin a test with, the clock they live by, and a hasher that counts what it does."""

import re
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import argon2

from services.auth.entities import Admin, Session, SigningKey

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
LATER = NOON + timedelta(minutes=1)
SECOND = timedelta(seconds=1)
PASSWORD = "correct horse battery staple"


def an_admin(**changes: Any) -> Admin:
    """An admin, but for the changes."""
    return replace(Admin("admin-1", "ada", "$argon2id$not-a-hash", NOON, NOON), **changes)


def a_session(**changes: Any) -> Session:
    """A session of that admin, which lasts a day, but for the changes."""
    return replace(Session("session-1", "admin-1", NOON, NOON + timedelta(days=1), None), **changes)


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


class StoppedClock:
    """A clock that moves when it is told to."""

    def __init__(self, at: datetime = NOON):
        self.at = at

    def __call__(self) -> datetime:
        return self.at


class Matching:
    """Equals every text of that form, and remembers nothing."""

    def __init__(self, pattern: str):
        self._pattern = re.compile(pattern)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, str) and self._pattern.fullmatch(other) is not None

    def __hash__(self) -> int:
        return hash(self._pattern)

    def __repr__(self) -> str:
        return f"Matching({self._pattern.pattern!r})"


NEW_ID: Any = Matching("[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}")
