"""A client of an app without a socket, for the tests of resources."""

import asyncio
import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, Self

from falcon.testing import ASGIConductor, Result

from services.kit.web.app import WebApp
from tests.refusals import REQUEST_ID, Response


class Client:
    """Sends requests to an app, each with the request id of tests.refusals."""

    def __init__(self, conductor: ASGIConductor, runner: asyncio.Runner):
        self._conductor = conductor
        self._runner = runner

    @classmethod
    @contextmanager
    def of(cls, app: WebApp) -> Iterator[Self]:
        """Start the app, yield a client of it, and stop the app."""
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
        """Return the response with its headers; `more` are Falcon's arguments: body, json, params and so on."""
        return self._runner.run(self._exchange(method, path, token, headers, **more))

    def send(self, method: str, path: str, token: str | None = None, **more: Any) -> Response:
        """Return the status and the document of the response."""
        return _response(self.exchange(method, path, token, **more))

    def send_during(
        self, act: Callable[[Callable[[], bool]], None], method: str, path: str, token: str | None = None, **more: Any
    ) -> Response:
        """Send while `act` runs in another thread; its argument tells whether the response has arrived."""

        async def both() -> Result:
            exchange = asyncio.create_task(self._exchange(method, path, token, **more))
            await asyncio.to_thread(act, exchange.done)
            return await exchange

        return _response(self._runner.run(both()))

    async def _exchange(
        self, method: str, path: str, token: str | None, headers: Mapping[str, str] | None = None, **more: Any
    ) -> Result:
        authorization = {"Authorization": f"Bearer {token}"} if token is not None else {}
        all_headers = {"X-Request-ID": REQUEST_ID, **authorization, **(headers or {})}
        result: Result = await self._conductor.simulate_request(method, path, headers=all_headers, **more)
        return result


def _response(result: Result) -> Response:
    return Response(result.status_code, json.loads(result.content) if result.content else None)
