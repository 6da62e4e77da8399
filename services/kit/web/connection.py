"""A connection of one client. It changes that of gunicorn's asgi worker in eight ways:

- gunicorn waits without limit for the headers of a connection's first request. Here they must arrive within
  `keepalive` seconds, as those of later requests.
- gunicorn refuses malformed or too long requests in plain text that repeats parts of the request. Here the response is
  the error envelope of the contract, with the security headers of every response and, where the Origin was read, those
  that let a page read it. For the Origin, the rest of a head that is too long is read first.
- gunicorn does not check what heads.py checks.
- gunicorn hands every request to the app, in a task of its own. Here the app may say which ones it has no place for;
  they are refused at a quarter of the cost, before there is a task.
- gunicorn keeps a connection open although the app responds with `Connection: close`. Here it is closed, and in stages
  (RFC 9112 section 9.6): a client that still sends its body would otherwise lose the response.
- gunicorn passes WebSockets to the app without any middleware. No address supports them, so they are handled as plain
  requests here: a server may ignore Upgrade (RFC 9110 section 7.8).
- gunicorn bounds no connections. Here idle_connections.py does.
- gunicorn waits as long as a client likes for it to take its response. Here a client that takes nothing of it for
  SENDING_SECONDS loses its connection.

All of this relies on private members of gunicorn: see REVIEWED_VERSION in worker.py.
"""

from collections.abc import Iterable, Sequence
from functools import cached_property
from http import HTTPStatus
from typing import Any

from gunicorn.asgi.protocol import ASGIProtocol

from services.kit.core.ids import new_id
from services.kit.core.logging import log, request_id_of
from services.kit.web.headers import Headers
from services.kit.web.heads import check_head, has_ended, origin_form, origin_of, path_of
from services.kit.web.refusals import Bound, Leave, refusal

# What is read of a head that is too long, and for how long, before it is refused.
LONG_HEAD_BYTES = 256 * 1024
LONG_HEAD_SECONDS = 1
# A client that still sends has this time to read the response, after which its connection is reset.
LINGER_SECONDS = 1
# A client that takes nothing of its response for this time loses its connection, within twice this time.
SENDING_SECONDS = 30

TOO_LONG = (HTTPStatus.REQUEST_URI_TOO_LONG, HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE)


class Connection(ASGIProtocol):
    """A connection of one client."""

    # The status with which a head will be refused that is still read.
    _late_refusal: int | None = None
    # Whether the response says `Connection: close`.
    _app_closes = False
    # While the client is watched: what it had not taken yet when that began, see _unsent().
    _sending: tuple[int, int] | None = None
    _times_resumed = 0
    _closed: bool
    # How to free the place of the request in progress.
    _leave: Leave | None = None
    # The path of the request whose head was read last, if the app has no place for it.
    _refused_path: str | None = None

    def connection_made(self, transport: Any) -> None:
        """Start the timer for the headers of the first request; gunicorn starts it for later ones only."""
        self._bound: Bound | None = getattr(self.app, "bound", None)
        super().connection_made(transport)
        self._arm_keepalive_timer()
        self.worker.connections.add(self)

    def connection_lost(self, exc: Exception | None) -> None:
        """Give the connection's place to others."""
        self.worker.connections.remove(self)
        super().connection_lost(exc)

    @cached_property
    def address(self) -> str:
        """The address of the other side's socket."""
        peer = self.transport.get_extra_info("peername")
        return str(peer[0] if isinstance(peer, tuple) else peer)

    @property
    def is_sending(self) -> bool:
        """Whether a part of the last response has not been sent yet."""
        return bool(self.transport.get_write_buffer_size())

    def close_idle(self) -> None:
        """Close the connection, which has no request in progress, also while it waits for the rest of a long head."""
        self._late_refusal = None
        self._keepalive_timeout()

    def _is_websocket_upgrade(self, request: Any) -> bool:
        return False

    def _send_error_response(self, status: int, message: str, extra_headers: Iterable[tuple[str, str]] = ()) -> None:
        if self._closed:
            # The app has no response to a client that has left.
            return
        # gunicorn's message is dropped because it may repeat parts of the request.
        if status in TOO_LONG and not self._has_head():
            self._late_refusal = status
            self.worker.loop.call_later(LONG_HEAD_SECONDS, self._refuse_late)
        else:
            self._refuse(status)

    def data_received(self, data: bytes) -> None:
        """Parse the bytes, except on a connection that is being refused or closed."""
        if self._closed:
            return
        if self._late_refusal is None:
            super().data_received(data)
            return
        buffer = self._callback_parser._buffer
        buffer += data
        if self._has_head() or len(buffer) > LONG_HEAD_BYTES:
            self._refuse_late()

    def _refuse_late(self) -> None:
        status, self._late_refusal = self._late_refusal, None
        if status is not None:
            self._refuse(status)
            self._close_transport()

    def _refuse(self, status: int, has_head: bool = False) -> None:
        parser = self._callback_parser
        rest = b"" if has_head or self._current_request is not None else bytes(parser._buffer)
        request_id = new_id()
        log.debug("request_not_read", status=status, requestId=request_id)
        headers = self.app.refusal_headers(origin_of(parser._headers_list, rest))
        response = refusal(status, request_id, headers)
        self._safe_write(response)
        if self._bound is not None:
            read = (parser.method, path_of(parser.path), parser.headers) if has_head else ()
            self._bound.refused(status, request_id, response, *read)

    def _has_head(self) -> bool:
        return self._current_request is not None or has_ended(self._callback_parser._buffer)

    def _on_headers_complete(self) -> Any:
        parser = self._callback_parser
        check_head(parser.method, parser.http_version, parser.headers)
        parser.path = origin_form(parser.method, parser.path)
        if not self.worker.connections.start_request(self):
            self._refuse(HTTPStatus.SERVICE_UNAVAILABLE, has_head=True)
            self._close_after_refusal()
            return False
        if self._bound is not None:
            path = path_of(parser.path)
            self._leave = self._bound.enter(path, parser.headers, self.address)
            if self._leave is None:
                self._refused_path = path
                return False
        return super()._on_headers_complete()

    def _feed_callback_parser(self, data: bytes) -> bool:
        """Parse the bytes; refuse a request that the app has no place for before a task or the app knows of it."""
        goes_on = bool(super()._feed_callback_parser(data))
        path, self._refused_path = self._refused_path, None
        if path is None:
            return goes_on
        return goes_on and self._refuse_early(self.app.bound, self._callback_parser, path)

    def _refuse_early(self, bound: Bound, parser: Any, path: str) -> bool:
        """Respond that there is no place; return whether the connection stays open.

        It does not when a part of the body or of a further request has arrived: the former would be read as a request,
        and of the latter as many could come at once as a client likes.
        """
        headers: Headers = parser.headers
        claimed_id = next((value.decode("latin-1") for name, value in headers if name == b"x-request-id"), None)
        stays = (
            parser.is_complete
            and not parser._buffer
            and parser.should_keep_alive
            and parser.http_version == (1, 1)
            and parser.method != b"CONNECT"
            and self.worker.alive
            and not self._flow_control.write_paused
        )
        request_id = request_id_of(claimed_id)
        response = bound.refusals.response(
            request_id, origin_of(headers), closes=not stays, has_body=parser.method != b"HEAD"
        )
        self._safe_write(response)
        bound.refused(HTTPStatus.SERVICE_UNAVAILABLE, request_id, response, parser.method, path, headers)
        if not stays:
            self._close_after_refusal()
            return False
        parser.reset()
        self.worker.connections.end_request(self)
        self._arm_keepalive_timer()
        return True

    def _send_response_start(
        self, status: int, headers: Sequence[tuple[bytes, bytes]], request: Any, close: bool = False
    ) -> None:
        self._app_closes = (b"connection", b"close") in headers
        super()._send_response_start(status, headers, request, close)

    async def _serve_http_request(self, request: Any, sockname: Any, peername: Any) -> bool:
        try:
            keeps_alive = await super()._serve_http_request(request, sockname, peername)
        finally:
            self._free_place()
        if not keeps_alive or self._app_closes:
            return False
        if not self._closed:
            self.worker.connections.end_request(self)
        return True

    async def _handle_connection(self) -> None:
        try:
            await super()._handle_connection()
        finally:
            # Of a request whose client was gone before it was served.
            self._free_place()

    def _free_place(self) -> None:
        leave, self._leave = self._leave, None
        if leave is not None:
            leave()

    def pause_writing(self) -> None:
        """Make the app wait, because the client does not take its response; watch whether it takes more of it."""
        super().pause_writing()
        self._watch_sending()

    def resume_writing(self) -> None:
        """Let the app go on, because the client has taken most of what was written."""
        super().resume_writing()
        self._times_resumed += 1

    def _watch_sending(self) -> None:
        if self._sending is None and self.is_sending:
            self._sending = self._unsent()
            self.worker.loop.call_later(SENDING_SECONDS, self._end_sending)

    def _end_sending(self) -> None:
        """Reset the connection if its client has taken nothing since the watch began, else begin again."""
        before, self._sending = self._sending, None
        if before == self._unsent():
            self.transport.abort()
        else:
            self._watch_sending()

    def _unsent(self) -> tuple[int, int]:
        return self._times_resumed, self.transport.get_write_buffer_size()

    def _close_transport(self) -> None:
        if self._late_refusal is not None:
            return
        if self._closed or self._body_receiver is None or self._body_receiver._complete:
            self._watch_sending()
            super()._close_transport()
        else:
            self._close_in_stages()

    def _close_after_refusal(self) -> None:
        if self.worker.connections.has_room:
            self._close_in_stages()
        else:
            self._close_transport()

    def _close_in_stages(self) -> None:
        self._closed = True
        self.transport.write_eof()
        self._resume_reading()
        self.worker.loop.call_later(LINGER_SECONDS, self.transport.close)
