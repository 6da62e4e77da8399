"""Auth's app over the in-memory twin, running, and a client of it that acts for the gateway or for admins."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from falcon.testing import Result

from services.auth.app import routes, verifier
from services.auth.config import read_settings
from services.auth.service import AuthService
from services.kit.database import open_database
from services.kit.instants import now
from services.kit.tokens import issue_service_token
from services.kit.use_cases import UseCases
from services.kit.web import create_service_app
from tests.app_client import Client
from tests.auth.examples import PASSWORD, CountingHasher, a_service
from tests.auth.memory import InMemoryAuthStore
from tests.clock import StoppedClock
from tests.kit.forging import SECRET
from tests.refusals import Answer

SETTINGS = read_settings({"SERVICE_TOKEN_SECRET": SECRET})
LOGIN = "/internal/login"
OWN = "nine moles dig a tunnel"


class Running:
    """The app; ada is its only owner."""

    def __init__(self, client: Client, service: AuthService, hasher: CountingHasher):
        self.client = client
        self.service = service
        self.hasher = hasher
        self.ada = self.token_of("ada", PASSWORD)

    def token_of(self, username: str, password: str, new_password: str | None = None) -> str:
        """A new access token."""
        return self.service.sign_in(username, password, new_password).access_token

    def person(self, username: str, role: Any) -> tuple[str, str]:
        """Somebody new with the password OWN: the id, and an access token."""
        invitation = self.service.people.invite(username, role)
        return invitation.admin.id, self.token_of(username, invitation.initial_password, OWN)

    def owner(self, method: str, path: str, document: Any = None, **more: Any) -> Answer:
        """Send as ada; with a document, it is the body."""
        body = {} if document is None else {"json": document}
        return self.client.send(method, path, self.ada, **body, **more)

    def login(self, document: Any, address: str | None = None) -> Result:
        """Sign in as the gateway passes it on for a client at that address."""
        token = issue_service_token(SECRET, "gateway", "auth", now())
        headers = {} if address is None else {"X-Client-Address": address}
        return self.client.exchange("POST", LOGIN, token, headers=headers, json=document)


@contextmanager
def running_app() -> Iterator[Running]:
    """See Running."""
    use_cases = UseCases(open_database("sqlite:////nowhere/auth.sqlite"), threads=1)
    hasher = CountingHasher()
    service = a_service(InMemoryAuthStore(), StoppedClock(), hasher)
    service.create_admin("ada", PASSWORD, "admin-1")
    app = create_service_app(
        routes(service, use_cases), SETTINGS, use_cases, verifier(service, use_cases, StoppedClock())
    )
    with Client.of(app) as client:
        yield Running(client, service, hasher)
