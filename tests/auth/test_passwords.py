"""services.auth.passwords, and what they mean for a sign-in: old hashes work, are replaced, and tell nothing."""

import bcrypt
import pytest

from services.auth import passwords
from services.auth.errors import InvalidCredentials
from services.auth.repository.contracts import AuthStore
from tests.auth.examples import CountingHasher, a_service, an_admin
from tests.clock import LATER, NOON, StoppedClock

OLD = "old but gold"
NEW = "new and shiny"


def bcrypt_hash(password: str, prefix: str = "$2b$", cost: int = 4) -> str:
    """As the old server made it."""
    made = bcrypt.hashpw(password.encode()[:72], bcrypt.gensalt(cost)).decode()
    return prefix + made[4:]


class CountingBcrypt:
    """Remembers which hashes were checked."""

    def __init__(self) -> None:
        self.checked: list[str] = []

    def __call__(self, password: str, password_hash: str) -> bool:
        self.checked.append(password_hash)
        return passwords.matches_bcrypt(password, password_hash)


class World:
    """Ada and Grace came with the old baseline, Grace's hash costing twice as much; Ida is new."""

    def __init__(self, store: AuthStore) -> None:
        self.store = store
        self.hasher, self.bcrypt = CountingHasher(), CountingBcrypt()
        self.service = a_service(store, StoppedClock(LATER), self.hasher, matches_bcrypt=self.bcrypt)
        for number, name in enumerate(("ada", "grace")):
            password_hash = bcrypt_hash(OLD, cost=4 + number)
            store.admins.add(an_admin(id=f"admin-{number}", username=name, password_hash=password_hash))
        self.service.create_admin("ida", NEW)
        self.hasher.work_of()

    def sign_in(self, username: str, password: str) -> tuple[bool, tuple[int, int], int]:
        """Whether it was let in; the hashes and verifications of argon2id, the checks of bcrypt."""
        self.hasher.work_of()
        self.bcrypt.checked.clear()
        try:
            self.service.sign_in(username, password)
        except InvalidCredentials:
            return False, self.hasher.work_of(), len(self.bcrypt.checked)
        return True, self.hasher.work_of(), len(self.bcrypt.checked)


@pytest.fixture
def world(store: AuthStore) -> World:
    """See World."""
    return World(store)


def test_an_old_password_works_and_is_kept_as_argon2id_from_then_on(world: World) -> None:
    assert world.sign_in("ada", OLD) == (True, (1, 1), 1)
    ada = world.store.admins.get_by_username("ada")
    assert ada == an_admin(id="admin-0", password_hash=ada.password_hash, created_at=NOON, updated_at=LATER)
    assert ada.password_hash.startswith("$argon2id$")
    assert world.sign_in("ada", OLD) == (True, (0, 1), 1)
    assert world.sign_in("ada", NEW) == (False, (0, 1), 1)


@pytest.mark.parametrize(
    ("username", "password"),
    [("ada", NEW), ("grace", NEW), ("ida", OLD), ("nobody", OLD), ("nobody", NEW), ("ada", ""), ("ada", "\0" * 100)],
)
def test_while_an_old_hash_is_left_every_refusal_costs_one_check_of_each_kind(
    world: World, username: str, password: str
) -> None:
    assert world.sign_in(username, password) == (False, (0, 1), 1)


def test_who_is_not_of_the_old_baseline_pays_for_the_costliest_old_hash(world: World) -> None:
    grace = world.store.admins.get_by_username("grace").password_hash
    for username in ("ida", "nobody"):
        assert world.sign_in(username, NEW)[2] == 1
        assert world.bcrypt.checked == [grace]


def test_when_no_old_hash_is_left_only_argon2id_is_paid_for(world: World) -> None:
    assert [world.sign_in(name, OLD)[0] for name in ("ada", "grace")] == [True, True]
    everyone = [("ada", OLD, True), ("grace", NEW, False), ("ida", NEW, True), ("nobody", OLD, False)]
    for username, password, is_let_in in everyone:
        assert world.sign_in(username, password) == (is_let_in, (0, 1), 0)


def test_nobody_gets_in_with_the_password_of_the_hash_that_is_checked_for_the_cost_only(world: World) -> None:
    assert world.sign_in("ida", OLD) == (False, (0, 1), 1)
    assert world.sign_in("nobody", OLD) == (False, (0, 1), 1)


def test_a_wrong_password_does_not_replace_an_old_hash(world: World) -> None:
    before = world.store.admins.get_by_username("ada")
    world.sign_in("ada", NEW)
    assert world.store.admins.get_by_username("ada") == before


@pytest.mark.parametrize("prefix", ["$2a$", "$2b$", "$2y$"])
def test_every_kind_of_old_hash_is_checked(prefix: str) -> None:
    password_hash = bcrypt_hash("pässword", prefix)
    assert passwords.can_be_checked(password_hash) and passwords.is_bcrypt(password_hash)
    assert passwords.matches_bcrypt("pässword", password_hash)
    assert not passwords.matches_bcrypt("password", password_hash)


LONG = "x" * 71 + "ä"


@pytest.mark.parametrize(
    ("password", "tried", "matches"),
    [
        ("x" * 80, "x" * 80, True),
        ("x" * 80, "x" * 72, True),
        ("x" * 80, "x" * 71, False),
        (LONG, LONG, True),
        (LONG, "x" * 71 + "å", True),
        ("with\0nul", "with\0nul", True),
        ("with\0nul", "with", False),
    ],
)
def test_an_old_password_is_cut_at_72_bytes_as_it_was(password: str, tried: str, matches: bool) -> None:
    assert passwords.matches_bcrypt(tried, bcrypt_hash(password)) is matches


@pytest.mark.parametrize(
    ("prefix", "suffix"), [("", ""), ("$2b$04$", "short"), ("$2x$04$", ""), ("$2b$03$", ""), ("$2b$04$", "\n")]
)
def test_what_cannot_be_checked_is_told_beforehand(prefix: str, suffix: str) -> None:
    rest = "" if suffix == "short" else bcrypt_hash(OLD)[7:]
    assert not passwords.can_be_checked(prefix + rest + suffix)
