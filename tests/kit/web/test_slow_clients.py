"""services.kit.web.worker under a real gunicorn: heads and bodies that do not arrive in time."""

import socket
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.kit.web.notes import SHORT_SECONDS
from tests.kit.web.test_worker import GET, POST, read
from tests.serving import Address, exchange, served

pytestmark = pytest.mark.full

LATE = {"error": "REQUEST_ERROR", "message": "The body took too long to arrive", "requestId": "request-1"}


@pytest.fixture(scope="module")
def address() -> Iterator[Address]:
    with served("tests.kit.web.notes:create_impatient_app()", "/raw", {}, "--keep-alive", str(SHORT_SECONDS)) as at:
        yield at


def drip(address: Address, beginning: bytes) -> bytes:
    """Send a byte again and again until the connection is closed; return the response."""
    with socket.create_connection(address, timeout=0.05) as connection:
        connection.sendall(beginning)
        response = b""
        while True:
            try:
                connection.sendall(b"a")
                received = connection.recv(65_536)
            except TimeoutError:
                continue
            except ConnectionError:
                return response
            if not received:
                return response
            response += received


def responses(send: Callable[[Address, bytes], bytes], address: Address, beginnings: list[bytes]) -> list[bytes]:
    """Send all beginnings at the same time, because each waits for a deadline."""
    with ThreadPoolExecutor(len(beginnings)) as pool:
        return list(pool.map(lambda beginning: send(address, beginning), beginnings))


def test_a_head_that_does_not_end_is_cut_off(address: Address) -> None:
    stopping = [b"", b"G", b"GET /raw HTTP/1.1\r\n", GET]
    dripping = [b"GET /", b"GET /raw HTTP/1.1\r\nHost: notes\r\nX-Slow: "]

    assert responses(exchange, address, stopping) == [b""] * len(stopping)
    assert responses(drip, address, dripping) == [b""] * len(dripping)


def test_the_head_of_a_later_request_has_as_long(address: Address) -> None:
    first = GET.replace(b"Connection: close\r\n", b"\r\n")

    status, headers, document = read(exchange(address, first + b"GET /raw"))

    assert (status, document) == (200, {"bytes": 0})
    assert "connection" not in headers


def test_a_body_that_does_not_end_is_refused_and_cut_off(address: Address) -> None:
    chunked = POST + b"Transfer-Encoding: chunked\r\n\r\n"
    bodies = [b"", b"1", b"1\r\na\r\n", b"1\r\na\r\n0\r\n"]

    late = responses(exchange, address, [chunked + body for body in bodies])
    late += responses(drip, address, [POST + b"Content-Length: 1000000\r\n\r\n"])

    for status, headers, document in map(read, late):
        assert (status, headers["connection"], document) == (408, "close", LATE)
