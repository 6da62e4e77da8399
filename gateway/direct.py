"""Learners' usual requests, answered without Falcon's machinery, which costs more than a response from memory.

The middleware's work is done in the same order and by the same code. Every other request, and one that is unusual in
any way, is left to Falcon. tests/gateway/test_direct.py compares the two.
"""

import re
import time
from collections.abc import Awaitable, Callable, Mapping
from functools import lru_cache
from typing import Any, NamedTuple

import orjson

from gateway.access_log import BEARER, NOBODY, RequestRecorder
from gateway.edge import Origins, RateLimit, SecurityHeaders
from gateway.guesses import Guesses
from gateway.routes import PUBLIC_EVENT, PUBLIC_LESSON, PUBLIC_ROUTES, View
from gateway.upstream import HTTP_NOT_MODIFIED, JSON, UpstreamRequest, UpstreamResponse
from gateway.upstreams import Upstreams
from services.kit.core.errors import ServiceError
from services.kit.core.logging import REQUEST_ID_HEADER, current_request_id, log, start_request
from services.kit.web.app import CLIENT_CLOSED_REQUEST, error_headers
from services.kit.web.bodies import Receive, receive_with_deadline

Send = Callable[[dict[str, Any]], Awaitable[None]]
Fields = Mapping[str, str]

# A submission of 100 answers has some 10 KB. A longer body is unusual.
MAXIMUM_BODY_BYTES = 64 * 1024
# Encoding the headers of every response takes longer than looking them up.
REMEMBERED_ORIGINS = 256
# Slugs as they are stored. Another spelling of an address is unusual.
_ADDRESS = re.compile(r"/api/public/events/([a-z0-9-]{1,200})(?:/lessons/([a-z0-9-]{1,200}))?(/[a-z/-]{1,30})?")
_UNUSUAL_FIELDS = frozenset(("content-encoding", "expect", "transfer-encoding"))


class _Usual(NamedTuple):
    """A usual request, before its body is read."""

    method: str
    view: View
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
        recorder: RequestRecorder,
    ):
        self._upstreams = upstreams
        self._guesses = guesses
        self._security = security
        self._origins = origins
        self._rate_limit = rate_limit
        self._body_seconds = body_seconds
        self._recorder = recorder
        self._views = {method: _views(method) for method in ("GET", "POST")}
        self._views["HEAD"] = self._views["GET"]
        self._of_every_response = lru_cache(maxsize=REMEMBERED_ORIGINS)(self._headers_of_every_response)

    async def respond(self, scope: Any, receive: Receive, send: Send) -> bool:
        """Respond to the request; return False, with nothing read, when it is not a usual one."""
        usual = self._usual(scope)
        if usual is None:
            return False
        began_at, waited = time.perf_counter(), [0.0]
        start_request(usual.fields.get("x-request-id"), usual.method, usual.template)
        unread = [usual.length > 0]

        async def body() -> bytes:
            received = (
                b"" if not usual.length else await _read(receive_with_deadline(scope, receive, self._body_seconds))
            )
            unread.clear()
            return received

        limits: dict[str, str] = {}
        status, size = CLIENT_CLOSED_REQUEST, 0
        try:
            response = await self._response(usual, body, limits, waited)
            await self._send(send, usual, response, limits, closes=any(unread))
            log.debug("request_answered", status=response.status)
            status, size = response.status, 0 if usual.method == "HEAD" else len(response.body)
        finally:
            self._recorder.answered(
                usual.template,
                usual.method,
                status,
                time.perf_counter() - began_at,
                size,
                waited[0],
                BEARER if "authorization" in usual.fields else NOBODY,
            )
        return True

    def _usual(self, scope: Any) -> _Usual | None:
        method = scope["method"]
        views = self._views.get(method)
        if views is None or scope["query_string"]:
            return None
        address = _ADDRESS.fullmatch(scope["path"])
        if address is None:
            return None
        event_slug, lesson_slug, action = address.groups()
        template = (PUBLIC_EVENT if lesson_slug is None else PUBLIC_LESSON) + (action or "")
        view = views.get(template)
        headers = scope["headers"]
        fields = {name.decode("latin-1"): value.decode("latin-1") for name, value in headers}
        length = fields.get("content-length", "0")
        if (
            view is None
            or len(fields) != len(headers)
            or not fields.keys().isdisjoint(_UNUSUAL_FIELDS)
            or not all(map(str.isascii, fields.values()))
            or not length.isdigit()
            or int(length) > (MAXIMUM_BODY_BYTES if method == "POST" else 0)
        ):
            return None
        slugs = {"event_slug": event_slug}
        if lesson_slug is not None:
            slugs["lesson_slug"] = lesson_slug
        return _Usual(method, view, template, slugs, scope["path"], fields, int(length), scope["client"][0])

    async def _response(
        self, usual: _Usual, body: Callable[[], Awaitable[bytes]], limits: dict[str, str], waited: list[float]
    ) -> UpstreamResponse:
        """Return the response of the view, or that of the error in which the request ends."""
        try:
            return await self._viewed(usual, body, limits, waited)
        except ServiceError as error:
            return _error_response(error)
        except Exception as error:
            log.error("request_failed", exc_info=error)
            return _error_response(ServiceError())

    async def _viewed(
        self, usual: _Usual, body: Callable[[], Awaitable[bytes]], limits: dict[str, str], waited: list[float]
    ) -> UpstreamResponse:
        """Return the response of the view; put the headers of a limit into `limits`, also for an error.

        The number in `waited` becomes the seconds of the view, which waits for services.
        """
        fields = usual.fields
        self._origins.require_allowed(fields.get("origin"), fields.get("host"))
        address, headers = await self._rate_limit.count_learner(fields.get("x-forwarded-for"), usual.peer)
        if headers:
            limits.update(headers)
        request = UpstreamRequest(
            method="GET" if usual.method == "HEAD" else usual.method,
            path=usual.path,
            body=await body(),
            content_type=fields.get("content-type"),
            authorization=fields.get("authorization"),
            idempotency_key=fields.get("idempotency-key"),
            if_match=fields.get("if-match"),
            if_none_match=fields.get("if-none-match"),
            accept_encoding=fields.get("accept-encoding"),
            client_address=address,
            watch=self._guesses.watch(usual.slugs["event_slug"], address),
        )
        asked_at = time.perf_counter()
        try:
            return await usual.view(self._upstreams, request, **usual.slugs)
        finally:
            waited[0] = time.perf_counter() - asked_at

    async def _send(
        self, send: Send, usual: _Usual, response: UpstreamResponse, limits: Fields, *, closes: bool
    ) -> None:
        own = {REQUEST_ID_HEADER: current_request_id(), **limits}
        if response.status != HTTP_NOT_MODIFIED:
            own["Content-Length"] = str(len(response.body))
        if closes:
            own["Connection"] = "close"
        set_by_view = response.headers
        common = self._of_every_response(
            usual.fields.get("origin"), "Cache-Control" in set_by_view, "Vary" in set_by_view
        )
        headers = [*common, *_encoded({**own, **set_by_view})]
        body = b"" if usual.method == "HEAD" else response.body
        await send({"type": "http.response.start", "status": response.status, "headers": headers})
        await send({"type": "http.response.body", "body": body})

    def _headers_of_every_response(
        self, origin: str | None, without_cache_control: bool, without_vary: bool
    ) -> list[tuple[bytes, bytes]]:
        """Return the headers of every response, without those that the view sets itself."""
        headers = {**self._security.headers, **self._origins.headers(origin)}
        if without_cache_control:
            del headers["Cache-Control"]
        if without_vary:
            del headers["Vary"]
        return _encoded(headers)


def _views(method: str) -> dict[str, View]:
    """Return the views of learners' addresses for the method."""
    routes = [route for route in PUBLIC_ROUTES if route.event_slug == "event_slug" and method in route.methods]
    targets = {route.path: route.methods[method][1] for route in routes}
    return {path: view for path, view in targets.items() if callable(view)}


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
