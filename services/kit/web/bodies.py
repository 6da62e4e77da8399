"""What a request's body may cost: the time that it takes to come, and the depth of its JSON."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

from services.kit.core.errors import RequestTimeout

MAXIMUM_DEPTH = 32

Receive = Callable[[], Awaitable[Any]]


def receive_with_deadline(scope: Any, receive: Receive, seconds: float) -> Receive:
    """ASGI's `receive` for that request, which raises RequestTimeout when the body is not there after so many seconds.

    Falcon waits for the first part before it looks at the request. When that is late it gets an empty one, so that the
    refusal, with all its headers, comes from the app.
    """
    if not has_body(scope):
        return receive
    deadline = asyncio.get_running_loop().time() + seconds
    begun = False

    async def receive_in_time() -> Any:
        nonlocal begun
        try:
            async with asyncio.timeout_at(deadline):
                event = await receive()
        except TimeoutError:
            if begun:
                raise RequestTimeout from None
            event = {"type": "http.request", "body": b"", "more_body": True}
        begun = True
        return event

    return receive_in_time


def has_body(scope: Any) -> bool:
    """Whether the head of the request announces a body (RFC 9112 section 6.3)."""
    return any(name in (b"content-length", b"transfer-encoding") for name, _value in scope["headers"])


def is_too_deep(body: bytes, document: Any) -> bool:
    """Whether arrays and objects stand in one another more than MAXIMUM_DEPTH levels deep; the body is its bytes."""
    if body.count(b"[") + body.count(b"{") <= MAXIMUM_DEPTH:
        return False
    level = [document]
    for _ in range(MAXIMUM_DEPTH + 1):
        level = [each for each in level if isinstance(each, dict | list)]
        if not level:
            return False
        level = [child for each in level for child in (each.values() if isinstance(each, dict) else each)]
    return True
