"""Admins in SQLite or PostgreSQL."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, fields
from typing import Any

import peewee

from services.auth.entities import Admin, AdminFilter
from services.auth.errors import AdminNotFound, UsernameTaken
from services.auth.models import AdminRow
from services.auth.repository.contracts import ALL, ANY_ADMIN
from services.auth.repository.usernames import the_one_named
from services.kit.core.texts import name_form
from services.kit.storage.database import is_postgresql, lock_rows, transaction
from services.kit.storage.database_errors import violates_constraint
from services.kit.storage.pages import ANY_ROW, contains, paged
from services.kit.storage.statements import Parameter, Statement
from services.kit.web.pages import Orders, PageRequest

ADMINS = AdminRow.select(*(getattr(AdminRow, each.name) for each in fields(Admin)))
_ORDERS = Orders("createdAt", {"createdAt": (AdminRow.created_at, AdminRow.id)})


class PeeweeAdmins:
    """AdminRepository over the table `admins`."""

    def __init__(self, database: peewee.Database):
        self._database = database
        by_id = ADMINS.where(AdminRow.id == Parameter("admin_id"))
        owners = ADMINS.where(AdminRow.role == "owner").order_by(AdminRow.id)
        self._by_id = Statement(database, by_id, Admin)
        self._by_id_for_update = Statement(database, lock_rows(by_id, database), Admin)
        self._owners_for_update = Statement(database, lock_rows(owners, database), Admin)
        self._by_username = Statement(database, ADMINS.where(_may_be_one_of([Parameter("key")])), Admin)
        # The two digits after $2b$ are the cost; each step doubles the time.
        cost = peewee.fn.SUBSTR(AdminRow.password_hash, 5, 2)
        bcrypt_hashes = AdminRow.select(AdminRow.password_hash).where(AdminRow.password_hash ** "$2%")
        self._costliest_bcrypt_hash = Statement(database, bcrypt_hashes.order_by(cost.desc()).limit(1), str)

    def add(self, admin: Admin) -> None:
        """Store a new admin. Raise UsernameTaken, also for a name that is one with a stored name."""
        with transaction(self._database):
            # The index of the keys is not unique: installations may have names that are one.
            if is_postgresql(self._database):
                self._database.execute_sql("LOCK TABLE admins IN SHARE ROW EXCLUSIVE MODE")
            if any(each.id != admin.id for each in self.find([], [admin.username])):
                raise UsernameTaken
            self._write(AdminRow.insert(_columns(admin)))

    def get(self, admin_id: str, *, for_update: bool = False) -> Admin:
        """Return the admin; `for_update` locks it until the transaction ends. Raise AdminNotFound."""
        admin = (self._by_id_for_update if for_update else self._by_id).first(admin_id=admin_id)
        if admin is None:
            raise AdminNotFound
        return admin

    def get_by_username(self, username: str) -> Admin:
        """Return the admin with this name; of names that are one, the one spelled so. Raise AdminNotFound."""
        admin = the_one_named(username, self._by_username.all(key=name_form(username)))
        if admin is None:
            raise AdminNotFound
        return admin

    def list(self, request: PageRequest = ALL, which: AdminFilter = ANY_ADMIN) -> Sequence[Admin]:
        """Return the admins that match, in one of ADMIN_ORDERS."""
        query = paged(ADMINS.where(ANY_ROW, *self._conditions(which)), _ORDERS, request)
        return Statement(self._database, query, Admin).all()

    def lock_owners(self) -> Sequence[Admin]:
        """Lock and return every owner, by id, until the transaction ends."""
        return self._owners_for_update.all()

    def save(self, admin: Admin) -> None:
        """Replace the stored admin of that id. Raise AdminNotFound, UsernameTaken."""
        columns = _columns(admin)
        self._write(AdminRow.update(columns).where(AdminRow.id == columns.pop("id")))

    def count(self) -> int:
        """Return the number of admins."""
        return int(AdminRow.select(peewee.fn.COUNT(AdminRow.id)).scalar(self._database))

    def find(self, admin_ids: Iterable[str], usernames: Iterable[str]) -> Sequence[Admin]:
        """Return the admins with one of the ids, or with a name that is one with one of the names, in any order."""
        ids, keys = {*admin_ids}, {name_form(each) for each in usernames}
        query = ADMINS.where(AdminRow.id.in_([*ids]) | _may_be_one_of([*keys]))
        found = Statement(self._database, query, Admin).all()
        return [each for each in found if each.id in ids or name_form(each.username) in keys]

    def costliest_bcrypt_hash(self) -> str | None:
        """Return the hash of the old baseline that takes longest to check, or None when no such hash is left."""
        return self._costliest_bcrypt_hash.first()

    def _conditions(self, which: AdminFilter) -> Iterator[Any]:
        if which.role is not None:
            yield AdminRow.role == which.role
        if which.disabled is not None:
            yield AdminRow.disabled_at.is_null(not which.disabled)
        if which.q is not None:
            # A release before stored admins without a key.
            key = peewee.fn.COALESCE(AdminRow.username_key, peewee.fn.LOWER(AdminRow.username))
            yield contains(self._database, key, which.q)

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


def _may_be_one_of(keys: Sequence[str | Parameter]) -> Any:
    # The release before stores admins without a key: compare their names.
    return AdminRow.username_key.in_(keys) | AdminRow.username_key.is_null()


def _columns(admin: Admin) -> dict[str, Any]:
    return {**asdict(admin), "username_key": name_form(admin.username)}
