"""`python -m services.auth keys`: list and rotate the signing keys."""

import argparse
from collections.abc import Iterator, Sequence
from datetime import datetime

import peewee

from services.auth.config import Settings
from services.auth.entities import SigningKey
from services.auth.repository.store import PeeweeAuthStore
from services.auth.rules.keys import is_published, signing_key
from services.auth.service.sign_in import AuthService
from services.kit.core.instants import format_instant, now
from services.kit.maintenance.command_line import Command

COST = (
    "every earlier access token is refused from now on (within 2 s; by a process that cannot reach auth, once it can): "
    "sessions continue with their refresh tokens, and without one a person signs in again"
)


def run(database: peewee.Database, settings: Settings, options: argparse.Namespace) -> Iterator[str]:
    """List the keys, or rotate them. Raise KeyWaiting, KeyUnreadable."""
    service = AuthService(
        PeeweeAuthStore(database),
        settings.access_token_lifetime,
        settings.signing_key_secret,
        grant_lifetime=settings.learner_grant_lifetime,
    )
    if options.action == "list":
        yield from _key_lines(service.keys.list())
        return
    rotation = service.keys.rotate_at_once() if options.at_once else service.keys.rotate()
    yield f"{rotation.key.id} signs from {format_instant(max(rotation.key.signs_from, rotation.key.created_at))} on"
    for key in rotation.retired:
        yield f"{key.id} is {_publication_end(key)}"
    if options.at_once:
        yield COST


def declare(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    actions = parser.add_subparsers(dest="action", required=True, metavar="ACTION")
    actions.add_parser("list", help="show the state of each key, and until when it is published")
    rotate = actions.add_parser("rotate", help="publish the key that signs next")
    rotate.add_argument("--at-once", action="store_true", help="for a key that leaked: retire all other keys now")


COMMAND = Command("keys", "list or rotate the signing keys", declare, run)


def _key_lines(keys: Sequence[SigningKey]) -> Iterator[str]:
    at = now()
    signing = signing_key(keys, at)
    for key in keys:
        end = f", {_publication_end(key)}" if key.retired_at else ""
        yield f"{key.id}  made {format_instant(key.created_at)}  {_state(key, signing, at)}{end}"


def _state(key: SigningKey, signing: SigningKey | None, at: datetime) -> str:
    if key == signing:
        return "signs"
    if not is_published(key, at):
        return "is retired"
    return f"signs from {format_instant(key.signs_from)} on" if key.signs_from > at else "verifies"


def _publication_end(key: SigningKey) -> str:
    return "" if key.retired_at is None else f"published until {format_instant(key.retired_at)}"
