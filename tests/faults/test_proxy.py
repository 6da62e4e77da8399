"""The proxy breaks the connection exactly where it should."""

import http.server
import threading
from collections.abc import Iterator

import httpx
import pytest

from tests.faults.proxy import Fate, Link, Proxies, always


class Echo(http.server.BaseHTTPRequestHandler):
    """A server that returns every body."""

    protocol_version = "HTTP/1.1"
    bodies: list[bytes]

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.bodies.append(body)
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@pytest.fixture
def received() -> list[bytes]:
    """The bodies that the server has received."""
    return []


@pytest.fixture
def link(received: list[bytes]) -> Iterator[Link]:
    """A link to the server."""
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), type("Server", (Echo,), {"bodies": received}))
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    proxies = Proxies()
    yield proxies.link(server.server_port)
    proxies.close()
    server.shutdown()
    thread.join()
    server.server_close()


def post(link: Link, seconds: float = 30) -> str | None:
    """Return the text of the response, or None."""
    try:
        return httpx.post(link.address, content=b"hello", timeout=seconds, trust_env=False).text
    except httpx.HTTPError:
        return None


def test_an_unbroken_link_passes_every_request(link: Link, received: list[bytes]) -> None:
    assert [post(link), post(link)] == ["hello", "hello"]
    assert (received, link.broken) == ([b"hello", b"hello"], 0)


@pytest.mark.parametrize("fate", [Fate.LOSE_REQUEST, Fate.LOSE_ANSWER, Fate.HALVE_ANSWER])
def test_a_broken_link_gives_no_response(link: Link, received: list[bytes], fate: Fate) -> None:
    link.choose = always(fate)

    assert post(link) is None
    assert (received, link.broken) == ([] if fate is Fate.LOSE_REQUEST else [b"hello"], 1)
    link.heal()
    assert post(link) == "hello"


def test_a_cut_link_refuses_connections_until_it_is_healed(link: Link, received: list[bytes]) -> None:
    link.refuse()
    assert post(link) is None
    assert received == []

    link.heal()
    assert post(link) == "hello"


def test_a_delayed_request_arrives_when_the_link_is_healed(link: Link, received: list[bytes]) -> None:
    responses: list[str | None] = []
    link.hold()
    waiting = threading.Thread(target=lambda: responses.append(post(link)))
    waiting.start()
    assert post(link, seconds=0.1) is None
    assert received == []

    link.heal()
    waiting.join()
    assert responses == ["hello"]
    assert received[0] == b"hello"
