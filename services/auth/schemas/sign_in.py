"""Signing in, the sessions that follow, and the change of one's own password."""

from typing import Annotated, Literal

from pydantic import Field, ValidatorFunctionWrapHandler, WrapValidator
from typing_extensions import TypedDict

from services.auth.config import MINIMUM_PASSWORD_LENGTH
from services.auth.entities import SignIn
from services.auth.schemas.people import MINIMUM_USERNAME_LENGTH
from services.kit.core.texts import composed
from services.kit.web.schemas import ExactText, Schema, text_pattern
from services.kit.web.tokens.revocation import Revoked

# The time to hash a password grows with its length.
_MAXIMUM_PASSWORD_LENGTH = 1024

Password = Annotated[
    str,
    Field(
        min_length=6, max_length=_MAXIMUM_PASSWORD_LENGTH, description="neither trimmed nor limited to some characters"
    ),
]
# passwords.new_password_problems checks the rest, with messages that help.
NewPassword = Annotated[
    str,
    Field(
        max_length=_MAXIMUM_PASSWORD_LENGTH,
        description="not easy to guess, and different from the password that it replaces",
        json_schema_extra={"minLength": MINIMUM_PASSWORD_LENGTH},
    ),
]


def _as_spelled(value: object, handler: ValidatorFunctionWrapHandler) -> object:
    name = handler(value)
    # Either may be the longer one, and stored names were counted in either form.
    if max(len(name), len(composed(name))) < MINIMUM_USERNAME_LENGTH:
        raise ValueError(f"must have at least {MINIMUM_USERNAME_LENGTH} characters")
    return value


# Wider than what a new name may be, for stored names. It keeps its spelling: of names that collide each is found by its
# own.
TypedUsername = Annotated[
    ExactText,
    Field(
        max_length=1000,
        description="in any case and Unicode form",
        json_schema_extra={"minLength": MINIMUM_USERNAME_LENGTH, "pattern": text_pattern(MINIMUM_USERNAME_LENGTH)},
    ),
    WrapValidator(_as_spelled),
]


class Credentials(Schema):
    """The body of POST /api/admin/login."""

    username: TypedUsername
    password: Password
    new_password: Annotated[NewPassword | None, Field(description="replaces the password")] = None


class Refresh(Schema):
    """The body of POST /api/admin/token/refresh; any text is valid, because an unknown token is not an invalid body."""

    refresh_token: Annotated[str, Field(min_length=1, max_length=200)]


class PasswordChange(Schema):
    """The body of POST /api/admin/me/password."""

    current_password: Password
    new_password: NewPassword


class UserView(TypedDict):
    """The person who has signed in."""

    id: str
    username: str


class SignInView(TypedDict):
    """The tokens of a session and its person."""

    accessToken: str
    tokenType: Literal["Bearer"]
    expiresIn: Annotated[int, Field(ge=1, description="seconds for which the access token is valid")]
    refreshToken: Annotated[str, Field(description="valid once, for POST /api/admin/token/refresh")]
    refreshExpiresIn: Annotated[
        int,
        Field(
            ge=1,
            description="seconds for which the refresh token is valid; the session ends seven days after the sign-in",
        ),
    ]
    user: UserView


def sign_in_view(sign_in: SignIn) -> SignInView:
    """Return the tokens of a sign-in or a refresh."""
    return {
        "accessToken": sign_in.access_token,
        "tokenType": "Bearer",
        "expiresIn": sign_in.expires_in,
        "refreshToken": sign_in.refresh_token,
        "refreshExpiresIn": sign_in.refresh_expires_in,
        "user": {"id": sign_in.admin.id, "username": sign_in.admin.username},
    }


class RevokedView(TypedDict):
    """The ids of ended sessions and of retired keys, both sorted."""

    items: list[str]
    keys: list[str]


def revoked_view(revoked: Revoked) -> RevokedView:
    """Return everything that verifiers of access tokens must refuse."""
    return {"items": sorted(revoked.sessions), "keys": sorted(revoked.keys)}
