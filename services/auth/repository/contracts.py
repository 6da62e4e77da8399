"""The contracts of auth's repositories. Nothing here commits: the service does."""

from collections.abc import Iterable, Sequence
from contextlib import AbstractContextManager
from datetime import datetime
from typing import Any, Protocol

from services.auth.entities import Admin, AdminFilter, RefreshToken, Session, SigningKey, Throttle
from services.kit.core.instants import to_milliseconds
from services.kit.storage.audit.log import AuditTrail
from services.kit.web.pages import KeyOrders, Orders, PageRequest, SortKey

ALL = PageRequest()
ANY_ADMIN = AdminFilter()


class AdminRepository(Protocol):
    """Admins, in order of creation."""

    def add(self, admin: Admin) -> None:
        """Store a new admin. Raise UsernameTaken, also for a name that is one with a stored name."""

    def get(self, admin_id: str, *, for_update: bool = False) -> Admin:
        """Return the admin; `for_update` locks it until the transaction ends. Raise AdminNotFound."""

    def get_by_username(self, username: str) -> Admin:
        """Return the admin with this name; of names that are one, the one spelled so. Raise AdminNotFound."""

    def list(self, request: PageRequest = ALL, which: AdminFilter = ANY_ADMIN) -> Sequence[Admin]:
        """Return the admins that match, in one of ADMIN_ORDERS."""

    def lock_owners(self) -> Sequence[Admin]:
        """Lock and return every owner, by id, until the transaction ends."""

    def save(self, admin: Admin) -> None:
        """Replace the stored admin of that id. Raise AdminNotFound, UsernameTaken."""

    def count(self) -> int:
        """Return the number of admins."""

    def find(self, admin_ids: Iterable[str], usernames: Iterable[str]) -> Sequence[Admin]:
        """Return the admins with one of the ids, or with a name that is one with one of the names, in any order."""

    def costliest_bcrypt_hash(self) -> str | None:
        """Return the hash of the old baseline that takes longest to check, or None when no such hash is left."""


class SessionRepository(Protocol):
    """Sessions of admins."""

    def add(self, session: Session) -> None:
        """Store a new session. Raise AdminNotFound."""

    def get(self, session_id: str, *, for_update: bool = False) -> Session:
        """Return the session; `for_update` locks it until the transaction ends. Raise SessionNotFound."""

    def end(self, session_id: str, now: datetime) -> None:
        """End the session. Raise SessionNotFound, also when it has ended before."""

    def end_all_of(self, admin_id: str, now: datetime) -> Sequence[str]:
        """End the active sessions of the admin and return their ids, in order."""

    def ended_since(self, instant: datetime) -> Sequence[str]:
        """Return the ids of the sessions that ended after the instant, in order."""

    def remove_expired(self, now: datetime) -> int:
        """Delete the expired sessions with their refresh tokens and return the number of sessions."""


class RefreshTokenRepository(Protocol):
    """Refresh tokens, by their SHA-256."""

    def add(self, token: RefreshToken) -> None:
        """Store a new token. Raise SessionNotFound."""

    def find(self, token_id: str) -> RefreshToken | None:
        """Return the token, or None."""

    def use(self, token_id: str, now: datetime) -> None:
        """Record the first use of the token."""


class SigningKeyRepository(Protocol):
    """The keys that sign access tokens."""

    def add(self, key: SigningKey) -> None:
        """Store a new key."""

    def save(self, key: SigningKey) -> None:
        """Replace the stored key of that id."""

    def list(self) -> Sequence[SigningKey]:
        """Return every key, oldest first."""

    def lock(self) -> None:
        """Keep other transactions from adding or changing keys until this one ends."""

    def remove(self, key_id: str) -> None:
        """Delete the key if it exists."""


class ThrottleRepository(Protocol):
    """Counters of sign-in attempts. A missing row means no attempt."""

    def find(self, ids: Sequence[str]) -> Sequence[Throttle]:
        """Return the rows that exist, in any order."""

    def count(self, ids: Sequence[str], now: datetime, window_ends_at: datetime) -> Sequence[Throttle]:
        """Add one attempt to each row and return the rows; where the window has ended, begin another one.

        The rows are locked until the transaction ends, one after the other in the order of the ids.
        """

    def decrement(self, throttle_id: str) -> None:
        """Subtract one attempt, not below zero."""

    def extend(self, throttle_id: str, window_ends_at: datetime) -> None:
        """Set the end of the window; add a row without attempts if there is none."""

    def remove(self, throttle_id: str) -> None:
        """Delete the row if it exists."""

    def remove_ended(self, now: datetime, at_most: int) -> int:
        """Delete at most `at_most` rows whose windows have ended, oldest first, and return their number."""


class AuthStore(Protocol):
    """All repositories of auth, and the transaction around them."""

    @property
    def admins(self) -> AdminRepository:
        """The admins."""

    @property
    def sessions(self) -> SessionRepository:
        """The sessions."""

    @property
    def refresh_tokens(self) -> RefreshTokenRepository:
        """The refresh tokens."""

    @property
    def audit(self) -> AuditTrail:
        """The audit log."""

    @property
    def signing_keys(self) -> SigningKeyRepository:
        """The signing keys."""

    @property
    def throttles(self) -> ThrottleRepository:
        """The counters of sign-in attempts."""

    def transaction(self) -> AbstractContextManager[Any]:
        """Commit everything that is written inside, or nothing."""


def admin_key(admin: Admin) -> SortKey:
    """Return the sort key of the admin in its list."""
    return (to_milliseconds(admin.created_at), admin.id)


ADMIN_ORDERS: KeyOrders[Admin] = Orders("createdAt", {"createdAt": admin_key})
