"""Signing in with bcrypt hashes of the old baseline: they are replaced, and no cost reveals who still has one."""

from collections.abc import Callable
from typing import NamedTuple

import bcrypt
import pytest

from services.auth import passwords
from services.auth.errors import InvalidCredentials
from tests.auth.examples import a_service, an_admin
from tests.auth.harness import Harness
from tests.clock import LATER, NOON

OLD = "old but gold"
NEW = "new and shiny"


class Outcome(NamedTuple):
    """The result of a sign-in and the work that it took."""

    is_accepted: bool
    hashes_and_verifications: tuple[int, int]
    bcrypt_checks: int


SignIn = Callable[[str, str], Outcome]


@pytest.fixture
def checked() -> list[str]:
    """The bcrypt hashes that were checked."""
    return []


@pytest.fixture
def sign_in(auth: Harness, checked: list[str]) -> SignIn:
    """Sign in. Ada and grace have old hashes, grace's at twice the cost; ida has a new one."""

    def matches_bcrypt(password: str, password_hash: str) -> bool:
        checked.append(password_hash)
        return passwords.matches_bcrypt(password, password_hash)

    auth.service = a_service(auth.store, auth.clock, auth.hasher, matches_bcrypt=matches_bcrypt)
    for admin_id, username, cost in (("admin-1", "ada", 4), ("admin-2", "grace", 5)):
        password_hash = bcrypt.hashpw(OLD.encode(), bcrypt.gensalt(cost)).decode()
        write = auth.store.admins.save if username == "ada" else auth.store.admins.add
        write(an_admin(id=admin_id, username=username, password_hash=password_hash))
    auth.service.create_admin("ida", NEW)

    def attempt(username: str, password: str) -> Outcome:
        auth.hasher.take_counts()
        checked.clear()
        try:
            auth.sign_in(username, password)
        except InvalidCredentials:
            return Outcome(False, auth.hasher.take_counts(), len(checked))
        return Outcome(True, auth.hasher.take_counts(), len(checked))

    return attempt


def test_an_old_hash_is_replaced_at_the_first_right_password(auth: Harness, sign_in: SignIn) -> None:
    before = auth.store.admins.get("admin-1")
    assert sign_in("ada", NEW) == (False, (0, 1), 1)
    assert auth.store.admins.get("admin-1") == before
    assert sign_in("ada", OLD) == (True, (1, 1), 1)
    ada = auth.store.admins.get("admin-1")
    assert ada == an_admin(password_hash=ada.password_hash, created_at=NOON, updated_at=LATER)
    assert ada.password_hash.startswith("$argon2id$")
    assert sign_in("ada", OLD) == (True, (0, 1), 1)
    assert sign_in("ada", NEW) == (False, (0, 1), 1)


def test_with_an_old_hash_left_every_refusal_costs_one_check_of_each_kind(sign_in: SignIn, checked: list[str]) -> None:
    refused = [("ada", NEW), ("grace", NEW), ("ida", OLD), ("nobody", OLD), ("nobody", NEW), ("ada", ""), ("ada", "\0")]
    assert [sign_in(*each) for each in refused] == [(False, (0, 1), 1)] * 7


def test_people_without_an_old_hash_pay_for_the_costliest_one(
    auth: Harness, sign_in: SignIn, checked: list[str]
) -> None:
    for username in ("ida", "nobody"):
        assert sign_in(username, NEW).bcrypt_checks == 1
        assert checked == [auth.store.admins.get("admin-2").password_hash]


def test_without_old_hashes_only_argon2id_is_checked(sign_in: SignIn) -> None:
    assert [sign_in(name, OLD).is_accepted for name in ("ada", "grace")] == [True, True]
    expected = {("ada", OLD): True, ("grace", NEW): False, ("ida", NEW): True, ("nobody", OLD): False}
    assert {each: sign_in(*each) for each in expected} == {
        each: (accepted, (0, 1), 0) for each, accepted in expected.items()
    }
