"""Initial passwords, and new passwords that are set at a sign-in."""

from datetime import timedelta

import pytest

from services.auth.entities import Invitation
from services.auth.errors import PasswordChangeRequired
from services.kit.core.errors import ValidationFailed
from tests.auth.examples import OWN_PASSWORD
from tests.auth.harness import Harness
from tests.clock import LATER, MILLISECOND

A_WEEK_LATER = LATER + timedelta(days=7)
EASY = "is too easy to guess: take several words that have nothing to do with one another or with you"


@pytest.fixture
def invitation(auth: Harness) -> Invitation:
    """The invitation of grace, an editor who has not signed in yet."""
    return auth.service.people.invite("grace", "editor")


def test_an_initial_password_only_asks_for_another_one(auth: Harness, invitation: Invitation) -> None:
    auth.hasher.take_counts()
    with pytest.raises(PasswordChangeRequired):
        auth.sign_in("grace", invitation.initial_password)
    assert auth.hasher.take_counts() == (0, 1)
    assert auth.store.admins.get(invitation.admin.id) == invitation.admin
    assert "session.started" not in [action for action, _ in auth.entries()]
    assert invitation.initial_password not in repr(invitation)


def test_an_initial_password_is_replaced_until_the_last_moment_of_its_week(
    auth: Harness, invitation: Invitation
) -> None:
    auth.clock.at = A_WEEK_LATER - MILLISECOND
    auth.hasher.take_counts()
    admin = auth.sign_in("grace", invitation.initial_password, OWN_PASSWORD).admin
    assert auth.hasher.take_counts() == (1, 1)
    assert (admin.initial_password_ends_at, admin.updated_at) == (None, auth.clock.at)
    assert auth.store.admins.get(invitation.admin.id) == admin
    for new_password in (None, "seven ships sail on sand"):
        assert auth.refuses("grace", invitation.initial_password, new_password)
    auth.clock.at += timedelta(days=365)
    assert auth.sign_in("grace", OWN_PASSWORD).admin == admin


def test_an_expired_initial_password_is_a_wrong_one(auth: Harness, invitation: Invitation) -> None:
    auth.clock.at = A_WEEK_LATER
    for new_password in (None, OWN_PASSWORD):
        assert auth.refuses("grace", invitation.initial_password, new_password)


@pytest.mark.parametrize(
    ("new_password", "problem"),
    [
        ("short", "must have at least 12 characters"),
        ("", "must have at least 12 characters"),
        ("password1234", EASY),
        ("gracegracegrace", EASY),
        (None, "must differ from the password that it replaces"),
    ],
)
def test_an_unacceptable_new_password_changes_nothing(
    auth: Harness, invitation: Invitation, new_password: str | None, problem: str
) -> None:
    before, initial = auth.entries(), invitation.initial_password
    with pytest.raises(ValidationFailed) as error:
        auth.sign_in("grace", initial, initial if new_password is None else new_password)
    assert error.value.extra == {"details": {"formErrors": [], "fieldErrors": {"newPassword": [problem]}}}
    assert (auth.store.admins.get(invitation.admin.id), auth.entries()) == (invitation.admin, before)


def test_a_wrong_password_is_reported_before_a_bad_new_one(auth: Harness) -> None:
    for username in ("ada", "nobody"):
        assert auth.refuses(username, "a wrong password", "short")


def test_attempts_with_bad_new_passwords_are_not_throttled(auth: Harness, invitation: Invitation) -> None:
    for _ in range(25):
        with pytest.raises(ValidationFailed):
            auth.sign_in("grace", invitation.initial_password, "short")
        with pytest.raises(PasswordChangeRequired):
            auth.sign_in("grace", invitation.initial_password)
    assert auth.sign_in("grace", invitation.initial_password, OWN_PASSWORD).admin.username == "grace"
