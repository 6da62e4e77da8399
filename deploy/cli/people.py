"""`flix user`: the account commands of auth (services/auth/users.py), with the settings of `.env`."""

from __future__ import annotations

from collections.abc import Callable
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated

import typer

from deploy.cli.answer import Json, answering, given_text

if TYPE_CHECKING:
    from services.auth.users import Answer, Users

app = typer.Typer(help="List, add and change people, and replace lost passwords.", no_args_is_help=True)


class Role(StrEnum):
    """What a person may do."""

    owner = "owner"
    editor = "editor"
    viewer = "viewer"


Name = Annotated[
    str, typer.Argument(parser=given_text, metavar="NAME", help="The name with which the person signs in.")
]


@app.command("list")
def list_people(json: Json = False) -> None:
    """Show everybody."""
    _act(json, lambda users: users.list())


@app.command()
def add(
    name: Name,
    role: Annotated[Role, typer.Option(help="An owner also manages people; an editor changes launches.")],
    json: Json = False,
) -> None:
    """Add a person; print an initial password, which the first sign-in replaces."""
    _act(json, lambda users: users.add(name, role.value))


@app.command()
def reset_password(name: Name, json: Json = False) -> None:
    """Replace a lost password by an initial one, printed once; end the person's sessions."""
    _act(json, lambda users: users.reset_password(name))


@app.command()
def role(name: Name, role: Annotated[Role, typer.Argument(help="The new role.")], json: Json = False) -> None:
    """Give a person another role; end their sessions."""
    _act(json, lambda users: users.change_role(name, role.value))


@app.command()
def disable(name: Name, json: Json = False) -> None:
    """Keep a person from signing in; end their sessions."""
    _act(json, lambda users: users.disable(name))


@app.command()
def enable(name: Name, json: Json = False) -> None:
    """Let a disabled person sign in again."""
    _act(json, lambda users: users.enable(name))


def _act(as_json: bool, action: Callable[[Users], Answer]) -> None:
    with answering(as_json=as_json) as answer:
        from deploy.cli.databases import opened_current
        from services.auth.__main__ import SERVICE
        from services.auth.users import Users, lines

        with opened_current(SERVICE) as (settings, database):
            done = action(Users(database, settings))
        answer.members |= done
        if "initialPassword" in done:
            answer.if_lost = ": what was asked for is done; flix user reset-password makes another password"
        for line in lines(done):
            answer.line(line)
