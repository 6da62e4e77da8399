"""What is counted and logged of each request: its numbers, and the access line (docs/decisions/114-metrics.md).

A learner's request from memory takes some 100 microseconds, so requests are gathered, and counted and logged together.
"""

import asyncio
import random
import time
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from functools import lru_cache

import falcon.asgi
import orjson
from falcon.routing import CompiledRouter

from services.kit.core.actor import current_actor
from services.kit.core.logging import StandardOutput, current_request_id
from services.kit.core.metrics import REQUEST_SECONDS, UNKNOWN_ROUTE, Counter, before_reading, known_method
from services.kit.web.headers import Headers

# Requests are counted and logged when the first of them has waited for so long. What a worker has gathered when it is
# killed is lost.
GATHER_SECONDS = 0.1
MOST_GATHERED = 500
# Of those that the connection itself refuses, as under overload, more have no line: there are thousands a second then.
MOST_REFUSALS = 50
# Parts of lines that are alike.
REMEMBERED = 1024
ALL_PERCENT = 100
FIRST_REFUSAL = 400
NOBODY = "-"
# Of those who send a token, as a learner's grant, that names no person.
BEARER = "bearer"

RESPONSE_BYTES = Counter("flix_response_bytes", "Bytes of responses' bodies", ("route",))

_Gathered = tuple[str, str, int, float, int, float, str, str, float]
"""Route, method, status, seconds, bytes, seconds for services, principal, request id, seconds since 1970."""


class AccessLog:
    """Writes a line for each request, of successes for some `percent`; without `write` none."""

    def __init__(self, percent: int, write: Callable[[bytes], object] | None, is_chosen: Callable[[int], bool]):
        self._percent = percent
        self._write = write
        self._is_chosen = is_chosen

    def write(self, requests: Sequence[_Gathered]) -> None:
        """Write the lines of these requests."""
        if self._write is not None and (lines := "".join(map(_line, filter(self._is_logged, requests)))):
            self._write(lines.encode())

    def _is_logged(self, request: _Gathered) -> bool:
        return request[2] >= FIRST_REFUSAL or self._percent == ALL_PERCENT or self._is_chosen(self._percent)


def _line(gathered: _Gathered) -> str:
    """Return the JSON of a line: put together from texts, since to make it of a dictionary takes twice the time."""
    route, method, status, seconds, size, waited, who, request_id, at = gathered
    second = int(at)
    # A request id is well formed (start_request), so it needs no quoting.
    return (
        f'{_beginning(route, method, status)},"milliseconds":{seconds * 1000:.2f},"bytes":{size},'
        f'"upstreamMilliseconds":{waited * 1000:.2f},"principal":{_quoted(who)},"requestId":"{request_id}",'
        f'"level":"info","timestamp":"{_instant(second)}.{int((at - second) * 1_000_000):06d}Z","service":"gateway"}}\n'
    )


@lru_cache(REMEMBERED)
def _beginning(route: str, method: str, status: int) -> str:
    return orjson.dumps({"event": "request", "route": route, "method": method, "status": status}).decode()[:-1]


@lru_cache(REMEMBERED)
def _quoted(text: str) -> str:
    return orjson.dumps(text).decode()


@lru_cache(REMEMBERED)
def _instant(second: int) -> str:
    return datetime.fromtimestamp(second, UTC).strftime("%Y-%m-%dT%H:%M:%S")


def access_log(log_level: str, percent: int) -> AccessLog:
    """Return the access log of a gateway on standard output, silent where `info` is."""
    is_silent = log_level not in ("debug", "info")
    return AccessLog(percent, None if is_silent else _write_to_standard_output, _is_in_sample)


_OUTPUT = StandardOutput()


def _write_to_standard_output(lines: bytes) -> None:
    _OUTPUT.write(lines)
    _OUTPUT.flush()


def _is_in_sample(percent: int) -> bool:
    return random.random() * ALL_PERCENT < percent  # noqa: S311 a sample


class RequestRecorder:
    """Counts and logs the requests of this worker, many at a time: so it costs each of them half.

    The `router` knows the routes of what was refused before Falcon looked for it: preflights, origins, limits.
    """

    def __init__(self, log: AccessLog, router: CompiledRouter):
        self._log = log
        self._router = router
        self._gathered: list[_Gathered] = []
        self._refusals: list[_Gathered] = []
        before_reading(self.flush)

    def answered(
        self, route: str, method: str, status: int, seconds: float, size: int, waited: float, who: str
    ) -> None:
        """Gather a request that has ended."""
        gathered = self._gathered
        # A plain tuple takes a third of the time of one with names.
        gathered.append((route, method, status, seconds, size, waited, who, current_request_id(), time.time()))
        if len(gathered) >= MOST_GATHERED:
            self.flush()
        elif len(gathered) == 1:
            asyncio.get_running_loop().call_later(GATHER_SECONDS, self.flush)

    def refused(
        self, status: int, request_id: str, response: bytes, method: bytes = b"", path: str = "", headers: Headers = ()
    ) -> None:
        """Gather the line of a request that the connection has refused, which is counted there."""
        if len(self._refusals) >= MOST_REFUSALS:
            return
        if not self._refusals:
            asyncio.get_running_loop().call_later(GATHER_SECONDS, self.flush)
        who = BEARER if any(name == b"authorization" for name, _ in headers) else NOBODY
        named = known_method(method.decode("latin-1"))
        size = len(response.partition(b"\r\n\r\n")[2])
        self._refusals.append((self._route(path), named, status, 0.0, size, 0.0, who, request_id, time.time()))

    def flush(self) -> None:
        """Count and log what was gathered."""
        gathered, self._gathered = self._gathered, []
        sizes: dict[str, int] = {}
        for each in gathered:
            REQUEST_SECONDS.observe(each[3], each[:3])
            sizes[each[0]] = sizes.get(each[0], 0) + each[4]
        for route, size in sizes.items():
            RESPONSE_BYTES.add((route,), size)
        refusals, self._refusals = self._refusals, []
        self._log.write(gathered + refusals)

    def answered_by_falcon(self, request: falcon.asgi.Request, response: falcon.asgi.Response, seconds: float) -> None:
        """Gather a request that Falcon handled."""
        waited = getattr(request.context, "waited", 0.0)
        size = 0 if request.method == "HEAD" else len(response.data or b"")
        who = current_actor().id or (BEARER if request.get_header("Authorization") else NOBODY)
        method = known_method(request.method)
        route = request.uri_template or self._route(request.path)
        self.answered(route, method, response.status_code, seconds, size, waited, who)

    def _route(self, path: str) -> str:
        found = self._router.find(path) if path else None
        return UNKNOWN_ROUTE if found is None else str(found[3])
