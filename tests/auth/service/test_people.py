"""services.auth.service.people on three stores: who is invited, changed, disabled and helped, and who is not."""

import re
from datetime import timedelta
from typing import Any

import pytest

from services.auth.entities import Admin, Invitation
from services.auth.errors import AdminNotFound, InvalidCredentials, LastOwner, UsernameTaken
from services.kit.core.actor import set_actor
from services.kit.web.pages import PageRequest
from tests.auth.entries import entries_of, records_of
from tests.auth.examples import PASSWORD
from tests.auth.world import World
from tests.clock import LATER
from tests.matching import NEW_ID

OWN = "nine moles dig a tunnel"


@pytest.fixture
def grace(world: World) -> Admin:
    """An editor with a password of her own, beside ada, who is the only owner."""
    invitation = world.service.people.invite("grace", "editor")
    return world.service.sign_in("grace", invitation.initial_password, OWN).admin


def sessions_of(world: World, username: str, password: str, count: int = 2) -> list[str]:
    """The ids of so many new ones."""
    return [world.token_of(world.service.sign_in(username, password)).claims["sid"] for _ in range(count)]


def ended_at(world: World, sessions: list[str]) -> list[object]:
    """When each ended, or None."""
    return [world.store.sessions.get(each).ended_at for each in sessions]


# Inviting and listing


@pytest.mark.parametrize("role", ["owner", "editor", "viewer"])
def test_an_invited_person_has_the_role_and_an_initial_password_for_a_week(world: World, role: Any) -> None:
    invitation = world.service.people.invite("grace", role)
    admin = invitation.admin
    assert admin == Admin(
        NEW_ID, "grace", admin.password_hash, LATER, LATER, role, None, initial_password_ends_at=LATER + timedelta(7)
    )
    assert world.store.admins.get(admin.id) == admin
    assert re.fullmatch("([a-z2-9]{4}-){6}[a-z2-9]{4}", invitation.initial_password)
    assert world.hasher.verify(admin.password_hash, invitation.initial_password)
    assert entries_of(world.store)[-1] == ("admin.invited", admin.id)


def test_the_password_under_a_key_is_that_of_key_and_person_and_is_computed_again(world: World) -> None:
    people = world.service.people
    kept: list[Invitation] = []
    invitation = people.invite("grace", "viewer", "key-1", kept.append)
    assert kept == [invitation]
    assert people.password_under("key-1", invitation.admin.id) == invitation.initial_password
    assert world.hasher.verify(invitation.admin.password_hash, invitation.initial_password)
    others = [people.password_under("key-2", invitation.admin.id), people.password_under("key-1", "admin-1")]
    assert len({invitation.initial_password, *others}) == 3


def test_what_cannot_be_kept_was_not_done(world: World) -> None:
    before = entries_of(world.store)

    def refuse(_invitation: Invitation) -> None:
        raise UsernameTaken

    with pytest.raises(UsernameTaken):
        world.service.people.invite("grace", "viewer", "key-1", refuse)
    assert (world.store.admins.list(), entries_of(world.store)) == ([world.ada], before)


def test_a_taken_name_is_refused_and_nobody_is_invited(world: World) -> None:
    before = entries_of(world.store)
    with pytest.raises(UsernameTaken):
        world.service.people.invite("ada", "viewer")
    assert (world.store.admins.list(), entries_of(world.store)) == ([world.ada], before)


def test_people_are_listed_in_pages_and_found_by_id(world: World) -> None:
    people = world.service.people
    invited = [people.invite(name, "viewer").admin for name in ("grace", "ida")]
    assert people.list(PageRequest()).items == [world.ada, *invited]
    page = people.list(PageRequest(2))
    assert (page.items, page.next_cursor is not None) == ([world.ada, invited[0]], True)
    assert [people.get(each.id) for each in invited] == invited
    with pytest.raises(AdminNotFound):
        people.get("grace")


# Changing


@pytest.mark.parametrize(
    ("changes", "entry"), [({"role": "viewer"}, "admin.role_changed"), ({"disabled": True}, "admin.disabled")]
)
def test_a_change_ends_the_sessions_of_that_person_alone_and_is_told(
    world: World, grace: Admin, changes: dict[str, Any], entry: str
) -> None:
    hers, adas = sessions_of(world, "grace", OWN), sessions_of(world, "ada", PASSWORD)
    world.clock.at += timedelta(minutes=1)
    first = len(entries_of(world.store))
    set_actor("admin-1", "ada", "owner")

    changed = world.service.people.change(grace.id, changes)

    assert (changed.role, changed.disabled_at is None) == (changes.get("role", "editor"), "disabled" not in changes)
    assert (changed.updated_at, world.service.people.get(grace.id)) == (world.clock.at, changed)
    assert (ended_at(world, hers), ended_at(world, adas)) == ([world.clock.at] * 2, [None] * 2)
    told = records_of(world.store)[first:]
    # One session more: that of the sign-in with which grace has set her password.
    assert sorted(each.action for each in told) == sorted([entry, *["session.ended"] * 3])
    assert {(each.actor_id, each.actor_name, each.actor_role) for each in told} == {("admin-1", "ada", "owner")}


def test_a_disabled_person_can_neither_sign_in_nor_be_told_from_nobody_until_enabled_again(
    world: World, grace: Admin
) -> None:
    world.service.people.change(grace.id, {"disabled": True})
    for password in (OWN, "a wrong password"):
        world.hasher.work_of()
        with pytest.raises(InvalidCredentials):
            world.service.sign_in("grace", password)
        assert world.hasher.work_of() == (0, 1)
    enabled = world.service.people.change(grace.id, {"disabled": False})
    assert world.service.sign_in("grace", OWN).admin == enabled
    assert ("admin.enabled", grace.id) in entries_of(world.store)


def test_what_is_so_already_changes_nothing_and_is_not_told(world: World, grace: Admin) -> None:
    sessions = sessions_of(world, "grace", OWN)
    world.clock.at += timedelta(minutes=1)
    before = entries_of(world.store)
    assert world.service.people.change(grace.id, {"role": "editor", "disabled": False}) == grace
    assert (world.service.people.get(grace.id), entries_of(world.store)) == (grace, before)
    assert ended_at(world, sessions) == [None, None]


def test_nobody_is_neither_changed_nor_helped(world: World) -> None:
    with pytest.raises(AdminNotFound):
        world.service.people.change("nobody", {"role": "viewer"})
    with pytest.raises(AdminNotFound):
        world.service.people.reset_password("nobody")


# The last owner


@pytest.mark.parametrize("changes", [{"role": "editor"}, {"role": "viewer"}, {"disabled": True}])
def test_the_last_owner_stays_one(world: World, grace: Admin, changes: dict[str, Any]) -> None:
    sessions = sessions_of(world, "ada", PASSWORD)
    before = entries_of(world.store)
    with pytest.raises(LastOwner) as refusal:
        world.service.people.change("admin-1", changes)
    assert (refusal.value.status, refusal.value.code) == (409, "LAST_OWNER")
    with pytest.raises(LastOwner):
        world.service.people.reset_password("admin-1")
    assert (world.service.people.get("admin-1"), entries_of(world.store)) == (world.ada, before)
    assert ended_at(world, sessions) == [None, None]


@pytest.mark.parametrize("who", ["invited", "disabled", "reset"])
def test_an_owner_who_may_never_come_is_no_reason_to_let_the_last_one_go(world: World, grace: Admin, who: str) -> None:
    people = world.service.people
    other = people.invite("ida", "owner").admin if who == "invited" else people.change(grace.id, {"role": "owner"})
    if who == "disabled":
        people.change(other.id, {"disabled": True})
    if who == "reset":
        people.reset_password(other.id)
    with pytest.raises(LastOwner):
        people.change("admin-1", {"role": "viewer"})


def test_an_owner_may_go_when_another_stays(world: World, grace: Admin) -> None:
    world.service.people.change(grace.id, {"role": "owner"})
    assert world.service.people.change("admin-1", {"role": "viewer"}).role == "viewer"
    with pytest.raises(LastOwner):
        world.service.people.change(grace.id, {"disabled": True})


def test_others_can_be_changed_while_there_is_but_one_owner(world: World, grace: Admin) -> None:
    for changes in ({"role": "viewer"}, {"disabled": True}, {"disabled": False, "role": "owner"}):
        world.service.people.change(grace.id, changes)
    assert world.service.people.get(grace.id).role == "owner"


# A lost password


def test_a_reset_password_is_an_initial_one_and_ends_every_session(world: World, grace: Admin) -> None:
    sessions = sessions_of(world, "grace", OWN)
    world.clock.at += timedelta(minutes=1)

    invitation = world.service.people.reset_password(grace.id)

    admin = invitation.admin
    ends_at = world.clock.at + timedelta(days=7)
    assert (admin.role, admin.disabled_at, admin.initial_password_ends_at) == ("editor", None, ends_at)
    assert (admin.updated_at, world.service.people.get(grace.id)) == (world.clock.at, admin)
    assert ended_at(world, sessions) == [world.clock.at] * 2
    assert ("admin.password_reset", grace.id) in entries_of(world.store)
    with pytest.raises(InvalidCredentials):
        world.service.sign_in("grace", OWN)
    signed_in = world.service.sign_in("grace", invitation.initial_password, "seven ships sail on sand").admin
    assert signed_in.initial_password_ends_at is None


def test_an_invitation_that_ran_out_is_made_good_by_a_reset(world: World) -> None:
    invitation = world.service.people.invite("grace", "viewer")
    world.clock.at += timedelta(days=8)
    again = world.service.people.reset_password(invitation.admin.id)
    with pytest.raises(InvalidCredentials):
        world.service.sign_in("grace", invitation.initial_password, OWN)
    assert world.service.sign_in("grace", again.initial_password, OWN).admin.role == "viewer"


def test_a_disabled_person_stays_so_with_a_new_password(world: World, grace: Admin) -> None:
    world.service.people.change(grace.id, {"disabled": True})
    invitation = world.service.people.reset_password(grace.id)
    with pytest.raises(InvalidCredentials):
        world.service.sign_in("grace", invitation.initial_password, OWN)
