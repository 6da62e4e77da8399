"""Health: a live process responds; a ready one has its database and can do its work."""

from collections.abc import Callable

import falcon.asgi
import peewee

from services.kit.core.errors import Unavailable
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
        """Respond 200 when the database responds and its schema is the code's, else 503."""
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
        require_more()

    return (
        Route("/health/live", Live(), Guard.OPEN),
        Route("/health/ready", Ready(use_cases, check), Guard.OPEN),
    )
