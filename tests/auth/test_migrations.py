"""Migration 006 on both engines: names of an installation are compared at once, and a rollback loses nothing."""

from typing import Any

import peewee
import pytest

from services.auth.errors import AdminNotFound, UsernameTaken
from services.auth.migrations import MIGRATIONS
from services.auth.repository.store import PeeweeAuthStore
from tests.auth.examples import OWN_PASSWORD, an_admin
from tests.auth.harness import Harness

NAMES = {"admin-1": "Ada", "admin-2": "jose\u0301", "admin-3": "grace", "admin-4": "GRACE"}


def back_to_005(database: peewee.Database) -> None:
    while MIGRATIONS.down(database, accept_losses=True) != "006_names_and_invitations":
        pass


def add_as_the_release_before(database: peewee.Database, admin_id: str, username: str) -> None:
    """Add an admin with the columns that the release before knows."""
    columns: Any = {"id": admin_id, "username": username, "password_hash": "$2b$", "created_at": 0, "updated_at": 0}
    peewee.Table("admins", list(columns)).insert(columns).execute(database)


def ids(store: PeeweeAuthStore, *names: str) -> list[str | None]:
    """Return the id of the admin whom each name means."""
    found: list[str | None] = []
    for name in names:
        try:
            found.append(store.admins.get_by_username(name).id)
        except AdminNotFound:
            found.append(None)
    return found


def test_stored_names_are_compared_after_the_upgrade(database: peewee.Database) -> None:
    MIGRATIONS.up(database)
    back_to_005(database)
    for admin_id, username in NAMES.items():
        add_as_the_release_before(database, admin_id, username)
    MIGRATIONS.up(database)
    store = PeeweeAuthStore(database)
    assert ids(store, "ADA", "JOSÉ", "grace", "GRACE", "Grace") == ["admin-1", "admin-2", "admin-3", "admin-4", None]
    # A container of the release before adds people while both run.
    add_as_the_release_before(database, "admin-5", "Vera")
    assert ids(store, "vera", "VERA") == ["admin-5"] * 2
    for taken in ("ada", "JOSÉ", "Grace", "VERA"):
        with pytest.raises(UsernameTaken):
            store.admins.add(an_admin(id="admin-9", username=taken))
    assert [each.username for each in store.admins.list()] == [*NAMES.values(), "Vera"]


def test_a_rollback_keeps_names_and_invitations(database: peewee.Database) -> None:
    MIGRATIONS.up(database)
    harness = Harness(PeeweeAuthStore(database))
    invitation = harness.service.people.invite("grace", "editor")
    database.close()
    back_to_005(database)
    assert database.execute_sql("SELECT username FROM admins ORDER BY 1").fetchall() == [("ada",), ("grace",)]
    MIGRATIONS.up(database)
    harness.hasher.take_counts()
    # Its digest was kept as well: the initial password costs no hash.
    assert harness.sign_in("Grace", invitation.initial_password, OWN_PASSWORD).admin.username == "grace"
    assert harness.hasher.take_counts() == (1, 0)
