"""The proxy itself: the line breaks exactly where it is told to."""

import http.server
import threading
from collections.abc import Iterator

import httpx
import pytest

from tests.faults.proxy import Fate, Link, Proxies, always


class Heard(http.server.BaseHTTPRequestHandler):
    """Answers every POST with what it has heard."""

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
def heard() -> list[bytes]:
    """The bodies that have arrived."""
    return []


@pytest.fixture
def link(heard: list[bytes]) -> Iterator[Link]:
    """A line to a server."""
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), type("Server", (Heard,), {"bodies": heard}))
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    proxies = Proxies()
    yield proxies.link(server.server_port)
    proxies.close()
    server.shutdown()
    thread.join()
    server.server_close()


def post(link: Link, seconds: float = 30) -> str | None:
    """The text of the answer, or None."""
    try:
        return httpx.post(link.address, content=b"hello", timeout=seconds, trust_env=False).text
    except httpx.HTTPError:
        return None


def test_what_is_not_to_be_broken_passes_on_one_connection_after_the_other(link: Link, heard: list[bytes]) -> None:
    assert [post(link), post(link)] == ["hello", "hello"]
    assert (heard, link.broken) == ([b"hello", b"hello"], 0)


@pytest.mark.parametrize("fate", [Fate.LOSE_REQUEST, Fate.LOSE_ANSWER, Fate.HALVE_ANSWER])
def test_a_broken_line_gives_no_answer_whether_the_request_has_arrived_or_not(
    link: Link, heard: list[bytes], fate: Fate
) -> None:
    link.choose = always(fate)

    assert post(link) is None
    assert (heard, link.broken) == ([] if fate is Fate.LOSE_REQUEST else [b"hello"], 1)
    link.heal()
    assert post(link) == "hello"


def test_nobody_can_connect_to_what_is_cut_off_until_it_is_healed(link: Link, heard: list[bytes]) -> None:
    link.refuse()
    assert post(link) is None
    assert heard == []

    link.heal()
    assert post(link) == "hello"


def test_what_is_held_back_arrives_when_the_line_is_healed(link: Link, heard: list[bytes]) -> None:
    responses: list[str | None] = []
    link.hold()
    waiting = threading.Thread(target=lambda: responses.append(post(link)))
    waiting.start()
    assert post(link, seconds=0.1) is None
    assert heard == []

    link.heal()
    waiting.join()
    assert responses == ["hello"]
    assert heard[0] == b"hello"
