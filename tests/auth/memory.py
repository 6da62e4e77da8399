"""The in-memory twin of AuthStore; tests/auth/repository holds it to the contract."""

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from copy import copy
from dataclasses import dataclass, field, fields, replace
from datetime import datetime

import peewee

from services.auth.entities import Admin, AdminFilter, RefreshToken, Session, SigningKey, Throttle
from services.auth.errors import AdminNotFound, SessionNotFound, UsernameTaken
from services.auth.repository.contracts import ADMIN_ORDERS, ALL, ANY_ADMIN
from services.auth.repository.usernames import the_one_named
from services.kit.core.instants import Clock, now
from services.kit.core.texts import name_form, search_form
from services.kit.storage.audit.model import AuditRecord
from services.kit.web.pages import PageRequest
from tests.audit import InMemoryAudit
from tests.stores import paged


@dataclass
class _Rows:
    """All records by id."""

    admins: dict[str, Admin] = field(default_factory=dict)
    sessions: dict[str, Session] = field(default_factory=dict)
    refresh_tokens: dict[str, RefreshToken] = field(default_factory=dict)
    keys: dict[str, SigningKey] = field(default_factory=dict)
    throttles: dict[str, Throttle] = field(default_factory=dict)
    entries: tuple[AuditRecord, ...] = ()

    def copy(self) -> "_Rows":
        return _Rows(**{each.name: copy(getattr(self, each.name)) for each in fields(self)})

    def restore(self, rows: "_Rows") -> None:
        for each in fields(self):
            setattr(self, each.name, getattr(rows, each.name))


class _OverRows:
    def __init__(self, rows: _Rows):
        self._rows = rows


class InMemoryAuthStore:
    """AuthStore over dictionaries."""

    def __init__(self, clock: Clock = now) -> None:
        self._rows = _Rows()
        self.audit = InMemoryAudit(self._rows, clock)
        self.admins = InMemoryAdmins(self._rows)
        self.sessions = InMemorySessions(self._rows)
        self.refresh_tokens = InMemoryRefreshTokens(self._rows)
        self.signing_keys = InMemorySigningKeys(self._rows)
        self.throttles = InMemoryThrottles(self._rows)

    def forget_admins(self) -> None:
        """Delete all admins and leave their tokens valid, as `seed --reset` does."""
        self._rows.admins = {}

    def add_colliding(self, admin: Admin) -> None:
        """Add an admin whose name may be one with another's, as earlier releases could."""
        self._rows.admins[admin.id] = admin

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """Restore all rows when the block raises."""
        before = self._rows.copy()
        try:
            yield
        except BaseException:
            self._rows.restore(before)
            raise


class InMemoryAdmins(_OverRows):
    def add(self, admin: Admin) -> None:
        _refuse_known(admin.id, self._rows.admins)
        if self.find([], [admin.username]):
            raise UsernameTaken
        self._rows.admins[admin.id] = admin

    def get(self, admin_id: str, *, for_update: bool = False) -> Admin:
        if admin_id not in self._rows.admins:
            raise AdminNotFound
        return self._rows.admins[admin_id]

    def list(self, request: PageRequest = ALL, which: AdminFilter = ANY_ADMIN) -> Sequence[Admin]:
        return paged((each for each in self._rows.admins.values() if _is_among(each, which)), ADMIN_ORDERS, request)

    def lock_owners(self) -> Sequence[Admin]:
        return sorted((each for each in self._rows.admins.values() if each.role == "owner"), key=lambda each: each.id)

    def save(self, admin: Admin) -> None:
        self.get(admin.id)
        if any(each.username == admin.username and each.id != admin.id for each in self._rows.admins.values()):
            raise UsernameTaken
        self._rows.admins[admin.id] = admin

    def count(self) -> int:
        return len(self._rows.admins)

    def find(self, admin_ids: Iterable[str], usernames: Iterable[str]) -> Sequence[Admin]:
        ids, keys = set(admin_ids), {name_form(each) for each in usernames}
        return [each for each in self._rows.admins.values() if each.id in ids or name_form(each.username) in keys]

    def costliest_bcrypt_hash(self) -> str | None:
        hashes = [each.password_hash for each in self._rows.admins.values() if each.password_hash.startswith("$2")]
        return max(hashes, key=lambda each: each[4:6], default=None)

    def get_by_username(self, username: str) -> Admin:
        admin = the_one_named(username, self._rows.admins.values())
        if admin is None:
            raise AdminNotFound
        return admin


class InMemorySessions(_OverRows):
    def add(self, session: Session) -> None:
        _refuse_known(session.id, self._rows.sessions)
        if session.admin_id not in self._rows.admins:
            raise AdminNotFound
        self._rows.sessions[session.id] = session

    def get(self, session_id: str, *, for_update: bool = False) -> Session:
        if session_id not in self._rows.sessions:
            raise SessionNotFound
        return self._rows.sessions[session_id]

    def end(self, session_id: str, now: datetime) -> None:
        session = self.get(session_id)
        if session.ended_at is not None:
            raise SessionNotFound
        self._rows.sessions[session_id] = replace(session, ended_at=now)

    def end_all_of(self, admin_id: str, now: datetime) -> Sequence[str]:
        sessions = self._rows.sessions.values()
        ids = sorted(each.id for each in sessions if each.admin_id == admin_id and each.ended_at is None)
        for session_id in ids:
            self.end(session_id, now)
        return ids

    def ended_since(self, instant: datetime) -> Sequence[str]:
        sessions = self._rows.sessions.values()
        return sorted(each.id for each in sessions if each.ended_at is not None and each.ended_at > instant)

    def remove_expired(self, now: datetime) -> int:
        before, rows = len(self._rows.sessions), self._rows
        rows.sessions = {each.id: each for each in rows.sessions.values() if each.expires_at > now}
        rows.refresh_tokens = {
            each.id: each for each in rows.refresh_tokens.values() if each.session_id in rows.sessions
        }
        return before - len(rows.sessions)


class InMemoryRefreshTokens(_OverRows):
    def add(self, token: RefreshToken) -> None:
        _refuse_known(token.id, self._rows.refresh_tokens)
        if token.session_id not in self._rows.sessions:
            raise SessionNotFound
        self._rows.refresh_tokens[token.id] = token

    def find(self, token_id: str) -> RefreshToken | None:
        return self._rows.refresh_tokens.get(token_id)

    def use(self, token_id: str, now: datetime) -> None:
        self._rows.refresh_tokens[token_id] = replace(self._rows.refresh_tokens[token_id], used_at=now)


class InMemorySigningKeys(_OverRows):
    def add(self, key: SigningKey) -> None:
        _refuse_known(key.id, self._rows.keys)
        self._rows.keys[key.id] = key

    def save(self, key: SigningKey) -> None:
        if key.id in self._rows.keys:
            self._rows.keys[key.id] = key

    def list(self) -> Sequence[SigningKey]:
        return sorted(self._rows.keys.values(), key=lambda each: (each.created_at, each.id))

    def lock(self) -> None:
        """Only one transaction uses the twin."""

    def remove(self, key_id: str) -> None:
        self._rows.keys.pop(key_id, None)


class InMemoryThrottles(_OverRows):
    def find(self, ids: Sequence[str]) -> Sequence[Throttle]:
        return [self._rows.throttles[each] for each in ids if each in self._rows.throttles]

    def count(self, ids: Sequence[str], now: datetime, window_ends_at: datetime) -> Sequence[Throttle]:
        for each in ids:
            known = self._rows.throttles.get(each)
            is_current = known is not None and known.window_ends_at > now
            self._rows.throttles[each] = (
                replace(known, attempts=known.attempts + 1)
                if known and is_current
                else Throttle(each, 1, window_ends_at)
            )
        return self.find(ids)

    def decrement(self, throttle_id: str) -> None:
        for each in self.find([throttle_id]):
            self._rows.throttles[throttle_id] = replace(each, attempts=max(0, each.attempts - 1))

    def extend(self, throttle_id: str, window_ends_at: datetime) -> None:
        known = self._rows.throttles.get(throttle_id, Throttle(throttle_id, 0, window_ends_at))
        self._rows.throttles[throttle_id] = replace(known, window_ends_at=window_ends_at)

    def remove(self, throttle_id: str) -> None:
        self._rows.throttles.pop(throttle_id, None)

    def remove_ended(self, now: datetime, at_most: int) -> int:
        ended = sorted(
            (each for each in self._rows.throttles.values() if each.window_ends_at <= now),
            key=lambda each: each.window_ends_at,
        )[:at_most]
        for each in ended:
            self.remove(each.id)
        return len(ended)


def _refuse_known(new_id: str, known: Iterable[str]) -> None:
    if new_id in known:
        raise peewee.IntegrityError("the id is taken")


def _is_among(admin: Admin, which: AdminFilter) -> bool:
    return (
        which.role in (None, admin.role)
        and which.disabled in (None, admin.disabled_at is not None)
        and (which.q is None or search_form(which.q) in name_form(admin.username))
    )
