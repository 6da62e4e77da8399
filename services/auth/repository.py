"""How auth keeps its records: the contracts, and their Peewee implementation. Every query lives here.

Nothing here commits: the service holds the transaction (`AuthStore.transaction`).
"""

from collections.abc import Iterable, Iterator, Sequence
from contextlib import AbstractContextManager
from dataclasses import asdict
from datetime import datetime
from typing import Any, Protocol

import peewee

from services.auth.entities import Admin, Session, SigningKey
from services.auth.errors import AdminNotFound, SessionNotFound, UsernameTaken
from services.auth.models import AdminRow, SessionRow, SigningKeyRow
from services.kit.audit import AuditLog, AuditTrail
from services.kit.database import Parameter, Statement, breached, is_foreign_key_breach, transaction
from services.kit.integrity import batches


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

    @property
    def audit(self) -> AuditTrail:
        """The audit log."""

    def transaction(self) -> AbstractContextManager[Any]:
        """All that is written inside is kept, or nothing is."""


class PeeweeAuthStore:
    """Auth in SQLite or PostgreSQL."""

    def __init__(self, database: peewee.Database):
        self._database = database
        self.admins = PeeweeAdmins(database)
        self.sessions = PeeweeSessions(database)
        self.signing_keys = PeeweeSigningKeys(database)
        self.audit = AuditLog(database)

    def transaction(self) -> AbstractContextManager[Any]:
        """All that is written inside is kept, or nothing is."""
        return transaction(self._database)


class AuthInspection:
    """What a check asks of auth's tables: everything, a batch at a time."""

    def __init__(self, database: peewee.Database):
        self._database = database

    def admins(self) -> Iterator[list[Admin]]:
        """All, in batches."""
        return batches(self._database, AdminRow.select(), (AdminRow.id,), Admin)

    def usable_keys(self) -> Iterator[list[SigningKey]]:
        """Those that are not retired, in batches."""
        usable = SigningKeyRow.select().where(SigningKeyRow.retired_at.is_null())
        return batches(self._database, usable, (SigningKeyRow.id,), SigningKey)


class PeeweeAdmins:
    """AdminRepository over the table `admins`."""

    def __init__(self, database: peewee.Database):
        self._database = database
        by_username = AdminRow.select().where(AdminRow.username == Parameter("username"))
        self._by_username = Statement(database, by_username, Admin)
        # Behind $2b$ stand two digits: the cost, of which each step doubles the time.
        cost = peewee.fn.SUBSTR(AdminRow.password_hash, 5, 2)
        bcrypt_hashes = AdminRow.select(AdminRow.password_hash).where(AdminRow.password_hash ** "$2%")
        self._costliest_bcrypt_hash = Statement(database, bcrypt_hashes.order_by(cost.desc()).limit(1), str)

    def add(self, admin: Admin) -> None:
        """Raises UsernameTaken."""
        try:
            # A savepoint: PostgreSQL refuses every further statement of a transaction in which one has failed.
            with transaction(self._database):
                AdminRow.insert(asdict(admin)).execute(self._database)
        except peewee.IntegrityError as error:
            if breached(error, "admins_username", ["admins.username"]):
                raise UsernameTaken from None
            raise

    def get_by_username(self, username: str) -> Admin:
        """Raises AdminNotFound."""
        admin = self._by_username.first(username=username)
        if admin is None:
            raise AdminNotFound
        return admin

    def replace_password(self, admin_id: str, password_hash: str, now: datetime) -> None:
        """Raises AdminNotFound."""
        change = {AdminRow.password_hash: password_hash, AdminRow.updated_at: now}
        if not AdminRow.update(change).where(AdminRow.id == admin_id).execute(self._database):
            raise AdminNotFound

    def count(self) -> int:
        """How many there are."""
        return int(AdminRow.select(peewee.fn.COUNT(AdminRow.id)).scalar(self._database))

    def find(self, admin_ids: Iterable[str], usernames: Iterable[str]) -> Sequence[Admin]:
        """Those that have one of the ids or one of the names, in no order."""
        query = AdminRow.select().where(AdminRow.id.in_([*admin_ids]) | AdminRow.username.in_([*usernames]))
        return Statement(self._database, query, Admin).all()

    def costliest_bcrypt_hash(self) -> str | None:
        """Of the hashes that came from the old baseline and are still there the one that takes longest to check."""
        return self._costliest_bcrypt_hash.first()


class PeeweeSessions:
    """SessionRepository over the table `sessions`."""

    def __init__(self, database: peewee.Database):
        self._database = database
        by_id = SessionRow.select().where(SessionRow.id == Parameter("session_id"))
        self._by_id = Statement(database, by_id, Session)

    def add(self, session: Session) -> None:
        """Raises AdminNotFound."""
        columns = {**asdict(session), "admin": session.admin_id}
        del columns["admin_id"]
        try:
            with transaction(self._database):
                SessionRow.insert(columns).execute(self._database)
        except peewee.IntegrityError as error:
            if is_foreign_key_breach(error):
                raise AdminNotFound from None
            raise

    def get(self, session_id: str) -> Session:
        """Raises SessionNotFound."""
        session = self._by_id.first(session_id=session_id)
        if session is None:
            raise SessionNotFound
        return session

    def end(self, session_id: str, now: datetime) -> None:
        """Raises SessionNotFound, also when it has ended before."""
        going_on = (SessionRow.id == session_id) & SessionRow.ended_at.is_null()
        if not SessionRow.update({SessionRow.ended_at: now}).where(going_on).execute(self._database):
            raise SessionNotFound

    def remove_expired(self, now: datetime) -> int:
        """Forget the sessions that are over by then; how many there were."""
        return int(SessionRow.delete().where(SessionRow.expires_at <= now).execute(self._database))


class PeeweeSigningKeys:
    """SigningKeyRepository over the table `signing_keys`."""

    def __init__(self, database: peewee.Database):
        self._database = database
        order = (SigningKeyRow.created_at, SigningKeyRow.id)
        usable = SigningKeyRow.select().where(SigningKeyRow.retired_at.is_null()).order_by(*order)
        self._usable = Statement(database, usable, SigningKey)

    def add(self, key: SigningKey) -> None:
        """Keep a new key."""
        SigningKeyRow.insert(asdict(key)).execute(self._database)

    def list(self) -> Sequence[SigningKey]:
        """Every key that is not retired, oldest first."""
        return self._usable.all()
