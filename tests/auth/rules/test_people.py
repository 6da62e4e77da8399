"""The rules about people: who may sign in, who is an active owner, and what a change means."""

from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.auth.entities import Admin, PersonChanges
from services.auth.rules import people
from tests.auth.examples import an_admin
from tests.clock import LATER, MILLISECOND, NOON

ROLES: Any = st.sampled_from(["owner", "editor", "viewer"])
ADMINS = st.builds(
    an_admin,
    role=ROLES,
    disabled_at=st.sampled_from([None, NOON]),
    initial_password_ends_at=st.sampled_from([None, LATER]),
)
CHANGES = st.builds(PersonChanges, role=st.none() | ROLES, disabled=st.none() | st.booleans())


@pytest.mark.parametrize(
    ("fields", "may_sign_in"),
    [
        ({}, True),
        ({"role": "viewer"}, True),
        ({"disabled_at": NOON}, False),
        ({"initial_password_ends_at": LATER + MILLISECOND}, True),
        ({"initial_password_ends_at": LATER}, False),
        ({"initial_password_ends_at": LATER + MILLISECOND, "disabled_at": NOON}, False),
    ],
)
def test_disabled_people_and_expired_initial_passwords_may_not_sign_in(fields: Any, may_sign_in: bool) -> None:
    assert people.may_sign_in(an_admin(**fields), LATER) is may_sign_in


@pytest.mark.parametrize(
    ("fields", "is_active"),
    [
        ({}, True),
        ({"role": "editor"}, False),
        ({"role": "viewer"}, False),
        ({"disabled_at": NOON}, False),
        ({"initial_password_ends_at": LATER}, False),
    ],
)
def test_an_active_owner_has_a_password_of_their_own(fields: Any, is_active: bool) -> None:
    assert people.is_active_owner(an_admin(**fields)) is is_active


@pytest.mark.parametrize(
    ("before", "changes", "after", "actions"),
    [
        ({}, PersonChanges(role="viewer"), {"role": "viewer"}, ["admin.role_changed"]),
        ({}, PersonChanges(disabled=True), {"disabled_at": LATER}, ["admin.disabled"]),
        ({"disabled_at": NOON}, PersonChanges(disabled=False), {"disabled_at": None}, ["admin.enabled"]),
        (
            {"role": "editor"},
            PersonChanges("owner", True),
            {"role": "owner", "disabled_at": LATER},
            ["admin.role_changed", "admin.disabled"],
        ),
    ],
)
def test_a_change_is_dated_and_audited(before: Any, changes: PersonChanges, after: Any, actions: list[str]) -> None:
    old, new = an_admin(**before), an_admin(**{**before, **after}, updated_at=LATER)
    assert people.changed_person(old, changes, LATER) == new
    assert list(people.audit_entries(old, new)) == [(action, "admin-1") for action in actions]


@pytest.mark.parametrize(
    ("before", "changes"),
    [
        ({}, PersonChanges()),
        ({}, PersonChanges(role="owner")),
        ({}, PersonChanges(disabled=False)),
        ({"disabled_at": NOON}, PersonChanges(disabled=True)),
        ({"role": "viewer"}, PersonChanges("viewer", False)),
    ],
)
def test_a_change_to_the_same_values_is_no_change(before: Any, changes: PersonChanges) -> None:
    admin = an_admin(**before)
    assert people.changed_person(admin, changes, LATER) is admin
    assert list(people.audit_entries(admin, admin)) == []


@given(ADMINS, CHANGES)
def test_sessions_end_exactly_with_another_role_or_disabling(admin: Admin, changes: PersonChanges) -> None:
    changed = people.changed_person(admin, changes, LATER)
    assert people.ends_sessions(admin, changed) is (changed.role != admin.role or changed.disabled_at is not None)


def test_an_initial_password_is_valid_for_seven_days_and_an_own_one_forever() -> None:
    initial = people.with_initial_password(an_admin(), "hash", "digest", LATER)
    fields: Any = {"initial_password_ends_at": LATER + timedelta(days=7), "initial_password_digest": "digest"}
    assert initial == an_admin(password_hash="hash", updated_at=LATER, **fields)
    assert people.with_own_password(initial, "own", LATER) == an_admin(password_hash="own", updated_at=LATER)
