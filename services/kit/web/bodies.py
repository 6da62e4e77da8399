"""Limits of a request body: the time in which it must arrive, and the depth of its JSON."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

from services.kit.core.errors import RequestTimeout

MAXIMUM_DEPTH = 32

Receive = Callable[[], Awaitable[Any]]


def receive_with_deadline(scope: Any, receive: Receive, seconds: float) -> Receive:
    """Return ASGI's `receive` for the request; it raises RequestTimeout if the body takes longer than `seconds`.

    Falcon waits for the first part before it handles the request. If that part is late Falcon gets an empty one, so
    that the app itself sends the error, with all headers.
    """
    # RFC 9112 section 6.3: one of these headers announces a body.
    headers = dict(scope["headers"])
    if b"content-length" not in headers and b"transfer-encoding" not in headers:
        return receive
    deadline = asyncio.get_running_loop().time() + seconds
    has_begun = False

    async def receive_in_time() -> Any:
        nonlocal has_begun
        try:
            async with asyncio.timeout_at(deadline):
                event = await receive()
        except TimeoutError:
            if has_begun:
                raise RequestTimeout from None
            event = {"type": "http.request", "body": b"", "more_body": True}
        has_begun = True
        return event

    return receive_in_time


def is_too_deep(body: bytes, document: Any) -> bool:
    """Return whether arrays and objects are nested deeper than MAXIMUM_DEPTH; `body` is the document as bytes."""
    if body.count(b"[") + body.count(b"{") <= MAXIMUM_DEPTH:
        return False
    level = [document]
    for _ in range(MAXIMUM_DEPTH + 1):
        level = [each for each in level if isinstance(each, dict | list)]
        if not level:
            return False
        level = [child for each in level for child in (each.values() if isinstance(each, dict) else each)]
    return True
