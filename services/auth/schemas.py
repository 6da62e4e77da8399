"""Auth on the wire: what comes in is named New..., what goes out is listed field by field."""

from typing import Annotated, Any

from pydantic import Field, StringConstraints

from services.auth.entities import Admin, Invitation, IssuedGrant, Role, SignIn
from services.kit.core.instants import format_instant
from services.kit.web.schemas import Patch, Schema, Text
from services.kit.web.tokens.revocation import Revoked

Username = Annotated[Text, Field(min_length=3, max_length=200)]
# What costs as much to hash as it is long has an end.
_LONGEST_PASSWORD = 1024
# A password is taken as it is: neither trimmed nor judged by its characters.
Password = Annotated[str, Field(min_length=6, max_length=_LONGEST_PASSWORD)]
# What a new one must be, passwords.new_password_problems says.
NewPassword = Annotated[str, Field(max_length=_LONGEST_PASSWORD)]
# A default of a patch is never read: only the fields that were sent are (Patch.changes).
_ABSENT: Any = None


class Credentials(Schema):
    """POST /api/admin/login; `newPassword` replaces the password."""

    username: Username
    password: Password
    new_password: NewPassword | None = None


class Refresh(Schema):
    """POST /api/admin/token/refresh. A refresh token is opaque: one that we never gave is unknown, not malformed."""

    refresh_token: Annotated[str, Field(min_length=1, max_length=200)]


class PasswordChange(Schema):
    """POST /api/admin/me/password."""

    current_password: Password
    new_password: NewPassword


class NewPerson(Schema):
    """POST /api/admin/users."""

    username: Username
    role: Role


class PersonPatch(Patch):
    """PUT /api/admin/users/{userId}."""

    role: Role = _ABSENT
    disabled: bool = _ABSENT


def person_view(admin: Admin) -> dict[str, Any]:
    """A person, as owners see them; `initialPasswordEndsAt` is null once they have set a password of their own."""
    ends_at = admin.initial_password_ends_at
    return {
        "id": admin.id,
        "username": admin.username,
        "role": admin.role,
        "disabled": admin.disabled_at is not None,
        "initialPasswordEndsAt": None if ends_at is None else format_instant(ends_at),
        "createdAt": format_instant(admin.created_at),
        "updatedAt": format_instant(admin.updated_at),
    }


def invitation_view(invitation: Invitation) -> dict[str, Any]:
    """The person, and the password that is answered this once."""
    return told_invitation(person_view(invitation.admin), invitation.initial_password)


def told_invitation(person: dict[str, Any], initial_password: str) -> dict[str, Any]:
    """The same, of what `person_view` has given."""
    return {"item": person, "initialPassword": initial_password}


class NewGrant(Schema):
    """POST /internal/grants: an event, and the fingerprint of the key that opened it, as content gives them."""

    event_id: Annotated[str, Field(min_length=1)]
    fingerprint: Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")]


def grant_view(grant: IssuedGrant) -> dict[str, Any]:
    """What a learner gets for an access key (RFC 6749 section 5.1, in camelCase)."""
    return {"accessToken": grant.access_token, "tokenType": "Bearer", "expiresIn": grant.expires_in}


def sign_in_view(sign_in: SignIn) -> dict[str, Any]:
    """The contract's answer to a login, and what goes on with it."""
    return {
        "accessToken": sign_in.access_token,
        "tokenType": "Bearer",
        "expiresIn": sign_in.expires_in,
        "refreshToken": sign_in.refresh_token,
        "refreshExpiresIn": sign_in.refresh_expires_in,
        "user": {"id": sign_in.admin.id, "username": sign_in.admin.username},
    }


def me_view(admin: Admin) -> dict[str, Any]:
    """A person, as they see themselves."""
    return {
        "id": admin.id,
        "username": admin.username,
        "role": admin.role,
        "createdAt": format_instant(admin.created_at),
        "updatedAt": format_instant(admin.updated_at),
    }


def revoked_view(revoked: Revoked) -> dict[str, Any]:
    """Ids of ended sessions under `items`, those of retired keys under `keys`."""
    return {"items": sorted(revoked.sessions), "keys": sorted(revoked.keys)}
