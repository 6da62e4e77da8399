"""The headers of requests as they arrive, the security headers of every response, and those that tell a limit."""

from collections.abc import Mapping, Sequence

from services.kit.core.errors import Limit

Headers = Sequence[tuple[bytes, bytes]]
"""Names in lower case, and values."""

# No response is a page: a browser must not guess its type, store, frame or embed it. Sources: OWASP's cheat sheets on
# REST security and on HTTP headers; ASVS 5.0 items 3.4.3 to 3.4.6, 3.5.8 and 14.3.2.
SECURITY_HEADERS: Mapping[str, str] = {
    "Cache-Control": "no-store",
    "Content-Security-Policy": "default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    # Hide gunicorn's name (ASVS 5.0 item 13.4.6).
    "Server": "flix",
}


def rate_limit_headers(limit: Limit, left: int, seconds: int | None) -> dict[str, str]:
    """Return the headers that tell how many requests are left, and the seconds until the window ends where known.

    Their form is that of draft-ietf-httpapi-ratelimit-headers-10 (structured fields, RFC 9651).
    """
    until = "" if seconds is None else f";t={seconds}"
    return {
        "RateLimit-Policy": f'"{limit.policy}";q={limit.quota};w={limit.window_seconds}',
        "RateLimit": f'"{limit.policy}";r={max(0, left)}{until}',
    }
