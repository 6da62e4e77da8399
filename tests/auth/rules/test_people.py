"""services.auth.rules.people: who may sign in, who is an owner that counts, and what a change means."""

from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.auth import rules
from services.auth.entities import Admin
from tests.auth.examples import an_admin
from tests.clock import LATER, MILLISECOND, NOON

ADMINS = st.builds(
    an_admin,
    role=st.sampled_from(["owner", "editor", "viewer"]),
    disabled_at=st.sampled_from([None, NOON]),
    initial_password_ends_at=st.sampled_from([None, LATER]),
)
CHANGES = st.fixed_dictionaries(
    {}, optional={"role": st.sampled_from(["owner", "editor", "viewer"]), "disabled": st.booleans()}
)


@pytest.mark.parametrize(
    ("changes", "may"),
    [
        ({}, True),
        ({"role": "viewer"}, True),
        ({"disabled_at": NOON}, False),
        ({"initial_password_ends_at": LATER + MILLISECOND}, True),
        ({"initial_password_ends_at": LATER}, False),
        ({"initial_password_ends_at": LATER + MILLISECOND, "disabled_at": NOON}, False),
    ],
)
def test_who_may_sign_in(changes: dict[str, Any], may: bool) -> None:
    assert rules.may_sign_in(an_admin(**changes), LATER) is may


@pytest.mark.parametrize(
    ("changes", "counts"),
    [
        ({}, True),
        ({"role": "editor"}, False),
        ({"role": "viewer"}, False),
        ({"disabled_at": NOON}, False),
        ({"initial_password_ends_at": LATER}, False),
    ],
)
def test_only_an_owner_with_a_password_of_their_own_is_sure_to_act(changes: dict[str, Any], counts: bool) -> None:
    assert rules.is_acting_owner(an_admin(**changes)) is counts


@pytest.mark.parametrize(
    ("before", "changes", "after", "entries"),
    [
        ({}, {"role": "viewer"}, {"role": "viewer"}, ["admin.role_changed"]),
        ({}, {"disabled": True}, {"disabled_at": LATER}, ["admin.disabled"]),
        ({"disabled_at": NOON}, {"disabled": False}, {"disabled_at": None}, ["admin.enabled"]),
        (
            {"role": "editor"},
            {"role": "owner", "disabled": True},
            {"role": "owner", "disabled_at": LATER},
            ["admin.role_changed", "admin.disabled"],
        ),
    ],
)
def test_a_change_is_made_dated_and_told(
    before: dict[str, Any], changes: dict[str, Any], after: dict[str, Any], entries: list[str]
) -> None:
    old, new = an_admin(**before), an_admin(**{**before, **after}, updated_at=LATER)
    assert rules.changed_person(old, changes, LATER) == new
    assert list(rules.entries(old, new)) == [(entry, "admin-1") for entry in entries]


@pytest.mark.parametrize(
    ("before", "changes"),
    [
        ({}, {"role": "owner"}),
        ({}, {"disabled": False}),
        ({"disabled_at": NOON}, {"disabled": True}),
        ({"role": "viewer"}, {"role": "viewer", "disabled": False}),
    ],
)
def test_what_is_so_already_is_no_change(before: dict[str, Any], changes: dict[str, Any]) -> None:
    admin = an_admin(**before)
    assert rules.changed_person(admin, changes, LATER) is admin
    assert list(rules.entries(admin, admin)) == []


@given(ADMINS, CHANGES)
def test_whatever_takes_something_from_a_person_ends_their_sessions(admin: Admin, changes: dict[str, Any]) -> None:
    changed = rules.changed_person(admin, changes, LATER)
    loses = changed.role != admin.role or (changed.disabled_at is not None and admin.disabled_at is None)
    assert not loses or rules.ends_sessions(admin, changed)
    # Whoever may sign in, in the role that they had, goes on.
    assert changed.role != admin.role or changed.disabled_at is not None or not rules.ends_sessions(admin, changed)


@given(ADMINS, CHANGES)
def test_nothing_but_role_and_disabling_is_changed(admin: Admin, changes: dict[str, Any]) -> None:
    changed = rules.changed_person(admin, changes, LATER)
    assert (changed.role, changed.disabled_at is not None) == (
        changes.get("role", admin.role),
        changes.get("disabled", admin.disabled_at is not None),
    )
    kept = ("id", "username", "password_hash", "created_at", "initial_password_ends_at")
    assert [getattr(changed, name) for name in kept] == [getattr(admin, name) for name in kept]


def test_an_initial_password_is_good_for_seven_days_and_an_own_one_for_ever() -> None:
    initial = rules.with_initial_password(an_admin(), "hash", LATER)
    assert initial == an_admin(
        password_hash="hash", updated_at=LATER, initial_password_ends_at=LATER + timedelta(days=7)
    )
    assert rules.with_own_password(initial, "own", LATER) == an_admin(password_hash="own", updated_at=LATER)
