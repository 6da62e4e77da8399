"""The in-memory twin of AuthStore. It keeps the contract that test_repository.py states, and nothing on disk."""

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from copy import copy
from dataclasses import dataclass, field, fields, replace
from datetime import datetime

import peewee

from services.auth.entities import Admin, RefreshToken, Session, SigningKey, Throttle
from services.auth.errors import AdminNotFound, SessionNotFound, UsernameTaken
from services.auth.repository.contracts import ALL, admin_key
from services.kit.core.instants import Clock, now
from services.kit.storage.audit.model import AuditRecord
from services.kit.web.pages import PageRequest
from tests.audit import InMemoryAudit


@dataclass
class _Rows:
    """Every record by its id."""

    admins: dict[str, Admin] = field(default_factory=dict)
    sessions: dict[str, Session] = field(default_factory=dict)
    refresh_tokens: dict[str, RefreshToken] = field(default_factory=dict)
    keys: dict[str, SigningKey] = field(default_factory=dict)
    throttles: dict[str, Throttle] = field(default_factory=dict)
    entries: tuple[AuditRecord, ...] = ()

    def copy(self) -> "_Rows":
        """The same records in other collections."""
        return _Rows(**{each.name: copy(getattr(self, each.name)) for each in fields(self)})

    def become(self, rows: "_Rows") -> None:
        """Those records and no others."""
        for each in fields(self):
            setattr(self, each.name, getattr(rows, each.name))


class InMemoryAuthStore:
    """Auth in a dictionary for each kind of record."""

    def __init__(self, clock: Clock = now) -> None:
        self._rows = _Rows()
        self.audit = InMemoryAudit(self._rows, clock)
        self.admins = InMemoryAdmins(self._rows)
        self.sessions = InMemorySessions(self._rows)
        self.refresh_tokens = InMemoryRefreshTokens(self._rows)
        self.signing_keys = InMemorySigningKeys(self._rows)
        self.throttles = InMemoryThrottles(self._rows)

    def forget_admins(self) -> None:
        """As `seed --reset` does, which leaves tokens in the world."""
        self._rows.admins = {}

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """When an exception passes through, everything is as it was at the beginning."""
        before = self._rows.copy()
        try:
            yield
        except BaseException:
            self._rows.become(before)
            raise


class InMemoryAdmins:
    """AdminRepository over a dictionary."""

    def __init__(self, rows: _Rows):
        self._rows = rows

    def add(self, admin: Admin) -> None:
        """Raises UsernameTaken."""
        _refuse_known(admin.id, self._rows.admins)
        if any(each.username == admin.username for each in self._rows.admins.values()):
            raise UsernameTaken
        self._rows.admins[admin.id] = admin

    def get(self, admin_id: str, *, for_update: bool = False) -> Admin:
        """Raises AdminNotFound."""
        if admin_id not in self._rows.admins:
            raise AdminNotFound
        return self._rows.admins[admin_id]

    def list(self, request: PageRequest = ALL) -> Sequence[Admin]:
        """By creation, oldest first."""
        found = sorted(self._rows.admins.values(), key=admin_key)
        return [each for each in found if request.after is None or admin_key(each) > request.after][
            : request.fetch_limit
        ]

    def hold_owners(self) -> Sequence[Admin]:
        """Every owner, by id."""
        return sorted((each for each in self._rows.admins.values() if each.role == "owner"), key=lambda each: each.id)

    def save(self, admin: Admin) -> None:
        """Raises AdminNotFound, UsernameTaken."""
        self.get(admin.id)
        if any(each.username == admin.username and each.id != admin.id for each in self._rows.admins.values()):
            raise UsernameTaken
        self._rows.admins[admin.id] = admin

    def count(self) -> int:
        """How many there are."""
        return len(self._rows.admins)

    def find(self, admin_ids: Iterable[str], usernames: Iterable[str]) -> Sequence[Admin]:
        """Those that have one of the ids or one of the names, in no order."""
        ids, names = set(admin_ids), set(usernames)
        return [each for each in self._rows.admins.values() if each.id in ids or each.username in names]

    def costliest_bcrypt_hash(self) -> str | None:
        """Of the hashes that came from the old baseline and are still there the one that takes longest to check."""
        hashes = [each.password_hash for each in self._rows.admins.values() if each.password_hash.startswith("$2")]
        return max(hashes, key=lambda each: each[4:6], default=None)

    def get_by_username(self, username: str) -> Admin:
        """Raises AdminNotFound."""
        for admin in self._rows.admins.values():
            if admin.username == username:
                return admin
        raise AdminNotFound


class InMemorySessions:
    """SessionRepository over a dictionary."""

    def __init__(self, rows: _Rows):
        self._rows = rows

    def add(self, session: Session) -> None:
        """Raises AdminNotFound."""
        _refuse_known(session.id, self._rows.sessions)
        if session.admin_id not in self._rows.admins:
            raise AdminNotFound
        self._rows.sessions[session.id] = session

    def get(self, session_id: str, *, for_update: bool = False) -> Session:
        """Raises SessionNotFound; nobody else writes here anyway."""
        if session_id not in self._rows.sessions:
            raise SessionNotFound
        return self._rows.sessions[session_id]

    def end(self, session_id: str, now: datetime) -> None:
        """Raises SessionNotFound, also when it has ended before."""
        session = self.get(session_id)
        if session.ended_at is not None:
            raise SessionNotFound
        self._rows.sessions[session_id] = replace(session, ended_at=now)

    def end_all_of(self, admin_id: str, now: datetime) -> Sequence[str]:
        """End those of the admin that go on; their ids, in order."""
        sessions = self._rows.sessions.values()
        ids = sorted(each.id for each in sessions if each.admin_id == admin_id and each.ended_at is None)
        for session_id in ids:
            self.end(session_id, now)
        return ids

    def ended_since(self, instant: datetime) -> Sequence[str]:
        """The ids of those that have ended after it, in order."""
        sessions = self._rows.sessions.values()
        return sorted(each.id for each in sessions if each.ended_at is not None and each.ended_at > instant)

    def remove_expired(self, now: datetime) -> int:
        """Forget the sessions that are over by then, with their refresh tokens; how many there were."""
        before, rows = len(self._rows.sessions), self._rows
        rows.sessions = {each.id: each for each in rows.sessions.values() if each.expires_at > now}
        rows.refresh_tokens = {
            each.id: each for each in rows.refresh_tokens.values() if each.session_id in rows.sessions
        }
        return before - len(rows.sessions)


class InMemoryRefreshTokens:
    """RefreshTokenRepository over a dictionary."""

    def __init__(self, rows: _Rows):
        self._rows = rows

    def add(self, token: RefreshToken) -> None:
        """Raises SessionNotFound."""
        _refuse_known(token.id, self._rows.refresh_tokens)
        if token.session_id not in self._rows.sessions:
            raise SessionNotFound
        self._rows.refresh_tokens[token.id] = token

    def find(self, token_id: str) -> RefreshToken | None:
        """The one, if there is such a one."""
        return self._rows.refresh_tokens.get(token_id)

    def use(self, token_id: str, now: datetime) -> None:
        """It was used then."""
        self._rows.refresh_tokens[token_id] = replace(self._rows.refresh_tokens[token_id], used_at=now)


class InMemorySigningKeys:
    """SigningKeyRepository over a dictionary."""

    def __init__(self, rows: _Rows):
        self._rows = rows

    def add(self, key: SigningKey) -> None:
        """Keep a new key."""
        _refuse_known(key.id, self._rows.keys)
        self._rows.keys[key.id] = key

    def save(self, key: SigningKey) -> None:
        """Replace the stored key of that id."""
        if key.id in self._rows.keys:
            self._rows.keys[key.id] = key

    def list(self) -> Sequence[SigningKey]:
        """Every key, oldest first."""
        return sorted(self._rows.keys.values(), key=lambda each: (each.created_at, each.id))

    def hold(self) -> None:
        """Nobody else writes here anyway."""

    def remove(self, key_id: str) -> None:
        """Forget the key, if it is there."""
        self._rows.keys.pop(key_id, None)


class InMemoryThrottles:
    """ThrottleRepository over a dictionary."""

    def __init__(self, rows: _Rows):
        self._rows = rows

    def get(self, ids: Sequence[str]) -> Sequence[Throttle]:
        """Those that are there."""
        return [self._rows.throttles[each] for each in ids if each in self._rows.throttles]

    def count(self, ids: Sequence[str], now: datetime, window_ends_at: datetime) -> Sequence[Throttle]:
        """As they are with one attempt more in each; where the window is over, another one begins."""
        for each in ids:
            known = self._rows.throttles.get(each)
            goes_on = known is not None and known.window_ends_at > now
            self._rows.throttles[each] = (
                replace(known, attempts=known.attempts + 1) if known and goes_on else Throttle(each, 1, window_ends_at)
            )
        return self.get(ids)

    def give_back(self, throttle_id: str) -> None:
        """One attempt fewer, where there is one."""
        for each in self.get([throttle_id]):
            self._rows.throttles[throttle_id] = replace(each, attempts=max(0, each.attempts - 1))

    def prolong(self, throttle_id: str, window_ends_at: datetime) -> None:
        """Let its window, which may hold no attempt yet, end then."""
        known = self._rows.throttles.get(throttle_id, Throttle(throttle_id, 0, window_ends_at))
        self._rows.throttles[throttle_id] = replace(known, window_ends_at=window_ends_at)

    def forget(self, throttle_id: str) -> None:
        """Forget it with its attempts."""
        self._rows.throttles.pop(throttle_id, None)

    def remove_ended(self, now: datetime, at_most: int) -> int:
        """Forget so many of those whose windows are over, the oldest first; how many there were."""
        ended = sorted(
            (each for each in self._rows.throttles.values() if each.window_ends_at <= now),
            key=lambda each: each.window_ends_at,
        )[:at_most]
        for each in ended:
            self.forget(each.id)
        return len(ended)


def _refuse_known(new_id: str, known: Iterable[str]) -> None:
    if new_id in known:
        raise peewee.IntegrityError("the id is taken")
