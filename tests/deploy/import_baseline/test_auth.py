"""Admins are imported with their bcrypt hashes."""

from datetime import UTC, datetime
from typing import Any

import peewee
import pytest

from services.auth.entities import Admin
from services.auth.repository.store import PeeweeAuthStore
from tests.deploy.import_baseline.examples import PASSWORD_HASH, an_installation, old
from tests.deploy.import_baseline.importing import Import

MADE = datetime(2025, 11, 3, 9, 30, tzinfo=UTC)
ADA = Admin("admin-1", "ada", PASSWORD_HASH, MADE, MADE)
GRACE = Admin("admin-2", "Grace Hopper", PASSWORD_HASH, MADE, MADE)


def stored(database: peewee.Database) -> list[Admin]:
    """Return the admins of the examples."""
    found = PeeweeAuthStore(database).admins.find(["admin-1", "admin-2"], ["ada", "Grace Hopper"])
    return sorted(found, key=lambda admin: admin.id)


def test_admins_are_imported_with_ids_instants_and_hashes(auth_import: Import, auth_database: peewee.Database) -> None:
    assert auth_import.run(an_installation()) == (True, [], {"admins": (2, 2, 0, 0)})
    assert stored(auth_database) == [ADA, GRACE]


def test_an_admin_changed_since_the_import_stays_changed(auth_import: Import, auth_database: peewee.Database) -> None:
    auth_import.run(an_installation())
    auth_database.execute_sql("UPDATE admins SET password_hash = '$argon2id$new', role = 'viewer', updated_at = 9")
    changed = stored(auth_database)
    assert auth_import.run(an_installation()) == (True, [], {"admins": (2, 0, 2, 0)})
    assert stored(auth_database) == changed != [ADA, GRACE]


NO_HASH = "password_hash is not a bcrypt hash of a cost from 4 to 15"


@pytest.mark.parametrize(
    ("changes", "rule"),
    [
        ({"username": None}, "username is missing"),
        ({"username": ""}, "username is not of 1 to 1600 bytes"),
        ({"password_hash": "plain"}, NO_HASH),
        ({"password_hash": "$2b$31$" + PASSWORD_HASH[7:]}, NO_HASH),
        ({"password_hash": PASSWORD_HASH[:28] + "z" + PASSWORD_HASH[29:]}, NO_HASH),
        ({"created_at": "x"}, "created_at is not an instant such as 2026-03-01T12:00:00.000Z"),
    ],
)
def test_an_invalid_admin_is_reported_and_nobody_is_imported(
    auth_import: Import, auth_database: peewee.Database, changes: dict[str, Any], rule: str
) -> None:
    outcome = auth_import.run({"admins": [old("admins", "admin-1", **changes)]})
    assert outcome == (False, [f"admins: admin-1: {rule}"], {"admins": (1, 0, 0, 1)})
    assert stored(auth_database) == []


def test_ids_and_usernames_that_are_taken_are_rejected(auth_import: Import, auth_database: peewee.Database) -> None:
    store = PeeweeAuthStore(auth_database)
    store.admins.add(Admin("admin-1", "other", PASSWORD_HASH, MADE, MADE))
    store.admins.add(Admin("seeded", "Grace Hopper", PASSWORD_HASH, MADE, MADE))
    twins = [old("admins", "admin-3", username="ida"), old("admins", "admin-4", username="ida")]
    assert auth_import.run({"admins": [*an_installation()["admins"], *twins]}) == (
        False,
        [
            "admins: admin-1: id is taken by another row of this installation",
            "admins: admin-2: username is taken by another admin of this installation",
            "admins: admin-4: username is that of an earlier admin",
        ],
        {"admins": (4, 1, 0, 3)},
    )
