"""services.kit.web.worker under a real gunicorn: clients that are slow, and what gunicorn refuses before the app."""

import json
import re
import socket
from collections.abc import Iterator

import falcon.asgi
import pytest

from services.kit.web.app import WebApp, create_web_app
from services.kit.web.documents import read_body, write_json
from services.kit.web.guards import Gatekeeper, Guard, Route
from services.kit.web.headers import PROTECTING_HEADERS
from services.kit.web.worker import refusal
from tests.serving import Address, exchange, served

SECONDS = 1
UUID7 = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}")
ASKED = b"GET /counted HTTP/1.1\r\nHost: kit\r\nConnection: close\r\n"
SENT = b"POST /counted HTTP/1.1\r\nHost: kit\r\nX-Request-ID: request-1\r\n"


class Counted:
    """Tells how many bytes came."""

    async def on_get(self, request: falcon.asgi.Request, response: falcon.asgi.Response) -> None:
        write_json(response, {"bytes": 0})

    async def on_post(self, request: falcon.asgi.Request, response: falcon.asgi.Response) -> None:
        write_json(response, {"bytes": len(await read_body(request))})


def create_app() -> WebApp:
    """What gunicorn serves here; a body has a second."""
    routes = (Route("/counted", Counted(), Guard.OPEN),)
    return create_web_app(routes, [Gatekeeper(routes, "kit", "no service's secret is needed here")], SECONDS)


@pytest.fixture(scope="module")
def address() -> Iterator[Address]:
    """Where it is served; a head has a second."""
    with served("tests.kit.web.test_worker:create_app()", "/counted", {}, "--keep-alive", str(SECONDS)) as at:
        yield at


def read(answer: bytes) -> tuple[int, dict[str, str], object]:
    """Status, headers and document of the one answer that was given."""
    head, _, body = answer.partition(b"\r\n\r\n")
    first, *lines = head.decode().split("\r\n")
    headers = {name.lower(): text for name, text in (line.split(": ", 1) for line in lines)}
    assert int(headers["content-length"]) == len(body)
    return int(first.split(" ")[1]), headers, json.loads(body)


def drip(address: Address, beginning: bytes) -> bytes:
    """What is answered to a client that sends a byte again and again until the connection is closed."""
    with socket.create_connection(address, timeout=0.05) as connection:
        connection.sendall(beginning)
        answer = b""
        while True:
            try:
                connection.sendall(b"a")
                received = connection.recv(65_536)
            except TimeoutError:
                continue
            except ConnectionError:
                return answer
            if not received:
                return answer
            answer += received


@pytest.mark.parametrize("beginning", [b"", b"G", b"GET /counted HTTP/1.1\r\n", ASKED])
def test_a_client_that_does_not_end_the_head_of_its_first_request_is_cut_off(
    address: Address, beginning: bytes
) -> None:
    assert exchange(address, beginning) == b""


@pytest.mark.parametrize("beginning", [b"GET /", b"GET /counted HTTP/1.1\r\nHost: kit\r\nX-Slow: "])
def test_a_head_that_drips_is_cut_off_too(address: Address, beginning: bytes) -> None:
    assert drip(address, beginning) == b""


def test_the_head_of_a_later_request_has_as_long(address: Address) -> None:
    whole = ASKED.replace(b"Connection: close\r\n", b"\r\n")

    status, headers, document = read(exchange(address, whole + b"GET /counted"))

    assert (status, document) == (200, {"bytes": 0})
    assert "connection" not in headers


LATE = {"error": "REQUEST_ERROR", "message": "The body took too long to arrive", "requestId": "request-1"}


def test_a_body_that_drips_is_refused_and_cut_off(address: Address) -> None:
    status, headers, document = read(drip(address, SENT + b"Content-Length: 1000000\r\n\r\n"))

    assert (status, headers["connection"], document) == (408, "close", LATE)


@pytest.mark.parametrize("beginning", [b"", b"1", b"1\r\na\r\n", b"1\r\na\r\n0\r\n"])
def test_a_chunked_body_that_stops_is_refused_and_cut_off(address: Address, beginning: bytes) -> None:
    head = SENT + b"Transfer-Encoding: chunked\r\n\r\n"

    status, headers, document = read(exchange(address, head + beginning))

    assert (status, headers["connection"], document) == (408, "close", LATE)


def test_slow_clients_keep_nobody_from_being_answered(address: Address) -> None:
    slow = [socket.create_connection(address, timeout=60) for _ in range(50)]
    try:
        for number, connection in enumerate(slow):
            connection.sendall(SENT + b"Content-Length: 10\r\n\r\na" if number % 2 else b"GET /")

        assert read(exchange(address, ASKED + b"\r\n"))[::2] == (200, {"bytes": 0})
    finally:
        for connection in slow:
            connection.close()


@pytest.mark.parametrize(
    ("request_", "status", "message"),
    [
        (b"GET /" + b"a" * 8190 + b" HTTP/1.1\r\nHost: kit\r\n\r\n", 414, "The address is too long"),
        (ASKED + b"X-Long: " + b"a" * 8190 + b"\r\n\r\n", 431, "The headers are too many or too long"),
        (ASKED + b"X-Many: a\r\n" * 101 + b"\r\n", 431, "The headers are too many or too long"),
        (b"canary\r\n\r\n", 400, "The request is not HTTP/1.1 as RFC 9112 has it"),
        (ASKED + b"X-<canary>: a\r\n\r\n", 400, "The request is not HTTP/1.1 as RFC 9112 has it"),
        (ASKED + b"Content-Length: canary\r\n\r\n", 400, "The request is not HTTP/1.1 as RFC 9112 has it"),
        (
            ASKED + b"Content-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n",
            400,
            "The request is not HTTP/1.1 as RFC 9112 has it",
        ),
        (
            ASKED + b"Transfer-Encoding: canary, chunked\r\n\r\n",
            501,
            "This transfer coding is not known here",
        ),
    ],
)
def test_what_gunicorn_refuses_is_answered_in_the_envelope_and_repeats_nothing(
    address: Address, request_: bytes, status: int, message: str
) -> None:
    answered, headers, document = read(exchange(address, request_))

    request_id = headers["x-request-id"]
    assert UUID7.fullmatch(request_id)
    assert (answered, document) == (status, {"error": "REQUEST_ERROR", "message": message, "requestId": request_id})
    assert headers == {
        "content-type": "application/json",
        "content-length": headers["content-length"],
        "x-request-id": request_id,
        **{name.lower(): text for name, text in PROTECTING_HEADERS.items()},
        "connection": "close",
    }
    assert "canary" not in str(headers) + str(document)


def test_the_longest_address_and_headers_are_answered(address: Address) -> None:
    line = b"GET /counted?" + b"a" * 8168 + b" HTTP/1.1"
    assert len(line) == 8190
    fields = b"Host: kit\r\nConnection: close\r\n" + b"X-Many: a\r\n" * 97 + b"X-Long: " + b"a" * 8180 + b"\r\n\r\n"

    assert read(exchange(address, line + b"\r\n" + fields))[::2] == (200, {"bytes": 0})


def test_a_websocket_is_a_request_like_others(address: Address) -> None:
    upgrade = (
        b"GET /counted HTTP/1.1\r\nHost: kit\r\nUpgrade: websocket\r\nConnection: Upgrade, close\r\n"
        b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
    )

    assert read(exchange(address, upgrade))[::2] == (200, {"bytes": 0})


def test_a_crash_outside_of_the_app_tells_nothing() -> None:
    status, _, document = read(refusal(500, "request-1"))

    assert (status, document) == (
        500,
        {"error": "INTERNAL_ERROR", "message": "Something went wrong on our side", "requestId": "request-1"},
    )
