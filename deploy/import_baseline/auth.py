"""Import admins with their ids, instants and bcrypt hashes."""

from collections.abc import Sequence
from dataclasses import replace
from functools import partial

import peewee

from deploy.import_baseline.import_pass import Candidate, Importer, ImportPass
from deploy.import_baseline.old_row import OldRow
from services.auth import passwords
from services.auth.entities import Admin
from services.auth.repository.contracts import AuthStore
from services.auth.repository.store import PeeweeAuthStore

USERNAME_REPEATED = "username is that of an earlier admin"
USERNAME_TAKEN = "username is taken by another admin of this installation"

_USERNAMES = "usernames"


def import_rows(database: peewee.Database, one_pass: ImportPass) -> None:
    """Process admins."""
    one_pass.old.forget(_USERNAMES)
    store = PeeweeAuthStore(database)
    one_pass.process("admins", _admin, partial(_compare, store, one_pass), partial(_add, store))


IMPORTER = Importer(("admins",), import_rows)


def _admin(row: OldRow) -> Admin:
    password_hash = row.text("password_hash")
    if not passwords.can_be_checked(password_hash):
        row.reject("password_hash is not a bcrypt hash of a cost from 4 to 15")
    return Admin(
        id=row.identifier(),
        username=row.indexed_text("username"),
        password_hash=password_hash,
        created_at=row.instant("created_at"),
        updated_at=row.instant("updated_at"),
    )


def _compare(store: AuthStore, one_pass: ImportPass, candidates: Sequence[Candidate[Admin]]) -> None:
    admins = [each.record for each in candidates]
    stored = store.admins.find([each.id for each in admins], [each.username for each in admins])
    by_id = {each.id: each for each in stored}
    by_username = {each.username: each.id for each in stored}
    for candidate in candidates:
        admin = candidate.record
        candidate.compare(_as_imported(by_id.get(admin.id), admin))
        if by_username.get(admin.username, admin.id) != admin.id:
            candidate.row.reject(USERNAME_TAKEN)
        if candidate.row.is_valid and not one_pass.old.claim(_USERNAMES, admin.username):
            candidate.row.reject(USERNAME_REPEATED)


def _as_imported(stored: Admin | None, admin: Admin) -> Admin | None:
    # A sign-in since then changes the hash, an owner the role, and both change updated_at.
    return stored and replace(admin, id=stored.id, username=stored.username, created_at=stored.created_at)


def _add(store: AuthStore, admins: Sequence[Admin]) -> None:
    for admin in admins:
        store.admins.add(admin)
