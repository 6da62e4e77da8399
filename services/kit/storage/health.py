"""Health: a live process responds; a ready one has its database and can do its work, writes included."""

import os
from collections.abc import Callable
from pathlib import Path

import falcon.asgi
import peewee

from services.kit.core.errors import DiskFull, ReadOnly, Unavailable
from services.kit.storage.database import is_postgresql
from services.kit.storage.migrations import MigrationError, Migrations
from services.kit.storage.use_cases import UseCases
from services.kit.web.documents import write_json
from services.kit.web.guards import Guard, Route
from services.kit.web.health import Live


class Ready:
    """GET /health/ready."""

    def __init__(self, use_cases: UseCases, check: Callable[[], None]):
        self._use_cases = use_cases
        self._check = check

    async def on_get(self, request: falcon.asgi.Request, response: falcon.asgi.Response) -> None:
        """Respond 200 when the database responds, takes writes, and its schema is the code's, else 503."""
        await self._use_cases.run(self._check)
        write_json(response, {"status": "ok"})


def health_routes(
    use_cases: UseCases,
    database: peewee.Database,
    migrations: Migrations,
    require_more: Callable[[], None] = lambda: None,
) -> tuple[Route, ...]:
    """Return the health rows of a service's routes table; they need no token and show no internals.

    `require_more` checks what only this service needs, and raises ServiceError.
    """

    def check() -> None:
        try:
            migrations.require_current(database)
        except MigrationError as error:
            raise Unavailable(str(error)) from error
        require_writes(database)
        require_more()

    return (
        Route("/health/live", Live(), Guard.OPEN),
        Route("/health/ready", Ready(use_cases, check), Guard.OPEN),
    )


def require_writes(database: peewee.Database) -> None:
    """Raise ReadOnly or DiskFull when the database takes no writes. Nothing is written to find out.

    PostgreSQL does not tell its clients how much room its disk has.
    """
    if is_postgresql(database):
        _require_writable_session(database)
    else:
        _require_writable_file(Path(str(database.database)))


def _require_writable_session(database: peewee.Database) -> None:
    # On a standby it is on too, whatever the setting.
    [setting] = database.execute_sql("SELECT current_setting('transaction_read_only')").fetchone()
    if setting == "on":
        # The session keeps the default of its start: the next one may have another.
        database.close()
        raise ReadOnly


def _require_writable_file(file: Path) -> None:
    # SQLite makes the write-ahead log in the folder.
    if not all(os.access(each, os.W_OK) for each in (file, file.absolute().parent)):
        raise ReadOnly
    disk = os.statvfs(file)
    free = disk.f_bfree if os.geteuid() == 0 else disk.f_bavail
    # A file system without a size of its own has no blocks at all.
    if disk.f_blocks and not free:
        raise DiskFull
