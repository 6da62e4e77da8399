"""The rules of people: sign-in, changes by an owner, and their audit entries."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import datetime, timedelta

from services.auth.entities import Admin, PersonChanges

# OWASP ASVS 5.0 6.4.1: generated passwords are valid for a short time and never become a person's own.
INITIAL_PASSWORD_LIFETIME = timedelta(days=7)


def may_sign_in(admin: Admin, now: datetime) -> bool:
    """Return whether the right password lets this person in."""
    ends_at = admin.initial_password_ends_at
    return admin.disabled_at is None and (ends_at is None or ends_at > now)


def is_active_owner(admin: Admin) -> bool:
    """Return whether this person can manage others now; an owner with an initial password may never sign in."""
    return admin.role == "owner" and admin.disabled_at is None and admin.initial_password_ends_at is None


def takes_last_owner(owners: Sequence[Admin], changed: Admin) -> bool:
    """Return whether the change takes an owner away while no other one can manage people.

    One who waits with an initial password counts as well: where there is no other, the installation is theirs.
    """
    is_taken = not is_active_owner(changed) and any(each.id == changed.id and not each.disabled_at for each in owners)
    return is_taken and not any(is_active_owner(each) for each in owners if each.id != changed.id)


def changed_person(admin: Admin, changes: PersonChanges, now: datetime) -> Admin:
    """Return the person after the changes, or the same record when nothing differs."""
    disabled_at = admin.disabled_at
    if changes.disabled is not None:
        disabled_at = (disabled_at or now) if changes.disabled else None
    changed = replace(admin, role=changes.role or admin.role, disabled_at=disabled_at)
    return admin if changed == admin else replace(changed, updated_at=now)


def with_initial_password(admin: Admin, password_hash: str, digest: str, now: datetime) -> Admin:
    """Return the person with a generated password."""
    return replace(
        admin,
        password_hash=password_hash,
        updated_at=now,
        initial_password_ends_at=now + INITIAL_PASSWORD_LIFETIME,
        initial_password_digest=digest,
    )


def with_own_password(admin: Admin, password_hash: str, now: datetime) -> Admin:
    """Return the person with a password that they chose."""
    return replace(
        admin,
        password_hash=password_hash,
        updated_at=now,
        initial_password_ends_at=None,
        initial_password_digest=None,
    )


def audit_entries(before: Admin, after: Admin) -> Iterator[tuple[str, str]]:
    """Yield an action and the person's id for a changed role and for disabling or enabling."""
    if after.role != before.role:
        yield "admin.role_changed", after.id
    if (after.disabled_at is None) != (before.disabled_at is None):
        yield "admin.enabled" if after.disabled_at is None else "admin.disabled", after.id


def ends_sessions(before: Admin, after: Admin) -> bool:
    """Return whether earlier sessions must end: their tokens name the old role, or the person is disabled."""
    return after.role != before.role or after.disabled_at is not None
