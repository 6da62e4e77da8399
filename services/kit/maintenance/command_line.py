"""The command line of every service: serve, migrate, seed, check, and commands that only some have.

Exit codes: 0 done; 1 refused, failed or findings (one line on standard error says what to do); 2 wrong command line.
"""

import argparse
import errno
import logging.config
import os
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from typing import Generic, Protocol, TypeVar

import peewee

from services.kit.core.config import ServiceSettings
from services.kit.core.errors import DiskFull, ReadOnly, ServiceError
from services.kit.core.failures import CommandFailed
from services.kit.core.logging import log_to_standard_error, logging_configuration, safe_message
from services.kit.maintenance.examination import Examination
from services.kit.maintenance.migrate import ACTIONS, migrate
from services.kit.storage.audit.log import AuditLog
from services.kit.storage.database import delete_all_rows, open_database, transaction, wait_until_ready
from services.kit.storage.database_errors import file_advice, refused_write
from services.kit.storage.migrations import MigrationError, Migrations
from services.kit.web.serving import serve

AnySettings = TypeVar("AnySettings", bound=ServiceSettings)
SeederSettings_contra = TypeVar("SeederSettings_contra", bound=ServiceSettings, contravariant=True)


class SeedDatabase(Protocol[SeederSettings_contra]):
    """Adds the samples of a set, once in the life of a database unless `anew`, and counts them by table."""

    def __call__(
        self, database: peewee.Database, settings: SeederSettings_contra, name: str, *, anew: bool = False
    ) -> dict[str, int]: ...


@dataclass(frozen=True)
class Seeder(Generic[AnySettings]):
    """The sample rows of a service."""

    sets: tuple[str, ...]
    seed_database: SeedDatabase[AnySettings]


@dataclass(frozen=True)
class Command(Generic[AnySettings]):
    """A command that only one service has. `run` returns the lines to print, or raises Refused or ServiceError.

    `declare` adds the command's options to its parser.
    """

    name: str
    purpose: str
    declare: Callable[[argparse.ArgumentParser], None]
    run: Callable[[peewee.Database, AnySettings, argparse.Namespace], Iterable[str]]


@dataclass(frozen=True)
class Service(Generic[AnySettings]):
    """The parts that a service gives to its command line; `app` is the import path of its app factory.

    `follow` applies the changes of another service until it is stopped; `commands` are the service's own.
    """

    name: str
    app: str
    read_settings: Callable[[Mapping[str, str]], AnySettings]
    migrations: Migrations
    seeder: Seeder[AnySettings]
    examination: Callable[[AnySettings], Examination]
    follow: Callable[[peewee.Database, AnySettings], None] | None = None
    commands: Sequence[Command[AnySettings]] = ()


@dataclass(frozen=True)
class _Call(Generic[AnySettings]):
    """A command line that was read, with the settings and the database of its service."""

    service: Service[AnySettings]
    settings: AnySettings
    database: peewee.Database
    options: argparse.Namespace


# The errors of a file or folder that this user cannot make or change.
_NO_PLACE = (errno.EACCES, errno.EPERM, errno.EROFS, errno.ENOENT, errno.ENOTDIR, errno.EEXIST)


class Refused(CommandFailed):
    """The command was refused."""


def main(service: Service[AnySettings], arguments: Sequence[str] | None = None) -> int:
    """Run one command and return its exit code; write a failure to standard error."""
    try:
        return execute(service, arguments)
    except CommandFailed as error:
        sys.stderr.writelines(f"{line}\n" for line in error.lines)
        return 1


def execute(service: Service[AnySettings], arguments: Sequence[str] | None = None) -> int:
    """Run one command and return its exit code. Raise CommandFailed."""
    options = _parser(service).parse_args(arguments)
    is_worker = options.worker is not None
    with opened(service, create=options.creates and not is_worker, waits=not is_worker) as (settings, database):
        return int(options.command(_Call(service, settings, database, options)) or 0)


@contextmanager
def opened(
    service: Service[AnySettings], *, create: bool = True, waits: bool = True
) -> Iterator[tuple[AnySettings, peewee.Database]]:
    """Give a command the service's settings and database; raise CommandFailed for every error that people can mend.

    With `create` an absent SQLite file is created; with `waits` the server gets its time to start.
    """
    settings = service.read_settings(os.environ)
    database = open_database(settings.database_url, f"flix-{service.name}-cli", create=create)
    try:
        if waits:
            wait_until_ready(database, settings.database_wait_seconds)
        yield settings, database
    except (MigrationError, ServiceError) as error:
        raise CommandFailed(str(error)) from None
    except (peewee.DatabaseError, peewee.InterfaceError, OSError) as error:
        reason = " ".join(safe_message(error).split())
        place = without_password(settings.database_url)
        advice = _advice(error, service.name)
        raise CommandFailed(f"{service.name}: the database at {place} failed: {reason}{advice}") from None
    finally:
        database.close()


def _advice(error: Exception, name: str) -> str:
    """Return what to do where the database or its folder takes no writes."""
    refused = refused_write(error)
    number = error.errno if isinstance(error, OSError) else None
    if isinstance(refused, ReadOnly) or number in _NO_PLACE:
        variable = f"{name.upper()}_DATABASE_URL"
        return f" (let this user write the file and its folder, or name one that takes writes in {variable})"
    if isinstance(refused, DiskFull) or number in (errno.ENOSPC, errno.EDQUOT):
        return " (make room on its disk)"
    return file_advice(error)


def _parser(service: Service[AnySettings]) -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog=f"python -m services.{service.name}")
    # A process that runs for days must not replace a lost database file with an empty one.
    parser.set_defaults(creates=True, worker=None)
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    serving = commands.add_parser("serve", help="serve requests under gunicorn")
    serving.set_defaults(command=_serve, creates=False)
    migrating = commands.add_parser("migrate", help="bring the schema up to date, or inspect it")
    migrating.add_argument("action", nargs="?", default="up", choices=ACTIONS)
    migrating.add_argument("--yes", action="store_true", help="let down lose the rows and values that it names")
    migrating.set_defaults(command=_migrate)
    seed = commands.add_parser("seed", help="add the sample rows, once in the life of the database")
    seed.add_argument("set", nargs="?", default=service.seeder.sets[0], choices=service.seeder.sets)
    seed.add_argument(
        "--reset", action="store_true", help="first delete every row except the audit log's, then seed anew"
    )
    seed.add_argument("--yes", action="store_true", help="do not ask before --reset deletes")
    seed.set_defaults(command=_seed)
    checking = commands.add_parser("check", help="check the schema, the rows and their contents")
    checking.add_argument("--repair", action="store_true", help="repair findings that have exactly one right repair")
    checking.add_argument("--alone", action="store_true", help="skip the rules between services, as for a copy")
    checking.add_argument(
        "--worker",
        choices=["findings", "damage"],
        help="for the service's workers: write what is found, or damage of the database alone, as JSON lines",
    )
    checking.set_defaults(command=_check)
    if service.follow is not None:
        following = commands.add_parser("follow", help="apply the changes of another service until stopped")
        following.set_defaults(command=_follow, creates=False)
    for command in service.commands:
        own = commands.add_parser(command.name, help=command.purpose)
        command.declare(own)
        own.set_defaults(command=partial(_run_own, command))
    return parser


def _serve(call: _Call[AnySettings]) -> None:
    call.service.migrations.require_current(call.database)
    # No connection may be open when gunicorn forks (docs/traps.md, 7).
    call.database.close()
    serve(call.settings, call.service.app)


def _follow(call: _Call[AnySettings]) -> None:
    call.service.migrations.require_current(call.database)
    logging.config.dictConfig(logging_configuration(f"follow-{call.service.name}", call.settings.log_level))
    if call.service.follow is not None:
        call.service.follow(call.database, call.settings)


def _migrate(call: _Call[AnySettings]) -> int:
    options = call.options
    outcome = migrate(call.service.migrations, call.database, options.action, accept_losses=options.yes)
    _print_lines(*outcome.lines)
    return 1 if outcome.findings else 0


def _seed(call: _Call[AnySettings]) -> None:
    service, database, options = call.service, call.database, call.options
    service.migrations.require_current(database)
    if options.reset:
        _confirm_reset(service.name, call.settings, confirmed=options.yes)
    # One transaction: a database that was emptied and not seeded would never be seeded again.
    with transaction(database):
        if options.reset:
            delete_all_rows(database, service.migrations.tables)
            AuditLog(database).append([("database.emptied", service.name)])
        added = service.seeder.seed_database(database, call.settings, options.set, anew=options.reset)
    total = ", ".join(f"{table}: {count}" for table, count in added.items() if count)
    _print_lines(f"added {total}" if total else "nothing to add")


def _check(call: _Call[AnySettings]) -> int:
    # Imported here because no process that runs for days needs them.
    from services.kit.maintenance.check import check  # noqa: PLC0415
    from services.kit.maintenance.check_lines import write_damage, write_findings  # noqa: PLC0415

    database, options = call.database, call.options
    log_to_standard_error()
    if options.worker == "damage":
        write_damage(database, call.service.migrations)
        return 0
    examination = call.service.examination(call.settings)
    if options.worker == "findings":
        write_findings(database, examination)
        return 0
    return 1 if check(database, examination, _print_lines, repair=options.repair, alone=options.alone) else 0


def _run_own(command: Command[AnySettings], call: _Call[AnySettings]) -> None:
    call.service.migrations.require_current(call.database)
    log_to_standard_error()
    _print_lines(*command.run(call.database, call.settings, call.options))


def _confirm_reset(name: str, settings: ServiceSettings, *, confirmed: bool) -> None:
    if settings.profile == "managed":
        raise Refused("seed --reset is refused in the managed profile: it would delete real rows")
    if confirmed:
        return
    try:
        answer = input(
            f"Delete every row of {name} in {without_password(settings.database_url)}? Type yes to continue: "
        )
    except EOFError:
        answer = ""
    if answer.strip() != "yes":
        raise Refused("nothing was deleted")


def without_password(url: str) -> str:
    """Return the URL without the password in it."""
    scheme, separator, rest = url.partition("://")
    user, at, place = rest.rpartition("@")
    return f"{scheme}{separator}{user.partition(':')[0]}{at}{place}"


def _print_lines(*lines: str) -> None:
    for line in lines:
        sys.stdout.write(line + "\n")
    sys.stdout.flush()
