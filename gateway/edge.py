"""Middleware of every request: the security headers, the allowlist of origins, and the rate limit."""

import math
import re
from collections.abc import Iterable
from ipaddress import ip_address

from falcon.asgi import Request, Response

from gateway.limiter import Counts, Throttle, network
from services.kit.core.config import Profile
from services.kit.core.errors import Forbidden, TooManyRequests
from services.kit.web.headers import SECURITY_HEADERS

ALLOWED_METHODS = "GET, POST, PUT, DELETE, OPTIONS"
ALLOWED_HEADERS = "Authorization, Content-Type, Idempotency-Key, If-Match, X-Request-ID"
EXPOSED_HEADERS = "ETag, Idempotency-Replayed, Retry-After, X-Request-ID"
PREFLIGHT_SECONDS = "600"
# Two years, as in OWASP's cheat sheet, for an installation that serves every address over TLS (RFC 6797).
STRICT_TRANSPORT_SECURITY = "max-age=63072000; includeSubDomains"
_WITH_PORT = re.compile(r"\[([^\]]*)\](?::[0-9]+)?|([0-9.]+):[0-9]+")
HEALTH_PATHS = ("/health", "/health/live", "/health/ready")


class SecurityHeaders:
    """Middleware: set the security headers on every response, errors and preflights included."""

    def __init__(self, profile: Profile):
        managed = {"Strict-Transport-Security": STRICT_TRANSPORT_SECURITY} if profile == "managed" else {}
        self._headers = {**SECURITY_HEADERS, **managed}

    async def process_response(self, request: Request, response: Response, resource: object, succeeded: bool) -> None:
        """Set the headers. Falcon calls this after errors as well."""
        response.set_headers(self._headers)


class Origins:
    """Middleware: allow pages of the listed origins and refuse those of others with 403 (Fetch standard, CORS)."""

    def __init__(self, allowed: Iterable[str]):
        self._allowed = frozenset(allowed)

    async def process_request(self, request: Request, response: Response) -> None:
        """Respond to a preflight, allow a listed origin or a request without one, raise Forbidden for another."""
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
    """Middleware: limit the requests of a client in a window. A client is an IPv4 address or an IPv6 /64."""

    def __init__(self, counts: Counts, requests: int, window_ms: int, trusted_proxies: int = 0):
        self._trusted_proxies = trusted_proxies
        self._throttle = Throttle(counts, "requests", requests, math.ceil(window_ms / 1000))

    async def process_request(self, request: Request, response: Response) -> None:
        """Raise TooManyRequests with the seconds until the window ends. Health checks are not counted."""
        address = request.context.client_address = client_address(request, self._trusted_proxies)
        if request.path in HEALTH_PATHS or response.complete:
            return
        seconds = await self._throttle.hit(network(address))
        if seconds is not None:
            raise TooManyRequests(retry_after=seconds)


def client_address(request: Request, trusted_proxies: int) -> str:
    """Return the address of the client in front of the trusted proxies.

    Each proxy appends its caller to X-Forwarded-For; a client can forge the entries before those (docs/traps.md, 12).
    Without proxies, and where the entry is not an address, it is the address of the connection.
    """
    forwarded = request.get_header("X-Forwarded-For") or ""
    callers = [*(each.strip() for each in forwarded.split(",") if each.strip()), request.remote_addr]
    return _address(callers[-1 - min(trusted_proxies, len(callers) - 1)]) or request.remote_addr


def _address(entry: str) -> str | None:
    # Some proxies add the port. A zone (RFC 4007) has a meaning on one machine only.
    found = _WITH_PORT.fullmatch(entry)
    text = (found[1] or found[2]) if found else entry
    try:
        return str(ip_address(text.partition("%")[0]))
    except ValueError:
        return None
