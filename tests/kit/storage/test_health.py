"""services.kit.storage.health over content's real migrations, on both engines."""

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


def nothing_more() -> None:
    """Nothing is missing."""


def ask(database: peewee.Database, path: str, require_more: Callable[[], None] = nothing_more) -> httpx.Response:
    """The answer of a service over this database, which needs more than that."""
    use_cases = UseCases(database, threads=1)
    routes = health_routes(use_cases, database, MIGRATIONS, require_more)
    app: Any = create_web_app(routes, [Gatekeeper(routes, "content", "no service's secret is needed here")])

    async def asking() -> httpx.Response:
        async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://content") as client:
            return await client.get(path, headers={"X-Request-ID": "request-1"})

    try:
        return asyncio.run(asking())
    finally:
        use_cases.close()


def unavailable(answer: httpx.Response) -> str:
    """The message of a 503 in the contract's envelope."""
    document = answer.json()
    message: str = document.pop("message")
    assert (answer.status_code, answer.headers["Retry-After"]) == (503, "1")
    assert document == {"error": "UPSTREAM_UNAVAILABLE", "requestId": "request-1"}
    return message


def test_ready_when_the_schema_is_the_code_s(database: peewee.Database) -> None:
    MIGRATIONS.up(database)

    answer = ask(database, "/health/ready")

    assert (answer.status_code, answer.json()) == (200, {"status": "ok"})


def test_not_ready_when_the_schema_is_behind_and_says_what_to_do(database: peewee.Database) -> None:
    assert "python -m services.content migrate up" in unavailable(ask(database, "/health/ready"))


def test_not_ready_and_alive_when_what_the_service_needs_besides_is_missing(database: peewee.Database) -> None:
    def require_more() -> None:
        raise Unavailable("There is no key")

    MIGRATIONS.up(database)
    assert unavailable(ask(database, "/health/ready", require_more)) == "There is no key"
    assert ask(database, "/health/live", require_more).status_code == 200


@pytest.mark.parametrize(
    "url", ["postgresql://flix:canary@127.0.0.1:1/flix", "sqlite:////nowhere/at/all/content.sqlite"]
)
def test_not_ready_and_alive_when_there_is_no_database(url: str) -> None:
    database = open_database(url)

    assert "canary" not in unavailable(ask(database, "/health/ready"))
    alive = ask(database, "/health/live")
    assert (alive.status_code, alive.json()) == (200, {"status": "ok"})
