"""The bound of a worker's requests in flight; those beyond are refused at once (docs/decisions/105-overload.md).

Each kind of request has its own places, so a service that hangs takes only those of its kind, and learners leave those
of admins free. A refusal comes before the body is awaited and before anything else is done for the request.
"""

import asyncio
import time
from collections import Counter
from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import Any

import orjson

from gateway.direct import REMEMBERED_ORIGINS
from gateway.edge import HEALTH_PATHS, LEARNER_PATHS, client_address
from gateway.limiter import network
from gateway.upstream import JSON
from services.kit.core.errors import too_many_waiting
from services.kit.core.logging import log, request_id_of
from services.kit.web.app import AsgiApp, RefusalHeaders, error_headers
from services.kit.web.bodies import Receive

# Everybody comes at once when a lesson opens. So for this time this many times the bound may be in flight.
BURST_SECONDS = 0.5
BURST_FACTOR = 16
# This part of the bound is added for addresses that have less than their share.
OTHERS_PART = 8
# Auth bounds the sign-ins that wait for it, 800 for each of its workers.
AUTH_FACTOR = 8
LOG_SECONDS = 60

REFUSAL = too_many_waiting()


class Places:
    """The requests of one kind that are in flight, and the addresses that sent them."""

    def __init__(self, kind: str, most: int, clock: Callable[[], float] = time.monotonic):
        self._kind = kind
        self._most = most
        self._clock = clock
        self._in_flight = 0
        self._held: Counter[str] = Counter()
        self._calm_at = clock()
        self._refused = 0
        self._log_at = float("-inf")

    def enter(self, address: str) -> bool:
        """Give a request from the address a place; return False when it must be refused."""
        if not self._has_place(address):
            self._refused += 1
            self._log()
            return False
        self._in_flight += 1
        self._held[address] += 1
        return True

    def leave(self, address: str) -> None:
        """Free the place of a request."""
        self._in_flight -= 1
        self._held[address] -= 1
        if not self._held[address]:
            del self._held[address]

    def _has_place(self, address: str) -> bool:
        if self._in_flight < self._most:
            if self._in_flight < self._most / 2:
                self._calm_at = self._clock()
            return True
        if self._clock() < self._calm_at + BURST_SECONDS:
            return self._in_flight < self._most * BURST_FACTOR
        has_its_share = self._held[address] * len(self._held) >= self._in_flight
        return not has_its_share and self._in_flight < self._most + self._most // OTHERS_PART

    def _log(self) -> None:
        """Log the number since the last line, at most once a minute."""
        if self._clock() < self._log_at:
            return
        self._log_at = self._clock() + LOG_SECONDS
        [(address, held)] = self._held.most_common(1)
        log.warning("overloaded", kind=self._kind, most=self._most, refused=self._refused, address=address, held=held)
        self._refused = 0


class Overload:
    """Passes requests on to the app within `most` of each kind, and refuses others with 503."""

    def __init__(
        self,
        most: int,
        trusted_proxies: int,
        refusal_headers: RefusalHeaders,
        clock: Callable[[], float] = time.monotonic,
    ):
        kinds = {"catalogs": most, "quizzes": most, "admins-content": most, "admins-quizzes": most}
        bounds = {**kinds, "auth": most * AUTH_FACTOR}
        self._places = {kind: Places(kind, bound, clock) for kind, bound in bounds.items()}
        self._trusted_proxies = trusted_proxies
        self._refusal_headers = refusal_headers
        self._headers = lru_cache(maxsize=REMEMBERED_ORIGINS)(self._headers_of_every_refusal)

    async def handle(self, app: AsgiApp, scope: Any, receive: Receive, send: Any) -> None:
        """Handle a request. Health checks are not counted."""
        path = scope["path"]
        if path in HEALTH_PATHS:
            await app(scope, receive, send)
            return
        places, address = self._places[_kind(path)], self._address(scope)
        if not places.enter(address):
            await self._refuse(scope, receive, send)
            return
        try:
            await app(scope, receive, send)
        finally:
            places.leave(address)

    def _address(self, scope: Any) -> str:
        forwarded = _text(dict(scope["headers"]).get(b"x-forwarded-for")) if self._trusted_proxies else None
        # Of a client of a Unix socket there is no address.
        peer, _port = scope.get("client") or ("", None)
        return network(client_address(forwarded, peer, self._trusted_proxies))

    async def _refuse(self, scope: Any, receive: Receive, send: Any) -> None:
        headers = dict(scope["headers"])
        request_id = request_id_of(_text(headers.get(b"x-request-id")))
        body = orjson.dumps(REFUSAL.envelope(request_id))
        own = [(b"content-length", b"%d" % len(body)), (b"x-request-id", request_id.encode())]
        if not await _has_arrived(headers, receive):
            # The server would read the rest of the body as the next request.
            own.append((b"connection", b"close"))
        encoded = [*self._headers(_text(headers.get(b"origin"))), *own]
        await send({"type": "http.response.start", "status": REFUSAL.status, "headers": encoded})
        await send({"type": "http.response.body", "body": body})

    def _headers_of_every_refusal(self, origin: str | None) -> list[tuple[bytes, bytes]]:
        headers = {"Content-Type": JSON, **error_headers(REFUSAL), **self._refusal_headers(origin)}
        return [(name.lower().encode(), value.encode()) for name, value in headers.items()]


def _kind(path: str) -> str:
    """Return whose requests these are, and which service could make them wait."""
    if LEARNER_PATHS.fullmatch(path):
        return "quizzes" if path.endswith(("/quiz", "/quiz/submit")) else "catalogs"
    if path.startswith("/api/admin/"):
        return "auth"
    return "admins-quizzes" if path.startswith("/api/quizzes") else "admins-content"


def _text(value: bytes | None) -> str | None:
    return None if value is None else value.decode("latin-1")


async def _has_arrived(headers: Mapping[bytes, bytes], receive: Receive) -> bool:
    """Return whether the whole body has arrived, and read what has; wait for nothing."""
    if b"transfer-encoding" not in headers and headers.get(b"content-length", b"0") == b"0":
        return True
    if b"expect" in headers:
        # The server would invite the client to send its body.
        return False
    try:
        async with asyncio.timeout(0):
            while (event := await receive()).get("more_body"):
                pass
            return bool(event["type"] == "http.request")
    except TimeoutError:
        return False
