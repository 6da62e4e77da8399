"""An open loop: every call has an instant at which it should start, and waits for no other call to end.

A call's time counts from that instant, so a server that makes calls wait cannot look fast (coordinated omission).
"""

import asyncio
import gc
import itertools
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import cast
from urllib.parse import urlsplit

import uvloop

# More calls than this in flight wait in the generator, at their own expense.
CONNECTIONS = 500
# A call that has no response after this time has failed.
PATIENCE_SECONDS = 10
# Less than the server's keep-alive: a connection that it is about to close would fail a call.
IDLE_SECONDS = 5
NO_RESPONSE = 0
CHUNK = 50
# Shorter sleeps return at once, and a generator that never rests takes the servers' cores.
REST_SECONDS = 0.001


@dataclass(frozen=True)
class Call:
    """A request, and when it should start in seconds after the start of the loop."""

    at: float
    kind: str
    request: bytes


@dataclass(frozen=True)
class Outcome:
    """What became of a call; times are seconds after the start of the loop. `status` may be NO_RESPONSE."""

    call: Call
    status: int
    sent_at: float
    ended_at: float
    verdict: object = None

    @property
    def seconds(self) -> float:
        """The time from the intended start to the end."""
        return self.ended_at - self.call.at


@dataclass(frozen=True)
class Finished:
    """All outcomes, in the order in which the calls ended, and how late the generator itself was, in seconds."""

    outcomes: list[Outcome]
    lags: list[float]


Judge = Callable[[Call, int, bytes], object]


def run(
    address: str,
    calls: Sequence[Call],
    judge: Judge = lambda _call, _status, _body: None,
    start_at: float | None = None,
    connections: int = CONNECTIONS,
    sources: Sequence[str] = ("127.0.0.1",),
) -> Finished:
    """Send the calls, which are in the order of their starts.

    `start_at` is the time of day at which the loop starts, by default now. `judge` sees each response once. The
    connections come from the addresses `sources` in turn.
    """
    with _uncollected(), asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        return runner.run(_Loop(address, judge, connections, sources).run(calls, start_at))


@contextmanager
def _uncollected() -> Iterator[None]:
    """Collect no garbage: with all the outcomes in memory that would take longer than many calls."""
    gc.disable()
    try:
        yield
    finally:
        gc.enable()


class _Loop:
    """The connections of one loop, and its outcomes."""

    def __init__(self, address: str, judge: Judge, connections: int, sources: Sequence[str]):
        parts = urlsplit(address)
        self._host, self._port = parts.hostname or "", parts.port or 0
        self._free = connections
        self._sources = itertools.cycle(sources)
        self._idle: list[_Connection] = []
        self._waiting: deque[Call] = deque()
        self._in_flight: dict[int, Call] = {}
        self._opening: set[asyncio.Task[None]] = set()
        self._done = asyncio.Event()
        self._outcomes: list[Outcome] = []
        self._expected = 0
        self._judge = judge

    async def run(self, calls: Sequence[Call], start_at: float | None) -> Finished:
        lags: list[float] = []
        self._loop = asyncio.get_running_loop()
        self._expected = len(calls)
        # Not the loop's time, which has milliseconds and stands still during a turn.
        self._start = time.monotonic() + max(0.0, (start_at or 0.0) - time.time())
        for number, call in enumerate(calls):
            if number % CHUNK == 0:
                await asyncio.sleep(0)
            while (delay := call.at - self.now()) > 0:  # noqa: ASYNC110 the time comes by itself
                await asyncio.sleep(max(delay, REST_SECONDS))
            lags.append(self.now() - call.at)
            self._send(call)
        try:
            await asyncio.wait_for(self._done.wait(), PATIENCE_SECONDS)
        except TimeoutError:
            self._give_up()
        return Finished(self._outcomes, lags)

    def _give_up(self) -> None:
        """Record that nothing came; what the end of the loop does to the connections changes no outcome."""
        ended_at = self.now()
        for call in [*self._in_flight.values(), *self._waiting]:
            self._outcomes.append(Outcome(call, NO_RESPONSE, ended_at, ended_at))
        self._in_flight.clear()
        self._waiting.clear()

    def now(self) -> float:
        """Return the seconds since the start."""
        return time.monotonic() - self._start

    def _send(self, call: Call) -> None:
        while self._idle:
            connection = self._idle.pop()
            if self.now() - connection.idle_since < IDLE_SECONDS:
                self._in_flight[id(call)] = call
                connection.send(call)
                return
            connection.discard()
        if self._free:
            self._free -= 1
            self._in_flight[id(call)] = call
            task = self._loop.create_task(self._open(call))
            self._opening.add(task)
            task.add_done_callback(self._opening.discard)
        else:
            self._waiting.append(call)

    async def _open(self, call: Call) -> None:
        try:
            _, connection = await self._loop.create_connection(
                lambda: _Connection(self), self._host, self._port, local_addr=(next(self._sources), 0)
            )
        except OSError:
            self.end(call, NO_RESPONSE, b"", self.now())
            self.release()
        else:
            connection.send(call)

    def end(self, call: Call, status: int, body: bytes, sent_at: float) -> None:
        """Record the outcome of the call."""
        if self._in_flight.pop(id(call), None) is None:
            return
        ended_at = self.now()
        self._outcomes.append(Outcome(call, status, sent_at, ended_at, self._judge(call, status, body)))
        if len(self._outcomes) == self._expected:
            self._done.set()

    def reuse(self, connection: "_Connection") -> None:
        """Give the connection the next call, or keep it for one."""
        connection.idle_since = self.now()
        self._idle.append(connection)
        if self._waiting:
            self._send(self._waiting.popleft())

    def release(self) -> None:
        """Let another connection take the place of one that is closed."""
        self._free += 1
        if self._waiting:
            self._send(self._waiting.popleft())

    def forget(self, connection: "_Connection") -> None:
        """Drop an idle connection that the server has closed."""
        if connection in self._idle:
            self._idle.remove(connection)


class _Connection(asyncio.Protocol):
    """A connection with at most one call in flight."""

    def __init__(self, loop: _Loop):
        self._owner = loop
        self._call: Call | None = None
        self._received = b""
        self._length = -1
        self._body_at = 0
        self._sent_at = self.idle_since = 0.0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        # uvloop's transport is no subclass of asyncio's.
        self._transport = cast(asyncio.Transport, transport)

    def send(self, call: Call) -> None:
        """Send the call's request."""
        self._call, self._received, self._length = call, b"", -1
        self._sent_at = self._owner.now()
        self._transport.write(call.request)

    def discard(self) -> None:
        """Close the connection."""
        self._transport.close()

    def data_received(self, data: bytes) -> None:
        self._received += data
        if self._length < 0:
            end = self._received.find(b"\r\n\r\n")
            if end < 0:
                return
            head = self._received[:end].lower()
            self._body_at = end + 4
            self._length = int(head.partition(b"content-length:")[2].partition(b"\r\n")[0] or 0)
        if len(self._received) >= self._body_at + self._length:
            self._finish()

    def _finish(self) -> None:
        call, received, self._call = self._call, self._received, None
        if call is None:
            return
        head, body = received[: self._body_at].lower(), received[self._body_at :]
        self._owner.end(call, int(head[9:12]), body, self._sent_at)
        if b"connection: close" in head:
            self._transport.close()
        else:
            self._owner.reuse(self)

    def connection_lost(self, error: Exception | None) -> None:
        if self._call is not None:
            call, self._call = self._call, None
            self._owner.end(call, NO_RESPONSE, b"", self._sent_at)
        self._owner.forget(self)
        self._owner.release()
