"""A client of auth's app over the harness."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

import peewee
from falcon.testing import Result

from services.auth.app import routes, verifier
from services.auth.config import read_settings
from services.kit.core.instants import now
from services.kit.storage.database import open_database
from services.kit.storage.service_app import create_service_app
from services.kit.storage.use_cases import UseCases
from services.kit.web.guards import Route
from services.kit.web.tokens.service import issue_service_token
from tests.app_client import Client
from tests.auth.examples import PASSWORD
from tests.auth.harness import A_REFRESH_TOKEN, A_TOKEN, Harness
from tests.kit.forging import SECRET
from tests.refusals import Answer

LOGIN = "/internal/login"
CREDENTIALS = {"username": "ada", "password": PASSWORD}
SETTINGS = read_settings({"SERVICE_TOKEN_SECRET": SECRET})
SIGN_IN = Answer(
    200,
    {
        "accessToken": A_TOKEN,
        "tokenType": "Bearer",
        "expiresIn": 900,
        "refreshToken": A_REFRESH_TOKEN,
        "refreshExpiresIn": 86_400,
        "user": {"id": "admin-1", "username": "ada"},
    },
)


def service_token() -> str:
    """Return the gateway's token for auth."""
    return issue_service_token(SECRET, "gateway", "auth", now())


class AuthClient:
    """Sends requests as the gateway and as admins do; `ada` is an access token of the only owner."""

    def __init__(self, harness: Harness, client: Client):
        self.harness = harness
        self.service = harness.service
        self.exchange = client.exchange
        self.send = client.send
        self.ada = harness.sign_in().access_token

    def gateway(self, method: str, path: str, document: Any = None) -> Answer:
        """Send in the gateway's own name; a document becomes the body."""
        return self.send(method, path, service_token(), **_body(document))

    def admin(self, sign_in: Any, method: str, path: str, document: Any = None) -> Answer:
        return self.send(method, path, sign_in["accessToken"], **_body(document))

    def owner(self, method: str, path: str, document: Any = None, **more: Any) -> Answer:
        return self.send(method, path, self.ada, **_body(document), **more)

    def login(self, **changes: Any) -> Any:
        """Return the body of the response to a sign-in of ada."""
        response = self.gateway("POST", LOGIN, {**CREDENTIALS, **changes})
        assert response.status == 200
        return response.document

    def login_from(self, document: Any, address: str | None = None) -> Result:
        """Return the response to a sign-in of a client with this address."""
        headers = {} if address is None else {"X-Client-Address": address}
        return self.exchange("POST", LOGIN, service_token(), headers=headers, json=document)

    def add_person(self, username: str, role: Any) -> tuple[str, str]:
        """Return the id and an access token of a new person with OWN_PASSWORD."""
        admin = self.harness.add_person(username, role)
        return admin.id, self.token_of(admin.id)

    def token_of(self, admin_id: str) -> str:
        with self.harness.store.transaction():
            return self.service.sessions.begin(self.service.admin(admin_id)).access_token

    def wait(self, **duration: float) -> None:
        self.harness.clock.at += timedelta(**duration)


def routes_of(harness: Harness, database: peewee.Database | None = None) -> tuple[tuple[Route, ...], UseCases]:
    """Return auth's routes and their use cases; without a database, none is opened."""
    use_cases = UseCases(database or open_database("sqlite:////nowhere/auth.sqlite"), threads=1)
    return routes(harness.service, use_cases), use_cases


@contextmanager
def running(harness: Harness, database: peewee.Database | None = None) -> Iterator[AuthClient]:
    """Run the app and yield its client."""
    table, use_cases = routes_of(harness, database)
    app = create_service_app(table, SETTINGS, use_cases, verifier(harness.service, use_cases, harness.clock))
    with Client.of(app) as client:
        yield AuthClient(harness, client)


def _body(document: Any) -> dict[str, Any]:
    return {} if document is None else {"json": document}
