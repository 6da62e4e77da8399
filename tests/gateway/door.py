"""The assembled gateway over three services that answer what a test tells them to."""

import asyncio
from collections.abc import Iterator, Mapping, MutableMapping
from contextlib import contextmanager
from typing import Any

import httpx
from falcon.testing import ASGIRequestEventEmitter, ASGIResponseEventCollector, create_scope
from joserfc import jwt
from joserfc.jwk import OKPKey
from structlog.contextvars import merge_contextvars
from structlog.testing import capture_logs

from gateway.app import assemble
from gateway.config import read_settings
from gateway.upstream import Upstream, Upstreams
from services.kit.web.tokens.access import AccessTokenVerifier
from tests.kit.forging import nothing_revoked

# The id of the request whose lines `line` expects.
REQUEST_ID = {"X-Request-ID": "request-1"}
SECRET = "a secret that only these tests know, long enough"
ALLOWED_ORIGIN = "https://learn.example"
KEY = OKPKey.generate_key("Ed25519", {"kid": "key-1", "alg": "Ed25519"})
EVENTS = "/api/public/events"
FAR_FUTURE = 4_000_000_000
ADMIN = {
    "iss": "flix-auth",
    "aud": ["gateway"],
    "sub": "admin-1",
    "username": "ada",
    "role": "admin",
    "roles": ["owner"],
    "sid": "session-1",
    "jti": "token-1",
}


def access_token(key: OKPKey = KEY, **claims: object) -> str:
    """An admin's access token as auth signs it, with these claims changed, or by another key."""
    header = {"alg": "Ed25519", "typ": "at+jwt", "kid": "key-1"}
    return jwt.encode(header, {**ADMIN, "exp": FAR_FUTURE, **claims}, key, algorithms=["Ed25519"])


def error(code: str, **more: object) -> dict[str, object]:
    """An error envelope as a service answers it."""
    return {"error": code, "message": "As the service says it", "requestId": "at-the-service", **more}


class FakeService:
    """A service behind the gateway: answers by method and address, and keeps everything that it was asked."""

    def __init__(self) -> None:
        self.requests: list[httpx.Request] = []
        self._answers: dict[str, tuple[int, Any, Mapping[str, str]]] = {}
        self._failures: dict[str, Exception] = {}
        self._silent: set[str] = set()

    @property
    def asked(self) -> list[str]:
        """Methods and addresses, with their queries, in the order of arrival."""
        return [_target(request) for request in self.requests]

    def answers(self, target: str, document: object = None, status: int = 200, **headers: str) -> None:
        """From now on `METHOD /path?query` is answered with this document, or with an empty body."""
        self._answers[target] = (status, document, {name.replace("_", "-"): text for name, text in headers.items()})

    def fails(self, target: str, failure: Exception) -> None:
        """From now on the connection for this target fails."""
        self._failures[target] = failure

    def never_answers(self, target: str) -> None:
        """From now on this target waits for ever."""
        self._silent.add(target)

    async def __call__(self, request: httpx.Request) -> httpx.Response:
        """What httpx's MockTransport calls; what nobody told it to answer is a 404."""
        self.requests.append(request)
        target = _target(request)
        if target in self._silent:
            await asyncio.Event().wait()
        if target in self._failures:
            raise self._failures[target]
        status, document, headers = self._answers.get(target, (404, error("NOT_FOUND"), {}))
        if document is None:
            return httpx.Response(status, headers=headers)
        return httpx.Response(status, headers=headers, json=document)


class Door:
    """The gateway's app on a loop of its own; `lines` are the log lines of the last request, debug ones aside."""

    def __init__(self, variables: Mapping[str, str] | None = None, upstream_seconds: float = 30):
        self.content, self.quiz, self.auth = FakeService(), FakeService(), FakeService()
        self.lines: list[MutableMapping[str, Any]] = []
        self.everything_logged = ""
        settings = read_settings(
            {
                "SERVICE_TOKEN_SECRET": SECRET,
                "CORS_ORIGIN": f"{ALLOWED_ORIGIN}, http://localhost:5173",
                "RATE_LIMIT_MAX": "1000",
                **(variables or {}),
            }
        )
        upstreams = Upstreams(
            _upstream("content", self.content, upstream_seconds),
            _upstream("quiz", self.quiz, upstream_seconds),
            _upstream("auth", self.auth, upstream_seconds),
        )
        self._app: Any = assemble(settings, upstreams, AccessTokenVerifier(_published_keys, "gateway", nothing_revoked))
        self._runner = asyncio.Runner()

    @property
    def asked(self) -> list[str]:
        """What the three services were asked."""
        return [*self.content.asked, *self.quiz.asked, *self.auth.asked]

    def send(self, method: str, address: str, *, peer: str = "192.0.2.1", **options: Any) -> httpx.Response:
        """The answer to a client's request from the network address `peer`."""
        with capture_logs(processors=[merge_contextvars]) as lines:
            answer = self._runner.run(self._send(method, address, peer, options))
        self.everything_logged += "".join(f"{line}\n" for line in lines)
        self.lines = [line for line in lines if line.pop("log_level") != "debug"]
        return answer

    def as_admin(self, method: str, address: str, **options: Any) -> httpx.Response:
        """The same with a valid access token."""
        headers = {"Authorization": f"Bearer {access_token()}", **options.pop("headers", {})}
        return self.send(method, address, headers=headers, **options)

    def with_query(self, path: str, query: bytes) -> int:
        """The status of a GET whose query is these very bytes, which httpx would not send."""
        scope = {**create_scope(path=path), "query_string": query}
        said = ASGIResponseEventCollector()
        receive = ASGIRequestEventEmitter(disconnect_at=float("inf"))
        self._runner.run(self._app(scope, receive, said.collect))
        assert isinstance(said.status, int)
        return said.status

    def close(self) -> None:
        """End the loop."""
        self._runner.close()

    async def _send(self, method: str, address: str, peer: str, options: Mapping[str, Any]) -> httpx.Response:
        transport = httpx.ASGITransport(self._app, client=(peer, 50_000))
        async with httpx.AsyncClient(transport=transport, base_url="http://door") as client:
            return await client.request(method, address, **options)


@contextmanager
def opened(**variables: str) -> Iterator[Door]:
    """A gateway with these settings whose one answer is an empty list of events."""
    door = Door(variables)
    door.content.answers("GET /internal/public/events", {"items": []})
    try:
        yield door
    finally:
        door.close()


def cors(answer: httpx.Response) -> dict[str, str]:
    """What a browser judges by."""
    return {
        name: value for name, value in answer.headers.items() if name == "vary" or name.startswith("access-control-")
    }


def _upstream(name: str, service: FakeService, seconds: float) -> Upstream:
    client = httpx.AsyncClient(base_url=f"http://{name}", transport=httpx.MockTransport(service))
    return Upstream(name, client, SECRET, seconds)


def _target(request: httpx.Request) -> str:
    return f"{request.method} {request.url.raw_path.decode()}"


async def _published_keys() -> Any:
    return {"keys": [KEY.as_dict(private=False)]}


def line(event: str, route: str, method: str = "POST", **fields: object) -> dict[str, object]:
    """A log line of the request `request-1`."""
    return {"event": event, "requestId": "request-1", "method": method, "route": route, **fields}


def asked_bodies(requests: list[httpx.Request]) -> list[tuple[str, bytes]]:
    """What a service was asked: the address and the body of each request."""
    return [(request.url.raw_path.decode(), request.content) for request in requests]
