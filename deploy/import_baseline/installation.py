"""`flix import FILE`: move an old installation's rows into the databases of content and quiz."""

import os
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack, closing
from pathlib import Path

import peewee

from deploy import stack
from deploy.commands import SERVICES
from deploy.import_baseline import content, quiz
from deploy.import_baseline.import_pass import Importer
from deploy.import_baseline.old_file import BaselineError, open_old_file
from deploy.import_baseline.report import Tally
from deploy.import_baseline.run import Part, run_import
from services.kit.core.logging import safe_message
from services.kit.maintenance.command_line import opened
from services.kit.maintenance.migrate import migrate_up
from services.kit.storage.database import open_database

# Content comes before quiz, whose rows refer to lessons.
IMPORTERS: Mapping[str, Importer] = {"content": content.IMPORTER, "quiz": quiz.IMPORTER}
# docs/contract/BEHAVIOUR.md, "Moving an old installation over".
SIGN_IN = (
    "admins: {} rows stay behind, which the old server never read: ADMIN_USERNAME and ADMIN_PASSWORD sign in, once "
    "flix up, or seed of auth in containers, has added them"
)


def import_installation(
    file: Path, say: Callable[[str], None], *, skip_invalid: bool, dry_run: bool
) -> Sequence[Tally]:
    """Move the rows of the old SQLite file as `run_import` does. Raise CommandFailed when not everything was moved."""
    settings = stack.read_service_settings(os.environ)
    # Open the file before the databases, so that a wrong one creates none, and once, so that all see the same rows.
    with open_old_file(file) as old, ExitStack() as connections:
        # Auth as well: flix up takes a service without a database beside rows of others for one that has lost it.
        for name in SERVICES:
            _migrate(name, say)
        parts = [_part(name, settings[name].database_url, connections) for name in IMPORTERS]
        say(SIGN_IN.format(old.count("admins")))
        try:
            return run_import(old, parts, say, skip_invalid=skip_invalid, dry_run=dry_run)
        except (peewee.DatabaseError, peewee.InterfaceError) as error:
            raise BaselineError(" ".join(safe_message(error).split())) from None


def _migrate(name: str, say: Callable[[str], None]) -> None:
    with opened(SERVICES[name]) as (_, database):
        for each in migrate_up(SERVICES[name].migrations, database):
            say(f"applied {each}")


def _part(name: str, url: str, connections: ExitStack) -> Part:
    database = connections.enter_context(closing(open_database(url, f"flix-{name}-import")))
    return Part(name, IMPORTERS[name], database)
