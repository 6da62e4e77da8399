"""services.auth.service.sign_in on three stores, with a stopped clock and a hasher that counts what it does."""

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from services.auth.entities import Session, SignIn
from services.auth.errors import InvalidCredentials, InvalidRefreshToken, UsernameTaken
from services.auth.passwords import HASHER
from services.kit.core.errors import Unauthorized, ValidationFailed
from services.kit.web.tokens.access import Admin as VerifiedAdmin
from tests.auth.examples import LIFETIME, PASSWORD, CountingHasher, a_service, a_session, an_admin
from tests.auth.memory import InMemoryAuthStore
from tests.auth.world import A_REFRESH_TOKEN, A_TOKEN, World
from tests.clock import LATER, SECOND, StoppedClock
from tests.matching import NEW_ID

NEW_PASSWORD = "twelve chars"


def test_a_sign_in_tells_the_admin_and_how_long_the_token_lives(world: World) -> None:
    assert world.service.sign_in("ada", PASSWORD) == SignIn(world.ada, A_TOKEN, 900, A_REFRESH_TOKEN, 86_400)


def test_a_sign_in_is_a_session_of_seven_days(world: World) -> None:
    claims = world.token_of(world.service.sign_in("ada", PASSWORD)).claims
    session = world.store.sessions.get(claims["sid"])
    assert session == Session(NEW_ID, "admin-1", LATER, LATER + timedelta(days=7), None)


def test_every_sign_in_is_a_session_and_a_token_of_its_own(world: World) -> None:
    claims = [world.token_of(world.service.sign_in("ada", PASSWORD)).claims for _ in range(3)]
    assert [len({each[name] for each in claims}) for name in ("sid", "jti", "sub")] == [3, 3, 1]


@pytest.mark.parametrize("audience", ["gateway", "content", "quiz", "auth"])
def test_everyone_can_verify_the_token_with_the_published_keys(world: World, audience: str) -> None:
    sign_in = world.service.sign_in("ada", PASSWORD)
    session_id = world.token_of(sign_in).claims["sid"]
    assert world.verified(sign_in, audience) == VerifiedAdmin("admin-1", "ada", "owner", session_id)


def test_a_token_is_good_for_its_lifetime_and_for_its_audiences_only(world: World) -> None:
    sign_in = world.service.sign_in("ada", PASSWORD)
    with pytest.raises(Unauthorized):
        world.verified(sign_in, "billing")
    world.clock.at = LATER + LIFETIME + timedelta(seconds=5)
    with pytest.raises(Unauthorized):
        world.verified(sign_in, "quiz")


def test_a_sign_in_forgets_sessions_once_the_last_clock_says_that_they_are_over(world: World) -> None:
    world.store.sessions.add(a_session(expires_at=LATER))
    for seconds, found in ((4, True), (1, False)):
        world.clock.at += timedelta(seconds=seconds)
        world.service.sign_in("ada", PASSWORD)
        assert (world.known_session("session-1") is not None) is found


def test_whose_password_changed_while_it_was_looked_at_is_looked_at_again(world: World) -> None:
    def meanwhile(password: str, password_hash: str) -> None:
        if password_hash == world.ada.password_hash:
            world.change_password(world.hasher.hash("a password of another"))

    service = world.service_with(Distracted(meanwhile))
    with pytest.raises(InvalidCredentials):
        service.sign_in("ada", PASSWORD)
    assert service.sign_in("ada", "a password of another").admin.id == "admin-1"


def test_two_sign_ins_that_hash_a_password_anew_at_once_both_succeed(world: World) -> None:
    def meanwhile(password: str, password_hash: str) -> None:
        if password_hash == world.ada.password_hash:
            world.change_password(CountingHasher(time_cost=2).hash(PASSWORD))

    assert world.service_with(Distracted(meanwhile)).sign_in("ada", PASSWORD).admin.id == "admin-1"


class Distracted(CountingHasher):
    """A hasher during whose work something happens."""

    def __init__(self, meanwhile: Callable[[str, str], None]):
        super().__init__(time_cost=2)
        self._meanwhile = meanwhile

    def verify(self, hash: str | bytes, password: str | bytes) -> Any:
        """Verified, and then it happens."""
        result = super().verify(hash, password)
        self._meanwhile(str(password), str(hash))
        return result


WRONG = {
    "a wrong password": ("ada", "wrong password"),
    "an unknown name": ("nobody", PASSWORD),
    "an unknown name with a wrong password": ("nobody", "wrong password"),
    "a name in another case": ("ADA", PASSWORD),
    "a password in another case": ("ada", PASSWORD.upper()),
    "a password with a space behind it": ("ada", PASSWORD + " "),
    "no password": ("ada", ""),
    "the hash for a password": ("ada", "$argon2id$"),
    "a password with a NUL": ("ada", PASSWORD + "\0"),
}


@pytest.mark.parametrize(("username", "password"), WRONG.values(), ids=WRONG.keys())
def test_whatever_is_wrong_the_refusal_and_its_cost_are_the_same(world: World, username: str, password: str) -> None:
    with pytest.raises(InvalidCredentials) as refusal:
        world.service.sign_in(username, password)
    assert refusal.value.envelope("r") == {
        "error": "INVALID_CREDENTIALS",
        "message": "The username or the password is wrong",
        "requestId": "r",
    }
    assert refusal.value.status == 401
    # Whoever measures the time learns nothing: one verification, and no more (TRAPS 13).
    assert world.hasher.work_of() == (0, 1)


def test_a_successful_sign_in_costs_the_same_one_verification(world: World) -> None:
    world.service.sign_in("ada", PASSWORD)
    assert world.hasher.work_of() == (0, 1)


def test_what_an_unknown_name_is_compared_with_costs_what_a_stored_hash_does() -> None:
    costly = CountingHasher(time_cost=3)
    service = a_service(InMemoryAuthStore(), StoppedClock(), costly)
    assert costly.work_of() == (1, 0)
    admin = service.create_admin("ada", PASSWORD)
    assert (costly.check_needs_rehash(admin.password_hash), admin.password_hash.split("$")[3]) == (
        False,
        "m=8,t=3,p=1",
    )


def test_nobody_signs_in_with_the_hash_of_nobody(world: World) -> None:
    for guess in ("", "nobody", "None", str(world.ada.password_hash)):
        with pytest.raises(InvalidCredentials):
            world.service.sign_in("nobody", guess)


def test_a_refused_sign_in_leaves_no_trace(world: World) -> None:
    world.store.sessions.add(a_session(expires_at=LATER))
    with pytest.raises(InvalidCredentials):
        world.service.sign_in("ada", "wrong password")
    assert world.store.sessions.get("session-1") == a_session(expires_at=LATER)
    assert world.store.signing_keys.list() == []


def test_a_password_is_hashed_anew_when_the_parameters_have_changed(world: World) -> None:
    stronger = CountingHasher(time_cost=2)
    service = world.service_with(stronger)
    stronger.work_of()
    service.sign_in("ada", PASSWORD)
    assert stronger.work_of() == (1, 1)
    stored = world.store.admins.get_by_username("ada")
    assert stored == replace(world.ada, password_hash=stored.password_hash, updated_at=LATER)
    assert (stronger.check_needs_rehash(stored.password_hash), stored.password_hash != world.ada.password_hash) == (
        False,
        True,
    )
    service.sign_in("ada", PASSWORD)
    assert stronger.work_of() == (0, 1)


def test_a_wrong_password_is_not_hashed_anew(world: World) -> None:
    stronger = CountingHasher(time_cost=2)
    service = world.service_with(stronger)
    stronger.work_of()
    with pytest.raises(InvalidCredentials):
        service.sign_in("ada", "wrong password")
    assert (stronger.work_of(), world.store.admins.get_by_username("ada")) == ((0, 1), world.ada)


def test_passwords_are_kept_at_the_minimum_that_owasp_asks_for() -> None:
    assert (HASHER.type.name, HASHER.memory_cost, HASHER.time_cost) == ("ID", 19456, 2)
    assert HASHER.parallelism == 1


# Passwords


def test_a_changed_password_ends_every_session_and_begins_another(world: World) -> None:
    world.service.create_admin("grace", "another password", "admin-2")
    old, other = world.service.sign_in("ada", PASSWORD), world.service.sign_in("ada", PASSWORD)
    grace = world.service.sign_in("grace", "another password")
    world.clock.at += SECOND
    new = world.service.change_password("admin-1", PASSWORD, NEW_PASSWORD)
    changed = world.store.admins.get("admin-1")
    assert new == SignIn(changed, A_TOKEN, 900, A_REFRESH_TOKEN, 86_400)
    assert changed == replace(world.ada, password_hash=changed.password_hash, updated_at=world.clock.at)
    for sign_in in (old, other):
        with pytest.raises(Unauthorized):
            world.verified(sign_in, "quiz")
        with pytest.raises(InvalidRefreshToken):
            world.service.sessions.refresh(sign_in.refresh_token)
    assert [world.verified(each, "quiz").username for each in (new, grace)] == ["ada", "grace"]


def test_after_a_change_only_the_new_password_opens(world: World) -> None:
    world.clock.at += SECOND
    world.service.change_password("admin-1", PASSWORD, NEW_PASSWORD)
    with pytest.raises(InvalidCredentials):
        world.service.sign_in("ada", PASSWORD)
    changed = world.service.sign_in("ada", NEW_PASSWORD).admin
    assert changed == replace(world.ada, password_hash=changed.password_hash, updated_at=LATER + SECOND)


@pytest.mark.parametrize("current", ["wrong password", "", PASSWORD + " ", NEW_PASSWORD])
def test_without_the_current_password_nothing_changes_at_the_same_cost(world: World, current: str) -> None:
    session = world.service.sign_in("ada", PASSWORD)
    world.hasher.work_of()
    with pytest.raises(InvalidCredentials) as refusal:
        world.service.change_password("admin-1", current, NEW_PASSWORD)
    assert (str(refusal.value), world.hasher.work_of()) == ("The current password is wrong", (0, 1))
    assert world.store.admins.get("admin-1") == world.ada
    assert world.verified(session, "quiz").id == "admin-1"


@pytest.mark.parametrize(
    ("new", "why"),
    [
        ("", "must have at least 12 characters"),
        ("eleven char", "must have at least 12 characters"),
        (PASSWORD, "must differ from the password that it replaces"),
    ],
)
def test_a_new_password_that_will_not_do_is_refused_by_its_field(world: World, new: str, why: str) -> None:
    session = world.service.sign_in("ada", PASSWORD)
    with pytest.raises(ValidationFailed) as refusal:
        world.service.change_password("admin-1", PASSWORD, new)
    assert refusal.value.extra == {"details": {"formErrors": [], "fieldErrors": {"newPassword": [why]}}}
    assert world.store.admins.get("admin-1") == world.ada
    assert world.verified(session, "quiz").id == "admin-1"


def test_nobody_changes_the_password_of_nobody(world: World) -> None:
    with pytest.raises(Unauthorized) as refusal:
        world.service.change_password("admin-9", PASSWORD, NEW_PASSWORD)
    assert refusal.value.code == "UNAUTHORIZED"


def test_a_change_is_in_the_audit_log_and_shows_neither_password(world: World) -> None:
    session_id = world.token_of(world.service.sign_in("ada", PASSWORD)).claims["sid"]
    before = len(world.entries())
    new = world.token_of(world.service.change_password("admin-1", PASSWORD, NEW_PASSWORD)).claims["sid"]
    assert world.entries()[before:] == [
        ("admin.password_changed", "admin-1"),
        ("session.ended", session_id),
        ("session.started", new),
    ]


# Admins


def test_an_admin_is_found_by_id_and_who_is_not_there_is_unauthorized(world: World) -> None:
    assert world.service.admin("admin-1") == world.ada
    with pytest.raises(Unauthorized):
        world.service.admin("admin-9")


def test_a_created_admin_is_stored_with_a_hash_for_a_password(world: World) -> None:
    grace = world.service.create_admin("grace", "another password")
    assert grace == an_admin(
        id=NEW_ID, username="grace", password_hash=grace.password_hash, created_at=LATER, updated_at=LATER
    )
    assert grace.password_hash.startswith("$argon2id$")
    assert world.store.admins.get_by_username("grace") == grace
    assert world.service.sign_in("grace", "another password").admin == grace


def test_a_taken_name_is_refused_and_the_first_keeps_its_password(world: World) -> None:
    with pytest.raises(UsernameTaken):
        world.service.create_admin("ada", "another password")
    assert world.store.admins.get_by_username("ada") == world.ada


def test_no_two_admins_have_one_hash_even_for_one_password(world: World) -> None:
    assert world.service.create_admin("grace", PASSWORD).password_hash != world.ada.password_hash
