"""`make import-baseline FILE=flix.sqlite`: an old installation's rows into the three services' databases."""

import argparse
import os
import sys
from collections.abc import Mapping, Sequence
from contextlib import ExitStack, closing
from pathlib import Path

import peewee
from dotenv import load_dotenv

from deploy import stack
from services.kit.baseline import BaselineError, Part, import_baseline, opened
from services.kit.core.config import ServerSettings, ServiceSettings, SettingsError
from services.kit.storage.database import open_database


def main(arguments: Sequence[str] | None = None) -> int:
    """Exit code 0 when it is done, 1 when nothing, or not everything, was moved; 2 for a wrong command line."""
    options = _parser().parse_args(arguments)
    # The databases hold password hashes and signing keys.
    os.umask(0o077)
    load_dotenv(stack.ROOT / ".env")
    try:
        settings = stack.read_settings(os.environ)
        stack.require_own_databases(settings.values())
        # One look at the old file for all: what is not one makes no databases, and its server may go on meanwhile.
        with opened(options.file) as old, ExitStack() as connections:
            parts = [_part(name, settings, connections) for name in stack.SERVICES]
            done = import_baseline(old, parts, skip_invalid=options.skip_invalid, dry_run=options.dry_run)
    except (stack.StartFailed, SettingsError, BaselineError, peewee.DatabaseError, peewee.InterfaceError) as error:
        # A command that failed has said why itself.
        reason = str(error) if isinstance(error, SettingsError) else " ".join(str(error).split())
        sys.stderr.write(f"{reason}\n" if reason else "")
        return 1
    return 0 if done else 1


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m deploy.import_baseline", description=__doc__)
    parser.add_argument("file", type=Path, help="the old installation's SQLite file")
    parser.add_argument("--dry-run", action="store_true", help="say what would be moved, and stop (DRY_RUN=1)")
    parser.add_argument("--skip-invalid", action="store_true", help="leave invalid rows behind (SKIP_INVALID=1)")
    return parser


def _part(name: str, settings: Mapping[str, ServerSettings], connections: ExitStack) -> Part:
    stack.run_command(name, "migrate", "up")
    service, own = stack.SERVICES[name], settings[name]
    if service.importer is None or not isinstance(own, ServiceSettings):
        raise stack.StartFailed(f"{name} has no part in an import")
    database = open_database(own.database_url, f"flix-{name}-import")
    connections.enter_context(closing(database))
    return Part(name, service.importer, database)


if __name__ == "__main__":
    sys.exit(main())
