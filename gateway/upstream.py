"""Calls to the services. Only this module knows aiohttp; the others use UpstreamRequest and UpstreamResponse."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any, NamedTuple

import aiohttp
import orjson
from yarl import URL

from services.kit.core.actor import CLIENT_ADDRESS_HEADER
from services.kit.core.deadlines import DEADLINE_HEADER, deadline_header
from services.kit.core.errors import ServiceError, Unauthorized, Unavailable, UpstreamTimeout
from services.kit.core.instants import Clock, now
from services.kit.core.logging import REQUEST_ID_HEADER, current_request_id, log
from services.kit.core.metrics import Counter, Histogram
from services.kit.web.freshness import FRESHNESS_HEADER, Freshness, read_freshness
from services.kit.web.judgements import JUDGEMENT_HEADER, Judgement, read_judgement
from services.kit.web.tokens.grants import GRANT_HEADER
from services.kit.web.tokens.service import issue_service_token

# Less than the services' keep-alive of 10 s, so that no request uses a connection that is being closed
# (docs/traps.md, 10). Short, because a stopping service waits for idle connections, up to twice this time.
KEEPALIVE_SECONDS = 2
CONNECT_SECONDS = 2
DNS_SECONDS = 1
# 0 is no limit: auth bounds the sign-ins that wait for it, and they must not take the connections of a refresh.
CONNECTIONS: Mapping[str, int] = {"content": 256, "quiz": 256, "auth": 0}
FORWARDED_HEADERS = (
    *("Content-Type", "ETag", "Idempotency-Replayed", "Link", "Retry-After", "WWW-Authenticate", "Allow"),
    *("RateLimit", "RateLimit-Policy"),
)

# Of calls that got no response.
NO_STATUS = "none"
UPSTREAM_SECONDS = Histogram("flix_upstream_seconds", "Time of a call of a service", ("upstream", "status"))
UPSTREAM_FAILURES = Counter("flix_upstream_failures", "Calls without a response of a service", ("upstream", "reason"))

# A service that breaks every connection gets a fifth more requests at most, after the first few.
MOST_RETRIES = 10
RETRIES_PER_RESPONSE = 0.2

JSON = "application/json"

READING_METHODS = ("GET", "HEAD", "OPTIONS")

HTTP_OK = 200
HTTP_NO_CONTENT = 204
HTTP_NOT_MODIFIED = 304
HTTP_PERMANENT_REDIRECT = 308
HTTP_BAD_REQUEST = 400
HTTP_FORBIDDEN = 403
HTTP_NOT_FOUND = 404
HTTP_METHOD_NOT_ALLOWED = 405
HTTP_TOO_LARGE = 413


Watch = Callable[["UpstreamResponse"], Awaitable[None]]


async def watch_nothing(_response: "UpstreamResponse") -> None:
    """Let every response pass."""


@dataclass(frozen=True)
class UpstreamRequest:
    """The parts of a client's request that a service needs.

    `accept`, `accept_encoding` and `if_none_match` are for the gateway's views alone.
    `deadline_seconds` replaces the upstream's deadline for this call. `watch` gets content's response before the client
    does, and may raise in its place.
    """

    method: str
    path: str
    query: str = ""
    body: bytes = b""
    content_type: str | None = None
    authorization: str | None = None
    idempotency_key: str | None = None
    if_match: str | None = None
    if_none_match: str | None = None
    accept: str | None = None
    accept_encoding: str | None = None
    client_address: str | None = None
    learner_grant: str | None = None
    deadline_seconds: float | None = None
    watch: Watch = watch_nothing

    @property
    def headers(self) -> dict[str, str]:
        """The headers to send."""
        named = {
            "Authorization": self.authorization,
            "Content-Type": self.content_type,
            "Idempotency-Key": self.idempotency_key,
            "If-Match": self.if_match,
            CLIENT_ADDRESS_HEADER: self.client_address,
            GRANT_HEADER: self.learner_grant,
        }
        return {name: text for name, text in named.items() if text is not None}


@dataclass(frozen=True)
class UpstreamResponse:
    """The response of a service, or of a view of the gateway. `judgement` and `freshness` are for the gateway alone."""

    status: int
    body: bytes = b""
    headers: Mapping[str, str] = field(default_factory=dict)
    judgement: Judgement | None = None
    freshness: Freshness | None = None

    @cached_property
    def document(self) -> Any:
        """The JSON of the body."""
        return orjson.loads(self.body)


def json_response(document: object, status: int = HTTP_OK) -> UpstreamResponse:
    """Make a response of the gateway's own."""
    return UpstreamResponse(status, orjson.dumps(document), {"Content-Type": JSON})


class Outgoing(NamedTuple):
    """A request on its way to a service. `target` is the path with the query, sent as it is."""

    method: str
    target: str
    headers: Mapping[str, str]
    body: bytes
    connect_seconds: float


class Incoming(NamedTuple):
    """The response as it comes; the names of its headers are found in any case."""

    status: int
    headers: Mapping[str, str]
    body: bytes


# Raises aiohttp.ClientError.
Send = Callable[[Outgoing], Awaitable[Incoming]]


class Pool:
    """The connections to the service at this address, `most` at once. The first call opens the first one."""

    def __init__(self, address: str, most: int):
        self._address = address.rstrip("/")
        self._most = most
        self._session: aiohttp.ClientSession | None = None
        self._retries = float(MOST_RETRIES)

    async def send(self, request: Outgoing) -> Incoming:
        """Send the request once; a reading one again if a kept connection breaks, as long as few do."""
        self._session = self._session or _session(self._most)
        response = await self._session.request(
            request.method,
            URL(self._address + request.target, encoded=True),
            headers=request.headers,
            data=request.body or None,
            allow_redirects=False,
            timeout=aiohttp.ClientTimeout(total=None, sock_connect=request.connect_seconds),
            middlewares=(self._attempt,),
        )
        async with response:
            return Incoming(response.status, response.headers, await response.read())

    async def _attempt(
        self, request: aiohttp.ClientRequest, handler: aiohttp.ClientHandlerType
    ) -> aiohttp.ClientResponse:
        # aiohttp repeats GET, PUT and DELETE when a kept connection breaks. The first may have succeeded: the repeated
        # DELETE would get 404, and the repeated PUT with If-Match 412.
        try:
            response = await handler(request)
        except (aiohttp.ClientOSError, aiohttp.ServerDisconnectedError) as error:
            if request.method in READING_METHODS and self._retries >= 1:
                self._retries -= 1
                raise
            raise aiohttp.ClientConnectionError from error
        self._retries = min(MOST_RETRIES, self._retries + RETRIES_PER_RESPONSE)
        return response

    async def close(self) -> None:
        """Close every connection."""
        if self._session is not None:
            await self._session.close()


async def _close_nothing() -> None:
    pass


class Upstream:
    """One service, and a deadline in seconds for each call from start to end."""

    def __init__(
        self,
        name: str,
        send: Send,
        service_secret: str,
        timeout_seconds: float,
        clock: Clock = now,
        close: Callable[[], Awaitable[None]] = _close_nothing,
    ):
        self.name = name
        self._send = send
        self._close = close
        self._secret = service_secret
        self._timeout = timeout_seconds
        self._clock = clock

    async def forward(self, request: UpstreamRequest) -> UpstreamResponse:
        """Forward a client's request unchanged, with the client's token. Raise Unavailable or UpstreamTimeout."""
        headers = {**request.headers, REQUEST_ID_HEADER: current_request_id()}
        target = f"{request.path}?{request.query}" if request.query else request.path
        # Who may wait longer may wait for a connection, too: hundreds of sign-ins may open theirs at once.
        seconds = request.deadline_seconds or self._timeout
        connect_seconds = request.deadline_seconds or min(CONNECT_SECONDS, seconds)
        headers[DEADLINE_HEADER] = deadline_header(seconds)
        outgoing = Outgoing(request.method, target, headers, request.body, connect_seconds)
        began_at = time.perf_counter()
        status: int | str = NO_STATUS
        try:
            async with asyncio.timeout(seconds):
                response = await self._send(outgoing)
            status = response.status
        except (TimeoutError, aiohttp.ClientError) as error:
            raise self._failure(error) from error
        finally:
            UPSTREAM_SECONDS.observe(time.perf_counter() - began_at, (self.name, status))
        if response.body and response.headers.get("Content-Type") != JSON:
            # The sender is not our service, but a load balancer in front of it or another process on its port.
            self._count_failure("unintelligible")
            log.warning("upstream_unintelligible", upstream=self.name, status=response.status)
            raise Unavailable
        forwarded = {name: response.headers[name] for name in FORWARDED_HEADERS if name in response.headers}
        judgement = read_judgement(response.headers.get(JUDGEMENT_HEADER))
        freshness = read_freshness(response.headers.get(FRESHNESS_HEADER))
        return UpstreamResponse(response.status, response.body, forwarded, judgement, freshness)

    async def call(self, method: str, path: str, request: UpstreamRequest | None = None) -> UpstreamResponse:
        """Call an internal route as the gateway, with the query and the body of the client's request if it is given.

        Raise Unavailable or UpstreamTimeout, and ServiceError when the service refuses the gateway's token.
        """
        request = request or UpstreamRequest(method, path)
        own = replace(request, method=method, path=path, authorization=f"Bearer {self.service_token()}")
        response = await self.forward(own)
        if response.status == Unauthorized.status and Unauthorized.code.encode() in response.body:
            log.error("service_token_refused", upstream=self.name)
            raise ServiceError
        return response

    def service_token(self) -> str:
        """Return a token with which the gateway may call the internal routes now."""
        return issue_service_token(self._secret, "gateway", self.name, self._clock())

    async def close(self) -> None:
        """Close the connections."""
        await self._close()

    def _count_failure(self, reason: str) -> None:
        UPSTREAM_FAILURES.add((self.name, reason))

    def _failure(self, error: Exception) -> ServiceError:
        # aiohttp's own TimeoutError is that of a connection.
        if not isinstance(error, aiohttp.ClientError):
            self._count_failure("timeout")
            log.warning("upstream_timeout", upstream=self.name)
            return UpstreamTimeout()
        self._count_failure("unavailable")
        log.warning("upstream_unavailable", upstream=self.name, error=_description(error))
        return Unavailable()


def open_upstream(name: str, address: str, service_secret: str, timeout_seconds: float) -> Upstream:
    """Make a pool for the service at that address, without a connection before the first call."""
    pool = Pool(address, CONNECTIONS[name])
    return Upstream(name, pool.send, service_secret, timeout_seconds, close=pool.close)


def _session(most: int) -> aiohttp.ClientSession:
    # Notice a replica that starts or stops within a second. Of several addresses the next one is tried.
    connector = aiohttp.TCPConnector(limit=most, keepalive_timeout=KEEPALIVE_SECONDS, ttl_dns_cache=DNS_SECONDS)
    return aiohttp.ClientSession(
        connector=connector,
        cookie_jar=aiohttp.DummyCookieJar(),
        auto_decompress=False,
        skip_auto_headers=("Accept", "Accept-Encoding", "Content-Type", "User-Agent"),
    )


def _description(error: aiohttp.ClientError) -> str:
    """Return the error's name and the system's words. aiohttp's own show URLs, and headers with tokens."""
    cause = error.__cause__ if isinstance(error.__cause__, aiohttp.ClientError) else error
    words = cause.strerror if isinstance(cause, OSError) else None
    return f"{type(cause).__name__}({words or ''})"
