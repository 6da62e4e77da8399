"""The bound of a worker's open connections: the one that is idle longest is closed for a new one.

A connection is idle while no request is in progress: after its last response, and until its first head is complete.
A head that arrives slowly counts as idle since the connection was made or had its last response.
"""

import time
from collections import Counter, OrderedDict
from collections.abc import Callable
from typing import Protocol

from services.kit.core.refusal_log import RefusalLog

# Files for everything but clients: the gateway's connections to services (256 each to content and quiz, and one for
# each sign-in that waits in auth, 800 for each of auth's workers), databases, and connections that are being accepted.
RESERVED_FILES = 2_000
# One place in eight is kept for connections without a request: a new one needs it while its head arrives.
PARTS = 8


class Connection(Protocol):
    """What the bound needs of a connection."""

    @property
    def address(self) -> str:
        """The address of the other side's socket."""

    @property
    def is_sending(self) -> bool:
        """Whether a part of the last response has not been sent yet."""

    def close_idle(self) -> None:
        """Close the connection, which has no request in progress."""


def most_connections(files: int, worker_connections: int) -> int:
    """Return the bound for a process that may open this many files."""
    return min(worker_connections, files - min(RESERVED_FILES, files // 2))


class Connections:
    """The open connections of a worker. Each method takes the same time however many there are."""

    def __init__(self, most: int, clock: Callable[[], float] = time.monotonic):
        self.most = most
        self._most_busy = most - most // PARTS
        self._open: set[Connection] = set()
        # The one that is idle longest is the first. Not a dict, which would search for its first key after deletions.
        self._idle: OrderedDict[Connection, None] = OrderedDict()
        self._closed = 0
        self._refusals = RefusalLog("connections_full", "connections", clock, self._crowd)

    @property
    def has_room(self) -> bool:
        """Whether there are fewer than the bound."""
        return len(self._open) < self.most

    def add(self, connection: Connection) -> None:
        """Add a new connection; at the bound close the one that is idle longest."""
        if not self.has_room:
            self._close_longest_idle()
        self._open.add(connection)
        self._idle[connection] = None

    def start_request(self, connection: Connection) -> bool:
        """Take a request as in progress; return whether it may be served, which it may not when too many are."""
        self._idle.pop(connection, None)
        if len(self._open) - len(self._idle) <= self._most_busy:
            return True
        self._refusals.count()
        return False

    def end_request(self, connection: Connection) -> None:
        """Take the connection as idle from now on."""
        self._idle[connection] = None

    def remove(self, connection: Connection) -> None:
        """Remove a connection that is closed."""
        self._open.discard(connection)
        self._idle.pop(connection, None)

    def make_room(self) -> None:
        """Close a part of the idle connections, those that are idle longest."""
        for _ in range(1 + len(self._idle) // PARTS):
            self._close_longest_idle()

    def _close_longest_idle(self) -> None:
        while self._idle:
            connection, _ = self._idle.popitem(last=False)
            # One that is still sending counts as busy until its next response or its end.
            if not connection.is_sending:
                self._closed += 1
                self._refusals.count(0)
                self._open.discard(connection)
                connection.close_idle()
                return

    def _crowd(self) -> dict[str, object]:
        """Return the bound, how many idle ones were closed since the last line, and the address with most."""
        closed, self._closed = self._closed, 0
        [(address, held)] = Counter(each.address for each in self._open).most_common(1) or [("-", 0)]
        return {"most": self.most, "idle": len(self._idle), "closedIdle": closed, "address": address, "held": held}
