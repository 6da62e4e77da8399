"""A proxy between two processes, or a client and the gateway, that breaks the connection on request.

It reads whole requests and responses, so that each break happens exactly where its name says.
"""

import asyncio
import re
import threading
from collections.abc import Callable, Coroutine
from contextlib import suppress
from enum import Enum
from typing import Any, TypeVar

HOST = "127.0.0.1"
PATIENCE_SECONDS = 30

Result = TypeVar("Result")
Ends = tuple[asyncio.StreamReader, asyncio.StreamWriter]

_LENGTH = re.compile(rb"\r\ncontent-length: *(\d+)\r\n", re.IGNORECASE)
_CHUNKED = re.compile(rb"\r\ntransfer-encoding:", re.IGNORECASE)


class Fate(Enum):
    """What happens to one request and its response."""

    PASS = "both arrive"
    LOSE_REQUEST = "the line breaks before the request arrives"
    LEAVE = "the line breaks when the request has arrived, while it is being worked on"
    LOSE_ANSWER = "the line breaks when the answer has been given, before it arrives"
    HALVE_ANSWER = "the line breaks in the middle of the answer"


def always(fate: Fate) -> Callable[[], Fate]:
    """Return a choice of that fate for every request."""
    return lambda: fate


class Proxies:
    """The event loop of all proxies, in a thread of its own."""

    def __init__(self) -> None:
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="proxies", daemon=True)
        self._thread.start()
        self._links: list[Link] = []

    def link(self, port: int) -> "Link":
        """Return a new link to the port."""
        link = Link(port, self.wait_for)
        self._links.append(link)
        return link

    def wait_for(self, work: Coroutine[Any, Any, Result]) -> Result:
        """Run the coroutine in the loop and return its result."""
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(PATIENCE_SECONDS)

    def close(self) -> None:
        """Cut all connections and end the thread."""
        for link in self._links:
            link.refuse()
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(PATIENCE_SECONDS)
        self._loop.close()


class Link:
    """One link: connections to `address` lead to the port, unless it is cut.

    `choose` says what becomes of each next request.
    """

    def __init__(self, target: int, wait_for: Callable[[Coroutine[Any, Any, Any]], Any]):
        self._target = target
        self._wait_for = wait_for
        self._lines: set[asyncio.Task[None]] = set()
        self._passing = asyncio.Event()
        self._passing.set()
        self.choose = always(Fate.PASS)
        self.broken = 0
        self._server: asyncio.Server | None = wait_for(self._listen(0))
        self._port: int = self._server.sockets[0].getsockname()[1]
        self.address = f"http://{HOST}:{self._port}"

    def refuse(self) -> None:
        """Cut all connections and refuse new ones, like a machine that is gone."""
        self._wait_for(self._refuse())

    def hold(self) -> None:
        """Delay both directions, like a network partition, until the link is healed."""
        self._wait_for(self._hold())

    def heal(self) -> None:
        """Let everything pass again."""
        self._wait_for(self._heal())

    async def _listen(self, port: int) -> asyncio.Server:
        return await asyncio.start_server(self._connected, HOST, port)

    async def _refuse(self) -> None:
        if self._server is not None:
            self._server.close()
            self._server = None
        for line in self._lines:
            line.cancel()
        await asyncio.gather(*self._lines, return_exceptions=True)

    async def _hold(self) -> None:
        self._passing.clear()

    async def _heal(self) -> None:
        self.choose = always(Fate.PASS)
        self._passing.set()
        if self._server is None:
            self._server = await self._listen(self._port)

    async def _connected(self, *near: Any) -> None:
        line = asyncio.current_task()
        assert line is not None
        self._lines.add(line)
        far: Ends | None = None
        try:
            far = await asyncio.open_connection(HOST, self._target)
            await self._serve(near, far)
        except (OSError, EOFError, asyncio.CancelledError):
            pass  # Either end has gone, or the line is cut.
        finally:
            self._lines.discard(line)
            for _, writer in filter(None, (near, far)):
                writer.transport.abort()

    async def _serve(self, near: Ends, far: Ends) -> None:
        while True:
            request = await _next_request(near[0], far[0])
            await self._passing.wait()
            fate = self.choose()
            self.broken += fate is not Fate.PASS
            if fate is Fate.LOSE_REQUEST:
                return
            await _send(far[1], request)
            if fate is Fate.LEAVE:
                return
            response = await _message(far[0])
            await self._passing.wait()
            if fate is Fate.LOSE_ANSWER:
                return
            await _send(near[1], response if fate is Fate.PASS else response[: len(response) // 2])
            if fate is Fate.HALVE_ANSWER:
                # Deliver the first half, then close.
                near[1].close()
                await near[1].wait_closed()
                return


async def _next_request(near: asyncio.StreamReader, far: asyncio.StreamReader) -> bytes:
    """Return the next request. Raise EOFError when either end closes the idle connection."""
    request = asyncio.ensure_future(_message(near))
    # A server sends nothing without a request: this can only be the end of the connection.
    gone = asyncio.ensure_future(far.read(1))
    try:
        await asyncio.wait((request, gone), return_when=asyncio.FIRST_COMPLETED)
        if not request.done():
            raise EOFError
        return request.result()
    finally:
        for each in (request, gone):
            each.cancel()
            with suppress(asyncio.CancelledError, EOFError, OSError):
                await each


async def _send(writer: asyncio.StreamWriter, message: bytes) -> None:
    writer.write(message)
    await writer.drain()


async def _message(reader: asyncio.StreamReader) -> bytes:
    """Return a whole request or response. Raise EOFError at the end of the connection."""
    head = await reader.readuntil(b"\r\n\r\n")
    assert not _CHUNKED.search(head), "chunked bodies do not pass here"
    length = _LENGTH.search(head)
    return head + (await reader.readexactly(int(length[1])) if length else b"")
