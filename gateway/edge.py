"""Middleware of every request: the security headers, the allowlist of origins, and the rate limit."""

import math
import re
from collections.abc import Iterable, Mapping
from functools import lru_cache
from ipaddress import ip_address
from typing import NamedTuple

from falcon.asgi import Request, Response

from gateway.config import Settings
from gateway.limiter import REMEMBERED_ADDRESSES, Counts, Throttle, network
from services.kit.core.errors import Forbidden, TooManyRequests, Unauthorized, Unavailable
from services.kit.core.refusal_log import RefusalLog
from services.kit.web.headers import SECURITY_HEADERS, rate_limit_headers
from services.kit.web.tokens.access import AccessTokenVerifier, bearer_token

ALLOWED_METHODS = "GET, HEAD, POST, PUT, DELETE, OPTIONS"
ALLOWED_HEADERS = ", ".join(
    (
        *("Authorization", "Content-Type", "Idempotency-Key", "If-Match", "X-Request-ID"),
        # What libraries for caching and tracing add to a page's requests (W3C Trace Context and Baggage, Sentry).
        *("Cache-Control", "If-None-Match", "baggage", "sentry-trace", "traceparent", "tracestate"),
    )
)
EXPOSED_HEADERS = ", ".join(
    (
        "ETag",
        "Idempotency-Replayed",
        "Link",
        "RateLimit",
        "RateLimit-Policy",
        "Retry-After",
        "Server-Time",
        "X-Request-ID",
    )
)
PREFLIGHT_SECONDS = "600"
# Of what a page sends; anything else as an Origin may be a secret, and is not logged.
_ORIGIN = re.compile(r"https?://[a-z0-9.-]{1,100}(:[0-9]{1,5})?")
_WITH_PORT = re.compile(r"\[([^\]]*)\](?::[0-9]+)?|([0-9.]+):[0-9]+")
HEALTH_PATHS = ("/health", "/health/live", "/health/ready")
SIGN_IN_PATHS = ("/api/admin/login", "/api/admin/token/refresh")
_NOT_TOLD: Mapping[str, str] = {}
LEARNER_PATHS = re.compile(r"/api/public/.*|/api/events/[^/]+/access", re.DOTALL)


class SecurityHeaders:
    """Middleware: set the security headers on every response, errors and preflights included.

    `transport_security` is the value of Strict-Transport-Security (RFC 6797), which is not sent when it is empty.
    """

    def __init__(self, transport_security: str):
        strict = {"Strict-Transport-Security": transport_security} if transport_security else {}
        self.headers: Mapping[str, str] = {**SECURITY_HEADERS, **strict}
        self._lower_case = [(name.lower(), value) for name, value in self.headers.items()]

    async def process_response(self, request: Request, response: Response, resource: object, succeeded: bool) -> None:
        """Set the headers that the response does not have. Falcon calls this after errors as well."""
        # A page has a policy of its own (gateway/views/front.py).
        own = response.headers
        response.set_headers([header for header in self._lower_case if header[0] not in own])


class Origins:
    """Middleware: allow pages of the listed origins and refuse those of others with 403 (Fetch standard, CORS)."""

    def __init__(self, allowed: Iterable[str]):
        self._allowed = frozenset(allowed)
        self._refusals = RefusalLog("origin_refused", "origin")

    def headers(self, origin: str | None) -> Mapping[str, str]:
        """Return the headers that let a page of the origin read a response, if it is listed."""
        headers = {"Vary": "Origin"}
        if origin is not None and origin in self._allowed:
            headers |= {"Access-Control-Allow-Origin": origin, "Access-Control-Expose-Headers": EXPOSED_HEADERS}
        return headers

    def require_allowed(self, origin: str | None, host: str | None) -> None:
        """Raise Forbidden for the origin of a page that is neither listed nor ours."""
        if origin is not None and origin not in self._allowed and not is_own_origin(origin, host):
            self._refusals.count(origin=origin if _ORIGIN.fullmatch(origin) else "malformed")
            raise Forbidden("This origin may not call the API")

    async def process_request(self, request: Request, response: Response) -> None:
        """Respond to a preflight, allow a listed origin or a request without one, raise Forbidden for another."""
        origin = request.get_header("Origin")
        response.set_headers(self.headers(origin))
        self.require_allowed(origin, request.get_header("Host"))
        if origin is not None and request.method == "OPTIONS" and request.get_header("Access-Control-Request-Method"):
            response.set_header("Access-Control-Allow-Methods", ALLOWED_METHODS)
            response.set_header("Access-Control-Allow-Headers", ALLOWED_HEADERS)
            response.set_header("Access-Control-Max-Age", PREFLIGHT_SECONDS)
            response.status = 204
            response.complete = True


class Counted(NamedTuple):
    """The client's address of a request within its limit, and the headers that tell that few are left."""

    address: str
    headers: Mapping[str, str]


def is_own_origin(origin: str, host: str | None) -> bool:
    """Return whether the origin is that of our own pages: the Host of the request, by an IP address or as localhost.

    Another name could be a stranger's that leads here (DNS rebinding), so CORS_ORIGIN must list it.
    """
    if host is None or origin.partition("://")[2] != host:
        return False
    name = host.rpartition(":")[0] if re.search(r":[0-9]+$", host) else host
    return name == "localhost" or _address(name.strip("[]")) is not None


class RateLimit:
    """Middleware: limit the requests of a client in a window.

    Learners' requests count for their address (an IPv4 address or an IPv6 /64), against `rate_limit_address_max`: a
    classroom, or all customers of a carrier, can have one address. Every other request counts against `rate_limit_max`:
    for the person of a valid access token, else for its address. So does sign-in, whatever token comes with it.
    """

    def __init__(self, counts: Counts, settings: Settings, verifier: AccessTokenVerifier):
        self._trusted_proxies = settings.trusted_proxies
        self._verifier = verifier
        window_seconds = math.ceil(settings.rate_limit_window_ms / 1000)
        of_address = settings.rate_limit_address_max
        self._of_learners = Throttle(counts, "learners-requests", of_address, window_seconds, "learners")
        self._of_caller = Throttle(counts, "requests", settings.rate_limit_max, window_seconds)
        # Bounds what an address makes this worker verify for nothing, so each worker counts for itself.
        self._invalid_tokens = Throttle(Counts(), "invalid-tokens", of_address, window_seconds)

    async def process_request(self, request: Request, response: Response) -> None:
        """Raise TooManyRequests with the seconds until the window ends. Health checks are not counted."""
        forwarded, peer = request.get_header("X-Forwarded-For"), request.remote_addr
        address = request.context.client_address = client_address(forwarded, peer, self._trusted_proxies)
        if request.path in HEALTH_PATHS or response.complete:
            return
        if LEARNER_PATHS.fullmatch(request.path):
            response.set_headers((await self.count_learner(forwarded, peer)).headers)
            return
        response.set_headers(await _counted(self._of_caller, *await self._caller(request, network(address))))

    async def count_learner(self, forwarded: str | None, peer: str) -> Counted:
        """Count a learner's request; raise TooManyRequests."""
        address = client_address(forwarded, peer, self._trusted_proxies)
        return Counted(address, await _counted(self._of_learners, network(address)))

    async def _caller(self, request: Request, client: str) -> tuple[str, ...]:
        """Return the name under which the request counts: a person's, or the client's network."""
        authorization = request.get_header("Authorization")
        if authorization is None or request.path in SIGN_IN_PATHS or await self._invalid_tokens.is_used_up(client):
            return (client,)
        try:
            admin = await self._verifier.verify(bearer_token(authorization))
        except (Unauthorized, Forbidden):
            await self._invalid_tokens.hit(client)
            return (client,)
        except Unavailable:
            return (client,)
        # The Gatekeeper need not verify it again.
        request.context.verified_admin = admin
        return ("person", admin.id)


async def _counted(throttle: Throttle, *name: str) -> Mapping[str, str]:
    """Count a request and return the headers that tell that few are left. Raise TooManyRequests."""
    left, seconds = await throttle.count(*name)
    if left < 0:
        throttle.refusals.count(policy=throttle.limit.policy, most=throttle.limit.quota)
        raise TooManyRequests(retry_after=seconds, limit=throttle.limit)
    return rate_limit_headers(throttle.limit, left, seconds) if throttle.is_low(left) else _NOT_TOLD


@lru_cache(maxsize=REMEMBERED_ADDRESSES)
def client_address(forwarded: str | None, peer: str, trusted_proxies: int) -> str:
    """Return the address of the client in front of the trusted proxies; `peer` is that of the connection.

    Each proxy appends its caller to X-Forwarded-For; a client can forge the entries before those (docs/traps.md, 12).
    Without proxies, and where the entry is not an address, it is the address of the connection.
    """
    callers = [*(each.strip() for each in (forwarded or "").split(",") if each.strip()), peer]
    return _address(callers[-1 - min(trusted_proxies, len(callers) - 1)]) or peer


def _address(entry: str) -> str | None:
    # Some proxies add the port. A zone (RFC 4007) has a meaning on one machine only.
    found = _WITH_PORT.fullmatch(entry)
    text = (found[1] or found[2]) if found else entry
    try:
        return str(ip_address(text.partition("%")[0]))
    except ValueError:
        return None
