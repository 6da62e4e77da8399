"""A client that talks to a running app without a socket, for the tests of every service's resources."""

import asyncio
import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, Self

from falcon.testing import ASGIConductor, Result

from services.kit.web.app import WebApp
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
        return self._runner.run(self._exchange(method, path, token, headers, **more))

    def send(self, method: str, path: str, token: str | None = None, **more: Any) -> Answer:
        """The answer's status and document."""
        return _answer(self.exchange(method, path, token, **more))

    def send_during(
        self, act: Callable[[Callable[[], bool]], None], method: str, path: str, token: str | None = None, **more: Any
    ) -> Answer:
        """As `send`, while `act` runs in another thread; it is given whether the answer is there already."""

        async def both() -> Result:
            exchange = asyncio.create_task(self._exchange(method, path, token, **more))
            await asyncio.to_thread(act, exchange.done)
            return await exchange

        return _answer(self._runner.run(both()))

    async def _exchange(
        self, method: str, path: str, token: str | None, headers: Mapping[str, str] | None = None, **more: Any
    ) -> Result:
        authorization = {"Authorization": f"Bearer {token}"} if token is not None else {}
        sent = {"X-Request-ID": REQUEST_ID, **authorization, **(headers or {})}
        result: Result = await self._conductor.simulate_request(method, path, headers=sent, **more)
        return result


def _answer(result: Result) -> Answer:
    return Answer(result.status_code, json.loads(result.content) if result.content else None)
