"""The auth app over fakes: an in-memory store with one admin, a stopped clock; and what its clients show it."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

import peewee

from services.auth.app import routes, verifier
from services.auth.config import read_settings
from services.auth.repository.contracts import AuthStore
from services.auth.repository.store import PeeweeAuthStore
from services.auth.service.sign_in import AuthService
from services.kit.core.instants import now
from services.kit.storage.database import open_database
from services.kit.storage.service_app import create_service_app
from services.kit.storage.use_cases import UseCases
from services.kit.web.guards import Route
from services.kit.web.tokens.service import issue_service_token
from tests.app_client import Client
from tests.auth.examples import PASSWORD, CountingHasher, a_service
from tests.auth.memory import InMemoryAuthStore
from tests.clock import StoppedClock
from tests.kit.forging import SECRET
from tests.refusals import Answer

LOGIN = "/internal/login"
CREDENTIALS = {"username": "ada", "password": PASSWORD}
SETTINGS = read_settings({"SERVICE_TOKEN_SECRET": SECRET})


def service_token(audience: str = "auth", secret: str = SECRET) -> str:
    """The gateway's token for auth, but for the changes."""
    return issue_service_token(secret, "gateway", audience, now())


class Auth:
    """Auth over fakes, or over a database, with the admin `ada`, whose id is admin-1."""

    def __init__(self, database: peewee.Database | None = None) -> None:
        self.clock = StoppedClock()
        self.store: AuthStore = InMemoryAuthStore() if database is None else PeeweeAuthStore(database, self.clock)
        self.hasher = CountingHasher()
        self.service: AuthService = a_service(self.store, self.clock, self.hasher)
        self.service.create_admin("ada", PASSWORD, "admin-1")
        self.use_cases = UseCases(database or open_database("sqlite:////nowhere/auth.sqlite"), threads=1)

    @property
    def routes(self) -> tuple[Route, ...]:
        """The routes table."""
        return routes(self.service, self.use_cases)


class AuthClient:
    """A client of that auth, running, which can do what the gateway and an admin can."""

    def __init__(self, auth: Auth, client: Client):
        self.auth = auth
        self.exchange = client.exchange
        self.send = client.send

    def gateway(self, method: str, path: str, document: Any = None) -> Answer:
        """Send in the gateway's own name; with a document, it is the body."""
        return self.send(method, path, service_token(), **({} if document is None else {"json": document}))

    def admin(self, sign_in: Any, method: str, path: str, document: Any = None) -> Answer:
        """Send with the access token of a sign-in's answer."""
        body = {} if document is None else {"json": document}
        return self.send(method, path, sign_in["accessToken"], **body)

    def login(self, **changes: Any) -> Any:
        """What a sign-in of ada's answers."""
        answer = self.gateway("POST", LOGIN, {**CREDENTIALS, **changes})
        assert answer.status == 200
        return answer.document

    def later(self, **passed: float) -> None:
        """Let that time pass."""
        self.auth.clock.at += timedelta(**passed)


@contextmanager
def running(auth: Auth) -> Iterator[AuthClient]:
    """A client of it, while the block lasts."""
    judge = verifier(auth.service, auth.use_cases, auth.clock)
    with Client.of(create_service_app(auth.routes, SETTINGS, auth.use_cases, judge)) as client:
        yield AuthClient(auth, client)
