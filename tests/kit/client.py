"""A client that talks to a running app without a socket, for the tests of every service's resources."""

import asyncio
import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, NamedTuple

from falcon.testing import ASGIConductor, Result

from services.kit.web import WebApp

REQUEST_ID = "request-of-a-test"


class Answer(NamedTuple):
    """A whole answer; the document is None when there is no body."""

    status: int
    document: Any


class Client:
    """Sends requests to a running app, each with the request id above."""

    def __init__(self, conductor: ASGIConductor, runner: asyncio.Runner):
        self._conductor = conductor
        self._runner = runner

    def exchange(
        self, method: str, path: str, token: str | None = None, headers: Mapping[str, str] | None = None, **more: Any
    ) -> Result:
        """The answer with its headers; `more` goes to Falcon as it is: body, json, params and so on."""
        authorization = {"Authorization": f"Bearer {token}"} if token is not None else {}
        sent = {"X-Request-ID": REQUEST_ID, **authorization, **(headers or {})}
        result: Result = self._runner.run(self._conductor.simulate_request(method, path, headers=sent, **more))
        return result

    def send(self, method: str, path: str, token: str | None = None, **more: Any) -> Answer:
        """The answer's status and document."""
        result = self.exchange(method, path, token, **more)
        return Answer(result.status_code, json.loads(result.content) if result.content else None)


@contextmanager
def client_of(app: WebApp) -> Iterator[Client]:
    """A client of the app, which is started before and stopped after."""
    with asyncio.Runner() as runner:
        conductor = ASGIConductor(app)
        runner.run(conductor.__aenter__())
        try:
            yield Client(conductor, runner)
        finally:
            runner.run(conductor.__aexit__(None, None, None))


def refusal(status: int, code: str, message: str, **more: Any) -> Answer:
    """The contract's error envelope."""
    return Answer(status, {"error": code, "message": message, "requestId": REQUEST_ID, **more})


def invalid(field_errors: Mapping[str, Sequence[object]], form_errors: Sequence[object] = ()) -> Answer:
    """A validation error with these texts."""
    details = {
        "formErrors": list(form_errors),
        "fieldErrors": {name: list(each) for name, each in field_errors.items()},
    }
    return refusal(400, "VALIDATION_ERROR", "The request is not valid", details=details)


UNAUTHORIZED = refusal(401, "UNAUTHORIZED", "A valid bearer token is required")
FORBIDDEN = refusal(403, "FORBIDDEN", "This is not allowed")
NO_SUCH_ADDRESS = refusal(404, "NOT_FOUND", "There is nothing at this address")
NO_SUCH_METHOD = refusal(405, "METHOD_NOT_ALLOWED", "This address does not take that method")
NOT_JSON_TYPE = refusal(415, "REQUEST_ERROR", "The body must be application/json")
TOO_LARGE = refusal(413, "PAYLOAD_TOO_LARGE", "The body is larger than 1 MiB")
