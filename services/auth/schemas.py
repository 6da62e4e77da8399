"""Auth on the wire: what comes in is named New..., what goes out is listed field by field."""

from typing import Annotated, Any

from pydantic import Field

from services.auth.entities import SignIn
from services.kit.schemas import Schema, Text


class Credentials(Schema):
    """POST /api/admin/login. A password is taken as it is: neither trimmed nor judged by its characters."""

    username: Annotated[Text, Field(min_length=3, max_length=200)]
    password: Annotated[str, Field(min_length=6, max_length=1024)]


def sign_in_view(sign_in: SignIn) -> dict[str, Any]:
    """The contract's answer to a login."""
    return {
        "accessToken": sign_in.access_token,
        "tokenType": "Bearer",
        "expiresIn": sign_in.expires_in,
        "user": {"id": sign_in.admin.id, "username": sign_in.admin.username},
    }
