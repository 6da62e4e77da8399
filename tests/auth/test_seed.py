"""Seeding: the admin that the settings name is added once."""

from dataclasses import replace

import peewee
import pytest

from services.auth import seed
from services.auth.config import read_settings
from services.auth.entities import Admin
from services.auth.repository.store import PeeweeAuthStore
from services.kit.core.config import SettingsError
from tests.audit import entries_in

PASSWORD = "a password of some length"


def seed_admin(database: peewee.Database, username: str, password: str = PASSWORD, name: str = "minimal") -> int:
    """Return how many admins were added."""
    settings = read_settings({"ADMIN_USERNAME": username, "ADMIN_PASSWORD": password})
    added = seed.seed_database(database, settings, name)
    assert list(added) == ["admins"]
    return added["admins"]


def admins(database: peewee.Database) -> list[Admin]:
    return list(PeeweeAuthStore(database).admins.list())


def test_the_first_admin_is_an_owner_with_a_known_id(auth_database: peewee.Database) -> None:
    assert seed_admin(auth_database, "ada") == 1
    [ada] = admins(auth_database)
    assert (ada.id, ada.username, ada.role) == ("admin-1", "ada", "owner")
    assert (ada.disabled_at, ada.initial_password_ends_at) == (None, None)
    assert entries_in(PeeweeAuthStore(auth_database).audit) == [("admin.created", "admin-1")]


def test_seeding_a_name_again_changes_nothing(auth_database: peewee.Database) -> None:
    seed_admin(auth_database, "ada")
    before = admins(auth_database)
    for password in (PASSWORD, "another"):
        assert [seed_admin(auth_database, "ada", password, name) for name in seed.SETS] == [0, 0]
    assert admins(auth_database) == before


def test_seeding_another_name_adds_that_admin(auth_database: peewee.Database) -> None:
    seed_admin(auth_database, "ada")
    [before] = admins(auth_database)
    assert [seed_admin(auth_database, "grace"), seed_admin(auth_database, "grace")] == [1, 0]
    ada, grace = admins(auth_database)
    assert (ada, grace.username) == (before, "grace")
    assert grace.id not in ("admin-1", "")


def test_the_well_known_default_is_never_added_beside_an_owner(auth_database: peewee.Database) -> None:
    store = PeeweeAuthStore(auth_database)
    seed_admin(auth_database, "ada")
    assert seed_admin(auth_database, "admin", "admin123") == 0
    [ada] = admins(auth_database)
    # An installation that nobody can manage any more gets an owner as ever.
    store.admins.save(replace(ada, role="viewer"))
    assert [seed_admin(auth_database, "admin", "admin123") for _ in range(2)] == [1, 0]
    assert [(each.username, each.role) for each in admins(auth_database)] == [("ada", "viewer"), ("admin", "owner")]


@pytest.mark.parametrize("password", ["password1234", "administrator", "ada.lovelace"])
def test_the_managed_profile_refuses_an_easy_password_only_at_first(
    auth_database: peewee.Database, password: str
) -> None:
    local = read_settings({"ADMIN_USERNAME": "ada.lovelace", "ADMIN_PASSWORD": password})
    managed = replace(local, profile="managed")
    with pytest.raises(SettingsError) as error:
        seed.seed_database(auth_database, managed, "minimal")
    assert error.value.problems == [
        "ADMIN_PASSWORD is too easy to guess: take several words that have nothing to do with one another or with you"
    ]
    assert admins(auth_database) == []
    # Once the admin exists, the variable is not checked any more.
    assert seed.seed_database(auth_database, local, "minimal") == {"admins": 1}
    assert seed.seed_database(auth_database, managed, "minimal") == {"admins": 0}
