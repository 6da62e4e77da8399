"""Learners' usual requests, answered without Falcon's machinery, which costs more than a response from memory.

The middleware's work is done in the same order and by the same code. Every other request, and one that is unusual in
any way, is left to Falcon. tests/gateway/test_direct.py compares the two.
"""

import re
from collections.abc import Awaitable, Callable, Mapping
from functools import lru_cache
from typing import Any, NamedTuple

import orjson

from gateway.edge import Origins, RateLimit, SecurityHeaders
from gateway.guesses import Guesses
from gateway.routes import PUBLIC_EVENT, PUBLIC_LESSON, PUBLIC_ROUTES, View
from gateway.upstream import JSON, UpstreamRequest, UpstreamResponse
from gateway.upstreams import Upstreams
from services.kit.core.errors import ServiceError
from services.kit.core.logging import REQUEST_ID_HEADER, current_request_id, log, start_request
from services.kit.web.app import error_headers
from services.kit.web.bodies import Receive, receive_with_deadline

Send = Callable[[dict[str, Any]], Awaitable[None]]
Fields = Mapping[str, str]

# A submission of 100 answers has some 10 KB. A longer body is unusual.
MAXIMUM_BODY_BYTES = 64 * 1024
# Encoding the headers of every response takes longer than looking them up.
REMEMBERED_ORIGINS = 256
# Slugs as they are stored. Another spelling of an address is unusual.
_ADDRESS = re.compile(r"/api/public/events/([a-z0-9-]{1,200})(?:/lessons/([a-z0-9-]{1,200}))?(/[a-z/-]{1,30})")
_UNUSUAL_FIELDS = frozenset(("content-encoding", "expect", "transfer-encoding"))


class _Usual(NamedTuple):
    """A usual request, before its body is read."""

    template: str
    slugs: Mapping[str, str]
    path: str
    fields: Fields
    length: int
    peer: str


class DirectResponses:
    """Responds to learners' usual requests."""

    def __init__(
        self,
        upstreams: Upstreams,
        guesses: Guesses,
        security: SecurityHeaders,
        origins: Origins,
        rate_limit: RateLimit,
        body_seconds: float,
    ):
        self._upstreams = upstreams
        self._guesses = guesses
        self._security = security
        self._origins = origins
        self._rate_limit = rate_limit
        self._body_seconds = body_seconds
        targets = {route.path: route.methods["POST"][1] for route in PUBLIC_ROUTES if route.event_slug == "event_slug"}
        self._views: dict[str, View] = {path: view for path, view in targets.items() if callable(view)}
        self._of_every_response = lru_cache(maxsize=REMEMBERED_ORIGINS)(self._headers_of_every_response)

    async def respond(self, scope: Any, receive: Receive, send: Send) -> bool:
        """Respond to the request; return False, with nothing read, when it is not a usual one."""
        usual = self._usual(scope)
        if usual is None:
            return False
        start_request(usual.fields.get("x-request-id"), "POST", usual.template)
        unread = [usual.length > 0]

        async def body() -> bytes:
            received = (
                b"" if not usual.length else await _read(receive_with_deadline(scope, receive, self._body_seconds))
            )
            unread.clear()
            return received

        try:
            response = await self._response(usual, body)
        except ServiceError as error:
            response = _error_response(error)
        except Exception as error:
            log.error("request_failed", exc_info=error)
            response = _error_response(ServiceError())
        await self._send(send, usual, response, closes=any(unread))
        log.debug("request_answered", status=response.status)
        return True

    def _usual(self, scope: Any) -> _Usual | None:
        if scope["method"] != "POST" or scope["query_string"]:
            return None
        address = _ADDRESS.fullmatch(scope["path"])
        if address is None:
            return None
        event_slug, lesson_slug, action = address.groups()
        template = (PUBLIC_EVENT if lesson_slug is None else PUBLIC_LESSON) + action
        headers = scope["headers"]
        fields = {name.decode("latin-1"): value.decode("latin-1") for name, value in headers}
        length = fields.get("content-length", "0")
        if (
            template not in self._views
            or len(fields) != len(headers)
            or not fields.keys().isdisjoint(_UNUSUAL_FIELDS)
            or not all(map(str.isascii, fields.values()))
            or not length.isdigit()
            or int(length) > MAXIMUM_BODY_BYTES
        ):
            return None
        slugs = {"event_slug": event_slug}
        if lesson_slug is not None:
            slugs["lesson_slug"] = lesson_slug
        return _Usual(template, slugs, scope["path"], fields, int(length), scope["client"][0])

    async def _response(self, usual: _Usual, body: Callable[[], Awaitable[bytes]]) -> UpstreamResponse:
        fields = usual.fields
        self._origins.require_allowed(fields.get("origin"), fields.get("host"))
        address = await self._rate_limit.count_learner(fields.get("x-forwarded-for"), usual.peer)
        request = UpstreamRequest(
            method="POST",
            path=usual.path,
            body=await body(),
            content_type=fields.get("content-type"),
            authorization=fields.get("authorization"),
            idempotency_key=fields.get("idempotency-key"),
            if_match=fields.get("if-match"),
            client_address=address,
            watch=self._guesses.watch(usual.slugs["event_slug"], address),
        )
        return await self._views[usual.template](self._upstreams, request, **usual.slugs)

    async def _send(self, send: Send, usual: _Usual, response: UpstreamResponse, *, closes: bool) -> None:
        own = {REQUEST_ID_HEADER: current_request_id(), "Content-Length": str(len(response.body))}
        if closes:
            own["Connection"] = "close"
        headers = [*self._of_every_response(usual.fields.get("origin")), *_encoded({**own, **response.headers})]
        await send({"type": "http.response.start", "status": response.status, "headers": headers})
        await send({"type": "http.response.body", "body": response.body})

    def _headers_of_every_response(self, origin: str | None) -> list[tuple[bytes, bytes]]:
        return _encoded({**self._security.headers, **self._origins.headers(origin)})


def _encoded(headers: Mapping[str, str]) -> list[tuple[bytes, bytes]]:
    return [(name.lower().encode(), value.encode()) for name, value in headers.items()]


async def _read(receive: Receive) -> bytes:
    body = bytearray()
    while True:
        event = await receive()
        body += event.get("body", b"")
        if not event.get("more_body"):
            return bytes(body)


def _error_response(error: ServiceError) -> UpstreamResponse:
    document = orjson.dumps(error.envelope(current_request_id()))
    return UpstreamResponse(error.status, document, {"Content-Type": JSON, **error_headers(error)})
