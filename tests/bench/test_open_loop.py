"""The open loop: every call has an outcome, also on a server that drops connections."""

import threading
from collections import Counter
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from tests.bench.open_loop import NO_RESPONSE, Call, run
from tests.bench.requests import get, post


class Handler(BaseHTTPRequestHandler):
    """Answers /open with 200, /closed with 403 and the last response of its connection; drops everything else."""

    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        """Respond, or close the connection without a response."""
        if self.path == "/drop":
            self.close_connection = True
            return
        self.send_response(200 if self.path == "/open" else 403)
        self.send_header("Content-Length", "5")
        if self.path == "/closed":
            self.send_header("Connection", "close")
        self.end_headers()
        self.wfile.write(b"hello")

    def log_message(self, format: str, *args: object) -> None:
        """Log nothing."""


@pytest.fixture
def address() -> Iterator[str]:
    """The address of a server with this handler."""
    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


def test_every_call_has_an_outcome_and_is_judged_once(address: str) -> None:
    kinds = ["open", "closed", "open", "drop"] * 5
    calls = [Call(0.001 * place, kind, get(f"/{kind}")) for place, kind in enumerate(kinds)]
    judged: list[tuple[str, int, bytes]] = []

    finished = run(address, calls, lambda call, status, body: judged.append((call.kind, status, body)), connections=3)

    assert Counter((each.call.kind, each.status) for each in finished.outcomes) == {
        ("open", 200): 10,
        ("closed", 403): 5,
        ("drop", NO_RESPONSE): 5,
    }
    assert Counter(judged) == {("open", 200, b"hello"): 10, ("closed", 403, b"hello"): 5, ("drop", 0, b""): 5}
    assert [each for each in finished.outcomes if not each.call.at <= each.sent_at <= each.ended_at] == []
    assert len(finished.lags) == len(calls)


def test_a_server_that_does_not_listen_fails_every_call() -> None:
    finished = run("http://127.0.0.1:1", [Call(0, "open", get("/open")), Call(0, "open", get("/open"))])

    assert [each.status for each in finished.outcomes] == [NO_RESPONSE, NO_RESPONSE]


def test_a_request_is_sent_as_written() -> None:
    assert post("/submit", {"answers": []}, Idempotency_Key="one") == (
        b"POST /submit HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\nContent-Length: 14\r\n"
        b'Idempotency-Key: one\r\n\r\n{"answers":[]}'
    )
