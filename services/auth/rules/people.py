"""Who may sign in, what an owner changes about a person, and what is said of it in the audit log."""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from services.auth.entities import Admin

# OWASP ASVS 5.0 6.4.1: what the system generates is good for a short time, and never becomes a person's password.
INITIAL_PASSWORD_LIFETIME = timedelta(days=7)


def may_sign_in(admin: Admin, now: datetime) -> bool:
    """Whether the right password opens anything."""
    ends_at = admin.initial_password_ends_at
    return admin.disabled_at is None and (ends_at is None or ends_at > now)


def is_acting_owner(admin: Admin) -> bool:
    """Whether this person can manage the others for certain: one who has set no password yet may never come."""
    return admin.role == "owner" and admin.disabled_at is None and admin.initial_password_ends_at is None


def changed_person(admin: Admin, changes: Mapping[str, Any], now: datetime) -> Admin:
    """The person after the changes of schemas.PersonPatch; unchanged, when everything is so already."""
    disabled_at = admin.disabled_at
    if "disabled" in changes:
        disabled_at = (disabled_at or now) if changes["disabled"] else None
    changed = replace(admin, role=changes.get("role", admin.role), disabled_at=disabled_at)
    return admin if changed == admin else replace(changed, updated_at=now)


def with_initial_password(admin: Admin, password_hash: str, now: datetime) -> Admin:
    """The person with a password that was made for them."""
    ends_at = now + INITIAL_PASSWORD_LIFETIME
    return replace(admin, password_hash=password_hash, updated_at=now, initial_password_ends_at=ends_at)


def with_own_password(admin: Admin, password_hash: str, now: datetime) -> Admin:
    """The person with a password that they have set."""
    return replace(admin, password_hash=password_hash, updated_at=now, initial_password_ends_at=None)


def entries(before: Admin, after: Admin) -> Iterator[tuple[str, str]]:
    """What the audit log says of a changed role and of somebody disabled or enabled: actions, each with the id."""
    if after.role != before.role:
        yield "admin.role_changed", after.id
    if (after.disabled_at is None) != (before.disabled_at is None):
        yield "admin.enabled" if after.disabled_at is None else "admin.disabled", after.id


def ends_sessions(before: Admin, after: Admin) -> bool:
    """Whether sessions from before the change must not go on: their tokens name the old role, or nobody may act."""
    return after.role != before.role or after.disabled_at is not None
