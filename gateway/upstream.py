"""Calls to the services. httpx ends here: the rest of the gateway knows `Sent` and `Answer` only."""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import aiohttp
import httpx
import orjson
from httpx_aiohttp import AiohttpTransport

from services.kit.core.actor import CLIENT_ADDRESS_HEADER
from services.kit.core.errors import ServiceError, Unauthorized, Unavailable, UpstreamTimeout
from services.kit.core.instants import Clock, now
from services.kit.core.logging import REQUEST_ID_HEADER, current_request_id, log
from services.kit.web.tokens.grants import GRANT_HEADER
from services.kit.web.tokens.service import issue_service_token

# Less than the services' keep-alive of 10 s, so that no request meets a connection that is being closed (TRAPS 10);
# and short, because a service that stops waits until the idle ones are gone, which takes up to twice this time.
KEEPALIVE_SECONDS = 2
CONNECT_SECONDS = 2
DNS_SECONDS = 1
MAXIMUM_CONNECTIONS = 256
# What a service says besides its body that concerns the client.
PASSED_ON_HEADERS = ("Content-Type", "ETag", "Idempotency-Replayed", "Retry-After", "WWW-Authenticate", "Allow")

JSON = "application/json"

READING_METHODS = ("GET", "HEAD", "OPTIONS")

HTTP_OK = 200
HTTP_NO_CONTENT = 204
HTTP_FORBIDDEN = 403
HTTP_NOT_FOUND = 404


@dataclass(frozen=True)
class Sent:
    """What a client sent, as far as a service needs to know it."""

    method: str
    path: str
    query: str = ""
    body: bytes = b""
    content_type: str | None = None
    authorization: str | None = None
    idempotency_key: str | None = None
    if_match: str | None = None
    client_address: str | None = None
    learner_grant: str | None = None

    @property
    def headers(self) -> dict[str, str]:
        """Those of its headers that are passed on."""
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
class Answer:
    """What a service answered, and what the gateway answers."""

    status: int
    body: bytes = b""
    headers: Mapping[str, str] = field(default_factory=dict)

    def document(self) -> Any:
        """The body as JSON."""
        return orjson.loads(self.body)


def answer_with(document: object, status: int = HTTP_OK) -> Answer:
    """An answer of the gateway's own."""
    return Answer(status, orjson.dumps(document), {"Content-Type": JSON})


class Upstream:
    """One service: a connection pool, and a deadline over each whole call."""

    def __init__(
        self,
        name: str,
        client: httpx.AsyncClient,
        service_secret: str,
        timeout_seconds: float,
        clock: Clock = now,
    ):
        self._name = name
        self._client = client
        self._secret = service_secret
        self._timeout = timeout_seconds
        self._clock = clock

    async def forward(self, sent: Sent) -> Answer:
        """Pass a client's request on as it is, with its own token; raises Unavailable, UpstreamTimeout."""
        return await self._request(sent)

    async def call(self, method: str, path: str, sent: Sent | None = None) -> Answer:
        """Call an internal route in the gateway's own name, with the client's query and body if `sent` is given.

        Raises Unavailable, UpstreamTimeout, and ServiceError when the service refuses our token.
        """
        sent = sent or Sent(method, path)
        token = issue_service_token(self._secret, "gateway", self._name, self._clock())
        answer = await self._request(replace(sent, method=method, path=path, authorization=f"Bearer {token}"))
        if answer.status == Unauthorized.status and Unauthorized.code.encode() in answer.body:
            log.error("service_token_refused", upstream=self._name)
            raise ServiceError
        return answer

    async def close(self) -> None:
        """Close the pool."""
        await self._client.aclose()

    async def _request(self, sent: Sent) -> Answer:
        headers = {**sent.headers, REQUEST_ID_HEADER: current_request_id()}
        url = httpx.URL(sent.path).copy_with(query=sent.query.encode()) if sent.query else sent.path
        try:
            # httpx's own timeouts bound each read, not the whole (TRAPS 9).
            async with asyncio.timeout(self._timeout):
                response = await self._client.request(sent.method, url, content=sent.body, headers=headers)
        # httpx-aiohttp leaves aiohttp's error for what is no HTTP as it is.
        except (TimeoutError, httpx.HTTPError, aiohttp.ClientError) as error:
            raise self._failure(error) from error
        if response.content and response.headers.get("Content-Type") != JSON:
            # No service of ours: what stands in its place, as a load balancer or another process on its port.
            log.warning("upstream_unintelligible", upstream=self._name, status=response.status_code)
            raise Unavailable
        passed_on = {name: response.headers[name] for name in PASSED_ON_HEADERS if name in response.headers}
        return Answer(response.status_code, response.content, passed_on)

    def _failure(self, error: Exception) -> ServiceError:
        # httpx-aiohttp calls a refused or broken connection a ConnectTimeout, so that one is not a matter of time.
        timed_out = isinstance(error, TimeoutError | httpx.TimeoutException)
        if timed_out and not isinstance(error, httpx.ConnectTimeout):
            log.warning("upstream_timeout", upstream=self._name)
            return UpstreamTimeout()
        log.warning("upstream_unavailable", upstream=self._name, error=repr(error))
        return Unavailable()


@dataclass(frozen=True)
class Upstreams:
    """The services behind the gateway."""

    content: Upstream
    quiz: Upstream
    auth: Upstream

    async def close(self) -> None:
        """Close every pool."""
        await asyncio.gather(self.content.close(), self.quiz.close(), self.auth.close())


def connect(addresses: Mapping[str, str], service_secret: str, timeout_seconds: float) -> Upstreams:
    """Pools for the services `content`, `quiz` and `auth`; no connection is made before the first call."""

    def upstream(name: str) -> Upstream:
        client = httpx.AsyncClient(
            base_url=addresses[name],
            # httpx's own transport collapses under concurrency: 280 against 1,200 requests a second (TRAPS 17).
            transport=AiohttpTransport(client=_session, trust_env=False),
            timeout=httpx.Timeout(timeout_seconds, connect=min(CONNECT_SECONDS, timeout_seconds)),
            trust_env=False,
        )
        return Upstream(name, client, service_secret, timeout_seconds)

    return Upstreams(upstream("content"), upstream("quiz"), upstream("auth"))


def _session() -> aiohttp.ClientSession:
    # A replica that comes or goes is known within a second; of several addresses the next one is tried.
    connector = aiohttp.TCPConnector(
        limit=MAXIMUM_CONNECTIONS, keepalive_timeout=KEEPALIVE_SECONDS, ttl_dns_cache=DNS_SECONDS
    )
    return aiohttp.ClientSession(connector=connector, middlewares=[_send_writes_once])


async def _send_writes_once(
    request: aiohttp.ClientRequest, handler: aiohttp.ClientHandlerType
) -> aiohttp.ClientResponse:
    # When a kept connection breaks, aiohttp sends PUT and DELETE again by itself. The first may have been carried out:
    # the deleter would read that there was nothing to delete, a write with If-Match that it came too late.
    try:
        return await handler(request)
    except (aiohttp.ClientOSError, aiohttp.ServerDisconnectedError) as error:
        if request.method in READING_METHODS:
            raise
        raise aiohttp.ClientConnectionError(str(error)) from error
