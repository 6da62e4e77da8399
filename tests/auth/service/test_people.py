"""The use cases of people: inviting, changing, disabling, resetting, and the last owner."""

import re
from collections.abc import Sequence
from datetime import timedelta
from typing import Any

import pytest

from services.auth.entities import Admin, Invitation, PersonChanges
from services.auth.errors import AdminNotFound, LastOwner, UsernameTaken
from services.kit.core.actor import set_actor
from tests.audit import ALL, EVERYTHING
from tests.auth.examples import OWN_PASSWORD, PASSWORD
from tests.auth.harness import Harness
from tests.clock import LATER
from tests.matching import NEW_ID, Matching

DISABLE, ENABLE = PersonChanges(disabled=True), PersonChanges(disabled=False)


@pytest.fixture
def grace(auth: Harness) -> Admin:
    """An editor with a password of her own; ada is the only owner."""
    return auth.add_person("grace", "editor")


def begin_sessions(auth: Harness, username: str, password: str) -> list[str]:
    return [auth.session_id(auth.sign_in(username, password)) for _ in range(2)]


def ends(auth: Harness, session_ids: Sequence[str]) -> list[object]:
    return [auth.store.sessions.get(each).ended_at for each in session_ids]


# Inviting and listing


@pytest.mark.parametrize("role", ["owner", "editor", "viewer"])
def test_an_invited_person_has_an_initial_password_for_a_week(auth: Harness, role: Any) -> None:
    invitation = auth.service.people.invite("grace", role)
    admin = invitation.admin
    ends_at = LATER + timedelta(days=7)
    digest: Any = Matching("[0-9a-f]{64}")
    assert admin == Admin(NEW_ID, "grace", admin.password_hash, LATER, LATER, role, None, ends_at, digest)
    assert auth.store.admins.get(admin.id) == admin
    assert re.fullmatch("([a-z2-9]{4}-){6}[a-z2-9]{4}", invitation.initial_password)
    assert auth.hasher.verify(admin.password_hash, invitation.initial_password)
    assert auth.entries()[-1] == ("admin.invited", admin.id)


def test_the_password_under_a_key_can_be_computed_again(auth: Harness) -> None:
    people, kept = auth.service.people, list[Invitation]()
    invitation = people.invite("grace", "viewer", "key-1", kept.append)
    assert kept == [invitation]
    assert people.password_for("key-1", invitation.admin.id) == invitation.initial_password
    assert auth.hasher.verify(invitation.admin.password_hash, invitation.initial_password)
    others = [people.password_for("key-2", invitation.admin.id), people.password_for("key-1", "admin-1")]
    assert len({invitation.initial_password, *others}) == 3


def test_a_taken_name_or_an_unkept_response_invites_nobody(auth: Harness) -> None:
    before = auth.entries()

    def refuse(_invitation: Invitation) -> None:
        raise UsernameTaken

    with pytest.raises(UsernameTaken):
        auth.service.people.invite("ada", "viewer")
    with pytest.raises(UsernameTaken):
        auth.service.people.invite("grace", "viewer", "key-1", refuse)
    assert (auth.store.admins.list(), auth.entries()) == ([auth.ada], before)


def test_an_unknown_person_is_neither_found_nor_changed_nor_reset(auth: Harness) -> None:
    people = auth.service.people
    for attempt in (people.get, lambda each: people.change(each, DISABLE), people.reset_password):
        with pytest.raises(AdminNotFound):
            attempt("ada")


# Changing


@pytest.mark.parametrize(
    ("changes", "action"), [(PersonChanges(role="viewer"), "admin.role_changed"), (DISABLE, "admin.disabled")]
)
def test_a_change_ends_the_sessions_of_that_person_and_is_audited(
    auth: Harness, grace: Admin, changes: PersonChanges, action: str
) -> None:
    hers, adas = begin_sessions(auth, "grace", OWN_PASSWORD), begin_sessions(auth, "ada", PASSWORD)
    auth.clock.at += timedelta(minutes=1)
    before = len(auth.entries())
    set_actor("admin-1", "ada", "owner")
    changed = auth.service.people.change(grace.id, changes)
    assert (changed.role, changed.disabled_at is not None) == (changes.role or "editor", bool(changes.disabled))
    assert (changed.updated_at, auth.service.people.get(grace.id)) == (auth.clock.at, changed)
    assert (ends(auth, hers), ends(auth, adas)) == ([auth.clock.at] * 2, [None] * 2)
    records = auth.store.audit.list(EVERYTHING, ALL)[:-before]
    # The third session is that in which grace set her password.
    assert sorted(each.action for each in records) == sorted([action, *["session.ended"] * 3])
    assert {(each.actor_id, each.actor_name, each.actor_role) for each in records} == {("admin-1", "ada", "owner")}


def test_a_disabled_person_signs_in_only_after_being_enabled(auth: Harness, grace: Admin) -> None:
    auth.service.people.change(grace.id, DISABLE)
    assert auth.refuses("grace", OWN_PASSWORD)
    assert auth.refuses("grace", "a wrong password")
    enabled = auth.service.people.change(grace.id, ENABLE)
    assert auth.sign_in("grace", OWN_PASSWORD).admin == enabled
    assert ("admin.enabled", grace.id) in auth.entries()


# The last owner


@pytest.mark.parametrize("changes", [PersonChanges(role="editor"), PersonChanges(role="viewer"), DISABLE])
def test_the_last_owner_is_not_changed_or_reset(auth: Harness, grace: Admin, changes: PersonChanges) -> None:
    sessions, before = begin_sessions(auth, "ada", PASSWORD), len(auth.entries())
    with pytest.raises(LastOwner):
        auth.service.people.change("admin-1", changes)
    with pytest.raises(LastOwner):
        auth.service.people.reset_password("admin-1")
    assert (auth.service.people.get("admin-1"), len(auth.entries())) == (auth.ada, before)
    assert ends(auth, sessions) == [None, None]


def test_an_invited_owner_does_not_replace_the_last_one(auth: Harness) -> None:
    auth.service.people.invite("ida", "owner")
    with pytest.raises(LastOwner):
        auth.service.people.change("admin-1", PersonChanges(role="viewer"))


@pytest.mark.parametrize("changes", [PersonChanges(role="editor"), DISABLE])
def test_owners_who_all_wait_with_an_initial_password_stay(auth: Harness, changes: PersonChanges) -> None:
    people = auth.service.people
    ida = people.invite("ida", "owner").admin
    ada = people.reset_password("admin-1", even_of_last_owner=True).admin
    for waiting in (ida, ada):
        with pytest.raises(LastOwner):
            people.change(waiting.id, changes)
    assert auth.store.admins.list() == [ada, ida]
    assert people.reset_password(ida.id, even_of_last_owner=True).admin.id == ida.id


def test_a_waiting_or_a_disabled_owner_goes_while_another_is_active(auth: Harness) -> None:
    people = auth.service.people
    ida, eve = (people.invite(name, "owner").admin for name in ("ida", "eve"))
    assert people.change(ida.id, PersonChanges(role="viewer")).role == "viewer"
    assert people.change(eve.id, DISABLE).disabled_at == auth.clock.at
    people.reset_password("admin-1", even_of_last_owner=True)
    # Disabled already: nothing is taken away.
    assert people.change(eve.id, PersonChanges(role="viewer")).role == "viewer"


def test_an_owner_can_be_demoted_while_another_is_active(auth: Harness, grace: Admin) -> None:
    for changes in (PersonChanges(role="viewer"), DISABLE, PersonChanges("owner", False)):
        auth.service.people.change(grace.id, changes)
    assert auth.service.people.change("admin-1", PersonChanges(role="viewer")).role == "viewer"
    with pytest.raises(LastOwner):
        auth.service.people.change(grace.id, DISABLE)


# A lost password


def test_a_reset_makes_an_initial_password_and_ends_every_session(auth: Harness, grace: Admin) -> None:
    sessions = begin_sessions(auth, "grace", OWN_PASSWORD)
    auth.clock.at += timedelta(minutes=1)
    invitation = auth.service.people.reset_password(grace.id)
    admin, ends_at = invitation.admin, auth.clock.at + timedelta(days=7)
    assert (admin.role, admin.disabled_at, admin.initial_password_ends_at) == ("editor", None, ends_at)
    assert (admin.updated_at, auth.service.people.get(grace.id)) == (auth.clock.at, admin)
    assert ends(auth, sessions) == [auth.clock.at] * 2
    assert ("admin.password_reset", grace.id) in auth.entries()
    assert auth.refuses("grace", OWN_PASSWORD)
    signed_in = auth.sign_in("grace", invitation.initial_password, "seven ships sail on sand").admin
    assert signed_in.initial_password_ends_at is None


def test_a_reset_does_not_enable_a_disabled_person(auth: Harness, grace: Admin) -> None:
    auth.service.people.change(grace.id, DISABLE)
    invitation = auth.service.people.reset_password(grace.id)
    assert auth.refuses("grace", invitation.initial_password, OWN_PASSWORD)
