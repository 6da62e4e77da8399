"""The checks of `flix doctor`: each says what is so, and what to do where it is wrong."""

import os
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from ipaddress import ip_address
from pathlib import Path
from typing import Literal, NamedTuple

import peewee

from deploy import env_file, stack
from deploy.cli.answer import readable_size
from deploy.cli.databases import require_current
from deploy.cli.processes import FOLLOWER, Health, Seen, processes_now
from deploy.cli.status import disks, latest_backup, nearest_existing, sqlite_files
from deploy.commands import SERVICES
from deploy.folders import BACKUPS, DATA, LOGS
from deploy.tools_container import is_tools_container
from services.auth.config import LOCAL_ADMIN_PASSWORD, LOCAL_SIGNING_KEY_SECRET
from services.auth.config import Settings as AuthSettings
from services.auth.integrity import default_password_findings
from services.kit.core.config import LOCAL_SERVICE_SECRET, ServerSettings, ServiceSettings
from services.kit.core.failures import CommandFailed
from services.kit.core.instants import from_milliseconds, now, parse_instant
from services.kit.maintenance.command_line import opened
from services.kit.maintenance.progress import Meter
from services.kit.storage.audit.model import AuditRow
from services.kit.storage.database import is_postgresql
from services.kit.storage.soundness import find_damage
from services.kit.web.serving import port_problem

State = Literal["ok", "warning", "problem"]

# Tokens and grants tolerate less than a minute between two clocks.
CLOCK_SECONDS = 30
FREE_BYTES, LITTLE_FREE_BYTES = 1_000_000_000, 100_000_000
BACKUP_AGE = timedelta(days=7)
# No code of ours is older.
RELEASED = datetime(2026, 1, 1, tzinfo=UTC)
PYTHON = (3, 11)


class Diagnosis(NamedTuple):
    """One check and its result; `advice` says what to do."""

    check: str
    state: State
    message: str
    advice: str = ""


def diagnoses() -> Iterator[Diagnosis]:
    """Yield the result of each check; those that need the settings come only when these can be read."""
    yield _python()
    of_file = [] if is_tools_container() else list(_env_file())
    yield from of_file
    of_settings, settings = _settings(has_env_file=all(each.state != "problem" for each in of_file))
    yield from of_settings
    yield from _folders()
    yield from _disks([DATA, BACKUPS, *(file.parent for file in sqlite_files(settings))])
    if not settings:
        return
    if not is_tools_container():
        yield _backup_age()
    seen = processes_now()
    yield from _processes(settings, seen)
    yield from _metrics(seen)
    yield from _secrets(settings)
    for name in SERVICES:
        yield from _database(name, settings)
    yield from _clocks({each.name: each.health for each in seen})


def _python() -> Diagnosis:
    version = ".".join(map(str, sys.version_info[:3]))
    if sys.version_info < PYTHON:
        return Diagnosis("python", "problem", f"Python {version} is too old", "install Python 3.11 or later")
    return Diagnosis("python", "ok", f"Python {version}")


def _env_file() -> Iterator[Diagnosis]:
    try:
        variables = env_file.read(env_file.ROOT / ".env")
    except CommandFailed as error:
        yield from (Diagnosis("env file", "problem", line, "correct the line") for line in error.lines)
        return
    env_file.add(variables, os.environ)
    unknown = env_file.unknown_names(variables)
    yield from (Diagnosis("env file", "warning", line, "correct the name, or remove the line") for line in unknown)
    if not unknown:
        yield Diagnosis("env file", "ok", f"{len(variables)} variables" if variables else "none: all defaults")


def _settings(*, has_env_file: bool) -> tuple[list[Diagnosis], Mapping[str, ServiceSettings]]:
    """Return what is found of the settings, and the settings, none where they cannot be read."""
    if not has_env_file:
        # Without it the settings would be those of nobody.
        return [Diagnosis("settings", "problem", "not known while .env cannot be read")], {}
    try:
        settings = stack.read_service_settings(os.environ)
    except CommandFailed as error:
        return [Diagnosis("settings", "problem", line, "flix config shows all of them") for line in error.lines], {}
    return [Diagnosis("settings", "ok", f"valid, profile {settings['content'].profile}")], settings


def _folders() -> Iterator[Diagnosis]:
    for folder in () if is_tools_container() else (DATA, LOGS, BACKUPS):
        place = nearest_existing(folder)
        if not place.is_dir():
            yield Diagnosis("folders", "problem", f"{place} is no folder", "move the file away")
        elif not os.access(place, os.W_OK | os.X_OK):
            yield Diagnosis("folders", "problem", f"{place} cannot be written to", "let this user write there")
        else:
            yield Diagnosis("folders", "ok", f"{folder} can be written to")


def _disks(folders: Sequence[Path]) -> Iterator[Diagnosis]:
    for each in disks(folders):
        free = int(each["freeBytes"])
        message = f"{readable_size(free)} free ({each['path']})"
        if free >= FREE_BYTES:
            yield Diagnosis("disk", "ok", message)
        else:
            state: State = "problem" if free < LITTLE_FREE_BYTES else "warning"
            yield Diagnosis("disk", state, message, "make room on the disk")


def _backup_age() -> Diagnosis:
    try:
        latest = latest_backup(BACKUPS)
    except CommandFailed as error:
        return Diagnosis("backup", "problem", str(error))
    if latest is None:
        return Diagnosis("backup", "warning", f"none in {BACKUPS}", "make one: flix backup")
    age = now() - parse_instant(latest["at"])
    if age > BACKUP_AGE:
        return Diagnosis("backup", "warning", f"the latest is {age.days} days old", "make one: flix backup")
    return Diagnosis("backup", "ok", f"the latest is {latest['file']}")


def _processes(settings: Mapping[str, ServerSettings], seen: Sequence[Seen]) -> Iterator[Diagnosis]:
    for name, _, health, _ in seen:
        if health.state == "ready":
            yield Diagnosis("processes", "ok", f"{name} is ready")
        elif health.state == "starting":
            yield Diagnosis("processes", "ok", f"{name} starts: {health.message}")
        elif health.state == "unknown":
            yield Diagnosis("processes", "ok", f"{name} shows its state in its metrics alone, which cannot be read")
        elif health.state == "not ready":
            yield Diagnosis("processes", "problem", f"{name} is not ready: {health.message}", "see its log")
        elif is_tools_container():
            yield Diagnosis("processes", "problem", f"{name} does not answer", "see docker compose ps, and its log")
        elif name in settings and (problem := port_problem(settings[name])):
            yield Diagnosis("processes", "problem", f"{name}: {problem}")
        elif name == FOLLOWER and any(each.health.state != "down" for each in seen if each.name != FOLLOWER):
            yield Diagnosis("processes", "problem", f"{name} does not answer", "see its log")
        else:
            yield Diagnosis("processes", "ok", f"{name} does not run here (flix up)")


def _metrics(seen: Sequence[Seen]) -> Iterator[Diagnosis]:
    """Tell of the processes that run and whose metrics nobody can read although they have a port."""
    for each in seen:
        found = each.scrape
        if each.health.state != "down" and found.address is not None and found.samples is None:
            yield Diagnosis("metrics", "warning", f"{each.name}: {found.message}")


def _secrets(settings: Mapping[str, ServiceSettings]) -> Iterator[Diagnosis]:
    """Tell which secrets are those that this repository publishes, which matters where others reach the gateway."""
    auth = settings["auth"]
    published = [
        name
        for name, is_published in (
            ("SERVICE_TOKEN_SECRET", auth.service_secret == LOCAL_SERVICE_SECRET),
            (
                "SIGNING_KEY_SECRET",
                isinstance(auth, AuthSettings) and auth.signing_key_secret == LOCAL_SIGNING_KEY_SECRET,
            ),
            ("ADMIN_PASSWORD", isinstance(auth, AuthSettings) and auth.admin_password == LOCAL_ADMIN_PASSWORD),
        )
        if is_published
    ]
    if not published:
        yield Diagnosis("secrets", "ok", "none is a published default")
        return
    message = f"{', '.join(published)}: the default that everybody knows"
    if _is_reached_by_others():
        yield Diagnosis("secrets", "problem", message, "others reach this gateway: set each in .env")
    else:
        yield Diagnosis("secrets", "warning", message, "fine while only this machine reaches the gateway")


def _is_reached_by_others() -> bool:
    """Return whether other machines reach the gateway."""
    host = os.environ.get("API_HOST", "").strip() or "127.0.0.1"
    try:
        return not ip_address(host).is_loopback
    except ValueError:
        return host != "localhost"


def _database(name: str, settings: Mapping[str, ServiceSettings]) -> Iterator[Diagnosis]:
    service, check = SERVICES[name], f"{name} data"
    try:
        with opened(service, create=False, waits=False) as (_, database):
            if damage := find_damage(database, service.migrations):
                # Where another service has its file, one that is gone is a loss, and not a new installation.
                if damage == "the file is gone" and not any(file.exists() for file in sqlite_files(settings)):
                    yield Diagnosis(check, "ok", "none yet", "flix up makes it")
                else:
                    yield Diagnosis(check, "problem", damage, "stop Flix, then flix restore a backup")
                return
            require_current(service, database)
            yield Diagnosis(check, "ok", "sound, and its schema is the code's")
            if name == "auth":
                yield from _published_passwords(database)
            yield from _future(check, database)
    except CommandFailed as error:
        yield from (Diagnosis(check, "problem", line, "flix status shows more") for line in error.lines)


def _published_passwords(database: peewee.Database) -> Iterator[Diagnosis]:
    state: State = "problem" if _is_reached_by_others() else "warning"
    with Meter() as meter:
        yield from (
            Diagnosis("passwords", state, found.message) for found in default_password_findings(database, meter)
        )


def _future(check: str, database: peewee.Database) -> Iterator[Diagnosis]:
    latest = AuditRow.select(peewee.fn.MAX(AuditRow.occurred_at)).scalar(database)
    if latest is not None:
        at = latest if isinstance(latest, datetime) else from_milliseconds(int(latest))
        if at > now() + timedelta(seconds=CLOCK_SECONDS):
            yield Diagnosis(
                check, "problem", f"it has entries of {at:%Y-%m-%d %H:%M}, which is yet to come", "set the clock"
            )


def _clocks(healths: Mapping[str, Health]) -> Iterator[Diagnosis]:
    if now() < RELEASED:
        yield Diagnosis("clock", "problem", f"this machine says it is {now():%Y-%m-%d}", "set the clock (NTP)")
        return
    differences = dict(_differences(healths))
    wrong = {name: seconds for name, seconds in differences.items() if abs(seconds) > CLOCK_SECONDS}
    for name, seconds in wrong.items():
        yield Diagnosis("clock", "problem", f"that of {name} differs by {seconds:.0f} s", "set both clocks (NTP)")
    if not wrong:
        yield Diagnosis(
            "clock", "ok", f"compared with {', '.join(differences)}" if differences else "nobody to compare with"
        )


def _differences(healths: Mapping[str, Health]) -> Iterator[tuple[str, float]]:
    """Yield by how many seconds the clock of each process and database server is ahead of this machine's."""
    for name, health in healths.items():
        if health.date:
            yield name, parsedate_to_datetime(health.date).timestamp() - time.time()
    for name, service in SERVICES.items():
        try:
            with opened(service, create=False, waits=False) as (_, database):
                if is_postgresql(database):
                    [at] = database.execute_sql("SELECT extract(epoch FROM clock_timestamp())").fetchone()
                    yield f"{name}'s database server", float(at) - time.time()
        except CommandFailed:
            continue
