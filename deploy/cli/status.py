"""The state of an installation: what its processes say of themselves, and what its databases hold."""

import os
import platform
import shutil
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import peewee

from deploy import stack
from deploy.backup_schedule import PATTERN
from deploy.cli.databases import NoData, require_current
from deploy.cli.process_views import process_view
from deploy.cli.processes import process_problems, processes_now
from deploy.commands import SERVICES
from deploy.engines import engine_of
from deploy.folders import BACKUPS, DATA
from services.content.models import ChangeFeedRow
from services.kit.core.config import ServiceSettings
from services.kit.core.database_url import sqlite_file
from services.kit.core.failures import CommandFailed
from services.kit.core.instants import format_instant
from services.kit.core.version import VERSION
from services.kit.maintenance.command_line import opened
from services.kit.storage.database import is_postgresql
from services.kit.storage.migrations import MigrationError
from services.quiz.models import FeedPositionRow


def status() -> dict[str, Any]:
    """Return the members of the document, with `problems`. Raise CommandFailed."""
    settings = stack.read_service_settings(os.environ)
    seen = processes_now()
    problems = process_problems(seen)
    try:
        backup = latest_backup(BACKUPS)
    except CommandFailed as error:
        backup, problems = None, [*problems, *error.lines]
    return {
        "version": VERSION,
        "python": platform.python_version(),
        "profile": settings["content"].profile,
        "processes": [process_view(each) for each in seen],
        "databases": [_database(name, settings[name], problems) for name in SERVICES],
        "feed": _feed(),
        "latestBackup": backup,
        "disk": min(
            disks([DATA, BACKUPS, *(file.parent for file in sqlite_files(settings))]),
            key=lambda disk: int(disk["freeBytes"]),
        ),
        "problems": problems,
    }


def disks(folders: Iterable[Path]) -> list[dict[str, Any]]:
    """Return the free and total bytes of each disk that holds one of the folders."""
    places: dict[int, Path] = {}
    for place in map(nearest_existing, folders):
        places.setdefault(place.stat().st_dev, place)
    usages = [(place, shutil.disk_usage(place)) for place in places.values()]
    return [{"path": str(place), "freeBytes": usage.free, "totalBytes": usage.total} for place, usage in usages]


def nearest_existing(folder: Path) -> Path:
    """Return the folder, or its nearest parent that exists."""
    return next(each for each in (folder.absolute(), *folder.absolute().parents) if os.access(each, os.F_OK))


def sqlite_files(settings: Mapping[str, ServiceSettings]) -> list[Path]:
    """Return the SQLite file of each service that has one."""
    return [file for each in settings.values() if (file := sqlite_file(each.database_url)) is not None]


def latest_backup(folder: Path) -> dict[str, Any] | None:
    """Return the newest backup in the folder. Raise CommandFailed where it cannot be read, as another user's."""
    try:
        # Path.glob finds nothing in such a folder.
        latest = max((each for each in folder.iterdir() if each.match(PATTERN)), default=None)
        if latest is None:
            return None
        found = latest.stat()
    except FileNotFoundError:
        return None
    except OSError as error:
        raise CommandFailed(f"{folder} cannot be read ({error.strerror}): let this user read it") from None
    at = format_instant(datetime.fromtimestamp(found.st_mtime, UTC))
    return {"file": str(latest), "at": at, "bytes": found.st_size}


def _database(name: str, settings: ServiceSettings, problems: list[str]) -> dict[str, Any]:
    found: Mapping[str, Any] = {"schema": "unreachable", "migration": None, "pending": [], "bytes": None}
    try:
        with opened(SERVICES[name], create=False, waits=False) as (_, database):
            found = _schema(name, database, problems)
    except CommandFailed as error:
        problems += error.lines
    return {"service": name, "engine": engine_of(settings.database_url).NAME, **found}


def _schema(name: str, database: peewee.Database, problems: list[str]) -> Mapping[str, Any]:
    migrations = SERVICES[name].migrations
    rows = migrations.status(database)
    state = "current"
    try:
        require_current(SERVICES[name], database)
    except CommandFailed as error:
        state = "none" if isinstance(error, NoData) else "behind"
        problems.append(str(error))
    except MigrationError as error:
        state = "differs"
        problems.append(f"{name}: {error}")
    applied = [each.name for each in rows if each.applied]
    return {
        "schema": state,
        "migration": max(applied, default=None),
        "pending": [each.name for each in rows if not each.applied],
        "bytes": _bytes(database),
    }


def _bytes(database: peewee.Database) -> int:
    if is_postgresql(database):
        return int(database.execute_sql("SELECT pg_database_size(current_database())").fetchone()[0])
    file = Path(str(database.database))
    return sum(each.stat().st_size for each in (file, file.with_name(f"{file.name}-wal")) if each.exists())


def _feed() -> dict[str, Any]:
    """Return how far quiz has followed content's changes."""
    try:
        with opened(SERVICES["content"], create=False, waits=False) as (_, database):
            # Reads only: the repository would make a feed where there is none.
            feed = ChangeFeedRow.select().first(database)
        with opened(SERVICES["quiz"], create=False, waits=False) as (_, database):
            position = FeedPositionRow.select().first(database)
    except CommandFailed:
        # _database has said so.
        return {"changes": None, "followed": None, "lag": None, "followedAt": None}
    changes = 0 if feed is None else feed.last_sequence
    follows = feed is not None and position is not None and position.feed_id == feed.feed_id
    return {
        "changes": changes,
        "followed": position.position if follows else None,
        "lag": changes - position.position if follows else changes,
        "followedAt": format_instant(position.followed_at) if follows else None,
    }
