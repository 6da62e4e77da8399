"""Admins in SQLite or PostgreSQL."""

from collections.abc import Iterable, Sequence
from dataclasses import asdict
from typing import Any

import peewee

from services.auth.entities import Admin
from services.auth.errors import AdminNotFound, UsernameTaken
from services.auth.models import AdminRow
from services.auth.repository.contracts import ALL
from services.kit.storage.database import lock_rows, transaction
from services.kit.storage.database_errors import violates_constraint
from services.kit.storage.pages import paged
from services.kit.storage.statements import Parameter, Statement
from services.kit.web.pages import PageRequest

_ORDER = (AdminRow.created_at, AdminRow.id)


class PeeweeAdmins:
    """AdminRepository over the table `admins`."""

    def __init__(self, database: peewee.Database):
        self._database = database
        by_id = AdminRow.select().where(AdminRow.id == Parameter("admin_id"))
        owners = AdminRow.select().where(AdminRow.role == "owner").order_by(AdminRow.id)
        self._by_id = Statement(database, by_id, Admin)
        self._by_id_for_update = Statement(database, lock_rows(by_id, database), Admin)
        self._owners_for_update = Statement(database, lock_rows(owners, database), Admin)
        by_username = AdminRow.select().where(AdminRow.username == Parameter("username"))
        self._by_username = Statement(database, by_username, Admin)
        # The two digits after $2b$ are the cost; each step doubles the time.
        cost = peewee.fn.SUBSTR(AdminRow.password_hash, 5, 2)
        bcrypt_hashes = AdminRow.select(AdminRow.password_hash).where(AdminRow.password_hash ** "$2%")
        self._costliest_bcrypt_hash = Statement(database, bcrypt_hashes.order_by(cost.desc()).limit(1), str)

    def add(self, admin: Admin) -> None:
        """Store a new admin. Raise UsernameTaken."""
        self._write(AdminRow.insert(asdict(admin)))

    def get(self, admin_id: str, *, for_update: bool = False) -> Admin:
        """Return the admin; `for_update` locks it until the transaction ends. Raise AdminNotFound."""
        admin = (self._by_id_for_update if for_update else self._by_id).first(admin_id=admin_id)
        if admin is None:
            raise AdminNotFound
        return admin

    def get_by_username(self, username: str) -> Admin:
        """Return the admin with this name. Raise AdminNotFound."""
        admin = self._by_username.first(username=username)
        if admin is None:
            raise AdminNotFound
        return admin

    def list(self, request: PageRequest = ALL) -> Sequence[Admin]:
        """Return the admins by creation, oldest first."""
        return Statement(self._database, paged(AdminRow.select(), _ORDER, request), Admin).all()

    def lock_owners(self) -> Sequence[Admin]:
        """Lock and return every owner, by id, until the transaction ends."""
        return self._owners_for_update.all()

    def save(self, admin: Admin) -> None:
        """Replace the stored admin of that id. Raise AdminNotFound, UsernameTaken."""
        columns = asdict(admin)
        self._write(AdminRow.update(columns).where(AdminRow.id == columns.pop("id")))

    def count(self) -> int:
        """Return the number of admins."""
        return int(AdminRow.select(peewee.fn.COUNT(AdminRow.id)).scalar(self._database))

    def find(self, admin_ids: Iterable[str], usernames: Iterable[str]) -> Sequence[Admin]:
        """Return the admins with one of the ids or one of the names, in any order."""
        query = AdminRow.select().where(AdminRow.id.in_([*admin_ids]) | AdminRow.username.in_([*usernames]))
        return Statement(self._database, query, Admin).all()

    def costliest_bcrypt_hash(self) -> str | None:
        """Return the hash of the old baseline that takes longest to check, or None when no such hash is left."""
        return self._costliest_bcrypt_hash.first()

    def _write(self, query: Any) -> None:
        try:
            # A savepoint, because PostgreSQL refuses further statements after one that failed.
            with transaction(self._database):
                if not query.execute(self._database):
                    raise AdminNotFound
        except peewee.IntegrityError as error:
            if violates_constraint(error, "admins_username", ["admins.username"]):
                raise UsernameTaken from None
            raise
