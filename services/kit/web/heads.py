"""The rules of RFC 9112 for the head of a request that gunicorn's parser does not check."""

import re
from urllib.parse import unquote_to_bytes

from gunicorn.asgi.parser import InvalidHeader, InvalidRequestLine, InvalidRequestMethod, UnsupportedTransferCoding

from services.kit.web.headers import Headers

# RFC 3986 section 3.2.2: an IPv6 address or a name, and a port. No IPv4 address has a form that a name has not. A http
# address has a host that is not empty, and no user (RFC 9110 sections 4.2.1 and 4.2.4).
_HOST = re.compile(rb"(?:\[[0-9A-Fa-f:.]+\]|(?:[\w.~!$&'()*+,;=-]|%[0-9A-Fa-f]{2})+)(?::[0-9]*)?", re.ASCII)
_ABSOLUTE_FORM = re.compile(rb"https?://([^/?#]*)(.*)", re.IGNORECASE)
_ORIGIN = re.compile(rb"^origin:[ \t]*([^\r\n]*?)[ \t]*\r$", re.IGNORECASE | re.MULTILINE)

# Falcon takes this method for a connection of another protocol and refuses it before any middleware.
_WEBSOCKET = b"WEBSOCKET"


def check_head(method: bytes, version: tuple[int, int], headers: Headers) -> None:
    """Raise an error of gunicorn's parser for a head that must be refused.

    That is one without a Host or with a malformed one (RFC 9112 section 3.2; the parser refuses a second), or with
    another transfer coding than chunked (section 6.1), which gunicorn would leave in the body.
    """
    if method == _WEBSOCKET:
        raise InvalidRequestMethod
    hosts = [value for name, value in headers if name == b"host"]
    if not (hosts or version < (1, 1)) or not all(map(_HOST.fullmatch, hosts)):
        raise InvalidHeader
    if any(name == b"transfer-encoding" and value.lower() != b"chunked" for name, value in headers):
        raise UnsupportedTransferCoding


def origin_form(method: bytes, target: bytes) -> bytes:
    """Return the path and query of a request target; of an absolute form the host is checked and dropped.

    Raise InvalidRequestLine. RFC 9112 sections 3.2.1 to 3.2.4.
    """
    if target.startswith(b"/") or method == b"CONNECT" or (target, method) == (b"*", b"OPTIONS"):
        return target
    absolute = _ABSOLUTE_FORM.fullmatch(target)
    if absolute is None or not _HOST.fullmatch(absolute[1]):
        raise InvalidRequestLine
    if not absolute[2] and method == b"OPTIONS":
        return b"*"
    return absolute[2] if absolute[2].startswith(b"/") else b"/" + absolute[2]


def path_of(target: bytes) -> str:
    """Return the decoded path of a request target, as gunicorn gives it to the app."""
    path = target.partition(b"?")[0]
    return (unquote_to_bytes(path) if b"%" in path else path).decode("utf-8", "replace")


def has_ended(rest: bytes) -> bool:
    """Return whether the rest of a head, which begins at the start of a line, has its empty line."""
    return rest.startswith(b"\r\n") or b"\r\n\r\n" in rest


def origin_of(headers: Headers, rest: bytes = b"") -> str | None:
    """Return the only Origin in the parsed headers and in the `rest` of the head, None if there is not exactly one."""
    found = [value for name, value in headers if name == b"origin"]
    if not rest.startswith(b"\r\n"):
        # A line that has not ended may go on.
        head, end, _ = rest.partition(b"\r\n\r\n")
        found += _ORIGIN.findall(head + end[:2])
    return found[0].decode("latin-1") if len(found) == 1 else None
