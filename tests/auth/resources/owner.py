"""Auth's app as ada uses it, its only owner."""

from typing import Any

from falcon.testing import Result

from tests.auth.client import LOGIN, AuthClient, service_token
from tests.auth.examples import PASSWORD
from tests.refusals import Answer

OWN = "nine moles dig a tunnel"


class Owner:
    """Sends what ada sends, and knows how others come in."""

    def __init__(self, client: AuthClient):
        self.client = client
        self.service = client.auth.service
        self.hasher = client.auth.hasher
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
        headers = {} if address is None else {"X-Client-Address": address}
        return self.client.exchange("POST", LOGIN, service_token(), headers=headers, json=document)
