"""The gateway under a real gunicorn: each refusal lets a page of a listed origin read it, and is protected."""

from collections.abc import Iterator

import pytest

from gateway.config import DEFAULT_TRANSPORT_SECURITY
from tests.gateway.fakes import ALLOWED_ORIGIN, SECRET
from tests.gateway.test_edge import READABLE
from tests.gateway.test_security_headers import PROTECTION
from tests.ports import free_port
from tests.serving import Address, exchange, served

HOST = "Host: gateway\r\n"
CATALOG = "/api/public/events/launch/catalog"


@pytest.fixture(scope="module")
def address() -> Iterator[Address]:
    """The address of a gateway in the managed profile whose services do not run."""
    nowhere = f"http://127.0.0.1:{free_port()}"
    variables = {
        "DATABASE_PROFILE": "managed",
        "SERVICE_TOKEN_SECRET": SECRET,
        "CORS_ORIGIN": ALLOWED_ORIGIN,
        "REQUEST_BODY_TIMEOUT_SECONDS": "1",
        **dict.fromkeys(("AUTH_URL", "CONTENT_URL", "QUIZ_URL"), nowhere),
    }
    with served("gateway.app:create_app()", "/health/live", variables) as at:
        yield at


REFUSED = {
    "a head that is not HTTP": (f"GET / HTTP/1.1\r\n{HOST}X-<: a\r\n", 400),
    "no host": ("GET /health HTTP/1.1\r\n", 400),
    "two hosts": (f"GET /health HTTP/1.1\r\n{HOST}{HOST}", 400),
    "a malformed host": ("GET /health HTTP/1.1\r\nHost: a/b\r\n", 400),
    "no token": (f"HEAD /api/events HTTP/1.1\r\n{HOST}Connection: close\r\n", 401),
    "an unknown address": (f"GET http://gateway/nowhere HTTP/1.1\r\n{HOST}Connection: close\r\n", 404),
    "another method": (f"DELETE /health HTTP/1.1\r\n{HOST}Connection: close\r\n", 405),
    "a body that does not come": (f"POST {CATALOG} HTTP/1.1\r\n{HOST}Content-Length: 9\r\n", 408),
    "a length that is too large": (f"POST {CATALOG} HTTP/1.1\r\n{HOST}Content-Length: 1048577\r\n", 413),
    "an address that is too long": (f"GET /{'a' * 9_000} HTTP/1.1\r\n{HOST}", 414),
    "a content coding": (f"POST {CATALOG} HTTP/1.1\r\n{HOST}Content-Length: 9\r\nContent-Encoding: gzip\r\n", 415),
    "too many headers": (f"GET /health HTTP/1.1\r\n{HOST}{'X: y' * 3_000}\r\n", 431),
    "another transfer coding": (f"POST {CATALOG} HTTP/1.1\r\n{HOST}Transfer-Encoding: gzip, chunked\r\n", 501),
}


def test_a_refusal_asks_for_no_tls_where_that_is_switched_off() -> None:
    variables = {"SERVICE_TOKEN_SECRET": SECRET, "STRICT_TRANSPORT_SECURITY": "off", "CORS_ORIGIN": ALLOWED_ORIGIN}
    variables |= {"DATABASE_PROFILE": "managed"}
    variables |= dict.fromkeys(("AUTH_URL", "CONTENT_URL", "QUIZ_URL"), f"http://127.0.0.1:{free_port()}")
    with served("gateway.app:create_app()", "/health/live", variables) as at:
        heads = [exchange(at, f"{head}\r\n".encode()).partition(b"\r\n\r\n")[0] for head, _ in REFUSED.values()]
    assert [b"x-frame-options" in head.lower() for head in heads] == [True] * len(REFUSED)
    assert [head for head in heads if b"strict-transport-security" in head.lower()] == []


@pytest.mark.parametrize("kind", REFUSED)
def test_a_page_can_read_why_it_is_refused(address: Address, kind: str) -> None:
    head, status = REFUSED[kind]
    for origin, readable in ((ALLOWED_ORIGIN, READABLE), (f"{ALLOWED_ORIGIN}.evil.example", {"vary": "Origin"})):
        response = exchange(address, f"{head}Origin: {origin}\r\n\r\n".encode())
        lines = response.partition(b"\r\n\r\n")[0].decode().split("\r\n")
        headers = {name.lower(): text for name, text in (line.split(": ", 1) for line in lines[1:])}
        protecting = {**PROTECTION, "strict-transport-security": DEFAULT_TRANSPORT_SECURITY}
        assert {name: headers.get(name) for name in protecting} == protecting
        assert {name: text for name, text in headers.items() if name in READABLE} == readable
        assert (headers["content-type"], bool(headers["x-request-id"])) == ("application/json", True)
        # A page of another origin is refused as such, where the app itself answers.
        assert int(lines[0].split(" ")[1]) in (status, *((403,) if origin != ALLOWED_ORIGIN else ()))
