"""Guesses, and owners against one another, all at the same moment, on both engines."""

from collections import Counter
from collections.abc import Callable, Sequence
from functools import partial

import peewee
import pytest

from services.auth.errors import InvalidCredentials, LastOwner, SignInThrottled
from services.auth.migrations import MIGRATIONS
from services.auth.repository.contracts import AuthStore
from services.auth.repository.store import PeeweeAuthStore
from services.auth.service.sign_in import AuthService
from services.kit.core.errors import ServiceError
from tests.auth.examples import PASSWORD, CountingHasher, a_service, an_admin
from tests.clock import LATER
from tests.parallel import at_once

ROUNDS = 8


@pytest.fixture
def store(database: peewee.Database) -> AuthStore:
    """Migrated and empty."""
    MIGRATIONS.up(database)
    return PeeweeAuthStore(database)


@pytest.fixture
def hasher() -> CountingHasher:
    """Counts over all threads."""
    return CountingHasher()


@pytest.fixture
def service(store: AuthStore, hasher: CountingHasher) -> AuthService:
    """With two owners, ada and grace."""
    built = a_service(store, hasher=hasher)
    for number, name in enumerate(("ada", "grace"), 1):
        built.create_admin(name, PASSWORD, f"admin-{number}")
    hasher.work_of()
    return built


def outcomes(*use_cases: Callable[[], object]) -> Counter[type]:
    """How often what was raised, or returned, when all were done at once."""
    return Counter(type(each) for each in at_once(*use_cases))


def guesses(service: AuthService, username: str, addresses: Sequence[str]) -> list[Callable[[], object]]:
    """A wrong password from each of the addresses."""
    return [partial(service.sign_in, username, "a wrong password", address=each) for each in addresses]


@pytest.mark.parametrize(
    ("addresses", "looked_at"), [(["192.0.2.1"] * 40, 10), ([f"192.0.2.{number}" for number in range(40)], 20)]
)
def test_of_forty_guesses_at_once_no_more_are_looked_at_than_one_after_another(
    service: AuthService, hasher: CountingHasher, addresses: list[str], looked_at: int
) -> None:
    assert outcomes(*guesses(service, "ada", addresses)) == {
        InvalidCredentials: looked_at,
        SignInThrottled: 40 - looked_at,
    }
    assert hasher.work_of() == (0, looked_at)


def test_others_sign_in_from_the_same_address_amid_guesses(service: AuthService, hasher: CountingHasher) -> None:
    # Of two accounts, and of one address: the attempts lock some of the same rows, in whatever order they come.
    wrong = [*guesses(service, "ada", ["192.0.2.1"] * 15), *guesses(service, "nobody", ["192.0.2.1"] * 15)]
    right = [partial(service.sign_in, "grace", PASSWORD, address="192.0.2.1")] * 5
    results = at_once(*wrong, *right)
    assert [isinstance(each, ServiceError) for each in results] == [True] * 30 + [False] * 5
    assert Counter(type(each) for each in results[:30]) == {InvalidCredentials: 20, SignInThrottled: 10}
    assert hasher.work_of() == (0, 25)


def test_owners_who_demote_each_other_at_once_leave_one(service: AuthService) -> None:
    people = service.people
    for _ in range(ROUNDS):
        demote = [partial(people.change, f"admin-{number}", {"role": "viewer"}) for number in (1, 2)]
        results = at_once(*demote)
        assert Counter(isinstance(each, LastOwner) for each in results) == {True: 1, False: 1}
        [left] = [each for each in (people.get("admin-1"), people.get("admin-2")) if each.role == "owner"]
        people.change("admin-1" if left.id == "admin-2" else "admin-2", {"role": "owner"})


def test_of_many_owners_who_all_go_at_once_in_every_way_one_stays(store: AuthStore) -> None:
    service = a_service(store)
    for number in range(9):
        store.admins.add(an_admin(id=f"admin-{number}", username=f"name {number}"))
    ways: list[Callable[[], object]] = []
    for number in range(0, 9, 3):
        ways += [
            partial(service.people.change, f"admin-{number}", {"role": "editor"}),
            partial(service.people.change, f"admin-{number + 1}", {"disabled": True}),
            partial(service.people.reset_password, f"admin-{number + 2}"),
        ]
    results = at_once(*ways)
    assert [type(each) for each in results if isinstance(each, ServiceError)] == [LastOwner]
    stays = [
        each
        for each in store.admins.list()
        if (each.role, each.disabled_at, each.initial_password_ends_at) == ("owner", None, None)
    ]
    assert len(stays) == 1


def test_whoever_is_disabled_while_signing_in_has_no_session_afterwards(service: AuthService, store: AuthStore) -> None:
    for _ in range(ROUNDS):
        sign_in = partial(service.sign_in, "grace", PASSWORD, address="192.0.2.1")
        disable = partial(service.people.change, "admin-2", {"disabled": True})
        at_once(sign_in, disable, sign_in, sign_in)
        with store.transaction():
            assert store.sessions.end_all_of("admin-2", LATER) == []
        service.people.change("admin-2", {"disabled": False})
