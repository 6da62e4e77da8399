"""The assembled gateway over three fake services."""

import asyncio
from collections.abc import Awaitable, Callable, Iterator, Mapping, MutableMapping
from contextlib import contextmanager, suppress
from typing import Any

import httpx
from falcon.testing import ASGIRequestEventEmitter, ASGIResponseEventCollector, create_scope
from joserfc import jwt
from joserfc.jwk import OKPKey
from structlog.contextvars import merge_contextvars
from structlog.testing import capture_logs

from gateway.app import assemble
from gateway.config import read_settings
from gateway.upstream import Incoming, Outgoing, Upstream
from gateway.upstreams import upstreams_over
from services.kit.core.instants import now
from services.kit.web.tokens.access import AccessTokenVerifier
from services.kit.web.tokens.service import verify_service_token
from tests.kit.forging import nothing_revoked

REQUEST_ID = "request-1"
SECRET = "a secret that only these tests know, long enough"
ALLOWED_ORIGIN = "https://learn.example"
KEY = OKPKey.generate_key("Ed25519", {"kid": "key-1", "alg": "Ed25519"})
EVENTS = "/api/public/events"
FAR_FUTURE = 4_000_000_000
CLAIMS = {
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
    """Return an admin's access token as auth signs it, with other claims or by another key."""
    header = {"alg": "Ed25519", "typ": "at+jwt", "kid": "key-1"}
    return jwt.encode(header, {**CLAIMS, "exp": FAR_FUTURE, **claims}, key, algorithms=["Ed25519"])


def service_error(code: str, **members: object) -> dict[str, object]:
    return {"error": code, "message": "As the service says it", "requestId": REQUEST_ID, **members}


def own_error(code: str, message: str) -> dict[str, object]:
    """Return the error body of the gateway to the request `request-1`."""
    return {"error": code, "message": message, "requestId": REQUEST_ID}


NOT_FOUND = own_error("NOT_FOUND", "There is nothing at this address")
UNAUTHORIZED = own_error("UNAUTHORIZED", "A valid bearer token is required")
FORBIDDEN = own_error("FORBIDDEN", "This is not allowed")
UNAVAILABLE = own_error("UPSTREAM_UNAVAILABLE", "A part of the system is not available; try again shortly")

# How long a service that never responds is silent.
SILENT_SECONDS = 20


class FakeService:
    """A service behind the gateway: responds by method and address, and records the requests."""

    def __init__(self) -> None:
        self.requests: list[Outgoing] = []
        self._responses: dict[str, tuple[int, Any, Mapping[str, str]]] = {}
        self._handlers: dict[str, Callable[[Outgoing], httpx.Response]] = {}
        self._failures: dict[str, Exception] = {}
        self._silent: set[str] = set()
        # Set once a target is asked for that never responds.
        self.is_waited_for = asyncio.Event()

    @property
    def targets(self) -> list[str]:
        """The methods and addresses of the requests, with their queries."""
        return [_target(request) for request in self.requests]

    @property
    def bodies(self) -> list[bytes]:
        return [request.body for request in self.requests]

    def header(self, name: str) -> list[str | None]:
        return [request.headers.get(name) for request in self.requests]

    def callers(self, audience: str) -> list[str]:
        """Return the service that each request's token names as its caller."""
        tokens = [(text or "").removeprefix("Bearer ") for text in self.header("Authorization")]
        return [verify_service_token(token, SECRET, audience, now()) for token in tokens]

    def responds(self, target: str, document: object = None, status: int = 200, **headers: str) -> None:
        """Respond to `METHOD /path?query` with this document, or with an empty body."""
        self._responses[target] = (status, document, {name.replace("_", "-"): text for name, text in headers.items()})

    def handles(self, target: str, handler: Callable[[Outgoing], httpx.Response]) -> None:
        """Respond to `METHOD /path?query` as the handler does."""
        self._handlers[target] = handler

    def fails(self, target: str, failure: Exception) -> None:
        self._failures[target] = failure

    def never_responds(self, target: str) -> None:
        """Let this target wait for far longer than any deadline, then break: without one the test fails, not hangs."""
        self._silent.add(target)

    async def __call__(self, request: Outgoing) -> httpx.Response:
        """Handle a request of the gateway; 404 where no response was set."""
        self.requests.append(request)
        target = _target(request)
        if target in self._silent:
            self.is_waited_for.set()
            await asyncio.sleep(SILENT_SECONDS)
            raise AssertionError(f"nobody gave up waiting for {target}")
        if target in self._failures:
            raise self._failures[target]
        if target in self._handlers:
            return self._handlers[target](request)
        status, document, headers = self._responses.get(target, (404, service_error("NOT_FOUND"), {}))
        if document is None:
            return httpx.Response(status, headers=headers)
        return httpx.Response(status, headers=headers, json=document)


class Gateway:
    """The gateway's app on its own event loop; `lines` are the log lines of the last request without debug ones."""

    def __init__(self, variables: Mapping[str, str] | None = None, upstream_seconds: float = 30):
        self.content, self.quiz, self.auth = FakeService(), FakeService(), FakeService()
        self.services = {"content": self.content, "quiz": self.quiz, "auth": self.auth}
        self.lines: list[MutableMapping[str, Any]] = []
        self.log = ""
        settings = read_settings(
            {
                "SERVICE_TOKEN_SECRET": SECRET,
                "CORS_ORIGIN": f"{ALLOWED_ORIGIN}, http://localhost:5173",
                "RATE_LIMIT_MAX": "100000",
                **(variables or {}),
            }
        )
        content, quiz, auth = (upstream(name, fake, upstream_seconds) for name, fake in self.services.items())
        upstreams = upstreams_over(content, quiz, auth, settings, nothing_revoked)
        self._app: Any = assemble(settings, upstreams, AccessTokenVerifier(_published_keys, "gateway", nothing_revoked))
        self._runner = asyncio.Runner()

    @property
    def targets(self) -> list[str]:
        """The targets of all requests to the three services."""
        return [target for service in self.services.values() for target in service.targets]

    def send(
        self, method: str, address: str, *, peer: str = "192.0.2.1", request_id: str | None = REQUEST_ID, **options: Any
    ) -> httpx.Response:
        """Send a client's request from the network address `peer`."""
        own = [("X-Request-ID", request_id)] if request_id else []
        options["headers"] = [*own, *httpx.Headers(options.pop("headers", None)).raw]
        with capture_logs(processors=[merge_contextvars]) as lines:
            response = self._runner.run(self._send(method, address, peer, options))
        self.log += "".join(f"{line}\n" for line in lines)
        self.lines = [line for line in lines if line.pop("log_level") != "debug"]
        return response

    def as_admin(self, method: str, address: str, **options: Any) -> httpx.Response:
        """Send the request with a valid access token."""
        headers = {"Authorization": f"Bearer {access_token()}", **options.pop("headers", {})}
        return self.send(method, address, headers=headers, **options)

    def statuses(self, count: int, method: str, address: str, **options: Any) -> list[int]:
        """Send the same request several times and return the statuses."""
        return [self.send(method, address, **options).status_code for _ in range(count)]

    def leave(self, method: str, address: str, asked: FakeService, **options: Any) -> None:
        """Send a client's request, and leave as soon as this service, which never responds, is asked."""
        options["headers"] = {"X-Request-ID": REQUEST_ID, **options.pop("headers", {})}

        async def leave() -> None:
            sent = asyncio.create_task(self._send(method, address, "192.0.2.1", options))
            async with asyncio.timeout(SILENT_SECONDS):
                await asked.is_waited_for.wait()
            sent.cancel()
            with suppress(asyncio.CancelledError):
                await sent

        self._runner.run(leave())

    def status_of_raw_query(self, path: str, query: bytes) -> int:
        """Return the status of a GET with these bytes as its query, which httpx would not send."""
        scope = {**create_scope(path=path), "query_string": query}
        collector = ASGIResponseEventCollector()
        receive = ASGIRequestEventEmitter(disconnect_at=float("inf"))
        self._runner.run(self._app(scope, receive, collector.collect))
        assert isinstance(collector.status, int)
        return collector.status

    def close(self) -> None:
        self._runner.close()

    async def _send(self, method: str, address: str, peer: str, options: Mapping[str, Any]) -> httpx.Response:
        transport = httpx.ASGITransport(self._app, client=(peer, 50_000))
        async with httpx.AsyncClient(transport=transport, base_url="http://gateway") as client:
            return await client.request(method, address, **options)


@contextmanager
def gateway_with(**variables: str) -> Iterator[Gateway]:
    """Open a gateway with these settings, over a content that lists no public events."""
    gateway = Gateway(variables)
    gateway.content.responds("GET /internal/public/events", {"items": []})
    try:
        yield gateway
    finally:
        gateway.close()


def parsed(response: httpx.Response) -> tuple[int, Any]:
    """Return the status and the JSON of a response, None without a body."""
    return response.status_code, response.json() if response.content else None


def cors(response: httpx.Response) -> dict[str, str]:
    """Return the headers by which a browser decides."""
    return {
        name: text for name, text in response.headers.items() if name == "vary" or name.startswith("access-control-")
    }


def log_line(event: str, route: str, method: str = "POST", **fields: object) -> dict[str, object]:
    """Return the log line of the request `request-1`."""
    return {"event": event, "requestId": REQUEST_ID, "method": method, "route": route, **fields}


def upstream(
    name: str, handler: Callable[[Outgoing], Awaitable[httpx.Response]], seconds: float = 30, secret: str = SECRET
) -> Upstream:
    """Return a service that responds as the handler does."""

    async def send(request: Outgoing) -> Incoming:
        response = await handler(request)
        return Incoming(response.status_code, response.headers, response.content)

    return Upstream(name, send, secret, seconds)


def _target(request: Outgoing) -> str:
    return f"{request.method} {request.target}"


async def _published_keys() -> Any:
    return {"keys": [KEY.as_dict(private=False)]}
