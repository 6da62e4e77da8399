"""What every request meets at the door: the allowlist of origins and the rate limit."""

import math
import time
from collections.abc import Iterable

from falcon.asgi import Request, Response
from limits import RateLimitItemPerSecond
from limits.aio.storage import MemoryStorage
from limits.aio.strategies import FixedWindowRateLimiter

from services.kit.errors import Forbidden, TooManyRequests

ALLOWED_METHODS = "GET, POST, PUT, DELETE, OPTIONS"
ALLOWED_HEADERS = "Authorization, Content-Type, Idempotency-Key, If-Match, X-Request-ID"
EXPOSED_HEADERS = "ETag, Idempotency-Replayed, Retry-After, X-Request-ID"
PREFLIGHT_SECONDS = "600"
HEALTH_PATHS = ("/health", "/health/live", "/health/ready")


class Origins:
    """Middleware: pages of the listed origins may call the API, pages of others get 403 (Fetch standard, CORS)."""

    def __init__(self, allowed: Iterable[str]):
        self._allowed = frozenset(allowed)

    async def process_request(self, request: Request, response: Response) -> None:
        """Answer a preflight, allow a listed origin, raise Forbidden for another; no Origin, no question."""
        response.set_header("Vary", "Origin")
        origin = request.get_header("Origin")
        if origin is None:
            return
        if origin not in self._allowed:
            raise Forbidden("This origin may not call the API")
        response.set_header("Access-Control-Allow-Origin", origin)
        response.set_header("Access-Control-Expose-Headers", EXPOSED_HEADERS)
        if request.method == "OPTIONS" and request.get_header("Access-Control-Request-Method"):
            response.set_header("Access-Control-Allow-Methods", ALLOWED_METHODS)
            response.set_header("Access-Control-Allow-Headers", ALLOWED_HEADERS)
            response.set_header("Access-Control-Max-Age", PREFLIGHT_SECONDS)
            response.status = 204
            response.complete = True


class RateLimit:
    """Middleware: so many requests per client address and window; counted in this worker process alone."""

    def __init__(self, requests: int, window_ms: int, trusted_proxies: int = 0):
        self._trusted_proxies = trusted_proxies
        self._limit = RateLimitItemPerSecond(requests, math.ceil(window_ms / 1000))
        self._limiter = FixedWindowRateLimiter(MemoryStorage())

    async def process_request(self, request: Request, response: Response) -> None:
        """Raises TooManyRequests, with the seconds until the window ends; health checks are not counted."""
        address = request.context.client_address = client_address(request, self._trusted_proxies)
        if request.path in HEALTH_PATHS or response.complete:
            return
        if await self._limiter.hit(self._limit, address):
            return
        window = await self._limiter.get_window_stats(self._limit, address)
        raise TooManyRequests(retry_after=max(1, math.ceil(window.reset_time - time.time())))


def client_address(request: Request, trusted_proxies: int) -> str:
    """The address of the client behind so many proxies of ours.

    Each proxy appends to X-Forwarded-For whom it was called by; what stands before those entries anyone can have
    written (TRAPS 12). Without proxies it is the connection's.
    """
    forwarded = request.get_header("X-Forwarded-For") or ""
    callers = [*(each.strip() for each in forwarded.split(",") if each.strip()), request.remote_addr]
    return callers[-1 - min(trusted_proxies, len(callers) - 1)]
