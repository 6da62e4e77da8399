"""The old baseline's admins, moved with their ids, instants and bcrypt hashes."""

from collections.abc import Sequence
from dataclasses import replace
from functools import partial

import peewee

from services.auth import passwords
from services.auth.entities import Admin
from services.auth.repository.contracts import AuthStore
from services.auth.repository.store import PeeweeAuthStore
from services.kit.baseline import Candidate, Importer, Moving, OldRow

USERNAME_REPEATED = "username is that of an earlier admin"
USERNAME_TAKEN = "username is taken by another admin of this installation"

_USERNAMES = "usernames"


def move(database: peewee.Database, moving: Moving) -> None:
    """One pass over admins."""
    moving.old.forget(_USERNAMES)
    store = PeeweeAuthStore(database)
    moving.each("admins", _admin, partial(_compare, store, moving), partial(_add, store))


IMPORTER = Importer(("admins",), move)


def _admin(row: OldRow) -> Admin:
    password_hash = row.text("password_hash")
    if not passwords.can_be_checked(password_hash):
        row.refuse("password_hash is not a bcrypt hash of a cost from 4 to 15")
    return Admin(
        id=row.identifier(),
        username=row.indexed_text("username"),
        password_hash=password_hash,
        created_at=row.instant("created_at"),
        updated_at=row.instant("updated_at"),
    )


def _compare(store: AuthStore, moving: Moving, candidates: Sequence[Candidate[Admin]]) -> None:
    admins = [each.record for each in candidates]
    known = store.admins.find([each.id for each in admins], [each.username for each in admins])
    by_id = {each.id: each for each in known}
    by_username = {each.username: each.id for each in known}
    for candidate in candidates:
        admin = candidate.record
        candidate.compare(_as_moved(by_id.get(admin.id), admin))
        if by_username.get(admin.username, admin.id) != admin.id:
            candidate.row.refuse(USERNAME_TAKEN)
        if candidate.row.is_sound and not moving.old.claim(_USERNAMES, admin.username):
            candidate.row.refuse(USERNAME_REPEATED)


def _as_moved(known: Admin | None, admin: Admin) -> Admin | None:
    # A sign-in since then has changed the hash, an owner the rest, and either of them the instant.
    return known and replace(admin, id=known.id, username=known.username, created_at=known.created_at)


def _add(store: AuthStore, admins: Sequence[Admin]) -> None:
    for admin in admins:
        store.admins.add(admin)
