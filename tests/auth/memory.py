"""The in-memory twin of AuthStore. It keeps the contract that test_repository.py states, and nothing on disk."""

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from copy import copy
from dataclasses import dataclass, field, fields, replace
from datetime import datetime

import peewee

from services.auth.entities import Admin, RefreshToken, Session, SigningKey
from services.auth.errors import AdminNotFound, SessionNotFound, UsernameTaken


@dataclass
class _Rows:
    """Every record by its id."""

    admins: dict[str, Admin] = field(default_factory=dict)
    sessions: dict[str, Session] = field(default_factory=dict)
    refresh_tokens: dict[str, RefreshToken] = field(default_factory=dict)
    keys: dict[str, SigningKey] = field(default_factory=dict)
    deeds: list[tuple[str, str]] = field(default_factory=list)

    def copy(self) -> "_Rows":
        """The same records in other collections."""
        return _Rows(**{each.name: copy(getattr(self, each.name)) for each in fields(self)})

    def become(self, rows: "_Rows") -> None:
        """Those records and no others."""
        for each in fields(self):
            setattr(self, each.name, getattr(rows, each.name))


class InMemoryAuthStore:
    """Auth in dictionaries."""

    def __init__(self) -> None:
        self._rows = _Rows()
        self.admins = InMemoryAdmins(self._rows)
        self.sessions = InMemorySessions(self._rows)
        self.refresh_tokens = InMemoryRefreshTokens(self._rows)
        self.signing_keys = InMemorySigningKeys(self._rows)
        self.audit = InMemoryAudit(self._rows)

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

    def get(self, admin_id: str, *, for_update: bool = False) -> Admin:
        """Raises AdminNotFound; nobody else writes here anyway."""
        if admin_id not in self._rows.admins:
            raise AdminNotFound
        return self._rows.admins[admin_id]

    def get_by_username(self, username: str) -> Admin:
        """Raises AdminNotFound."""
        for admin in self._rows.admins.values():
            if admin.username == username:
                return admin
        raise AdminNotFound

    def replace_password(self, admin_id: str, password_hash: str, now: datetime) -> None:
        """Raises AdminNotFound."""
        admin = self.get(admin_id)
        self._rows.admins[admin_id] = replace(admin, password_hash=password_hash, updated_at=now)


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


class InMemoryAudit:
    """AuditTrail in a list."""

    def __init__(self, rows: _Rows):
        self._rows = rows

    def append(self, deeds: Iterable[tuple[str, str]]) -> None:
        """Each an action and the id of what it was done to."""
        self._rows.deeds += deeds

    @property
    def deeds(self) -> Sequence[tuple[str, str]]:
        """All of them, in order."""
        return self._rows.deeds


def _refuse_known(new_id: str, known: Iterable[str]) -> None:
    if new_id in known:
        raise peewee.IntegrityError("the id is taken")
