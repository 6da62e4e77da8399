"""HTTP in, one view or one service, HTTP out."""

import asyncio
from collections.abc import Awaitable, Callable
from functools import partial
from typing import Any
from urllib.parse import quote

from falcon.asgi import Request, Response

from gateway.guesses import Guesses
from gateway.routes import PublicRoute, To, View
from gateway.upstream import HTTP_OK, Answer, Sent, Upstream, Upstreams
from services.kit.core.errors import ServiceError, Unavailable, UnsupportedMedia
from services.kit.core.instants import format_instant, now
from services.kit.web.documents import read_body, write_json

# What stands in a query as it is (RFC 3986 section 3.4), besides letters and digits.
QUERY_CHARACTERS = "-._~!$&'()*+,;=:@/?%"

Responder = Callable[..., Awaitable[None]]


class Endpoint:
    """A public address: Falcon finds a responder, on_get and so on, for each method of its row in the routes."""

    def __init__(self, route: PublicRoute, upstreams: Upstreams, guesses: Guesses):
        for method, (_guard, target) in route.methods.items():
            view = _forwarding(target) if isinstance(target, To) else target
            if route.event_slug is not None:
                view = _counting_guesses(view, guesses, route.event_slug)
            setattr(self, f"on_{method.lower()}", _responder(view, upstreams))


class Health:
    """/health, as the baseline answers it."""

    async def on_get(self, request: Request, response: Response) -> None:
        """The door is open."""
        write_json(response, {"status": "ok", "service": "@flix/api", "timestamp": format_instant(now())})


class Ready:
    """/health/ready."""

    def __init__(self, upstreams: Upstreams):
        self._upstreams = {"content": upstreams.content, "quiz": upstreams.quiz, "auth": upstreams.auth}

    async def on_get(self, request: Request, response: Response) -> None:
        """200 when every service behind the gateway is ready, else 503 with the names of those that are not."""
        ready = await asyncio.gather(*(_is_ready(upstream) for upstream in self._upstreams.values()))
        missing = [name for name, is_ready in zip(self._upstreams, ready, strict=True) if not is_ready]
        if missing:
            raise Unavailable(f"Not ready: {', '.join(missing)}")
        write_json(response, {"status": "ok"})


def _responder(view: View, upstreams: Upstreams) -> Responder:
    async def respond(request: Request, response: Response, **path_values: str) -> None:
        answer = await view(upstreams, await _sent(request), **path_values)
        _write(response, answer)

    return respond


def _counting_guesses(view: View, guesses: Guesses, event_slug: str) -> View:
    async def judged(upstreams: Upstreams, sent: Sent, **path_values: str) -> Answer:
        return await guesses.judged(path_values[event_slug], sent, partial(view, upstreams, sent, **path_values))

    return judged


def _forwarding(target: To) -> View:
    async def forward(upstreams: Upstreams, sent: Sent, **_path_values: str) -> Answer:
        upstream: Upstream = getattr(upstreams, target.value)
        return await upstream.forward(sent)

    return forward


async def _sent(request: Request) -> Sent:
    content_type = request.content_type
    if content_type is not None and not content_type.isascii():
        raise UnsupportedMedia
    return Sent(
        method=request.method,
        path=quote(request.path, safe="/"),
        query=quote(request.query_string, safe=QUERY_CHARACTERS),
        body=await read_body(request),
        content_type=content_type,
        authorization=request.get_header("Authorization"),
        idempotency_key=_ascii(request.get_header("Idempotency-Key")),
        if_match=_ascii(request.get_header("If-Match")),
        client_address=request.context.client_address,
    )


def _ascii(header: str | None) -> str | None:
    # What HTTP cannot carry further becomes empty, which whoever reads the header refuses just the same.
    return header if header is None or header.isascii() else ""


def _write(response: Response, answer: Answer) -> None:
    response.status = answer.status
    response.data = answer.body or None
    for name, value in answer.headers.items():
        response.set_header(name, value)


async def _is_ready(upstream: Upstream) -> bool:
    try:
        answer: Any = await upstream.call("GET", "/health/ready")
    except ServiceError:
        return False
    return bool(answer.status == HTTP_OK)
