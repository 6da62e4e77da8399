"""Health: `live` says that the process answers, `ready` that it can do its work."""

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
        """200 when the database answers and its schema is the code's, else 503."""
        await self._use_cases.run(self._check)
        write_json(response, {"status": "ok"})


def health_routes(
    use_cases: UseCases,
    database: peewee.Database,
    migrations: Migrations,
    require_more: Callable[[], None] = lambda: None,
) -> tuple[Route, ...]:
    """The rows of a service's routes table that orchestrators ask; they are open, and say nothing of the inside.

    `require_more` raises ServiceError when what this service alone needs is missing.
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
