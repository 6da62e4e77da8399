"""The resource of each public address: it calls a view or forwards the request to a service."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from dataclasses import replace
from urllib.parse import quote

from falcon.asgi import Request, Response

from gateway.guesses import Guesses
from gateway.representations import CODINGS, chosen_coding
from gateway.routes import PublicRoute, View
from gateway.sources import Service, Source
from gateway.upstream import HTTP_OK, Upstream, UpstreamRequest, UpstreamResponse
from gateway.upstreams import Upstreams
from services.kit.core.errors import UnsupportedMedia
from services.kit.web.documents import read_body

# The characters besides letters and digits that a query need not quote (RFC 3986 section 3.4).
QUERY_CHARACTERS = "-._~!$&'()*+,;=:@/?%"

Responder = Callable[..., Awaitable[None]]


class Endpoint:
    """A public address; each method of its row in the routes table becomes a responder of Falcon, such as on_get."""

    def __init__(self, route: PublicRoute, upstreams: Upstreams, guesses: Guesses):
        for method, (_guard, target) in route.methods.items():
            setattr(self, f"on_{method.lower()}", _responder(_view(target), upstreams, guesses, route))


def _responder(view: View, upstreams: Upstreams, guesses: Guesses, route: PublicRoute) -> Responder:
    async def respond(request: Request, response: Response, **path_values: str) -> None:
        upstream_request = await _upstream_request(request, route.deadline_seconds)
        if route.event_slug is not None:
            watch = guesses.watch(path_values[route.event_slug], upstream_request.client_address)
            upstream_request = replace(upstream_request, watch=watch)
        asked_at = time.perf_counter()
        try:
            upstream_response = await view(upstreams, upstream_request, **path_values)
        finally:
            request.context.waited = time.perf_counter() - asked_at
        if route.is_compressed and upstream_request.method == "GET":
            upstream_response = await _compressed(upstream_response, upstream_request.accept_encoding)
        response.status = upstream_response.status
        response.data = upstream_response.body or None
        for name, value in upstream_response.headers.items():
            response.set_header(name, value)

    return respond


async def _compressed(response: UpstreamResponse, accept_encoding: str | None) -> UpstreamResponse:
    """Return a success in the coding that the client likes best; a strong ETag would name one coding only."""
    if response.status != HTTP_OK or "ETag" in response.headers:
        return response
    headers, body = {**response.headers, "Vary": "Origin, Accept-Encoding"}, response.body
    coding = chosen_coding(accept_encoding, len(body))
    if coding is not None:
        headers["Content-Encoding"] = coding
        # It is made for this request alone, so always beside the event loop.
        body = await asyncio.to_thread(CODINGS[coding], body)
    return replace(response, headers=headers, body=body)


def _view(target: Service | Source | View) -> View:
    match target:
        case Service():
            return _forwarding(target)
        case Source(admission=None):
            return _calling(target)
        case Source():
            raise ValueError(f"{target.path} needs a view, which asks for the admission first")
    return target


def _forwarding(service: Service) -> View:
    async def forward(upstreams: Upstreams, request: UpstreamRequest, **_path_values: str) -> UpstreamResponse:
        return await _upstream(upstreams, service).forward(request)

    return forward


def _calling(source: Source) -> View:
    async def call(upstreams: Upstreams, request: UpstreamRequest, **path_values: str) -> UpstreamResponse:
        path = source.path.format(**{name: quote(text, safe="") for name, text in path_values.items()})
        return await _upstream(upstreams, source.service).call(source.method, path, request)

    return call


def _upstream(upstreams: Upstreams, service: Service) -> Upstream:
    upstream: Upstream = getattr(upstreams, service.value)
    return upstream


async def _upstream_request(request: Request, deadline_seconds: float | None) -> UpstreamRequest:
    content_type = request.content_type
    if content_type is not None and not content_type.isascii():
        raise UnsupportedMedia
    return UpstreamRequest(
        # A service need not know which responses lose their body here.
        method="GET" if request.method == "HEAD" else request.method,
        path=quote(request.path, safe="/"),
        query=quote(request.query_string, safe=QUERY_CHARACTERS),
        body=await read_body(request),
        content_type=content_type,
        authorization=request.get_header("Authorization"),
        idempotency_key=_ascii(request.get_header("Idempotency-Key")),
        if_match=_ascii(request.get_header("If-Match")),
        accept=request.get_header("Accept"),
        accept_encoding=request.get_header("Accept-Encoding"),
        if_none_match=request.get_header("If-None-Match"),
        client_address=request.context.client_address,
        deadline_seconds=deadline_seconds,
    )


def _ascii(header: str | None) -> str | None:
    # It would be sent in UTF-8. The service refuses an empty header in the same way.
    return header if header is None or header.isascii() else ""
