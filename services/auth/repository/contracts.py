"""What every repository of auth promises, whatever keeps the records.

Nothing here commits: the service holds the transaction (`AuthStore.transaction`).
"""

from collections.abc import Iterable, Sequence
from contextlib import AbstractContextManager
from datetime import datetime
from typing import Any, Protocol

from services.auth.entities import Admin, RefreshToken, Session, SigningKey, Throttle
from services.kit.core.instants import to_milliseconds
from services.kit.storage.audit.log import AuditTrail
from services.kit.web.pages import PageRequest, SortKey

ALL = PageRequest()


def admin_key(admin: Admin) -> SortKey:
    """The place of a person in a list: by creation, then by id."""
    return (to_milliseconds(admin.created_at), admin.id)


class AdminRepository(Protocol):
    """Admins, in order of creation."""

    def add(self, admin: Admin) -> None:
        """Raises UsernameTaken."""

    def get(self, admin_id: str, *, for_update: bool = False) -> Admin:
        """Raises AdminNotFound; `for_update` holds it against other writers until the transaction ends."""

    def get_by_username(self, username: str) -> Admin:
        """Raises AdminNotFound."""

    def list(self, request: PageRequest = ALL) -> Sequence[Admin]:
        """By creation, oldest first."""

    def hold_owners(self) -> Sequence[Admin]:
        """Every owner, by id, held against other writers until the transaction ends."""

    def save(self, admin: Admin) -> None:
        """Replace the stored admin of that id; raises AdminNotFound, UsernameTaken."""

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

    def get(self, session_id: str, *, for_update: bool = False) -> Session:
        """Raises SessionNotFound; `for_update` holds it against other writers until the transaction ends."""

    def end(self, session_id: str, now: datetime) -> None:
        """Raises SessionNotFound, also when it has ended before."""

    def end_all_of(self, admin_id: str, now: datetime) -> Sequence[str]:
        """End those of the admin that go on; their ids, in order."""

    def ended_since(self, instant: datetime) -> Sequence[str]:
        """The ids of those that have ended after it, in order."""

    def remove_expired(self, now: datetime) -> int:
        """Forget the sessions that are over by then, with their refresh tokens; how many there were."""


class RefreshTokenRepository(Protocol):
    """Refresh tokens, by what they are kept under."""

    def add(self, token: RefreshToken) -> None:
        """Raises SessionNotFound."""

    def find(self, token_id: str) -> RefreshToken | None:
        """The one, if there is such a one."""

    def use(self, token_id: str, now: datetime) -> None:
        """It was used then."""


class SigningKeyRepository(Protocol):
    """The keys that sign access tokens."""

    def add(self, key: SigningKey) -> None:
        """Keep a new key."""

    def save(self, key: SigningKey) -> None:
        """Replace the stored key of that id."""

    def list(self) -> Sequence[SigningKey]:
        """Every key, oldest first."""

    def hold(self) -> None:
        """Nobody else adds or changes a key until the transaction ends."""

    def remove(self, key_id: str) -> None:
        """Forget the key, if it is there."""


class ThrottleRepository(Protocol):
    """How often somebody has tried to sign in. Ids that are not there stand for no attempt."""

    def get(self, ids: Sequence[str]) -> Sequence[Throttle]:
        """Those that are there, in no order."""

    def count(self, ids: Sequence[str], now: datetime, window_ends_at: datetime) -> Sequence[Throttle]:
        """As they are with one attempt more in each; where the window is over, another one begins.

        They are held until the transaction ends, one after the other in the order of the ids.
        """

    def give_back(self, throttle_id: str) -> None:
        """One attempt fewer, where there is one."""

    def prolong(self, throttle_id: str, window_ends_at: datetime) -> None:
        """Let its window, which may hold no attempt yet, end then."""

    def forget(self, throttle_id: str) -> None:
        """Forget it with its attempts."""

    def remove_ended(self, now: datetime, at_most: int) -> int:
        """Forget so many of those whose windows are over, the oldest first; how many there were."""


class AuthStore(Protocol):
    """All of auth's records and the transaction around them."""

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
        """The attempts to sign in."""

    def transaction(self) -> AbstractContextManager[Any]:
        """All that is written inside is kept, or nothing is."""
