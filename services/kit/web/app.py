"""The web application of every process: guarded routes, and one envelope for all errors."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Iterable
from http import HTTPStatus
from typing import Any

import falcon
import falcon.asgi

from services.kit.core.actor import CLIENT_ADDRESS_HEADER, set_anonymous_actor
from services.kit.core.config import BODY_SECONDS
from services.kit.core.deadlines import DEADLINE_HEADER, set_deadline
from services.kit.core.errors import (
    MethodNotAllowed,
    NotFound,
    PayloadTooLarge,
    RequestError,
    ServiceError,
    TooManyRequests,
    Unauthorized,
    UnsupportedCoding,
    UnsupportedMedia,
)
from services.kit.core.logging import REQUEST_ID_HEADER, current_request_id, log, start_request
from services.kit.core.metrics import count_request
from services.kit.web.bodies import Receive, announces_body, receive_with_deadline
from services.kit.web.documents import write_json
from services.kit.web.guards import Route
from services.kit.web.headers import SECURITY_HEADERS, rate_limit_headers
from services.kit.web.refusals import Bound, RefusalHeaders

WebApp = falcon.asgi.App[Any, Any]
Direct = Callable[[Any, Receive, Any], Awaitable[bool]]
"""Responds to an ASGI request without Falcon; returns False, with nothing read, for one that Falcon must handle."""
Account = Callable[[falcon.asgi.Request, falcon.asgi.Response, float], None]


# Where a request's scope has it until it is answered.
_UNANSWERED = "flix.unanswered"
# The status of a request whose client left before the response, as in nginx's logs: nobody receives it.
CLIENT_CLOSED_REQUEST = 499


def count_answered(request: falcon.asgi.Request, response: falcon.asgi.Response, seconds: float) -> None:
    """Count a request by the template of its address."""
    count_request(request.uri_template, request.method, response.status_code, seconds)


class RequestContext:
    """Middleware: the id, the deadline, the anonymous actor and the log line of each request.

    `account` gets each request, its response and its seconds at the end; a cancelled request ends with status 499.
    """

    def __init__(self, account: Account = count_answered):
        self._account = account

    async def process_request(self, request: falcon.asgi.Request, response: falcon.asgi.Response) -> None:
        """Use the caller's X-Request-ID or a new one, and return it in the response."""
        request.context.started = time.perf_counter()
        request.scope[_UNANSWERED] = request
        request_id = start_request(request.get_header(REQUEST_ID_HEADER), request.method)
        response.set_header(REQUEST_ID_HEADER, request_id)
        set_anonymous_actor(request.get_header(CLIENT_ADDRESS_HEADER))
        set_deadline(request.get_header(DEADLINE_HEADER))

    async def process_response(
        self,
        request: falcon.asgi.Request,
        response: falcon.asgi.Response,
        resource: object,
        succeeded: bool,
    ) -> None:
        """Log the status, and close the connection if part of the body was not read."""
        if announces_body(request) and not request.stream.eof:
            # gunicorn would read the rest of the body as the next request.
            response.set_header("Connection", "close")
        # The log context has the route. The address itself may contain a secret that a client typed.
        log.debug("request_answered", status=response.status_code)
        self._account(request, response, time.perf_counter() - request.context.started)
        del request.scope[_UNANSWERED]

    def client_left(self, scope: dict[str, Any]) -> None:
        """Account for a request that was cancelled before it was answered."""
        request: falcon.asgi.Request | None = scope.pop(_UNANSWERED, None)
        if request is not None:
            response = falcon.asgi.Response()
            response.status = CLIENT_CLOSED_REQUEST
            self._account(request, response, time.perf_counter() - request.context.started)


class ServerOptions:
    """Middleware: answers `OPTIONS *`, which asks about the server as a whole (RFC 9110 section 9.3.7)."""

    def __init__(self, routes: Iterable[Route]):
        methods = {
            method
            for route in routes
            for method in falcon.HTTP_METHODS
            if hasattr(route.resource, _responder_name(method, route))
        }
        self._allow = ", ".join(sorted({*methods, "OPTIONS"}))

    async def process_request(self, request: falcon.asgi.Request, response: falcon.asgi.Response) -> None:
        """Respond with the methods of all addresses."""
        if request.path == "*":
            response.set_header("Allow", self._allow)
            response.complete = True


class Lifespan:
    """Middleware: runs `startup` before the first request and `shutdown` after the last one."""

    def __init__(
        self,
        startup: Callable[[], Awaitable[None]] | None = None,
        shutdown: Callable[[], Awaitable[None]] | None = None,
    ):
        self._startup = startup
        self._shutdown = shutdown

    async def process_startup(self, scope: dict[str, Any], event: dict[str, Any]) -> None:
        """Run once in each worker, after the fork."""
        if self._startup is not None:
            await self._startup()

    async def process_shutdown(self, scope: dict[str, Any], event: dict[str, Any]) -> None:
        """Run once in each worker, after the response to its last request."""
        if self._shutdown is not None:
            await self._shutdown()


class BodyTimeoutApp(WebApp):
    """An app that limits the time in which a body must arrive, and lets `direct` respond first.

    Connections (services/kit/web/connection.py) take from here the headers of the refusals that they send without the
    app, and which requests they refuse because too many are in flight.
    """

    body_seconds: float = BODY_SECONDS
    refusal_headers: RefusalHeaders
    direct: Direct | None = None
    bound: Bound | None = None
    context: RequestContext

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:  # type: ignore[override]  # as in Falcon
        """Handle a request of the server (ASGI 3.0)."""
        if scope["type"] != "http":
            await super().__call__(scope, receive, send)
            return
        if self.direct is not None and await self.direct(scope, receive, send):
            return
        # ASGI allows an iterable that can be read once only, and the headers are read twice.
        scope = {**scope, "headers": [*map(tuple, scope["headers"])]}
        try:
            await super().__call__(scope, receive_with_deadline(scope, receive, self.body_seconds), send)
        except asyncio.CancelledError:
            self.context.client_left(scope)
            raise


def create_web_app(
    routes: Iterable[Route],
    middleware: Iterable[Any],
    body_seconds: float = BODY_SECONDS,
    refusal_headers: RefusalHeaders = lambda _origin: SECURITY_HEADERS,
    direct: Direct | None = None,
    bound: Bound | None = None,
    account: Account = count_answered,
) -> WebApp:
    """Build a Falcon app with these routes, the request context outermost, and the contract's error envelope.

    An address that answers GET answers HEAD as well (docs/contract/BEHAVIOUR.md, "Envelope").
    """
    routes = tuple(routes)
    for route in routes:
        if (responder := getattr(route.resource, _responder_name("GET", route), None)) is not None:
            # Falcon omits the body.
            setattr(route.resource, _responder_name("HEAD", route), responder)
    context = RequestContext(account)
    app = BodyTimeoutApp(middleware=[context, *middleware, ServerOptions(routes)])
    app.context = context
    app.body_seconds = body_seconds
    app.refusal_headers = refusal_headers
    app.direct = direct
    app.bound = bound
    app.req_options.strip_url_path_trailing_slash = False
    app.req_options.auto_parse_qs_csv = False
    for route in routes:
        app.add_route(route.path, route.resource, suffix=route.suffix)
    app.add_error_handler(Exception, _respond_to_crash)
    app.add_error_handler(falcon.HTTPError, _respond_to_falcon_error)
    app.add_error_handler(ServiceError, _respond_to_service_error)
    return app


def _responder_name(method: str, route: Route) -> str:
    return f"on_{method.lower()}" + (f"_{route.suffix}" if route.suffix else "")


async def _respond_to_service_error(
    request: falcon.asgi.Request,
    response: falcon.asgi.Response,
    error: ServiceError,
    params: dict[str, Any],
) -> None:
    write_json(response, error.envelope(current_request_id()), error.status)
    response.set_headers(error_headers(error))


def error_headers(error: ServiceError) -> dict[str, str]:
    """Return the headers of the response to this error, besides those of every response."""
    headers: dict[str, str] = {}
    if error.retry_after is not None:
        headers["Retry-After"] = str(error.retry_after)
    if isinstance(error, TooManyRequests) and error.limit is not None:
        headers |= rate_limit_headers(error.limit, 0, error.retry_after)
    if isinstance(error, Unauthorized):
        headers["WWW-Authenticate"] = "Bearer"
    if isinstance(error, UnsupportedCoding):
        headers["Accept-Encoding"] = "identity"
    return headers


async def _respond_to_falcon_error(
    request: falcon.asgi.Request,
    response: falcon.asgi.Response,
    error: falcon.HTTPError,
    params: dict[str, Any],
) -> None:
    for name, value in dict(error.headers or {}).items():
        response.set_header(name, value)
    await _respond_to_service_error(request, response, _service_error(error), params)


def _service_error(error: falcon.HTTPError) -> ServiceError:
    match error.status_code:
        case HTTPStatus.NOT_FOUND:
            return NotFound()
        case HTTPStatus.METHOD_NOT_ALLOWED:
            return MethodNotAllowed()
        case HTTPStatus.REQUEST_ENTITY_TOO_LARGE:
            return PayloadTooLarge()
        case HTTPStatus.UNSUPPORTED_MEDIA_TYPE:
            return UnsupportedMedia()
        case _:
            return RequestError(error.title or "The request cannot be read")


async def _respond_to_crash(
    request: falcon.asgi.Request,
    response: falcon.asgi.Response,
    error: Exception,
    params: dict[str, Any],
) -> None:
    log.error("request_failed", exc_info=error)
    await _respond_to_service_error(request, response, ServiceError(), params)
