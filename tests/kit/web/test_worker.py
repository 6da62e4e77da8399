"""services.kit.web.worker under a real gunicorn: what it refuses itself, streams, unread bodies, and the settings."""

import json
import os
import re
import runpy
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import httpx
import pytest
import structlog
from gunicorn.config import Config

from deploy import stack
from gateway.routes import GENERATION_SECONDS
from gateway.upstream import KEEPALIVE_SECONDS
from services.kit.web.headers import SECURITY_HEADERS
from services.kit.web.refusals import refusal
from tests.kit.web.notes import LONG_SECONDS
from tests.serving import Address, exchange, read_until_closed, served

UUID7 = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}")
GET = b"GET /raw HTTP/1.1\r\nHost: notes\r\nConnection: close\r\n"
POST = b"POST /raw HTTP/1.1\r\nHost: notes\r\nX-Request-ID: request-1\r\n"


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Address]:
    """The address of gunicorn with the streaming app."""
    variables = {"STREAMING_DATABASE_URL": f"sqlite:///{tmp_path_factory.mktemp('gunicorn') / 'streaming.sqlite'}"}
    # A connection that is not closed at once stays open for longer than a test waits.
    keep_alive = ("--keep-alive", str(LONG_SECONDS))
    with served("tests.kit.web.notes:create_streaming_app()", "/notes", variables, *keep_alive) as at:
        yield at


@contextmanager
def client(address: Address) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=f"http://{address[0]}:{address[1]}", timeout=60, trust_env=False) as opened:
        yield opened


def read(response: bytes) -> tuple[int, dict[str, str], object]:
    head, _, body = response.partition(b"\r\n\r\n")
    first, *lines = head.decode().split("\r\n")
    headers = {name.lower(): text for name, text in (line.split(": ", 1) for line in lines)}
    assert int(headers["content-length"]) == len(body)
    return int(first.split(" ")[1]), headers, json.loads(body)


NOT_HTTP = "The request is not HTTP/1.1 as RFC 9112 has it"


@pytest.mark.parametrize(
    ("request_", "status", "message"),
    [
        (b"GET /" + b"a" * 8190 + b" HTTP/1.1\r\nHost: notes\r\n\r\n", 414, "The address is too long"),
        (GET + b"X-Long: " + b"a" * 8190 + b"\r\n\r\n", 431, "The headers are too many or too long"),
        (GET + b"X-Many: a\r\n" * 101 + b"\r\n", 431, "The headers are too many or too long"),
        (b"canary\r\n\r\n", 400, NOT_HTTP),
        (GET + b"X-<canary>: a\r\n\r\n", 400, NOT_HTTP),
        (GET + b"Content-Length: canary\r\n\r\n", 400, NOT_HTTP),
        (GET + b"Content-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n", 400, NOT_HTTP),
        (GET + b"Transfer-Encoding: canary, chunked\r\n\r\n", 501, "This transfer coding is not known here"),
        (GET + b"Transfer-Encoding: gzip, chunked\r\n\r\n", 501, "This transfer coding is not known here"),
        (b"GET /raw HTTP/1.1\r\n\r\n", 400, NOT_HTTP),
        (b"GET /raw HTTP/1.1\r\nHost: a canary\r\n\r\n", 400, NOT_HTTP),
        (GET + b"Host: notes\r\n\r\n", 400, NOT_HTTP),
        (b"GET http://canary@notes/raw HTTP/1.1\r\nHost: notes\r\n\r\n", 400, NOT_HTTP),
        (b"WEBSOCKET /raw HTTP/1.1\r\nHost: notes\r\n\r\n", 400, NOT_HTTP),
    ],
)
@pytest.mark.parametrize("origin", [None, "https://learn.example"])
def test_gunicorn_s_own_errors_have_the_envelope_and_repeat_nothing(
    address: Address, request_: bytes, status: int, message: str, origin: str | None
) -> None:
    if origin:
        request_ = request_.removesuffix(b"\r\n") + f"Origin: {origin}\r\n\r\n".encode()
    actual, headers, document = read(exchange(address, request_))
    request_id = headers["x-request-id"]
    assert UUID7.fullmatch(request_id)
    assert (actual, document) == (status, {"error": "REQUEST_ERROR", "message": message, "requestId": request_id})
    assert headers == {
        "content-type": "application/json",
        "content-length": headers["content-length"],
        "x-request-id": request_id,
        **{name.lower(): text for name, text in SECURITY_HEADERS.items()},
        **({"x-origin": origin} if origin else {}),
        "connection": "close",
    }
    assert "canary" not in str(headers) + str(document)


def test_a_crash_outside_the_app_says_nothing_about_it() -> None:
    status, _, document = read(refusal(500, "request-1", {}))
    message = "Something went wrong on our side"
    assert (status, document) == (500, {"error": "INTERNAL_ERROR", "message": message, "requestId": "request-1"})


@pytest.mark.parametrize(
    ("line", "allow", "body"),
    [
        (b"GET http://notes/raw?a=b HTTP/1.1", None, b'{"bytes":0}'),
        (b"GET https://[::1]:3001/raw HTTP/1.1", None, b'{"bytes":0}'),
        (b"HEAD /raw HTTP/1.1", None, b""),
        (b"OPTIONS /raw HTTP/1.1", "GET, HEAD, POST", b""),
        (b"OPTIONS * HTTP/1.1", "GET, HEAD, OPTIONS, POST, PUT", b""),
        (b"OPTIONS http://notes HTTP/1.1", "GET, HEAD, OPTIONS, POST, PUT", b""),
    ],
)
def test_every_form_of_an_address_is_answered(address: Address, line: bytes, allow: str | None, body: bytes) -> None:
    response = exchange(address, line + b"\r\nHost: notes\r\nConnection: close\r\n\r\n")
    head, _, actual = response.partition(b"\r\n\r\n")
    first, *lines = head.decode().split("\r\n")
    headers = {name.lower(): text for name, text in (line.split(": ", 1) for line in lines)}
    assert (first, headers.get("allow"), actual) == ("HTTP/1.1 200 OK", allow, body)
    assert headers["content-length"] == ("0" if allow else "11")


EXPECTING = b"Host: notes\r\nExpect: 100-continue\r\n"


@pytest.mark.parametrize(
    ("line", "fields", "status"),
    [
        (b"POST /raw HTTP/1.1\r\n", b"Content-Length: 1048577\r\n", 413),
        (b"POST /echo HTTP/1.1\r\n", b"Content-Length: 1\r\nContent-Encoding: gzip\r\n", 415),
        (b"POST /guarded HTTP/1.1\r\n", b"Content-Length: 1\r\n", 401),
        (b"POST /guarded HTTP/1.1\r\n", b"Transfer-Encoding: chunked\r\n", 401),
        (b"POST /nowhere HTTP/1.1\r\n", b"Content-Length: 1\r\n", 404),
        (b"DELETE /raw HTTP/1.1\r\n", b"Content-Length: 1\r\n", 405),
    ],
)
@pytest.mark.parametrize("sent", [b"", b"1"])
def test_a_refused_request_is_answered_and_closed_without_its_body(
    address: Address, line: bytes, fields: bytes, status: int, sent: bytes
) -> None:
    for expecting in (EXPECTING, b"Host: notes\r\n"):
        actual, headers, _ = read(exchange(address, line + expecting + fields + b"\r\n" + sent))
        assert (actual, headers["connection"]) == (status, "close")


def test_a_client_that_waits_for_100_gets_it_when_its_body_is_read(address: Address) -> None:
    with socket.create_connection(address, timeout=60) as connection:
        connection.sendall(b"POST /raw HTTP/1.1\r\nConnection: close\r\nContent-Length: 3\r\n" + EXPECTING + b"\r\n")
        assert connection.recv(65_536) == b"HTTP/1.1 100 Continue\r\n\r\n"
        connection.sendall(b"abc")
        assert read(read_until_closed(connection))[::2] == (200, {"bytes": 3})


def test_a_client_that_still_sends_can_read_its_refusal(address: Address) -> None:
    with client(address) as keeping:
        responses = [keeping.post("/guarded", content=b" " * 1_000_000) for _ in range(50)]
    assert {response.status_code for response in responses} == {401}


def test_the_longest_address_and_headers_are_accepted(address: Address) -> None:
    line = b"GET /raw?" + b"a" * 8172 + b" HTTP/1.1"
    assert len(line) == 8190
    fields = b"Host: notes\r\nConnection: close\r\n" + b"X-Many: a\r\n" * 97 + b"X-Long: " + b"a" * 8180 + b"\r\n\r\n"
    assert read(exchange(address, line + b"\r\n" + fields))[::2] == (200, {"bytes": 0})


def test_a_websocket_is_a_plain_request(address: Address) -> None:
    upgrade = (
        b"GET /raw HTTP/1.1\r\nHost: notes\r\nUpgrade: websocket\r\nConnection: Upgrade, close\r\n"
        b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
    )
    assert read(exchange(address, upgrade))[::2] == (200, {"bytes": 0})


def test_slow_clients_do_not_delay_others(address: Address) -> None:
    slow = [socket.create_connection(address, timeout=60) for _ in range(50)]
    try:
        for number, connection in enumerate(slow):
            connection.sendall(POST + b"Content-Length: 10\r\n\r\na" if number % 2 else b"GET /")
        assert read(exchange(address, GET + b"\r\n"))[::2] == (200, {"bytes": 0})
    finally:
        for connection in slow:
            connection.close()


def test_plain_requests_after_streams_get_their_own_responses(address: Address) -> None:
    with client(address) as keeping:
        for _ in range(10):
            streamed = keeping.get("/stream")
            plain = keeping.post("/notes", json={"title": "After"})
            assert (streamed.status_code, streamed.text) == (200, "".join(f"{part}\n" * 1024 for part in range(3)))
            assert (plain.status_code, plain.json()) == (201, {"title": "After"})


def test_clients_that_disconnect_midway_disturb_no_other_request(address: Address) -> None:
    for _ in range(10):
        with socket.create_connection(address, timeout=60) as connection:
            connection.sendall(b"GET /stream?parts=100000 HTTP/1.1\r\nHost: notes\r\n\r\n")
            assert connection.recv(15) == b"HTTP/1.1 200 OK"
        with socket.create_connection(address, timeout=60) as connection:
            connection.sendall(b"POST /notes HTTP/1.1\r\nHost: notes\r\nContent-Length: 100\r\n\r\n{")
    with client(address) as keeping:
        assert keeping.get("/stream?parts=1").text == "0\n" * 1024
        assert keeping.post("/notes", json={"title": "After"}).json() == {"title": "After"}


CHUNK = b"10000\r\n" + b" " * 0x10000 + b"\r\n"
# It would be read as the next request if the connection stayed open.
SMUGGLED = b"GET /notes HTTP/1.1\r\nHost: notes\r\n\r\n"


@pytest.mark.parametrize(
    ("head", "rest", "status"),
    [
        (b"POST /guarded HTTP/1.1\r\nContent-Length: 200000", SMUGGLED, b"401 Unauthorized"),
        (b"POST /nowhere HTTP/1.1\r\nContent-Length: 200000", SMUGGLED, b"404 Not Found"),
        (b"DELETE /notes HTTP/1.1\r\nContent-Length: 200000", SMUGGLED, b"405 Method Not Allowed"),
        (b"POST /raw HTTP/1.1\r\nContent-Length: 1048577", SMUGGLED, b"413 "),
        (b"POST /raw HTTP/1.1\r\nTransfer-Encoding: chunked", CHUNK * 17, b"413 "),
    ],
)
def test_an_unread_body_closes_its_connection(address: Address, head: bytes, rest: bytes, status: bytes) -> None:
    response = exchange(address, head + b"\r\nHost: notes\r\n\r\n" + rest)
    lines, _, body = response.partition(b"\r\n\r\n")
    assert lines.startswith(b"HTTP/1.1 " + status)
    assert b"connection: close" in lines.lower().split(b"\r\n")
    assert b"HTTP/1.1" not in body
    with client(address) as fresh:
        assert fresh.get("/notes").json() == {"item": "note"}


@pytest.fixture(params=["quiz", "content", "gateway"])
def settings(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[Config]:
    """The settings of deploy/gunicorn.conf.py as gunicorn reads them; they also configure logging."""
    for name, value in {"FLIX_PROCESS": request.param, "LOG_LEVEL": "info"}.items():
        monkeypatch.setitem(os.environ, name, value)
    logging_before: Any = structlog.get_config()
    config = Config()
    for name, value in runpy.run_path(str(stack.ROOT / "deploy" / "gunicorn.conf.py")).items():
        if name in config.settings:
            config.set(name, value)
    yield config
    structlog.configure(**logging_before)


def test_the_timeouts_are_in_order(settings: Config) -> None:
    # docs/traps.md, 10: the client closes first, and a worker ends before the process that runs it loses patience.
    assert settings.keepalive > KEEPALIVE_SECONDS
    assert settings.graceful_timeout < stack.STOP_SECONDS
    # A running generation of a look is not cut off.
    assert settings.graceful_timeout > GENERATION_SECONDS or os.environ["FLIX_PROCESS"] == "quiz"
    assert settings.worker_class_str == "services.kit.web.worker.Worker"
    assert not settings.preload_app
    assert settings.forwarded_allow_ips == []


def test_no_access_log_values_are_made(settings: Config) -> None:
    # docs/traps.md, 24: gunicorn makes them for each request as soon as logconfig_dict is set.
    assert settings.logger_class(settings).access_log_enabled is False
