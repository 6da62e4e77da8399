"""How long the caller of the current request waits for its response."""

import math
import time
from contextvars import ContextVar

from services.kit.core.errors import Unavailable

# The milliseconds for which the caller waits, counted from the arrival of its request. The gateway ignores the header
# in its clients' own requests, and only the gateway and services can reach a service.
DEADLINE_HEADER = "Time-Left"
_LONGEST_DIGITS = 9

_deadline: ContextVar[float] = ContextVar("deadline", default=math.inf)


def set_deadline(header: str | None) -> None:
    """Begin a request with this header; without one, or with one that is no number, its caller waits for ever."""
    is_number = header is not None and header.isascii() and header.isdigit() and len(header) <= _LONGEST_DIGITS
    _deadline.set(time.monotonic() + int(header) / 1000 if header is not None and is_number else math.inf)


def seconds_left() -> float:
    """Return the seconds until the deadline, below zero when it has passed, infinity without one."""
    return _deadline.get() - time.monotonic()


def deadline_header(seconds: float) -> str:
    """Return the text of the header for a call that may take this long."""
    return str(max(0, int(seconds * 1000)))


def require_time_left() -> None:
    """Raise Unavailable when the deadline has passed: nobody waits for the response."""
    if seconds_left() < 0:
        raise Unavailable("The caller waits no longer; try again shortly")
