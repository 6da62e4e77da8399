"""gunicorn's connections, where its own behaviour would leave a public door open.

- For the head of a connection's first request it waits for ever. Here each head has `keepalive` seconds.
- What it refuses itself (an address or headers over the limits, what is not HTTP) it answers in plain text that repeats
  parts of the request. Here it is the error envelope of the contract, with the headers that protect every answer.
- A worker that stops closes its listeners over connections that the kernel has made and nobody has accepted yet: they
  are reset. Here they are answered first.
- It hands WebSockets to the app, past every middleware; nothing here takes them. Here they are requests like others: a
  server may ignore Upgrade (RFC 9110 section 7.8).
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
from services.kit.web.headers import PROTECTING_HEADERS

REFUSALS: Mapping[int, str] = {
    HTTPStatus.BAD_REQUEST: "The request is not HTTP/1.1 as RFC 9112 has it",
    HTTPStatus.REQUEST_URI_TOO_LONG: "The address is too long",
    HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE: "The headers are too many or too long",
    HTTPStatus.NOT_IMPLEMENTED: "This transfer coding is not known here",
}


class Connection(ASGIProtocol):
    """One client's connection."""

    def connection_made(self, transport: Any) -> None:
        """Begin to wait for the first head, as gunicorn does only for the next ones."""
        super().connection_made(transport)
        self._arm_keepalive_timer()

    def _is_websocket_upgrade(self, request: Any) -> bool:
        return False

    def _send_error_response(self, status: int, message: str, extra_headers: Iterable[tuple[str, str]] = ()) -> None:
        # The message is gunicorn's and may repeat what was sent.
        request_id = str(uuid_utils.uuid7())
        log.debug("request_not_read", status=status, requestId=request_id)
        self._safe_write(refusal(status, request_id))


class Worker(gasgi.ASGIWorker):
    """gunicorn's asgi worker with these connections, whose class it finds in a global of its module only."""

    def init_process(self) -> None:
        """Called in the worker after the fork."""
        gasgi.ASGIProtocol = Connection
        super().init_process()

    async def _shutdown(self) -> None:
        for accepted in await self._stop_listening():
            # Its client may have gone meanwhile.
            with suppress(OSError):
                await self.loop.connect_accepted_socket(lambda: Connection(self), accepted)
        await super()._shutdown()

    async def _stop_listening(self) -> list[socket.socket]:
        """Close the listeners; the connections that the kernel has made already, which it would reset."""
        listeners = [each.sock.dup() for each in self.sockets]
        for each in (*self.servers, *self.sockets):
            each.close()
        # In its next turn uvloop lets go of them, too: whoever closes the last copy must be who looked last.
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
    """The last answer on a connection, as it stands on the wire."""
    text = REFUSALS.get(status)
    error: ServiceError = ServiceError() if text is None else RequestError(text)
    body = orjson.dumps(error.envelope(request_id))
    headers = {
        "Content-Type": "application/json",
        "Content-Length": str(len(body)),
        REQUEST_ID_HEADER: request_id,
        **PROTECTING_HEADERS,
        "Connection": "close",
    }
    lines = [f"HTTP/1.1 {status} {HTTPStatus(status).phrase}", *(f"{name}: {text}" for name, text in headers.items())]
    return "".join(f"{line}\r\n" for line in [*lines, ""]).encode() + body
