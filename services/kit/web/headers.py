"""The headers of requests as they arrive, and the security headers of every response."""

from collections.abc import Mapping, Sequence

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
