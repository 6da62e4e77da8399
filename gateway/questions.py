"""The versions of a service, read over connections that stay open: a call of aiohttp costs more than all the rest of a
response from memory (docs/decisions/104-servers-and-clients.md).

Only the usual exchange is understood. After anything else the question is asked anew as an ordinary call.
"""

import asyncio
import re
import time
from contextlib import suppress
from typing import cast
from urllib.parse import urlsplit

import orjson

from gateway.memory import read_version
from gateway.upstream import CONNECT_SECONDS, HTTP_OK, KEEPALIVE_SECONDS, UPSTREAM_FAILURES, UPSTREAM_SECONDS, Upstream
from services.kit.core.errors import UpstreamTimeout
from services.kit.core.logging import log
from services.kit.web.freshness import Version, version_of

_LENGTH = re.compile(rb"\r\ncontent-length: *([0-9]{1,4})\r\n")
_UNUSUAL_FIELDS = (b"\r\nconnection:", b"\r\ntransfer-encoding:")
MOST_BYTES = 16 * 1024


class _Unusual(Exception):
    """The response is not the usual one, or the connection broke."""


class _Connection(asyncio.Protocol):
    """A connection with one question at a time. It closes itself when it was idle for KEEPALIVE_SECONDS."""

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._transport: asyncio.Transport
        self._received = b""
        self._body: asyncio.Future[bytes] | None = None
        self._idle_since = self._loop.time()

    @property
    def is_usable(self) -> bool:
        """Whether the service has not closed it, and will not soon."""
        return not self._transport.is_closing() and self._loop.time() < self._idle_since + KEEPALIVE_SECONDS

    async def ask(self, request: bytes) -> bytes:
        """Send the request and return the body of the response. Raise _Unusual."""
        self._received, self._body = b"", self._loop.create_future()
        self._transport.write(request)
        try:
            body = await self._body
        except BaseException:
            self._transport.abort()
            raise
        finally:
            self._body, self._idle_since = None, self._loop.time()
        return body

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begin."""
        self._transport = cast(asyncio.Transport, transport)
        self._loop.call_later(KEEPALIVE_SECONDS, self._close_if_idle)

    def data_received(self, data: bytes) -> None:
        """Read on, until the response is complete."""
        self._received += data
        if self._body is None or self._body.done():
            self._transport.abort()
            return
        try:
            body = _body(self._received)
        except _Unusual as error:
            self._body.set_exception(error)
        else:
            if body is not None:
                self._body.set_result(body)

    def connection_lost(self, _error: Exception | None) -> None:
        """End the question."""
        if self._body is not None and not self._body.done():
            self._body.set_exception(_Unusual())

    def close(self) -> None:
        """Close the connection."""
        self._transport.close()

    def _close_if_idle(self) -> None:
        left = self._idle_since + KEEPALIVE_SECONDS - self._loop.time()
        if self._body is not None:
            left = KEEPALIVE_SECONDS
        if left <= 0:
            self._transport.close()
        elif not self._transport.is_closing():
            self._loop.call_later(left, self._close_if_idle)


def _body(received: bytes) -> bytes | None:
    """Return the body of the response, None while a part is missing. Raise _Unusual."""
    head, end, body = received.partition(b"\r\n\r\n")
    if end:
        head = head.lower() + b"\r\n"
        length = _LENGTH.search(head)
        is_usual = head.startswith(b"http/1.1 200 ") and not any(each in head for each in _UNUSUAL_FIELDS)
        if length is None or not is_usual or len(body) > int(length[1]):
            raise _Unusual
        return body if len(body) == int(length[1]) else None
    if len(received) > MOST_BYTES:
        raise _Unusual
    return None


class Questions:
    """Asks the service at this address, as `upstream` does."""

    def __init__(self, upstream: Upstream, address: str, timeout_seconds: float):
        parts = urlsplit(address)
        self._upstream = upstream
        self._timeout = timeout_seconds
        self._host, self._port = (parts.hostname or "", parts.port or 80)
        self._authority = parts.netloc
        self._is_plain = parts.scheme == "http" and parts.path in ("", "/")
        # Any other status makes it an ordinary call.
        self._labels = (upstream.name, HTTP_OK)
        self._idle: list[_Connection] = []

    async def version(self, path: str) -> Version | None:
        """Return the version at this path as `read_version` does, and raise as it does."""
        if self._is_plain:
            try:
                async with asyncio.timeout(self._timeout):
                    return await self._ask(path)
            except TimeoutError:
                UPSTREAM_FAILURES.add((self._upstream.name, "timeout"))
                log.warning("upstream_timeout", upstream=self._upstream.name)
                raise UpstreamTimeout from None
            except (_Unusual, OSError, orjson.JSONDecodeError):
                pass
        return await read_version(self._upstream, path)

    def close(self) -> None:
        """Close the connections that are idle."""
        for each in self._idle:
            each.close()

    async def _ask(self, path: str) -> Version:
        connection = await self._connection()
        token = self._upstream.service_token()
        request = f"GET {path} HTTP/1.1\r\nHost: {self._authority}\r\nAuthorization: Bearer {token}\r\n\r\n"
        began_at = time.perf_counter()
        body = await connection.ask(request.encode())
        UPSTREAM_SECONDS.observe(time.perf_counter() - began_at, self._labels)
        self._idle.append(connection)
        return version_of(orjson.loads(body))

    async def _connection(self) -> _Connection:
        while self._idle:
            connection = self._idle.pop()
            if connection.is_usable:
                return connection
            connection.close()
        with suppress(TimeoutError):
            async with asyncio.timeout(CONNECT_SECONDS):
                loop = asyncio.get_running_loop()
                _transport, connection = await loop.create_connection(_Connection, self._host, self._port)
                return connection
        raise _Unusual
