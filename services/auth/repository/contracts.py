"""What every repository of auth promises, whatever keeps the records.

Nothing here commits: the service holds the transaction (`AuthStore.transaction`).
"""

from collections.abc import Iterable, Sequence
from contextlib import AbstractContextManager
from datetime import datetime
from typing import Any, Protocol

from services.auth.entities import Admin, Session, SigningKey


class AdminRepository(Protocol):
    """Admins, by name."""

    def add(self, admin: Admin) -> None:
        """Raises UsernameTaken."""

    def get_by_username(self, username: str) -> Admin:
        """Raises AdminNotFound."""

    def replace_password(self, admin_id: str, password_hash: str, now: datetime) -> None:
        """Raises AdminNotFound."""

    def count(self) -> int:
        """How many there are."""

    def find(self, admin_ids: Iterable[str], usernames: Iterable[str]) -> Sequence[Admin]:
        """Those that have one of the ids or one of the names, in no order."""

    def costliest_bcrypt_hash(self) -> str | None:
        """Of the hashes that came from the old baseline and are still there the one that takes longest to check."""


class SessionRepository(Protocol):
    """Sessions of admins."""

    def add(self, session: Session) -> None:
        """Raises AdminNotFound."""

    def get(self, session_id: str) -> Session:
        """Raises SessionNotFound."""

    def end(self, session_id: str, now: datetime) -> None:
        """Raises SessionNotFound, also when it has ended before."""

    def remove_expired(self, now: datetime) -> int:
        """Forget the sessions that are over by then; how many there were."""


class SigningKeyRepository(Protocol):
    """The keys that sign access tokens."""

    def add(self, key: SigningKey) -> None:
        """Keep a new key."""

    def list(self) -> Sequence[SigningKey]:
        """Every key that is not retired, oldest first."""


class AuthStore(Protocol):
    """All of auth's records and the transaction around them."""

    @property
    def admins(self) -> AdminRepository:
        """The admins."""

    @property
    def sessions(self) -> SessionRepository:
        """The sessions."""

    @property
    def signing_keys(self) -> SigningKeyRepository:
        """The signing keys."""

    def transaction(self) -> AbstractContextManager[Any]:
        """All that is written inside is kept, or nothing is."""
