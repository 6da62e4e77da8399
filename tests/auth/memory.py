"""The in-memory twin of AuthStore. It keeps the contract that test_repository.py states, and nothing on disk."""

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import datetime

import peewee

from services.auth.entities import Admin, Session, SigningKey
from services.auth.errors import AdminNotFound, SessionNotFound, UsernameTaken
from services.kit.audit import AuditRecord
from services.kit.instants import Clock, now
from tests.audit import InMemoryAudit


@dataclass
class _Rows:
    """Every record by its id."""

    admins: dict[str, Admin] = field(default_factory=dict)
    sessions: dict[str, Session] = field(default_factory=dict)
    keys: dict[str, SigningKey] = field(default_factory=dict)
    deeds: tuple[AuditRecord, ...] = ()


class InMemoryAuthStore:
    """Auth in three dictionaries."""

    def __init__(self, clock: Clock = now) -> None:
        self._rows = _Rows()
        self.audit = InMemoryAudit(self._rows, clock)
        self.admins = InMemoryAdmins(self._rows)
        self.sessions = InMemorySessions(self._rows)
        self.signing_keys = InMemorySigningKeys(self._rows)

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """When an exception passes through, everything is as it was at the beginning."""
        rows = self._rows
        before = _Rows(dict(rows.admins), dict(rows.sessions), dict(rows.keys), rows.deeds)
        try:
            yield
        except BaseException:
            vars(rows).update(vars(before))
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

    def get_by_username(self, username: str) -> Admin:
        """Raises AdminNotFound."""
        for admin in self._rows.admins.values():
            if admin.username == username:
                return admin
        raise AdminNotFound

    def replace_password(self, admin_id: str, password_hash: str, now: datetime) -> None:
        """Raises AdminNotFound."""
        if admin_id not in self._rows.admins:
            raise AdminNotFound
        admin = self._rows.admins[admin_id]
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

    def get(self, session_id: str) -> Session:
        """Raises SessionNotFound."""
        if session_id not in self._rows.sessions:
            raise SessionNotFound
        return self._rows.sessions[session_id]

    def end(self, session_id: str, now: datetime) -> None:
        """Raises SessionNotFound, also when it has ended before."""
        session = self.get(session_id)
        if session.ended_at is not None:
            raise SessionNotFound
        self._rows.sessions[session_id] = replace(session, ended_at=now)

    def remove_expired(self, now: datetime) -> int:
        """Forget the sessions that are over by then; how many there were."""
        before = len(self._rows.sessions)
        self._rows.sessions = {each.id: each for each in self._rows.sessions.values() if each.expires_at > now}
        return before - len(self._rows.sessions)


class InMemorySigningKeys:
    """SigningKeyRepository over a dictionary."""

    def __init__(self, rows: _Rows):
        self._rows = rows

    def add(self, key: SigningKey) -> None:
        """Keep a new key."""
        _refuse_known(key.id, self._rows.keys)
        self._rows.keys[key.id] = key

    def list(self) -> Sequence[SigningKey]:
        """Every key that is not retired, oldest first."""
        usable = (each for each in self._rows.keys.values() if each.retired_at is None)
        return sorted(usable, key=lambda each: (each.created_at, each.id))


def _refuse_known(new_id: str, known: Iterable[str]) -> None:
    if new_id in known:
        raise peewee.IntegrityError("the id is taken")
