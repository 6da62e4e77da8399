"""`python -m services.auth keys`: the signing keys as an operator sees them."""

import argparse
from collections.abc import Iterator, Sequence
from datetime import datetime

import peewee

from services.auth import rules
from services.auth.config import Settings
from services.auth.entities import SigningKey
from services.auth.repository.store import PeeweeAuthStore
from services.auth.service.sign_in import AuthService
from services.kit.core.instants import format_instant, now
from services.kit.maintenance.command_line import Command

COST = (
    "every access token that there was is refused from now on (within 2 s, and by a process that cannot reach auth not "
    "before it can): whoever has a refresh token goes on with it, everyone else signs in again"
)


def run(database: peewee.Database, settings: Settings, options: argparse.Namespace) -> Iterator[str]:
    """List the keys, or let another follow the one that signs; raises KeyWaiting, KeyUnreadable."""
    service = AuthService(
        PeeweeAuthStore(database),
        settings.access_token_lifetime,
        settings.signing_key_secret,
        grant_lifetime=settings.learner_grant_lifetime,
    )
    if options.action == "list":
        yield from _listed(service.keys.list())
        return
    rotation = service.keys.rotate_at_once() if options.at_once else service.keys.rotate()
    yield f"{rotation.key.id} signs from {format_instant(max(rotation.key.signs_from, rotation.key.created_at))} on"
    for key in rotation.retired:
        yield f"{key.id} is {_until(key)}"
    if options.at_once:
        yield COST


def declare(parser: argparse.ArgumentParser) -> None:
    """The options."""
    actions = parser.add_subparsers(dest="action", required=True, metavar="ACTION")
    actions.add_parser("list", help="say of each key what it does, and until when")
    rotate = actions.add_parser("rotate", help="publish the key that signs next")
    rotate.add_argument("--at-once", action="store_true", help="for a key that leaked: retire every other now")


COMMAND = Command("keys", "list the signing keys, or let another one sign", declare, run)


def _listed(keys: Sequence[SigningKey]) -> Iterator[str]:
    at = now()
    signing = rules.signing_key(keys, at)
    for key in keys:
        until = f", {_until(key)}" if key.retired_at else ""
        yield f"{key.id}  made {format_instant(key.created_at)}  {_state(key, signing, at)}{until}"


def _state(key: SigningKey, signing: SigningKey | None, at: datetime) -> str:
    if key == signing:
        return "signs"
    if not rules.is_published(key, at):
        return "is retired"
    return f"signs from {format_instant(key.signs_from)} on" if key.signs_from > at else "verifies"


def _until(key: SigningKey) -> str:
    return "" if key.retired_at is None else f"published until {format_instant(key.retired_at)}"
