"""Initial passwords, and new passwords that are set at a sign-in."""

from dataclasses import replace
from datetime import timedelta

import pytest

from services.auth.entities import Invitation
from services.auth.errors import InvalidCredentials, PasswordChangeRequired, SignInThrottled
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
    # Its digest is checked, not its hash.
    assert auth.hasher.take_counts() == (0, 0)
    assert auth.store.admins.get(invitation.admin.id) == invitation.admin
    assert "session.started" not in [action for action, _ in auth.entries()]
    assert invitation.initial_password not in repr(invitation)


def test_an_initial_password_is_replaced_until_the_last_moment_of_its_week(
    auth: Harness, invitation: Invitation
) -> None:
    auth.clock.at = A_WEEK_LATER - MILLISECOND
    auth.hasher.take_counts()
    admin = auth.sign_in("grace", invitation.initial_password, OWN_PASSWORD).admin
    assert auth.hasher.take_counts() == (1, 0)
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


def test_a_wrong_initial_password_costs_a_hash_like_any_wrong_password(auth: Harness, invitation: Invitation) -> None:
    for password in (invitation.initial_password.upper(), OWN_PASSWORD, "", invitation.admin.password_hash):
        assert auth.refuses("grace", password)


def test_an_initial_password_from_before_the_upgrade_is_checked_by_its_hash(
    auth: Harness, invitation: Invitation
) -> None:
    auth.store.admins.save(replace(invitation.admin, initial_password_digest=None))
    auth.hasher.take_counts()
    with pytest.raises(PasswordChangeRequired):
        auth.sign_in("grace", invitation.initial_password)
    assert auth.hasher.take_counts() == (0, 1)


def test_a_digest_opens_nothing_once_its_hash_was_replaced(auth: Harness, invitation: Invitation) -> None:
    # The release before leaves the digest as it is: when it resets a password, and when a person sets their own.
    for ends_at in (invitation.admin.initial_password_ends_at, None):
        password_hash = auth.hasher.hash("another password")
        auth.store.admins.save(replace(invitation.admin, password_hash=password_hash, initial_password_ends_at=ends_at))
        assert auth.refuses("grace", invitation.initial_password, OWN_PASSWORD)
    auth.store.admins.save(replace(invitation.admin, initial_password_ends_at=None))
    auth.hasher.take_counts()
    auth.sign_in("grace", invitation.initial_password)
    assert auth.hasher.take_counts() == (0, 1)


def test_a_reset_password_replaces_the_digest(auth: Harness, invitation: Invitation) -> None:
    again = auth.service.people.reset_password(invitation.admin.id)
    assert auth.refuses("grace", invitation.initial_password, OWN_PASSWORD)
    assert auth.sign_in("grace", again.initial_password, OWN_PASSWORD).admin.initial_password_digest is None


def test_wrong_passwords_from_two_addresses_keep_no_invited_person_out(auth: Harness, invitation: Invitation) -> None:
    for number in range(40):
        address = f"192.0.2.{number % 2}"
        with pytest.raises((InvalidCredentials, SignInThrottled)):
            auth.service.sign_in("grace", f"guess {number}", address=address)
    initial = invitation.initial_password
    for address in ("198.51.100.1", "192.0.2.1"):
        with pytest.raises(PasswordChangeRequired):
            auth.service.sign_in("grace", initial, address=address)
    # At the guessers' own address, too: it cannot be guessed.
    assert auth.service.sign_in("grace", initial, OWN_PASSWORD, "192.0.2.1").admin.username == "grace"
