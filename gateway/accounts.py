"""What is counted and logged of each request: its numbers, and the access line (docs/decisions/114-metrics.md).

A learner's request from memory takes some 100 microseconds, so lines are gathered and written together.
"""

import asyncio
import random
import sys
import time
from collections.abc import Awaitable, Callable
from contextvars import ContextVar
from datetime import UTC, datetime
from typing import TypeVar

import falcon.asgi
import orjson
from falcon.routing import CompiledRouter

from services.kit.core.actor import current_actor
from services.kit.core.logging import current_request_id
from services.kit.core.metrics import KNOWN_METHODS, UNKNOWN_ROUTE, Counter, Histogram, count_request

# Lines are written when the first of them has waited for so long. What a worker has gathered when it is killed is lost.
GATHER_SECONDS = 0.1
MOST_GATHERED = 500
ALL_PERCENT = 100
FIRST_REFUSAL = 400
NOBODY = "-"
# Of those who send a token, as a learner's grant, that names no person.
BEARER = "bearer"

RESPONSE_BYTES = Counter("flix_response_bytes", "Bytes of responses' bodies", ("route",))
UPSTREAM_SECONDS = Histogram("flix_upstream_seconds", "Time of a call of a service", ("upstream",))
UPSTREAM_FAILURES = Counter("flix_upstream_failures", "Calls without a response of a service", ("upstream", "reason"))

Result = TypeVar("Result")

_waited: ContextVar[list[float] | None] = ContextVar("waited", default=None)


def begin_waiting() -> list[float]:
    """Begin a request; return the list whose one number becomes the seconds that it waited for services."""
    waited = [0.0]
    _waited.set(waited)
    return waited


def share_waiting() -> None:
    """In a task that works for several requests: what it waits is counted where they wait for the task."""
    _waited.set(None)


async def counted_as_waiting(call: Awaitable[Result]) -> Result:
    """Wait for a service, or for a task that waits for one."""
    began_at = time.perf_counter()
    try:
        return await call
    finally:
        waited = _waited.get()
        if waited is not None:
            waited[0] += time.perf_counter() - began_at


class AccessLog:
    """Writes a line for each request, of successes for some `percent`; without `write` none."""

    def __init__(self, percent: int, write: Callable[[bytes], object] | None, is_chosen: Callable[[int], bool]):
        self._percent = percent
        self._write = write
        self._is_chosen = is_chosen
        self._lines: list[bytes] = []

    def add(self, route: str, method: str, status: int, seconds: float, size: int, waited: float, who: str) -> None:
        """Add the line of a request that was answered."""
        if self._write is None:
            return
        if status < FIRST_REFUSAL and self._percent < ALL_PERCENT and not self._is_chosen(self._percent):
            return
        line = {
            "event": "request",
            "route": route,
            "method": method,
            "status": status,
            "milliseconds": round(seconds * 1000, 2),
            "bytes": size,
            "upstreamMilliseconds": round(waited * 1000, 2),
            "principal": who,
            "requestId": current_request_id(),
            "level": "info",
            "timestamp": datetime.now(UTC),
            "service": "gateway",
        }
        self._lines.append(orjson.dumps(line, option=_OPTIONS))
        if len(self._lines) >= MOST_GATHERED:
            self.flush()
        elif len(self._lines) == 1:
            asyncio.get_running_loop().call_later(GATHER_SECONDS, self.flush)

    def flush(self) -> None:
        """Write what was gathered."""
        if self._lines and self._write is not None:
            lines, self._lines = self._lines, []
            self._write(b"".join(lines))


_OPTIONS = orjson.OPT_APPEND_NEWLINE | orjson.OPT_UTC_Z


def access_log(log_level: str, percent: int) -> AccessLog:
    """Return the access log of a gateway on standard output, silent where `info` is."""
    is_silent = log_level not in ("debug", "info")
    return AccessLog(percent, None if is_silent else _write_to_standard_output, _is_in_sample)


def _write_to_standard_output(lines: bytes) -> None:
    sys.stdout.buffer.write(lines)
    sys.stdout.buffer.flush()


def _is_in_sample(percent: int) -> bool:
    return random.random() * ALL_PERCENT < percent  # noqa: S311 a sample


class Accounts:
    """Counts and logs the requests of this worker.

    The `router` knows the routes of what was refused before Falcon looked for it: preflights, origins, limits.
    """

    def __init__(self, log: AccessLog, router: CompiledRouter):
        self.log = log
        self._router = router

    def answered(
        self, route: str | None, method: str, status: int, seconds: float, size: int, waited: float, who: str
    ) -> None:
        """Count a request and add its line; `who` is the principal."""
        count_request(route, method, status, seconds)
        route = route or UNKNOWN_ROUTE
        RESPONSE_BYTES.add((route,), size)
        self.log.add(route, method, status, seconds, size, waited, who)

    def answered_by_falcon(self, request: falcon.asgi.Request, response: falcon.asgi.Response, seconds: float) -> None:
        """Do so for a request that Falcon handled."""
        waited = _waited.get() or [0.0]
        size = 0 if request.method == "HEAD" else len(response.data or b"") or len(response.text or "")
        who = current_actor().id or (BEARER if request.get_header("Authorization") else NOBODY)
        method = request.method if request.method in KNOWN_METHODS else "other"
        route = request.uri_template
        if route is None and (found := self._router.find(request.path)) is not None:
            route = found[3]
        self.answered(route, method, response.status_code, seconds, size, waited[0], who)


class Waiting:
    """Middleware: begins to count the time for which a request waits for services."""

    async def process_request(self, request: falcon.asgi.Request, response: falcon.asgi.Response) -> None:
        """Begin."""
        begin_waiting()
