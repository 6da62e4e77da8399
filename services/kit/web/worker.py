"""The gunicorn worker. It changes gunicorn's own asgi worker in four ways:

- gunicorn waits without limit for the headers of a connection's first request. Here they must arrive within
  `keepalive` seconds, as those of later requests.
- gunicorn refuses malformed or too long requests in plain text that repeats parts of the request. Here the response is
  the error envelope of the contract, with the security headers of every response.
- A stopping gunicorn worker closes its listeners, which resets the connections that it has not accepted yet. Here
  they are accepted and served first.
- gunicorn passes WebSockets to the app without any middleware. No address supports them, so they are handled as plain
  requests here: a server may ignore Upgrade (RFC 9110 section 7.8).

All of this relies on private members of gunicorn: see REVIEWED_VERSION.
"""

import asyncio
import socket
from collections.abc import Iterable, Mapping
from contextlib import suppress
from http import HTTPStatus
from typing import Any

import orjson
import uuid_utils
from gunicorn.asgi.protocol import ASGIProtocol
from gunicorn.workers import gasgi

from services.kit.core.errors import RequestError, ServiceError
from services.kit.core.logging import REQUEST_ID_HEADER, log
from services.kit.web.headers import SECURITY_HEADERS

# The version of gunicorn whose private members below were last compared with this module. A test fails when another
# version is installed.
REVIEWED_VERSION = "27.0.1"
PRIVATE_MEMBERS: Mapping[type, tuple[str, ...]] = {
    ASGIProtocol: ("_arm_keepalive_timer", "_is_websocket_upgrade", "_safe_write", "_send_error_response"),
    gasgi.ASGIWorker: ("_serve", "_shutdown"),
}

REFUSALS: Mapping[int, str] = {
    HTTPStatus.BAD_REQUEST: "The request is not HTTP/1.1 as RFC 9112 has it",
    HTTPStatus.REQUEST_URI_TOO_LONG: "The address is too long",
    HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE: "The headers are too many or too long",
    HTTPStatus.NOT_IMPLEMENTED: "This transfer coding is not known here",
}


class Connection(ASGIProtocol):
    """A connection of one client."""

    def connection_made(self, transport: Any) -> None:
        """Start the timer for the headers of the first request; gunicorn starts it for later ones only."""
        super().connection_made(transport)
        self._arm_keepalive_timer()

    def _is_websocket_upgrade(self, request: Any) -> bool:
        return False

    def _send_error_response(self, status: int, message: str, extra_headers: Iterable[tuple[str, str]] = ()) -> None:
        # gunicorn's message is dropped because it may repeat parts of the request.
        request_id = str(uuid_utils.uuid7())
        log.debug("request_not_read", status=status, requestId=request_id)
        self._safe_write(refusal(status, request_id))


class Worker(gasgi.ASGIWorker):
    """gunicorn's asgi worker with `Connection` as its protocol."""

    def init_process(self) -> None:
        """Set the protocol, after the fork; gunicorn takes it from a global of its module."""
        gasgi.ASGIProtocol = Connection
        super().init_process()

    async def _shutdown(self) -> None:
        for accepted in await self._stop_listening():
            # The client may have disconnected.
            with suppress(OSError):
                await self.loop.connect_accepted_socket(lambda: Connection(self), accepted)
        await super()._shutdown()

    async def _stop_listening(self) -> list[socket.socket]:
        """Close the listeners and return the connections that waited to be accepted."""
        listeners = [each.sock.dup() for each in self.sockets]
        for each in (*self.servers, *self.sockets):
            each.close()
        # uvloop closes its copies in its next turn. Ours must be the last copies, closed after the last accept.
        await asyncio.sleep(0)
        accepted: list[socket.socket] = []
        for listener in listeners:
            with listener, suppress(OSError):
                while True:
                    accepted.append(listener.accept()[0])
        for each in accepted:
            each.setblocking(False)
        return accepted


def refusal(status: int, request_id: str) -> bytes:
    """Return a refusal as the bytes of the last response on a connection."""
    text = REFUSALS.get(status)
    error: ServiceError = ServiceError() if text is None else RequestError(text)
    body = orjson.dumps(error.envelope(request_id))
    headers = {
        "Content-Type": "application/json",
        "Content-Length": str(len(body)),
        REQUEST_ID_HEADER: request_id,
        **SECURITY_HEADERS,
        "Connection": "close",
    }
    lines = [f"HTTP/1.1 {status} {HTTPStatus(status).phrase}", *(f"{name}: {text}" for name, text in headers.items())]
    return "".join(f"{line}\r\n" for line in [*lines, ""]).encode() + body
