"""The state of an installation: what its processes say of themselves, and what its databases hold."""

import json
import os
import platform
import shutil
from collections.abc import Mapping
from contextlib import closing
from datetime import UTC, datetime
from http import HTTPStatus
from http.client import HTTPConnection, HTTPException, HTTPResponse, HTTPSConnection
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import urlsplit

import peewee

from deploy import stack
from deploy.cli.databases import require_current
from deploy.commands import SERVICES
from services.content.models import ChangeFeedRow
from services.kit.core.config import Environment, ServiceSettings
from services.kit.core.failures import CommandFailed
from services.kit.core.instants import format_instant
from services.kit.core.version import VERSION
from services.kit.maintenance.command_line import opened
from services.kit.storage.database import is_postgresql
from services.kit.storage.migrations import MigrationError
from services.quiz.models import FeedPositionRow

DATA = Path("data")
BACKUPS = DATA / "backups"
HEALTH_SECONDS = 5
# The gateway's address, which only the tools container is given.
APART = "GATEWAY_URL"
_PORTS = {"auth": 3013, "content": 3011, "quiz": 3012}


class Health(NamedTuple):
    """What a process says of itself: `ready`, `not ready`, or `down` without an answer."""

    state: str
    message: str | None
    version: str | None
    date: str | None


def status() -> dict[str, Any]:
    """Return the members of the document, with `problems`. Raise CommandFailed."""
    settings = stack.read_service_settings(os.environ)
    problems: list[str] = []
    processes = [_process(name, address, problems) for name, address in addresses().items()]
    return {
        "version": VERSION,
        "python": platform.python_version(),
        "profile": settings["content"].profile,
        "processes": processes,
        "databases": [_database(name, settings[name], problems) for name in SERVICES],
        "feed": _feed(),
        "latestBackup": latest_backup(BACKUPS),
        "disk": disk(DATA),
        "problems": problems,
    }


def addresses() -> dict[str, str]:
    """Return the URL of every process that listens."""
    environment = Environment(os.environ)
    services = {name: environment.address(name, port) for name, port in _PORTS.items()}
    host = environment.option("API_HOST", "127.0.0.1")
    shown = {"0.0.0.0": "127.0.0.1", "::": "[::1]"}.get(host, f"[{host}]" if ":" in host else host)  # noqa: S104
    local = f"http://{shown}:{environment.option('API_PORT', '3001')}"
    return {**services, "gateway": environment.option(APART, local)}


def is_apart() -> bool:
    """Return whether this is the tools container: the processes, their folders and their settings are elsewhere."""
    return bool(os.environ.get(APART))


def health_of(address: str) -> Health:
    """Ask a process whether it is ready."""
    parts = urlsplit(address)
    connect = HTTPSConnection if parts.scheme == "https" else HTTPConnection
    with closing(connect(parts.netloc, timeout=HEALTH_SECONDS)) as connection:
        try:
            body, response = _get(connection, f"{parts.path}/health/ready")
            version = _get(connection, f"{parts.path}/health")[0].get("version")
        except (OSError, HTTPException, ValueError):
            return Health("down", None, None, None)
    state = "ready" if response.status == HTTPStatus.OK else "not ready"
    return Health(state, body.get("message"), None if version is None else str(version), response.getheader("Date"))


def _get(connection: HTTPConnection, path: str) -> tuple[dict[str, Any], HTTPResponse]:
    connection.request("GET", path)
    response = connection.getresponse()
    body = json.loads(response.read() or b"{}")
    return body if isinstance(body, dict) else {}, response


def disk(folder: Path) -> dict[str, Any]:
    """Return the free and total bytes of the folder's disk, or of its nearest parent that exists."""
    place = next(each for each in (folder.absolute(), *folder.absolute().parents) if each.exists())
    usage = shutil.disk_usage(place)
    return {"path": str(place), "freeBytes": usage.free, "totalBytes": usage.total}


def latest_backup(folder: Path) -> dict[str, Any] | None:
    """Return the newest backup in the folder."""
    files = sorted(folder.glob("flix-2*.tar"))
    if not files:
        return None
    found = files[-1].stat()
    at = format_instant(datetime.fromtimestamp(found.st_mtime, UTC))
    return {"file": str(files[-1]), "at": at, "bytes": found.st_size}


def _process(name: str, address: str, problems: list[str]) -> dict[str, Any]:
    health = health_of(address)
    if health.state == "down":
        problems.append(f"{name} does not answer at {address}: start it (flix up), or look into its log")
    elif health.state != "ready":
        problems.append(f"{name} is not ready: {health.message}")
    return {
        "name": name,
        "address": address,
        "state": health.state,
        "message": health.message,
        "version": health.version,
    }


def _database(name: str, settings: ServiceSettings, problems: list[str]) -> dict[str, Any]:
    engine = "postgresql" if settings.database_url.startswith("postgresql") else "sqlite"
    found: Mapping[str, Any] = {"schema": "unreachable", "migration": None, "pending": [], "bytes": None}
    try:
        with opened(SERVICES[name], create=False, waits=False) as (_, database):
            found = _schema(name, database, problems)
    except CommandFailed as error:
        problems += error.lines
    return {"service": name, "engine": engine, **found}


def _schema(name: str, database: peewee.Database, problems: list[str]) -> Mapping[str, Any]:
    migrations = SERVICES[name].migrations
    rows = migrations.status(database)
    state = "current"
    try:
        require_current(SERVICES[name], database)
    except CommandFailed as error:
        state = "behind"
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
    """Return how far quiz has followed content's changes: the only queue that a database holds."""
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
