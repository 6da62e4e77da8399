"""`make import-baseline FILE=flix.sqlite`: move an old installation's rows into the databases of content and quiz."""

import argparse
import os
import sys
from collections.abc import Mapping, Sequence
from contextlib import ExitStack, closing
from pathlib import Path

import peewee

from deploy import env_file, stack
from deploy.commands import run_command
from deploy.import_baseline import content, quiz
from deploy.import_baseline.import_pass import Importer
from deploy.import_baseline.old_file import BaselineError, open_old_file
from deploy.import_baseline.report import write_lines
from deploy.import_baseline.run import Part, run_import
from services.kit.core.config import ServiceSettings, SettingsError
from services.kit.storage.database import open_database

# Content comes before quiz, whose rows refer to lessons.
IMPORTERS: Mapping[str, Importer] = {"content": content.IMPORTER, "quiz": quiz.IMPORTER}
# docs/contract/BEHAVIOUR.md, "Moving an old installation over".
SIGN_IN = (
    "admins: {} rows stay behind, which the old server never read: ADMIN_USERNAME and ADMIN_PASSWORD sign in, once "
    "python -m services.auth seed has added them"
)


def main(arguments: Sequence[str] | None = None) -> int:
    """Return 0 when the import is done, 1 when nothing, or not everything, was moved, 2 for a wrong command line."""
    options = _parser().parse_args(arguments)
    # The databases contain password hashes and signing keys.
    os.umask(0o077)
    try:
        env_file.load()
        settings = stack.read_service_settings(os.environ)
        # Open the file before the databases, so that a wrong one creates none, and once, so that all see the same rows.
        with open_old_file(options.file) as old, ExitStack() as connections:
            parts = [_part(name, settings[name], connections) for name in IMPORTERS]
            write_lines(SIGN_IN.format(old.count("admins")))
            done = run_import(old, parts, skip_invalid=options.skip_invalid, dry_run=options.dry_run)
    except (stack.StartFailed, SettingsError, BaselineError, peewee.DatabaseError, peewee.InterfaceError) as error:
        # A command that failed has written the reason itself.
        reason = str(error) if isinstance(error, SettingsError) else " ".join(str(error).split())
        sys.stderr.write(f"{reason}\n" if reason else "")
        return 1
    return 0 if done else 1


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m deploy.import_baseline", description=__doc__)
    parser.add_argument("file", type=Path, help="the old installation's SQLite file")
    parser.add_argument("--dry-run", action="store_true", help="only report the rows that would be moved (DRY_RUN=1)")
    parser.add_argument("--skip-invalid", action="store_true", help="leave invalid rows out (SKIP_INVALID=1)")
    return parser


def _part(name: str, settings: ServiceSettings, connections: ExitStack) -> Part:
    run_command(name, "migrate", "up")
    database = open_database(settings.database_url, f"flix-{name}-import")
    connections.enter_context(closing(database))
    return Part(name, IMPORTERS[name], database)


if __name__ == "__main__":
    sys.exit(main())
