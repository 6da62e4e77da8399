"""Refusals that a connection sends itself, without the app."""

from collections.abc import Callable, Mapping
from functools import lru_cache
from http import HTTPStatus
from typing import NamedTuple, Protocol

import orjson

from services.kit.core.errors import RequestError, ServiceError, Unavailable
from services.kit.core.logging import REQUEST_ID_HEADER
from services.kit.web.headers import Headers

RefusalHeaders = Callable[[str | None], Mapping[str, str]]
"""Returns the headers of every refusal, for the Origin of its request or None."""
Leave = Callable[[], None]

MESSAGES: Mapping[int, str] = {
    HTTPStatus.BAD_REQUEST: "The request is not HTTP/1.1 as RFC 9112 has it",
    HTTPStatus.REQUEST_URI_TOO_LONG: "The address is too long",
    HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE: "The headers are too many or too long",
    HTTPStatus.NOT_IMPLEMENTED: "This transfer coding is not known here",
}
# Making the same refusal for an origin anew takes longer than looking it up.
REMEMBERED_ORIGINS = 256
_REQUEST_ID = "{request-id}"


class _Parts(NamedTuple):
    """A refusal between whose parts the request id stands."""

    head: bytes
    body: bytes
    end: bytes


class Refusals:
    """Refusals by the same error, with this status."""

    def __init__(self, status: int, error: ServiceError, headers: RefusalHeaders):
        self._status = status
        self._error = error
        self._headers = headers
        self._parts = lru_cache(maxsize=REMEMBERED_ORIGINS)(self._parts_for)

    def response(self, request_id: str, origin: str | None, *, closes: bool, has_body: bool = True) -> bytes:
        """Return the bytes of a response; `closes` says that it is the last one on its connection."""
        head, body, end = self._parts(origin)
        own_id = request_id.encode()
        length = len(body) + len(own_id) + len(end)
        framing = b"%sContent-Length: %d\r\n%s: %s\r\n" % (head, length, REQUEST_ID_HEADER.encode(), own_id)
        content = b"%s%s%s" % (body, own_id, end) if has_body else b""
        return b"%s%s\r\n%s" % (framing, b"Connection: close\r\n" if closes else b"", content)

    def _parts_for(self, origin: str | None) -> _Parts:
        error = self._error
        headers = {
            "Content-Type": "application/json",
            **({} if error.retry_after is None else {"Retry-After": str(error.retry_after)}),
            **self._headers(origin),
        }
        lines = [f"HTTP/1.1 {self._status} {HTTPStatus(self._status).phrase}", *map(": ".join, headers.items())]
        body, _, end = orjson.dumps(error.envelope(_REQUEST_ID)).partition(_REQUEST_ID.encode())
        return _Parts("".join(f"{line}\r\n" for line in lines).encode(), body, end)


class Bound(Protocol):
    """What an app may offer the server: which requests it has a place for, and how others are refused."""

    refusals: Refusals

    def enter(self, path: str, headers: Headers, peer: str) -> Leave | None:
        """Give a request a place; return how to free it, or None when the request must be refused.

        `path` is decoded and has no query; `peer` is the address of the connection.
        """

    def refused(
        self, status: int, request_id: str, response: bytes, method: bytes = b"", path: str = "", headers: Headers = ()
    ) -> None:
        """Note a request that the connection itself has refused; without a method where none could be read."""


def refusal(status: int, request_id: str, protecting_headers: Mapping[str, str]) -> bytes:
    """Return a refusal as the bytes of the last response on a connection."""
    return Refusals(status, _error(status), lambda _origin: protecting_headers).response(request_id, None, closes=True)


def _error(status: int) -> ServiceError:
    if status == HTTPStatus.SERVICE_UNAVAILABLE:
        return Unavailable()
    text = MESSAGES.get(status)
    return ServiceError() if text is None else RequestError(text)
