"""The bound of a worker's requests in flight; those beyond are refused at once (docs/decisions/105-overload.md).

Each kind of request has its own places, so a service that hangs takes only those of its kind, and learners leave those
of admins free. The server asks once it has read a head, before anything else is done for the request.
"""

import time
from collections import Counter
from collections.abc import Callable
from functools import partial

from gateway.edge import HEALTH_PATHS, LEARNER_PATHS, client_address
from gateway.limiter import network
from services.kit.core.errors import too_many_waiting
from services.kit.core.refusal_log import RefusalLog
from services.kit.web.headers import Headers
from services.kit.web.refusals import Leave, RefusalHeaders, Refusals

# Everybody comes at once when a lesson opens. So for this time this many times the bound may be in flight, once the
# bound was not reached for a while: answers come in batches, so under overload there are free places now and then.
BURST_SECONDS = 0.25
BURST_FACTOR = 16
CALM_SECONDS = 2
# This part of the bound is added for addresses that have less than their share.
OTHERS_PART = 8
# Auth bounds the sign-ins that wait for it, 800 for each of its workers.
AUTH_FACTOR = 8


class Places:
    """The requests of one kind that are in flight, and the addresses that sent them."""

    def __init__(self, kind: str, most: int, clock: Callable[[], float] = time.monotonic):
        self._kind = kind
        self.most = most
        self._clock = clock
        self.in_flight = 0
        self._held: Counter[str] = Counter()
        self._full_at = self._burst_ends_at = float("-inf")
        self._refusals = RefusalLog("overloaded", "overload", clock, self._crowd)

    def enter(self, address: str) -> bool:
        """Give a request from the address a place; return False when it must be refused."""
        if not self._has_place(address):
            self._refusals.count()
            return False
        self.in_flight += 1
        self._held[address] += 1
        return True

    def leave(self, address: str) -> None:
        """Free the place of a request."""
        self.in_flight -= 1
        self._held[address] -= 1
        if not self._held[address]:
            del self._held[address]

    def _has_place(self, address: str) -> bool:
        if self.in_flight < self.most:
            return True
        now = self._clock()
        if now > self._full_at + CALM_SECONDS:
            self._burst_ends_at = now + BURST_SECONDS
        self._full_at = now
        if now < self._burst_ends_at:
            return self.in_flight < self.most * BURST_FACTOR
        has_its_share = self._held[address] * len(self._held) >= self.in_flight
        return not has_its_share and self.in_flight < self.most + self.most // OTHERS_PART

    def _crowd(self) -> dict[str, object]:
        """Return the bound, and the address with most places; a minute later nobody may have one."""
        [(address, held)] = self._held.most_common(1) or [("-", 0)]
        return {"kind": self._kind, "most": self.most, "address": address, "held": held}


class Overload:
    """Gives requests the places of their kind, `most` of each, which the server asks about before the app.

    The server calls `refused` for each request that it refuses itself.
    """

    def __init__(
        self,
        most: int,
        trusted_proxies: int,
        refusal_headers: RefusalHeaders,
        refused: Callable[..., None],
        clock: Callable[[], float] = time.monotonic,
    ):
        kinds = {"catalogs": most, "quizzes": most, "admins-content": most, "admins-quizzes": most}
        bounds = {**kinds, "auth": most * AUTH_FACTOR}
        self.places = {kind: Places(kind, bound, clock) for kind, bound in bounds.items()}
        self._trusted_proxies = trusted_proxies
        self.refused = refused
        error = too_many_waiting()
        self.refusals = Refusals(error.status, error, refusal_headers)

    def enter(self, path: str, headers: Headers, peer: str) -> Leave | None:
        """Give a request a place; return how to free it, or None without one. Health checks are not counted."""
        if path in HEALTH_PATHS:
            return _nothing
        places, address = self.places[_kind(path)], self._address(headers, peer)
        return partial(places.leave, address) if places.enter(address) else None

    def _address(self, headers: Headers, peer: str) -> str:
        forwarded = dict(headers).get(b"x-forwarded-for") if self._trusted_proxies else None
        text = None if forwarded is None else forwarded.decode("latin-1")
        return network(client_address(text, peer, self._trusted_proxies))


def _nothing() -> None:
    """Free no place."""


def _kind(path: str) -> str:
    """Return whose requests these are, and which service could make them wait."""
    if LEARNER_PATHS.fullmatch(path):
        return "quizzes" if path.endswith(("/quiz", "/quiz/submit")) else "catalogs"
    if path.startswith("/api/admin/"):
        return "auth"
    return "admins-quizzes" if path.startswith("/api/quizzes") else "admins-content"
