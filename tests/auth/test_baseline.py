"""services.auth.baseline on both engines: admins move with their bcrypt hashes, which the next sign-in replaces."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import peewee
import pytest

from services.auth.baseline import IMPORTER
from services.auth.entities import Admin, PersonChanges
from services.auth.repository.store import PeeweeAuthStore
from tests.auth.examples import a_service, an_admin
from tests.baseline_file import PASSWORD, PASSWORD_HASH, an_installation, old
from tests.clock import LATER, StoppedClock
from tests.moving import Import

MADE = datetime(2025, 11, 3, 9, 30, tzinfo=UTC)
ADA = Admin("admin-1", "ada", PASSWORD_HASH, MADE, MADE)
GRACE = Admin("admin-2", "Grace Hopper", PASSWORD_HASH, MADE, MADE)


@pytest.fixture
def moved(auth_database: peewee.Database, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Import:
    """Imports into an empty database."""
    return Import(IMPORTER, auth_database, tmp_path, capsys)


@pytest.fixture
def store(auth_database: peewee.Database) -> PeeweeAuthStore:
    """What is there after them."""
    return PeeweeAuthStore(auth_database)


def kept(store: PeeweeAuthStore) -> list[Admin]:
    """The admins of the examples."""
    found = store.admins.find(["admin-1", "admin-2"], ["ada", "Grace Hopper"])
    return sorted(found, key=lambda each: each.id)


def admin(**changes: Any) -> dict[str, list[dict[str, Any]]]:
    """The rows of one admin."""
    return {"admins": [old("admins", "admin-1", **changes)]}


def test_admins_move_with_their_ids_instants_and_hashes(moved: Import, store: PeeweeAuthStore) -> None:
    assert moved.run(an_installation()) == (True, [], {"admins": (2, 2, 0, 0)})
    assert kept(store) == [ADA, GRACE]


def test_an_admin_who_has_signed_in_since_is_there_and_keeps_the_new_hash(
    moved: Import, store: PeeweeAuthStore
) -> None:
    moved.run(an_installation())
    service = a_service(store, StoppedClock(LATER))
    service.sign_in("ada", PASSWORD)
    before = kept(store)

    assert moved.run(an_installation()) == (True, [], {"admins": (2, 0, 2, 0)})
    assert kept(store) == before
    assert [each.password_hash.startswith("$argon2id$") for each in before] == [True, False]


def test_an_admin_whom_an_owner_has_changed_since_is_there_and_stays_so(moved: Import, store: PeeweeAuthStore) -> None:
    moved.run(an_installation())
    people = a_service(store, StoppedClock(LATER)).people
    people.change("admin-2", PersonChanges("viewer", True))
    people.reset_password("admin-2")
    before = kept(store)

    assert moved.run(an_installation()) == (True, [], {"admins": (2, 0, 2, 0)})
    assert kept(store) == before


@pytest.mark.parametrize(
    ("changes", "rule"),
    [
        ({"username": None}, "username is missing"),
        ({"username": ""}, "username is not of 1 to 1600 bytes"),
        ({"password_hash": "plain"}, "password_hash is not a bcrypt hash of a cost from 4 to 15"),
        (
            {"password_hash": "$2b$31$" + PASSWORD_HASH[7:]},
            "password_hash is not a bcrypt hash of a cost from 4 to 15",
        ),
        (
            {"password_hash": PASSWORD_HASH[:28] + "z" + PASSWORD_HASH[29:]},
            "password_hash is not a bcrypt hash of a cost from 4 to 15",
        ),
        ({"created_at": "x"}, "created_at is not an instant such as 2026-03-01T12:00:00.000Z"),
    ],
)
def test_an_admin_who_breaks_a_rule_is_listed_and_nobody_is_moved(
    moved: Import, store: PeeweeAuthStore, changes: dict[str, Any], rule: str
) -> None:
    assert (moved.findings(admin(**changes)), kept(store)) == ([f"admins: admin-1: {rule}"], [])


def test_names_and_ids_that_others_have_are_refused(moved: Import, store: PeeweeAuthStore) -> None:
    store.admins.add(an_admin(id="admin-1", username="other"))
    store.admins.add(an_admin(id="seeded", username="Grace Hopper"))
    rows = {
        "admins": [
            *an_installation()["admins"],
            old("admins", "admin-3", username="ida"),
            old("admins", "admin-4", username="ida"),
        ]
    }
    assert moved.run(rows) == (
        False,
        [
            "admins: admin-1: id is taken by another row of this installation",
            "admins: admin-2: username is taken by another admin of this installation",
            "admins: admin-4: username is that of an earlier admin",
        ],
        {"admins": (4, 1, 0, 3)},
    )
