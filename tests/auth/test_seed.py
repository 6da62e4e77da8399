"""services.auth.seed: the admin that the settings name, once, whoever is there already."""

from dataclasses import replace

import peewee
import pytest

from services.auth import seed
from services.auth.config import read_settings
from services.auth.entities import Admin
from services.auth.repository.store import PeeweeAuthStore
from services.kit.core.config import SettingsError
from tests.auth.entries import entries_of

PASSWORD = "a password of some length"


def seed_store(database: peewee.Database, username: str, password: str = PASSWORD, name: str = "minimal") -> int:
    """How many admins that seeding added."""
    settings = read_settings({"ADMIN_USERNAME": username, "ADMIN_PASSWORD": password})
    added = seed.seed_database(database, settings, name)
    assert list(added) == ["admins"]
    return added["admins"]


def kept(database: peewee.Database, username: str) -> Admin:
    """The admin of that name."""
    return PeeweeAuthStore(database).admins.get_by_username(username)


def test_the_first_admin_has_the_id_that_every_installation_agrees_on(auth_database: peewee.Database) -> None:
    assert seed_store(auth_database, "ada") == 1
    assert (kept(auth_database, "ada").id, PeeweeAuthStore(auth_database).admins.count()) == ("admin-1", 1)


def test_seeding_the_same_name_again_changes_nothing_not_even_the_password(auth_database: peewee.Database) -> None:
    seed_store(auth_database, "ada")
    before = kept(auth_database, "ada")

    again = [
        seed_store(auth_database, "ada", password, name) for password in (PASSWORD, "another") for name in seed.SETS
    ]

    assert (again, kept(auth_database, "ada")) == ([0] * 4, before)
    assert PeeweeAuthStore(auth_database).admins.count() == 1


def test_seeding_another_name_adds_that_admin_under_an_id_of_its_own(auth_database: peewee.Database) -> None:
    seed_store(auth_database, "ada")
    before = kept(auth_database, "ada")

    assert [seed_store(auth_database, "grace"), seed_store(auth_database, "grace")] == [1, 0]

    assert kept(auth_database, "ada") == before
    assert kept(auth_database, "grace").id not in ("admin-1", "")
    assert PeeweeAuthStore(auth_database).admins.count() == 2


def test_whoever_the_settings_name_is_an_owner_and_that_is_told(auth_database: peewee.Database) -> None:
    seed_store(auth_database, "ada")
    admin = kept(auth_database, "ada")
    assert (admin.role, admin.disabled_at, admin.initial_password_ends_at) == ("owner", None, None)
    assert entries_of(PeeweeAuthStore(auth_database)) == [("admin.created", "admin-1")]


@pytest.mark.parametrize("password", ["password1234", "administrator", "ada.lovelace"])
def test_the_managed_profile_takes_no_password_that_is_easy_to_guess(
    auth_database: peewee.Database, password: str
) -> None:
    local = read_settings({"ADMIN_USERNAME": "ada.lovelace", "ADMIN_PASSWORD": password})
    with pytest.raises(SettingsError) as refusal:
        seed.seed_database(auth_database, replace(local, profile="managed"), "minimal")
    assert refusal.value.problems == [
        "ADMIN_PASSWORD is too easy to guess: take several words that have nothing to do with one another or with you"
    ]
    assert PeeweeAuthStore(auth_database).admins.count() == 0

    # Once the admin is there, the variable is not looked at any more: what was deployed goes on.
    assert seed.seed_database(auth_database, local, "minimal") == {"admins": 1}
    assert seed.seed_database(auth_database, replace(local, profile="managed"), "minimal") == {"admins": 0}
