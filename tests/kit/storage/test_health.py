"""services.kit.storage.health over content's migrations, on both engines."""

import asyncio
from collections.abc import Callable
from typing import Any

import httpx
import peewee
import pytest

from services.content.migrations import MIGRATIONS
from services.kit.core.errors import Unavailable
from services.kit.storage.database import open_database
from services.kit.storage.health import health_routes
from services.kit.storage.use_cases import UseCases
from services.kit.web.app import create_web_app
from services.kit.web.guards import Gatekeeper


def get(database: peewee.Database, path: str, require_more: Callable[[], None] = lambda: None) -> httpx.Response:
    """Return the response of a service over this database."""
    use_cases = UseCases(database, threads=1)
    routes = health_routes(use_cases, database, MIGRATIONS, require_more)
    app: Any = create_web_app(routes, [Gatekeeper(routes, "content", "no service's secret is needed here")])

    async def request() -> httpx.Response:
        async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://content") as client:
            return await client.get(path, headers={"X-Request-ID": "request-1"})

    try:
        return asyncio.run(request())
    finally:
        use_cases.close()


def message_of_503(response: httpx.Response) -> str:
    """Return the message of a 503 in the contract's envelope."""
    document = response.json()
    message: str = document.pop("message")
    assert (response.status_code, response.headers["Retry-After"]) == (503, "1")
    assert document == {"error": "UPSTREAM_UNAVAILABLE", "requestId": "request-1"}
    return message


def test_ready_when_the_schema_is_current(database: peewee.Database) -> None:
    MIGRATIONS.up(database)

    response = get(database, "/health/ready")

    assert (response.status_code, response.json()) == (200, {"status": "ok"})


def test_not_ready_with_a_pending_migration(database: peewee.Database) -> None:
    assert "python -m services.content migrate up" in message_of_503(get(database, "/health/ready"))


def test_not_ready_but_live_without_what_the_service_needs(database: peewee.Database) -> None:
    def require_more() -> None:
        raise Unavailable("There is no key")

    MIGRATIONS.up(database)
    assert message_of_503(get(database, "/health/ready", require_more)) == "There is no key"
    assert get(database, "/health/live", require_more).status_code == 200


@pytest.mark.parametrize(
    "url", ["postgresql://flix:canary@127.0.0.1:1/flix", "sqlite:////nowhere/at/all/content.sqlite"]
)
def test_not_ready_but_live_without_a_database(url: str) -> None:
    database = open_database(url)

    assert "canary" not in message_of_503(get(database, "/health/ready"))
    live = get(database, "/health/live")
    assert (live.status_code, live.json()) == (200, {"status": "ok"})
