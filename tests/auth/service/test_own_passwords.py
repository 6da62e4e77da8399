"""Passwords that are replaced at a sign-in: the ones that were made for somebody must be, all others may be."""

from datetime import timedelta

import pytest

from services.auth.entities import Invitation
from services.auth.errors import InvalidCredentials, PasswordChangeRequired
from services.auth.repository.contracts import AuthStore
from services.kit.core.actor import current_actor
from services.kit.core.errors import ValidationFailed
from tests.auth.entries import entries_of, records_of
from tests.auth.examples import PASSWORD, CountingHasher, InterruptedHasher
from tests.auth.world import World
from tests.clock import LATER, MILLISECOND
from tests.matching import NEW_ID

OWN = "nine moles dig a tunnel"
OTHER = "seven ships sail on sand"
A_WEEK_LATER = LATER + timedelta(days=7)
TOO_EASY = ["is too easy to guess: take several words that have nothing to do with one another or with you"]


@pytest.fixture
def invitation(world: World) -> Invitation:
    """Grace is an editor as of now, and has not come yet."""
    made = world.service.people.invite("grace", "editor")
    world.hasher.work_of()
    return made


def wrong(world: World, username: str, password: str, new_password: str | None = None) -> None:
    """It is refused as any wrong password is, at the same cost."""
    world.hasher.work_of()
    with pytest.raises(InvalidCredentials) as refusal:
        world.service.sign_in(username, password, new_password)
    assert (refusal.value.envelope("r"), world.hasher.work_of()) == (
        {"error": "INVALID_CREDENTIALS", "message": "The username or the password is wrong", "requestId": "r"},
        (0, 1),
    )


# Initial passwords


def test_an_initial_password_opens_nothing_but_says_to_whom_it_belongs_what_to_do(
    world: World, invitation: Invitation
) -> None:
    with pytest.raises(PasswordChangeRequired) as refusal:
        world.service.sign_in("grace", invitation.initial_password)
    assert (refusal.value.status, refusal.value.envelope("r")) == (
        403,
        {
            "error": "PASSWORD_CHANGE_REQUIRED",
            "message": "This password was made for you: sign in with it once more and add newPassword, one of your own",
            "requestId": "r",
        },
    )
    assert (world.hasher.work_of(), world.store.admins.get(invitation.admin.id)) == ((0, 1), invitation.admin)
    assert "session.started" not in [action for action, _ in entries_of(world.store)]


def test_an_initial_password_is_replaced_and_good_no_more(world: World, invitation: Invitation) -> None:
    world.clock.at = A_WEEK_LATER - MILLISECOND
    signed_in = world.service.sign_in("grace", invitation.initial_password, OWN).admin
    assert world.hasher.work_of() == (1, 1)
    assert (signed_in.initial_password_ends_at, signed_in.updated_at) == (None, world.clock.at)
    assert world.store.admins.get(invitation.admin.id) == signed_in

    wrong(world, "grace", invitation.initial_password)
    wrong(world, "grace", invitation.initial_password, OTHER)
    world.clock.at += timedelta(days=365)
    assert world.service.sign_in("grace", OWN).admin == signed_in


def test_an_initial_password_that_was_not_used_within_seven_days_is_a_wrong_one(
    world: World, invitation: Invitation
) -> None:
    world.clock.at = A_WEEK_LATER
    wrong(world, "grace", invitation.initial_password)
    wrong(world, "grace", invitation.initial_password, OWN)


def test_an_initial_password_is_a_secret_of_one_person(world: World, invitation: Invitation) -> None:
    other = world.service.people.invite("ida", "owner")
    assert other.initial_password != invitation.initial_password
    wrong(world, "ida", invitation.initial_password, OWN)
    assert invitation.initial_password not in repr(invitation)


# New passwords


@pytest.mark.parametrize(
    ("new_password", "texts"),
    [
        ("short", ["must have at least 12 characters"]),
        ("", ["must have at least 12 characters"]),
        ("password1234", TOO_EASY),
        ("gracegracegrace", TOO_EASY),
    ],
)
def test_a_new_password_that_will_not_do_is_refused_by_name_and_nothing_is_changed(
    world: World, invitation: Invitation, new_password: str, texts: list[str]
) -> None:
    before = entries_of(world.store)
    with pytest.raises(ValidationFailed) as refusal:
        world.service.sign_in("grace", invitation.initial_password, new_password)
    assert refusal.value.extra == {"details": {"formErrors": [], "fieldErrors": {"newPassword": texts}}}
    assert (world.store.admins.get(invitation.admin.id), entries_of(world.store)) == (invitation.admin, before)


def test_a_password_is_not_replaced_by_itself(world: World, invitation: Invitation) -> None:
    for username, password in (("grace", invitation.initial_password), ("ada", PASSWORD)):
        with pytest.raises(ValidationFailed) as refusal:
            world.service.sign_in(username, password, password)
        assert refusal.value.extra["details"] == {
            "formErrors": [],
            "fieldErrors": {"newPassword": ["must differ from the password that it replaces"]},
        }


def test_what_is_wrong_with_a_new_password_is_told_to_nobody_who_does_not_know_the_old_one(world: World) -> None:
    for username in ("ada", "nobody"):
        wrong(world, username, "a wrong password", "short")


def test_who_tries_many_new_passwords_is_not_throttled(world: World, invitation: Invitation) -> None:
    for _ in range(25):
        with pytest.raises(ValidationFailed):
            world.service.sign_in("grace", invitation.initial_password, "short")
        with pytest.raises(PasswordChangeRequired):
            world.service.sign_in("grace", invitation.initial_password)
    assert world.service.sign_in("grace", invitation.initial_password, OWN).admin.username == "grace"


def test_everybody_can_replace_a_password_at_sign_in_which_ends_the_sessions_before_it(world: World) -> None:
    sessions = [world.token_of(world.service.sign_in("ada", PASSWORD)).claims["sid"] for _ in range(2)]
    new = world.token_of(world.service.sign_in("ada", PASSWORD, OWN)).claims["sid"]
    assert [world.store.sessions.get(each).ended_at for each in [*sessions, new]] == [LATER, LATER, None]
    wrong(world, "ada", PASSWORD)
    assert world.service.sign_in("ada", OWN).admin.updated_at == LATER


def test_it_is_told_who_has_replaced_a_password_and_what_ended_with_it(world: World) -> None:
    session = world.token_of(world.service.sign_in("ada", PASSWORD)).claims["sid"]
    before = len(entries_of(world.store))
    world.service.sign_in("ada", PASSWORD, OWN)
    assert entries_of(world.store)[before:] == [
        ("admin.password_changed", "admin-1"),
        ("session.ended", session),
        ("session.started", NEW_ID),
    ]
    assert {each.actor_id for each in records_of(world.store)[before:]} == {"admin-1"}
    assert current_actor().role == "owner"


# What happens while a password is hashed


def during(world: World, *happenings: object) -> CountingHasher:
    """The world's service from now on, while whose next hash this happens."""
    hasher = InterruptedHasher(*happenings)  # type: ignore[arg-type]
    world.service = world.service_with(hasher)
    hasher.work_of()
    return hasher


def test_who_is_disabled_while_their_password_is_hashed_gets_no_session(world: World) -> None:
    world.service.create_admin("grace", PASSWORD, "admin-2")
    people = world.service.people
    during(world, lambda: people.change("admin-2", {"disabled": True}))
    with pytest.raises(InvalidCredentials):
        world.service.sign_in("grace", PASSWORD)
    assert world.store.sessions.end_all_of("admin-2", LATER) == []


def test_who_gets_another_role_while_their_password_is_hashed_signs_in_with_that(world: World) -> None:
    world.service.create_admin("grace", PASSWORD, "admin-2")
    people = world.service.people
    hasher = during(world, lambda: people.change("admin-2", {"role": "viewer"}))
    assert world.token_of(world.service.sign_in("grace", PASSWORD)).claims["roles"] == ["viewer"]
    assert hasher.work_of() == (0, 2)


def test_whose_password_is_reset_while_the_old_one_is_hashed_gets_no_session(world: World) -> None:
    world.service.create_admin("grace", PASSWORD, "admin-2")
    people = world.service.people
    during(world, lambda: people.reset_password("admin-2"))
    with pytest.raises(InvalidCredentials):
        world.service.sign_in("grace", PASSWORD, OWN)


def test_two_sign_ins_at_once_with_an_old_hash_both_succeed(store: AuthStore) -> None:
    world = World(store)
    stronger = CountingHasher(time_cost=2)
    other = world.service_with(stronger)
    hasher = InterruptedHasher(lambda: other.sign_in("ada", PASSWORD))
    service = world.service_with(hasher)
    assert service.sign_in("ada", PASSWORD).admin.id == "admin-1"
    assert len(world.store.sessions.end_all_of("admin-1", LATER)) == 2


def test_who_is_changed_over_and_over_meanwhile_is_let_in_at_the_end(world: World) -> None:
    people = world.service.people
    world.service.create_admin("grace", PASSWORD, "admin-2")
    roles = ["viewer", "editor"] * 15
    hasher = during(world, *(lambda role=role: people.change("admin-2", {"role": role}) for role in roles))
    # More often than the limit of attempts: each of these was right.
    assert world.service.sign_in("grace", PASSWORD).admin.role == "editor"
    assert hasher.work_of() == (0, 31)
