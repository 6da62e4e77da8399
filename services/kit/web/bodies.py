"""Limits of a request body: its coding, the time in which it must arrive, and the depth of its JSON."""

import asyncio
import re
from collections.abc import Awaitable, Callable
from typing import Any

import falcon
import falcon.asgi

from services.kit.core.errors import RequestError, RequestTimeout, UnsupportedCoding, UnsupportedMedia

MAXIMUM_DEPTH = 32
# RFC 8259 section 8.1: JSON is UTF-8, with or without a charset; ASCII is a part of it.
UTF_8 = ("", "utf-8", "utf8", "us-ascii")
_NAME = re.compile(r"[a-z0-9._:+-]{1,40}")

Receive = Callable[[], Awaitable[Any]]


class TooDeep(RequestError):
    """Arrays and objects of the body are nested deeper than MAXIMUM_DEPTH."""

    message = f"The body is nested deeper than {MAXIMUM_DEPTH} levels"


def receive_with_deadline(scope: Any, receive: Receive, seconds: float) -> Receive:
    """Return ASGI's `receive` for the request; it raises RequestTimeout if the body takes longer than `seconds`.

    It raises RequestError for a client that disconnects, so that no part is taken for the whole.

    Falcon waits for the first part before it handles a request, and gunicorn sends 100 (Continue) when it is asked for
    a part. Here Falcon gets an empty part at once, so that a request can be refused before its body.
    """
    # RFC 9112 section 6.3: one of these headers announces a body.
    headers = dict(scope["headers"])
    if b"content-length" not in headers and b"transfer-encoding" not in headers:
        return receive
    deadline = asyncio.get_running_loop().time() + seconds
    has_begun = False

    async def receive_in_time() -> Any:
        nonlocal has_begun
        if not has_begun:
            has_begun = True
            return {"type": "http.request", "body": b"", "more_body": True}
        try:
            async with asyncio.timeout_at(deadline):
                event = await receive()
        except TimeoutError:
            raise RequestTimeout from None
        if event["type"] == "http.disconnect":
            raise RequestError("The body is not complete")
        return event

    return receive_in_time


def announces_body(request: falcon.asgi.Request) -> bool:
    """Return whether the headers announce a body that is not empty (RFC 9112 section 6.3)."""
    return bool(request.content_length) or request.get_header("Transfer-Encoding") is not None


def require_plain_body(request: falcon.asgi.Request) -> None:
    """Raise UnsupportedCoding for a body with a content coding such as gzip."""
    codings = (request.get_header("Content-Encoding") or "").lower().split(",")
    for coding in map(str.strip, codings):
        if coding not in ("", "identity") and announces_body(request):
            raise UnsupportedCoding(f"The body must have no content coding, but has {_quoted(coding)}")


def require_json(content_type: str | None) -> None:
    """Raise UnsupportedMedia unless the Content-Type is JSON in UTF-8."""
    media_type, parameters = falcon.parse_header(content_type or "")
    if media_type.strip().lower() != falcon.MEDIA_JSON:
        raise UnsupportedMedia
    charset = parameters.get("charset", "").lower()
    if charset not in UTF_8:
        raise UnsupportedMedia(f"The body must be in UTF-8, but its charset is {_quoted(charset)}")


def _quoted(name: str) -> str:
    # The response repeats nothing but names.
    return name if _NAME.fullmatch(name) else "unknown"


def is_too_deep(body: bytes, document: Any) -> bool:
    """Return whether arrays and objects are nested deeper than MAXIMUM_DEPTH; `body` is the document as bytes."""
    return body.count(b"[") + body.count(b"{") > MAXIMUM_DEPTH and is_nested_too_deeply(document)


def is_nested_too_deeply(document: Any, around: int = 0) -> bool:
    """Return whether arrays and objects are nested deeper than MAXIMUM_DEPTH, within `around` others."""
    level = [document]
    for _ in range(MAXIMUM_DEPTH + around + 1):
        level = [each for each in level if isinstance(each, dict | list)]
        if not level:
            return False
        level = [child for each in level for child in (each.values() if isinstance(each, dict) else each)]
    return True
