"""The gateway's settings."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import urlsplit

from services.kit.core.config import Environment, ServerSettings, server_settings

DEFAULT_ORIGINS = ",".join(f"http://localhost:{port}" for port in (5173, 5174, 3000, 3002))
# An origin as browsers and web views send it (RFC 6454 section 6.2): http, https, or the scheme of an app.
_ORIGIN = re.compile(r"[a-z][a-z0-9+.-]*://(\[[0-9a-f:.]+\]|[a-z0-9._-]+)(:[0-9]{1,5})?")
# Two years, as in OWASP's cheat sheet. Other hosts below this one may have no TLS yet: they are the operator's to name.
DEFAULT_TRANSPORT_SECURITY = "max-age=63072000"
# The directives of RFC 6797 section 6.1, and the preload list's.
_TRANSPORT_SECURITY = re.compile(r"max-age=[0-9]{1,10}(; ?includeSubDomains)?(; ?preload)?", re.IGNORECASE)
# The default of RATE_LIMIT_ADDRESS_MAX as a multiple of RATE_LIMIT_MAX.
LEARNERS_OF_ADDRESS = 20
STORE_SCHEMES = ("valkey", "valkeys", "redis", "rediss")


@dataclass(frozen=True, kw_only=True)
class Settings(ServerSettings):
    """The addresses of the services, their deadline, the bound of a worker, and the limits of a client.

    A worker handles `requests_in_flight` of each kind at once (gateway/overload.py).

    In a window of `rate_limit_window_ms` learners at one address may send `rate_limit_address_max` requests together, a
    person who is signed in `rate_limit_max`, and an address of which nobody is signed in as many. The last
    `trusted_proxies` entries of X-Forwarded-For are trusted. Hits are counted in the Valkey or Redis at `redis_url`,
    or without one in each worker's memory. In a window of `access_key_window_ms` a client may send
    `access_key_guesses` wrong access keys of an event, all clients together `access_key_guesses_of_event`.
    `strict_transport_security` is the header of that name, which is not sent when it is empty. A worker keeps
    `cache_bytes` of each service's responses; while content does not respond it repeats those of public events for
    `cache_stale_seconds`. Of `access_log_percent` of the requests that succeed a line is logged, of others always.
    """

    content_url: str
    quiz_url: str
    upstream_timeout_seconds: int
    requests_in_flight: int
    cors_origins: frozenset[str]
    rate_limit_max: int
    rate_limit_address_max: int
    rate_limit_window_ms: int
    trusted_proxies: int
    redis_url: str
    access_key_guesses: int
    access_key_guesses_of_event: int
    access_key_window_ms: int
    strict_transport_security: str
    cache_bytes: int
    cache_stale_seconds: int
    access_log_percent: int


def read_settings(variables: Mapping[str, str]) -> Settings:
    """Read the gateway's settings from the environment. Raise SettingsError."""
    environment = Environment(variables)
    origins = _origins(environment)
    settings = Settings(
        **server_settings(environment, "gateway", "API_PORT", "API_HOST"),
        content_url=environment.address("content"),
        quiz_url=environment.address("quiz"),
        upstream_timeout_seconds=environment.integer("GATEWAY_TIMEOUT_SECONDS", 10, maximum=60),
        requests_in_flight=environment.integer("GATEWAY_REQUESTS_IN_FLIGHT", 128, maximum=10_000),
        cors_origins=origins,
        rate_limit_max=(most := environment.integer("RATE_LIMIT_MAX", 100)),
        rate_limit_address_max=environment.integer(
            "RATE_LIMIT_ADDRESS_MAX", LEARNERS_OF_ADDRESS * most, maximum=LEARNERS_OF_ADDRESS * 1_000_000
        ),
        rate_limit_window_ms=environment.integer("RATE_LIMIT_WINDOW_MS", 60_000, maximum=86_400_000),
        trusted_proxies=environment.integer("TRUSTED_PROXIES", 0, minimum=0, maximum=10),
        redis_url=_redis_url(environment),
        access_key_guesses=environment.integer("ACCESS_KEY_GUESSES_MAX", 20),
        access_key_guesses_of_event=environment.integer("ACCESS_KEY_GUESSES_OF_EVENT_MAX", 1000),
        access_key_window_ms=environment.integer("ACCESS_KEY_GUESSES_WINDOW_MS", 900_000, maximum=86_400_000),
        strict_transport_security=_transport_security(environment),
        cache_bytes=environment.integer("CACHE_MEGABYTES", 32, minimum=0, maximum=1024) * 1024 * 1024,
        cache_stale_seconds=environment.integer("CACHE_SERVE_STALE_SECONDS", 0, minimum=0, maximum=3600),
        access_log_percent=environment.integer("ACCESS_LOG_PERCENT", 100, minimum=0, maximum=100),
    )
    environment.raise_problems()
    return settings


def _origins(environment: Environment) -> frozenset[str]:
    text = environment.text("CORS_ORIGIN", DEFAULT_ORIGINS, "the sites whose pages may call the API")
    origins = [origin.strip().rstrip("/").lower() for origin in text.split(",") if origin.strip()]
    for origin in origins:
        # Browsers never send "*", and "null" is the origin of every sandboxed frame.
        if not _ORIGIN.fullmatch(origin):
            environment.problems.append(
                f"CORS_ORIGIN has {origin[:40]!r}, which is no origin such as https://a.example"
            )
    return frozenset(origins)


def _transport_security(environment: Environment) -> str:
    """Return the header's value, or an empty text for `off`; by default only the managed profile is behind TLS."""
    default = DEFAULT_TRANSPORT_SECURITY if environment.profile == "managed" else "off"
    text = environment.option("STRICT_TRANSPORT_SECURITY", default)
    if text.lower() == "off":
        return ""
    if not _TRANSPORT_SECURITY.fullmatch(text):
        form = "max-age=SECONDS, with ; includeSubDomains and ; preload if you like"
        environment.problems.append(f"STRICT_TRANSPORT_SECURITY must be off or {form}, not {text[:40]!r}")
    return text


def _redis_url(environment: Environment) -> str:
    url = environment.option("REDIS_URL", "")
    if url and not _is_store_url(url):
        # Do not repeat the value: it can hold a password.
        environment.problems.append("REDIS_URL must be a valkey://, valkeys://, redis:// or rediss:// URL with a host")
    return url


def _is_store_url(url: str) -> bool:
    try:
        parts = urlsplit(url)
        return parts.scheme in STORE_SCHEMES and bool(parts.hostname) and parts.port != 0
    except ValueError:
        return False
