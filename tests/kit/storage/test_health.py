"""services.kit.storage.health over content's migrations, on both engines."""

from collections.abc import Callable

import peewee
import pytest
from falcon.testing import Result

from services.content.migrations import MIGRATIONS
from services.kit.core.errors import Unavailable
from services.kit.storage.database import open_database
from services.kit.storage.health import health_routes
from services.kit.storage.use_cases import UseCases
from services.kit.web.app import create_web_app
from services.kit.web.guards import Gatekeeper
from tests.app_client import Client
from tests.refusals import REQUEST_ID


def get(database: peewee.Database, path: str, require_more: Callable[[], None] = lambda: None) -> Result:
    """Return the response of a service over this database."""
    use_cases = UseCases(database, threads=1)
    routes = health_routes(use_cases, database, MIGRATIONS, require_more)
    app = create_web_app(routes, [Gatekeeper(routes, "content", "no service's secret is needed here")])
    try:
        with Client.of(app) as client:
            return client.exchange("GET", path)
    finally:
        use_cases.close()


def message_of_503(response: Result) -> str:
    """Return the message of a 503 in the contract's envelope."""
    document: dict[str, str] = response.json
    message = document.pop("message")
    assert (response.status_code, response.headers["Retry-After"]) == (503, "1")
    assert document == {"error": "UPSTREAM_UNAVAILABLE", "requestId": REQUEST_ID}
    return message


def test_ready_when_the_schema_is_current(database: peewee.Database) -> None:
    MIGRATIONS.up(database)
    response = get(database, "/health/ready")
    assert (response.status_code, response.json) == (200, {"status": "ok"})


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
    assert (live.status_code, live.json) == (200, {"status": "ok"})
