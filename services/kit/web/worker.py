"""The gunicorn worker. It changes gunicorn's own asgi worker in four ways; its connections are in connection.py:

- A stopping gunicorn worker closes its listeners, which resets the connections that it has not accepted yet. Here
  they are accepted and served first.
- uvloop lets 100 connections wait to be accepted, and the kernel has each further one try again after a second. Here
  gunicorn's `backlog` of 2,048 may wait.
- uvloop accepts one connection from a listener in a turn of its loop, and a busy worker has 20 turns a second: hundreds
  of new connections would wait for many seconds. Here it accepts from several copies of each listener.
- When no file can be opened, uvloop closes new connections unread or tries without a pause, and logs neither. Here it
  is logged, and idle connections make room.

All of this relies on private members of gunicorn: see REVIEWED_VERSION.
"""

import asyncio
import os
import socket
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from functools import partial
from typing import Any

from gunicorn import glogging
from gunicorn.asgi import protocol
from gunicorn.asgi.parser import PythonProtocol
from gunicorn.asgi.protocol import ASGIProtocol
from gunicorn.workers import gasgi

from services.kit.core.logging import log, safe_message
from services.kit.core.processes import file_limit
from services.kit.core.refusal_log import LOG_SECONDS
from services.kit.web.connection import Connection
from services.kit.web.idle_connections import Connections, most_connections
from services.kit.web.metrics_board import WorkerPlace
from services.kit.web.metrics_port import Scrape
from services.kit.web.parser import Parser

# The version of gunicorn whose private members below were last compared with this module. A test fails when another
# version is installed.
REVIEWED_VERSION = "27.0.1"
PRIVATE_MEMBERS: Mapping[type, tuple[str, ...]] = {
    ASGIProtocol: (
        *("_arm_keepalive_timer", "_close_transport", "_feed_callback_parser", "_handle_connection"),
        *("_is_websocket_upgrade", "_keepalive_timeout", "_on_headers_complete", "_resume_reading", "_safe_write"),
        *("_send_error_response", "_send_response_start", "_serve_http_request"),
    ),
    PythonProtocol: (
        *("_buffer", "_finalize_headers", "_has_invalid_header_chars", "_header_count", "_headers_list"),
        *("_is_valid_token", "_limit_request_field_size", "_limit_request_fields", "_limit_request_line"),
        *("_parse_request_line", "_scan_from"),
    ),
    gasgi.ASGIWorker: ("_serve", "_setup_event_loop", "_shutdown"),
}

# Connections that are accepted in a turn of the loop; one that comes alone costs 1.3 microseconds more for each. Fewer
# where the limit of open files is low: each takes two files.
ACCEPTED_AT_ONCE = 32
FILES_FOR_EACH = 100


class Logger(glogging.Logger):
    """gunicorn's logger without an access log."""

    access_log_enabled = False


class Worker(gasgi.ASGIWorker):
    """gunicorn's asgi worker with `Connection` as its protocol."""

    alive: bool
    connections: Connections
    # Not in gunicorn's `servers`: it waits for each of those when it stops.
    _further_servers: Sequence[asyncio.Server] = ()
    # The place of this worker's numbers, and the listener for scrapes; None where nobody shows them.
    metrics_place: WorkerPlace | None = None
    metrics_listener: socket.socket | None = None

    def init_process(self) -> None:
        """Set the protocol and its parser, after the fork; gunicorn takes them from globals of its modules."""
        gasgi.ASGIProtocol = Connection
        protocol.PythonProtocol = Parser
        self._logged_at: dict[str, float] = {}
        self.connections = Connections(most_connections(file_limit(), self.cfg.worker_connections))
        super().init_process()

    def _setup_event_loop(self) -> None:
        super()._setup_event_loop()
        self._create_server = self.loop.create_server
        create_server = partial(self._create_server, backlog=self.cfg.backlog)
        self.loop.create_server = partial(self._create_servers, create_server)

    async def _create_servers(self, create_server: Any, protocol: Any, *, sock: socket.socket, **options: Any) -> Any:
        copies = [sock.dup() for _ in range(min(ACCEPTED_AT_ONCE, file_limit() // FILES_FOR_EACH) - 1)]
        further = [await create_server(protocol, sock=each, **options) for each in copies]
        self._further_servers = [*self._further_servers, *further]
        return await create_server(protocol, sock=sock, **options)

    async def _serve(self) -> None:
        if self.metrics_place is None or self.metrics_listener is None:
            await super()._serve()
            return
        scrape = partial(Scrape, os.environ["FLIX_PROCESS"], self.metrics_place)
        scrapes = await self._create_server(scrape, sock=self.metrics_listener.dup())
        try:
            await super()._serve()
        finally:
            scrapes.close()
            self.metrics_place.write()

    def notify(self) -> None:
        """Tell the master each second that the worker lives; if no file can be opened, close idle connections."""
        super().notify()
        if self.metrics_place is not None and not self.metrics_place.write():
            self._log_once_a_minute("metrics_too_many")
        try:
            os.close(os.open(os.devnull, os.O_RDONLY))
        except OSError as error:
            self._log_refused_file(error)
            self.connections.make_room()

    def _log_refused_file(self, error: OSError) -> None:
        self._log_once_a_minute("files_exhausted", reason=safe_message(error), limit=file_limit())

    def _log_once_a_minute(self, event: str, **about: object) -> None:
        now = time.monotonic()
        if now >= self._logged_at.get(event, float("-inf")) + LOG_SECONDS:
            self._logged_at[event] = now
            log.error(event, **about)

    async def _shutdown(self) -> None:
        for accepted in await self._stop_listening():
            # The client may have disconnected.
            with suppress(OSError):
                await self.loop.connect_accepted_socket(lambda: Connection(self), accepted)
        await super()._shutdown()

    async def _stop_listening(self) -> list[socket.socket]:
        """Close the listeners and return the connections that waited to be accepted."""
        listeners = [each.sock.dup() for each in self.sockets]
        for each in (*self.servers, *self._further_servers, *self.sockets):
            each.close()
        # uvloop closes its copies in its next turn. Ours must be the last copies, closed after the last accept.
        await asyncio.sleep(0)
        accepted: list[socket.socket] = []
        for listener in listeners:
            with listener:
                accepted += self._accept_all(listener)
        for each in accepted:
            each.setblocking(False)
        return accepted

    def _accept_all(self, listener: socket.socket) -> Iterator[socket.socket]:
        try:
            while True:
                yield listener.accept()[0]
        except (BlockingIOError, ConnectionError):
            return
        except OSError as error:
            self._log_refused_file(error)
