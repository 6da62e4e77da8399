"""`python -m services.auth user`: people, under the rules of /api/admin/users, for who runs the installation.

A lost password is replaced here even where it is the only owner's: nobody else could, and the command can be repeated.
"""

import argparse
import json
from collections.abc import Iterator

import peewee

# Before Python 3.12 pydantic does not support the standard library's TypedDict.
from typing_extensions import TypedDict

from services.auth.config import Settings
from services.auth.entities import Admin, Invitation, PersonChanges, Role
from services.auth.errors import AdminNotFound, UsernameTaken
from services.auth.repository.store import PeeweeAuthStore
from services.auth.schemas.people import NewPerson, PersonView, person_view
from services.auth.service.people import People
from services.auth.service.sign_in import AuthService
from services.kit.core.errors import ValidationFailed
from services.kit.maintenance.command_line import Command, Refused
from services.kit.web.pages import PageRequest
from services.kit.web.schemas import validated

ROLES: tuple[Role, ...] = ("owner", "editor", "viewer")
OWN_PASSWORD = "has a password of their own"  # noqa: S105 a text


class Answer(TypedDict, total=False):
    """What an action gives: all people, or one, with their initial password where it was just made."""

    items: list[PersonView]
    item: PersonView
    initialPassword: str


class Users:
    """The actions. Each but `list` names a person as they sign in; raise Refused, LastOwner."""

    def __init__(self, database: peewee.Database, settings: Settings):
        self._store = PeeweeAuthStore(database)
        service = AuthService(self._store, settings.access_token_lifetime, settings.signing_key_secret)
        self._people: People = service.people

    def list(self) -> Answer:
        """Return all people, oldest first."""
        return {"items": [person_view(each) for each in self._people.list(PageRequest()).items]}

    def add(self, username: str, role: Role) -> Answer:
        """Add a person with an initial password."""
        try:
            new = validated(NewPerson, {"username": username, "role": role})
        except ValidationFailed as error:
            problems = "; ".join(error.field_errors.get("username", []))
            raise Refused(f"{username!r} cannot be a username: {problems}") from None
        try:
            return _invitation(self._people.invite(new.username, new.role))
        except UsernameTaken:
            taken = self._store.admins.get_by_username(new.username).username
            raise Refused(f"{taken!r} is there already: give another name, or reset-password for a lost one") from None

    def reset_password(self, username: str) -> Answer:
        """Replace a lost password by an initial one, and end the person's sessions."""
        return _invitation(self._people.reset_password(self._find(username).id, even_of_last_owner=True))

    def change_role(self, username: str, role: Role) -> Answer:
        """Give the person another role."""
        return self._change(username, PersonChanges(role=role))

    def disable(self, username: str) -> Answer:
        """Keep the person from signing in, and end their sessions."""
        return self._change(username, PersonChanges(disabled=True))

    def enable(self, username: str) -> Answer:
        """Let a disabled person sign in again."""
        return self._change(username, PersonChanges(disabled=False))

    def _change(self, username: str, changes: PersonChanges) -> Answer:
        return {"item": person_view(self._people.change(self._find(username).id, changes))}

    def _find(self, username: str) -> Admin:
        try:
            return self._store.admins.get_by_username(username)
        except AdminNotFound:
            names = ", ".join(each.username for each in self._people.list(PageRequest(limit=10)).items) or "nobody yet"
            raise Refused(f"nobody is named {username!r}; there are: {names}") from None


def lines(answer: Answer) -> Iterator[str]:
    """Return the answer as lines for people."""
    people = answer["items"] if "items" in answer else [answer["item"]]
    width = max((len(each["username"]) for each in people), default=0)
    for each in people:
        yield f"{each['username']:<{width}}  {each['role']:<6}  {_state(each)}"
    if "initialPassword" in answer:
        yield f"initial password: {answer['initialPassword']}"
        yield "it is shown only now, and the first sign-in replaces it (newPassword)"


def run(database: peewee.Database, settings: Settings, options: argparse.Namespace) -> Iterator[str]:
    """Do one action; give its answer as lines, or as JSON."""
    users = Users(database, settings)
    match options.action:
        case "list":
            answer = users.list()
        case "add":
            answer = users.add(options.name, options.role)
        case "role":
            answer = users.change_role(options.name, options.role)
        case "reset-password":
            answer = users.reset_password(options.name)
        case "disable":
            answer = users.disable(options.name)
        case _:
            answer = users.enable(options.name)
    return iter([json.dumps(answer, ensure_ascii=False)]) if options.json else lines(answer)


def declare(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    common = argparse.ArgumentParser(add_help=False)
    common.add_argument("--json", action="store_true", help="write one JSON document")
    name = argparse.ArgumentParser(add_help=False)
    name.add_argument("name", metavar="NAME", help="the name with which the person signs in")
    actions = parser.add_subparsers(dest="action", required=True, metavar="ACTION")
    actions.add_parser("list", parents=[common], help="show everybody")
    add = actions.add_parser("add", parents=[common, name], help="add a person with an initial password")
    add.add_argument("--role", choices=ROLES, required=True)
    actions.add_parser("reset-password", parents=[common, name], help="replace a lost password by an initial one")
    role = actions.add_parser("role", parents=[common, name], help="give a person another role")
    role.add_argument("role", choices=ROLES, metavar="ROLE")
    actions.add_parser("disable", parents=[common, name], help="keep a person from signing in")
    actions.add_parser("enable", parents=[common, name], help="let a disabled person sign in again")


COMMAND = Command("user", "list, add and change people, and replace lost passwords", declare, run)


def _invitation(invitation: Invitation) -> Answer:
    return {"item": person_view(invitation.admin), "initialPassword": invitation.initial_password}


def _state(person: PersonView) -> str:
    ends_at = person["initialPasswordEndsAt"]
    state = OWN_PASSWORD if ends_at is None else f"has an initial password until {ends_at}"
    return f"disabled, {state}" if person["disabled"] else state
