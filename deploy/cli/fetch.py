"""A request of one of the processes of an installation."""

from contextlib import closing
from http import HTTPStatus
from http.client import HTTPConnection, HTTPException, HTTPSConnection
from typing import NamedTuple
from urllib.parse import urlsplit

RESPONSE_SECONDS = 5
# The errors of `fetch`: nobody answers, what answers is no web server, and what is no address.
NO_RESPONSE = (OSError, HTTPException, ValueError)


class Response(NamedTuple):
    """A response: whether its status is 200, the server's time (RFC 9110, 6.6.1), and the body."""

    is_ok: bool
    date: str | None
    body: bytes


def fetch(url: str) -> Response:
    """Return the response to GET. Raise OSError, HTTPException or ValueError."""
    parts = urlsplit(url)
    connect = HTTPSConnection if parts.scheme == "https" else HTTPConnection
    with closing(connect(parts.netloc, timeout=RESPONSE_SECONDS)) as connection:
        connection.request("GET", parts.path)
        response = connection.getresponse()
        return Response(response.status == HTTPStatus.OK, response.getheader("Date"), response.read())
