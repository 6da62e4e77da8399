"""The web application every process is made of: a table of guarded routes, JSON in and out, one error envelope."""

import asyncio
import re
from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass
from enum import Enum
from http import HTTPStatus
from typing import Any, TypeVar

import falcon
import falcon.asgi
import orjson
from pydantic import BaseModel

from services.kit.actor import CLIENT_ADDRESS_HEADER, act_as, begin_anonymous
from services.kit.bodies import BODY_SECONDS, MAXIMUM_DEPTH, in_time, is_too_deep
from services.kit.config import ServerSettings
from services.kit.entity_tags import IfMatch, Versioned, entity_tag, if_match
from services.kit.errors import (
    Forbidden,
    MethodNotAllowed,
    NotFound,
    PayloadTooLarge,
    RequestError,
    ServiceError,
    Unauthorized,
    UnsupportedMedia,
)
from services.kit.idempotency import KEY_HEADER, REPLAYED_HEADER, Key, Reply, request_key
from services.kit.instants import now
from services.kit.integrity.soundness import SoundnessWatch
from services.kit.observability import REQUEST_ID_HEADER, current_request_id, log, request_route, start_request
from services.kit.pagination import Page, PageRequest
from services.kit.schemas import validated
from services.kit.tokens import ROLES, AccessTokenVerifier, bearer_token, verify_service_token
from services.kit.use_cases import UseCases

BODY_LIMIT_BYTES = 1024 * 1024

# Control characters, and the dot segments that a client of HTTP resolves (RFC 3986 section 5.2.4): passed on, they
# would name another address.
_NO_ADDRESS = re.compile(r"[\x00-\x1f\x7f]|/\.\.?(/|$)")

WebApp = falcon.asgi.App[Any, Any]

Model = TypeVar("Model", bound=BaseModel)


class Guard(Enum):
    """Who may call a route: an admin of that role or a higher one, a service with a token for this one, or anyone."""

    OPEN = "anyone"
    VIEWER = "viewer"
    EDITOR = "editor"
    OWNER = "owner"
    SERVICE = "service"


# What most of the addresses that admins use ask for.
READ_AND_WRITE: Mapping[str, Guard] = {
    "GET": Guard.VIEWER,
    "POST": Guard.EDITOR,
    "PUT": Guard.EDITOR,
    "DELETE": Guard.EDITOR,
}


@dataclass(frozen=True)
class Route:
    """A row of the routes table: Falcon's path template, its resource, and who may call it, for each method or for all.

    With a `suffix` the resource answers with its responders on_get_<suffix>, on_post_<suffix> and so on.
    """

    path: str
    resource: object
    guard: Guard | Mapping[str, Guard]
    suffix: str | None = None

    def guard_of(self, method: str) -> Guard:
        """Who may call it so; a method that it does not have is refused to whoever may call it at all."""
        if isinstance(self.guard, Guard):
            return self.guard
        return self.guard.get(method, Guard.OPEN if Guard.OPEN in self.guard.values() else Guard.VIEWER)


async def read_body(request: falcon.asgi.Request, limit: int = BODY_LIMIT_BYTES) -> bytes:
    """The whole body; raises PayloadTooLarge as soon as it is longer than the limit, RequestTimeout when it is late."""
    if (request.content_length or 0) > limit:
        raise PayloadTooLarge
    body = bytearray()
    async for chunk in request.stream:
        body += chunk
        if len(body) > limit:
            raise PayloadTooLarge
    return bytes(body)


async def read_json(request: falcon.asgi.Request, schema: type[Model], *, optional: bool = False) -> Model:
    """The body as that schema; an `optional` one may be absent or empty, which is read as `{}`."""
    return validated(schema, await read_document(request, optional=optional))


async def read_document(request: falcon.asgi.Request, *, optional: bool = False, limit: int = BODY_LIMIT_BYTES) -> Any:
    """The body's JSON, of whatever shape; an `optional` one may be absent or empty, which is read as `{}`."""
    body = await read_body(request, limit)
    if optional and not body.strip():
        return {}
    content_type = (request.content_type or "").partition(";")[0].strip().lower()
    if content_type != falcon.MEDIA_JSON:
        raise UnsupportedMedia
    try:
        document = orjson.loads(body)
    except orjson.JSONDecodeError as error:
        raise RequestError(f"The body is not valid JSON: {error.msg}") from None
    if is_too_deep(body, document):
        raise RequestError(f"The body is nested deeper than {MAXIMUM_DEPTH} levels")
    return document


def admins_key(request: falcon.asgi.Request, document: object) -> Key | None:
    """The Idempotency-Key of a request that the Gatekeeper has let through for an admin; raises ValidationFailed."""
    route = f"{request.method} {request.path}"
    return request_key(request.get_header(KEY_HEADER), route, request.context.admin.id, document)


def write_reply(response: falcon.asgi.Response, reply: Reply) -> None:
    """Answer with the reply."""
    response.status = reply.status
    response.content_type = falcon.MEDIA_JSON
    response.data = reply.body
    if reply.entity_tag is not None:
        response.set_header("ETag", reply.entity_tag)
    if reply.replayed:
        response.set_header(REPLAYED_HEADER, "true")


def write_json(response: falcon.asgi.Response, document: object, status: int = 200) -> None:
    """Answer with the document as JSON."""
    response.status = status
    response.content_type = falcon.MEDIA_JSON
    response.data = orjson.dumps(document)


def write_versioned(response: falcon.asgi.Response, record: Versioned, view: object, status: int = 200) -> None:
    """Answer with the record's view under `item`, and with the ETag of its state."""
    write_json(response, {"item": view}, status)
    response.set_header("ETag", entity_tag(record))


def read_if_match(request: falcon.asgi.Request) -> IfMatch:
    """The states in which the caller wants the record to be; raises ValidationFailed."""
    return if_match(request.get_header("If-Match"))


def write_page(response: falcon.asgi.Response, items: list[Any], page: Page[Any], wanted: PageRequest) -> None:
    """Answer with the items, and with `nextCursor` when a page was asked for: old clients see no change."""
    document: dict[str, Any] = {"items": items}
    if wanted.limit is not None:
        document["nextCursor"] = page.next_cursor
    write_json(response, document)


class RequestContext:
    """Middleware: the request's id, and the log line when it is answered."""

    async def process_request(self, request: falcon.asgi.Request, response: falcon.asgi.Response) -> None:
        """Take the caller's X-Request-ID, or make one, and answer with it."""
        request_id = start_request(request.get_header(REQUEST_ID_HEADER), request.method)
        response.set_header(REQUEST_ID_HEADER, request_id)
        begin_anonymous(request.get_header(CLIENT_ADDRESS_HEADER))

    async def process_response(
        self,
        request: falcon.asgi.Request,
        response: falcon.asgi.Response,
        resource: object,
        succeeded: bool,
    ) -> None:
        """Say in the log how it was answered, and close the connection when part of the body is still to come."""
        has_body = bool(request.content_length) or request.get_header("Transfer-Encoding") is not None
        if has_body and not request.stream.eof:
            # gunicorn does not read on to the next request then; the client must not send one here.
            response.set_header("Connection", "close")
        # Its route is on the line; what a client has typed into the address may be anything, a secret too.
        log.debug("request_answered", status=response.status_code)


class Addresses:
    """Middleware: what no client of HTTP sends as an address is none; the last to look, so that it is counted too."""

    async def process_request(self, request: falcon.asgi.Request, response: falcon.asgi.Response) -> None:
        """Raises NotFound."""
        if _NO_ADDRESS.search(request.path):
            raise NotFound


class Gatekeeper:
    """Middleware: lets a request through to its resource when it carries what the route's guard asks for."""

    def __init__(
        self,
        routes: Iterable[Route],
        name: str,
        service_secret: str,
        verifier: AccessTokenVerifier | None = None,
    ):
        self._routes = {route.path: route for route in routes}
        self._name = name
        self._service_secret = service_secret
        self._verifier = verifier

    async def process_resource(
        self,
        request: falcon.asgi.Request,
        response: falcon.asgi.Response,
        resource: object,
        params: dict[str, Any],
    ) -> None:
        """Raises Unauthorized, or Forbidden for a lower role; a route outside the table does not open at all."""
        path = request.uri_template or ""
        request_route(path)
        route = self._routes.get(path)
        guard = route.guard_of(request.method) if route else None
        if guard is Guard.OPEN:
            return
        token = bearer_token(request.get_header("Authorization"))
        if guard is Guard.SERVICE:
            request.context.caller = verify_service_token(token, self._service_secret, self._name, now())
        elif guard is not None and self._verifier is not None:
            admin = request.context.admin = await self._verifier.verify(token)
            if ROLES.index(admin.role) < ROLES.index(guard.value):
                raise Forbidden
            act_as(admin.id, admin.username, admin.role)
        else:
            raise Unauthorized


class Lifespan:
    """Middleware: what to do before the first request and after the last one."""

    def __init__(
        self,
        startup: Callable[[], Awaitable[None]] | None = None,
        shutdown: Callable[[], Awaitable[None]] | None = None,
    ):
        self._startup = startup
        self._shutdown = shutdown

    async def process_startup(self, scope: dict[str, Any], event: dict[str, Any]) -> None:
        """Called once in each worker, after the fork."""
        if self._startup is not None:
            await self._startup()

    async def process_shutdown(self, scope: dict[str, Any], event: dict[str, Any]) -> None:
        """Called once in each worker, when its last request has been answered."""
        if self._shutdown is not None:
            await self._shutdown()


class PunctualApp(WebApp):
    """An app that waits so many seconds for the whole of a body."""

    body_seconds: float = BODY_SECONDS

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:  # type: ignore[override]  # as in Falcon
        """What the server calls for each request (ASGI 3.0)."""
        if scope["type"] == "http":
            # They are read twice here, and ASGI has iterables, which need not stand that.
            scope = {**scope, "headers": [*map(tuple, scope["headers"])]}
            receive = in_time(scope, receive, self.body_seconds)
        await super().__call__(scope, receive, send)


def create_web_app(routes: Iterable[Route], middleware: Iterable[Any], body_seconds: float = BODY_SECONDS) -> WebApp:
    """A Falcon app with these routes, the request context outermost, and the contract's error envelope."""
    app = PunctualApp(middleware=[RequestContext(), *middleware, Addresses()])
    app.body_seconds = body_seconds
    app.req_options.strip_url_path_trailing_slash = False
    app.req_options.auto_parse_qs_csv = False
    for route in routes:
        app.add_route(route.path, route.resource, suffix=route.suffix)
    app.add_error_handler(Exception, _answer_crash)
    app.add_error_handler(falcon.HTTPError, _answer_falcon_error)
    app.add_error_handler(ServiceError, _answer_service_error)
    return app


def create_service_app(
    routes: Iterable[Route],
    settings: ServerSettings,
    use_cases: UseCases,
    verifier: AccessTokenVerifier | None = None,
    watch: SoundnessWatch | None = None,
    prepare: Callable[[], Awaitable[None]] | None = None,
) -> WebApp:
    """The app of a service: its routes behind their guards, its threads closed when the last request is answered.

    `prepare` ends before the first request; the `watch` over its database begins with it and ends with the last.
    """
    table = tuple(routes)

    async def start() -> None:
        if prepare is not None:
            await prepare()
        if watch is not None:
            watch.start()

    async def close() -> None:
        if watch is not None:
            await asyncio.to_thread(watch.stop)
        await asyncio.to_thread(use_cases.close)

    gatekeeper = Gatekeeper(table, settings.name, settings.service_secret, verifier)
    return create_web_app(table, [gatekeeper, Lifespan(start, close)], settings.body_timeout_seconds)


async def _answer_service_error(
    request: falcon.asgi.Request,
    response: falcon.asgi.Response,
    error: ServiceError,
    params: dict[str, Any],
) -> None:
    write_json(response, error.envelope(current_request_id()), error.status)
    if error.retry_after is not None:
        response.set_header("Retry-After", str(error.retry_after))
    if isinstance(error, Unauthorized):
        response.set_header("WWW-Authenticate", "Bearer")


async def _answer_falcon_error(
    request: falcon.asgi.Request,
    response: falcon.asgi.Response,
    error: falcon.HTTPError,
    params: dict[str, Any],
) -> None:
    for name, value in dict(error.headers or {}).items():
        response.set_header(name, value)
    await _answer_service_error(request, response, _service_error(error), params)


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


async def _answer_crash(
    request: falcon.asgi.Request,
    response: falcon.asgi.Response,
    error: Exception,
    params: dict[str, Any],
) -> None:
    log.error("request_failed", path=request.path, exc_info=error)
    await _answer_service_error(request, response, ServiceError(), params)
