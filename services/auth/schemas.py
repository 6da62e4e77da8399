"""Auth on the wire: what comes in is named New..., what goes out is listed field by field."""

from typing import Annotated, Any

from pydantic import Field, StringConstraints

from services.auth.entities import IssuedGrant, SignIn
from services.kit.schemas import Schema, Text


class Credentials(Schema):
    """POST /api/admin/login. A password is taken as it is: neither trimmed nor judged by its characters."""

    username: Annotated[Text, Field(min_length=3, max_length=200)]
    password: Annotated[str, Field(min_length=6, max_length=1024)]


class NewGrant(Schema):
    """POST /internal/grants: an event, and the fingerprint of the key that opened it, as content gives them."""

    event_id: Annotated[str, Field(min_length=1)]
    fingerprint: Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")]


def grant_view(grant: IssuedGrant) -> dict[str, Any]:
    """What a learner gets for an access key (RFC 6749 section 5.1, in camelCase)."""
    return {"accessToken": grant.access_token, "tokenType": "Bearer", "expiresIn": grant.expires_in}


def sign_in_view(sign_in: SignIn) -> dict[str, Any]:
    """The contract's answer to a login."""
    return {
        "accessToken": sign_in.access_token,
        "tokenType": "Bearer",
        "expiresIn": sign_in.expires_in,
        "user": {"id": sign_in.admin.id, "username": sign_in.admin.username},
    }
