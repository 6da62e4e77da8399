"""The JSON of auth: the bodies of requests, and a view for each body of a response."""

from typing import Annotated, Any, Literal

from pydantic import ConfigDict, Field, StringConstraints
from typing_extensions import TypedDict

from services.auth.config import MINIMUM_PASSWORD_LENGTH
from services.auth.entities import Admin, Invitation, IssuedGrant, PersonChanges, Role, SignIn
from services.kit.core.instants import format_instant
from services.kit.web.schemas import InstantText, Patch, Schema, Text, length
from services.kit.web.tokens.revocation import Revoked

# The time to hash a password grows with its length.
_MAXIMUM_PASSWORD_LENGTH = 1024

Username = Annotated[Text, length(3, 200)]
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
PersonRole = Annotated[
    Role,
    Field(
        description="a viewer reads; an editor also changes launches; an owner also manages people and reads the audit"
    ),
]


def _absent() -> Any:
    """Return the default of a patch's field: null is refused, so None means that the field was not sent."""
    return None


class Credentials(Schema):
    """POST /api/admin/login."""

    username: Username
    password: Password
    new_password: Annotated[NewPassword | None, Field(description="replaces the password")] = None


class Refresh(Schema):
    """POST /api/admin/token/refresh; any text is accepted, because an unknown token is not an invalid document."""

    refresh_token: Annotated[str, Field(min_length=1, max_length=200)]


class PasswordChange(Schema):
    """POST /api/admin/me/password."""

    current_password: Password
    new_password: NewPassword


class NewPerson(Schema):
    """POST /api/admin/users."""

    username: Username
    role: PersonRole


class PersonPatch(Patch):
    """PUT /api/admin/users/{userId}; at least one of the fields is required."""

    model_config = ConfigDict(
        json_schema_extra={"minProperties": 1, "anyOf": [{"required": ["role"]}, {"required": ["disabled"]}]}
    )

    role: PersonRole = Field(default_factory=_absent)
    disabled: bool = Field(default_factory=_absent)

    def person_changes(self) -> PersonChanges:
        """Return the changes; fields that were not sent are None."""
        return PersonChanges(role=self.role, disabled=self.disabled)


class NewGrant(Schema):
    """POST /internal/grants: an event and the fingerprint of the key that opened it, as content returns them."""

    event_id: Annotated[str, Field(min_length=1)]
    fingerprint: Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")]


class PersonView(TypedDict):
    """A person, as owners see them."""

    id: str
    username: str
    role: PersonRole
    disabled: bool
    initialPasswordEndsAt: Annotated[
        InstantText | None,
        Field(description="when the initial password expires; null once the person has set one of their own"),
    ]
    createdAt: InstantText
    updatedAt: InstantText


class InvitationView(TypedDict):
    """A person and the password for their first sign-in."""

    item: PersonView
    initialPassword: str


class MeView(TypedDict):
    """A person, as they see themselves."""

    id: str
    username: str
    role: PersonRole
    createdAt: InstantText
    updatedAt: InstantText


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


class GrantView(TypedDict):
    """A learner grant (RFC 6749 section 5.1, in camelCase)."""

    accessToken: str
    tokenType: Literal["Bearer"]
    expiresIn: Annotated[
        int, Field(ge=1, description="seconds for which the grant is valid; it ends with the access key as well")
    ]


class RevokedView(TypedDict):
    """The ids of ended sessions and of retired keys, both sorted."""

    items: list[str]
    keys: list[str]


def person_view(admin: Admin) -> PersonView:
    """Return the person for owners."""
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


def invitation_view(invitation: Invitation) -> InvitationView:
    """Return the person with the initial password."""
    return {"item": person_view(invitation.admin), "initialPassword": invitation.initial_password}


def me_view(admin: Admin) -> MeView:
    """Return the person for themselves."""
    return {
        "id": admin.id,
        "username": admin.username,
        "role": admin.role,
        "createdAt": format_instant(admin.created_at),
        "updatedAt": format_instant(admin.updated_at),
    }


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


def grant_view(grant: IssuedGrant) -> GrantView:
    """Return the grant."""
    return {"accessToken": grant.access_token, "tokenType": "Bearer", "expiresIn": grant.expires_in}


def revoked_view(revoked: Revoked) -> RevokedView:
    """Return everything that verifiers of access tokens must refuse."""
    return {"items": sorted(revoked.sessions), "keys": sorted(revoked.keys)}
