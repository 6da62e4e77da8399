"""Auth on the wire: what comes in is named New..., what goes out is listed field by field."""

from typing import Annotated, Any

from pydantic import Field, StringConstraints

from services.auth.entities import Admin, IssuedGrant, SignIn
from services.kit.instants import format_instant
from services.kit.schemas import Schema, Text
from services.kit.tokens import Revoked

# A password is taken as it is: neither trimmed nor judged by its characters. What is hashed has an end.
Password = Annotated[str, Field(min_length=6, max_length=1024)]


class Credentials(Schema):
    """POST /api/admin/login."""

    username: Annotated[Text, Field(min_length=3, max_length=200)]
    password: Password


class Refresh(Schema):
    """POST /api/admin/token/refresh. A refresh token is opaque: one that we never gave is unknown, not malformed."""

    refresh_token: Annotated[str, Field(min_length=1, max_length=200)]


class PasswordChange(Schema):
    """POST /api/admin/me/password."""

    current_password: Password
    new_password: Annotated[str, Field(max_length=1024)]


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
