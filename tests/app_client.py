"""A client that talks to a running app without a socket, for the tests of every service's resources."""

import asyncio
import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any, Self

from falcon.testing import ASGIConductor, Result

from services.kit.web import WebApp
from tests.refusals import REQUEST_ID, Answer


class Client:
    """Sends requests to a running app, each with the request id of tests.refusals."""

    def __init__(self, conductor: ASGIConductor, runner: asyncio.Runner):
        self._conductor = conductor
        self._runner = runner

    @classmethod
    @contextmanager
    def of(cls, app: WebApp) -> Iterator[Self]:
        """A client of the app, which is started before and stopped after."""
        with asyncio.Runner() as runner:
            conductor = ASGIConductor(app)
            runner.run(conductor.__aenter__())
            try:
                yield cls(conductor, runner)
            finally:
                runner.run(conductor.__aexit__(None, None, None))

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
