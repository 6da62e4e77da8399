"""People, for owners and for themselves."""

from typing import Annotated, ClassVar, Literal

from pydantic import Field

# Before Python 3.12 pydantic does not support the standard library's TypedDict.
from typing_extensions import TypedDict

from services.auth.entities import Admin, AdminFilter, Invitation, PersonChanges, Role
from services.kit.core.instants import format_instant
from services.kit.web.list_queries import Flag, Keys, ListQuery, Search
from services.kit.web.schemas import InstantText, OneLineText, Patch, Schema, absent, line_length

MINIMUM_USERNAME_LENGTH = 3

Username = Annotated[OneLineText, line_length(MINIMUM_USERNAME_LENGTH, 200)]
PersonRole = Annotated[
    Role,
    Field(
        description="a viewer reads; an editor also changes launches; an owner also manages people and reads the audit"
    ),
]


class NewPerson(Schema):
    """The body of POST /api/admin/users."""

    username: Username
    role: PersonRole


class PersonPatch(Patch):
    """The body of PUT /api/admin/users/{userId}; at least one of the fields is required."""

    role: PersonRole = absent()
    disabled: bool = absent()

    def changes(self) -> PersonChanges:
        """Return the changes; fields that were not sent are None."""
        return PersonChanges(role=self.role, disabled=self.disabled)


class PersonQuery(ListQuery):
    """The query of GET /api/admin/users."""

    list_name = "people"
    keys: ClassVar[Keys] = {"createdAt": (int, str)}

    role: PersonRole = absent()
    disabled: Annotated[Flag, Field(description="only disabled ones, or only others")] = absent()
    q: Annotated[Search, Field(description="only those with this text in their username, in any case")] = absent()
    sort: Annotated[Literal["createdAt", "-createdAt"], Field(description="the order; a - reverses it")] = "createdAt"

    def filter(self) -> AdminFilter:
        """Return the filter."""
        return AdminFilter(role=self.role, disabled=self.disabled, q=self.q)


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


class InvitationView(TypedDict):
    """A person and the password for their first sign-in."""

    item: PersonView
    initialPassword: str


def invitation_view(invitation: Invitation) -> InvitationView:
    """Return the person with the initial password."""
    return {"item": person_view(invitation.admin), "initialPassword": invitation.initial_password}


class MeView(TypedDict):
    """A person, as they see themselves."""

    id: str
    username: str
    role: PersonRole
    createdAt: InstantText
    updatedAt: InstantText


def me_view(admin: Admin) -> MeView:
    """Return the person for themselves."""
    return {
        "id": admin.id,
        "username": admin.username,
        "role": admin.role,
        "createdAt": format_instant(admin.created_at),
        "updatedAt": format_instant(admin.updated_at),
    }
