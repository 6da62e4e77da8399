"""gateway.__main__: the command line, and what a real process limits and logs."""

import json
import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import httpx
import pytest

from deploy import stack
from tests.gateway.fakes import SECRET

CATALOG = "/api/public/events/launch/catalog"
DOCUMENTS: dict[str, Any] = {
    "/internal/login": {"accessToken": "canary-token", "tokenType": "Bearer", "user": {"username": "ada"}},
    "/internal/public/events/launch/catalog": {"catalog": {}},
}


def run(*arguments: str, **variables: str) -> tuple[int, str, str]:
    """Run the command and return its exit code and both outputs."""
    done = subprocess.run(
        [sys.executable, "-m", "gateway", *arguments],
        cwd=stack.ROOT,
        env={"PATH": os.environ["PATH"], **variables},
        capture_output=True,
        text=True,
        check=False,
    )
    return done.returncode, done.stdout, done.stderr


@pytest.mark.parametrize("arguments", [(), ("migrate",), ("serve", "now")])
def test_a_wrong_command_line_prints_the_usage(arguments: tuple[str, ...]) -> None:
    assert run(*arguments) == (2, "", "usage: python -m gateway serve\n")


def test_wrong_settings_are_printed_one_line_each() -> None:
    code, output, errors = run("serve", API_PORT="many", RATE_LIMIT_MAX="many")

    assert (code, output) == (1, "")
    assert errors == (
        "API_PORT must be a whole number from 1 to 65535, not 'many'\n"
        "RATE_LIMIT_MAX must be a whole number from 1 to 1000000, not 'many'\n"
    )


class FakeServices(BaseHTTPRequestHandler):
    """Services that admit and sign in everybody."""

    protocol_version = "HTTP/1.1"

    def do_POST(self) -> None:
        """Read the body and respond by the address."""
        self.rfile.read(int(self.headers.get("Content-Length", 0)))
        body = json.dumps(DOCUMENTS[self.path.partition("?")[0]]).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *arguments: object) -> None:
        """Write nothing."""


@pytest.fixture
def services() -> Iterator[str]:
    """The address of the fake services."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), FakeServices)
    server.daemon_threads = True
    thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture
def process(services: str, tmp_path: Path) -> Iterator[tuple[stack.Process, str]]:
    """A gateway's process that logs everything, and its address."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    address = f"http://127.0.0.1:{port}"
    environment = {
        "PATH": os.environ["PATH"],
        "API_PORT": str(port),
        "SERVICE_TOKEN_SECRET": SECRET,
        **{f"{name}_URL": services for name in ("AUTH", "CONTENT", "QUIZ")},
        "RATE_LIMIT_MAX": "5",
        "RATE_LIMIT_WINDOW_MS": "3600000",
        "LOG_LEVEL": "debug",
    }
    started = stack.start("gateway", environment, tmp_path)
    try:
        stack.wait_until(lambda: is_alive(address), [started])
        yield started, address
    finally:
        stack.stop([started])


def is_alive(address: str) -> bool:
    """Return whether the process responds."""
    try:
        return httpx.get(f"{address}/health/live", trust_env=False).is_success
    except httpx.HTTPError:
        return False


def test_a_real_gateway_limits_by_connection_and_logs_no_secret(process: tuple[stack.Process, str]) -> None:
    gateway, address = process
    headers = {"Authorization": "Bearer canary-bearer", "X-Request-ID": "request-1", "Cookie": "canary-cookie"}
    with httpx.Client(base_url=address, timeout=120, trust_env=False, headers=headers) as client:
        responses = [
            client.post("/api/admin/login", json={"username": "ada", "password": "canary-password"}),
            client.post(f"{CATALOG}?eventAccessKey=canary-query", json={"eventAccessKey": "canary-key"}),
            client.get("/api/events"),
            client.get("/nowhere?eventAccessKey=canary-query"),
            client.post(CATALOG, content=b'{"eventAccessKey": "canary-key', headers={"Content-Type": "text/x"}),
            *(client.get("/nowhere", headers={"X-Forwarded-For": f"198.51.100.{each}"}) for each in range(3)),
        ]
    stack.stop([gateway])

    assert [response.status_code for response in responses] == [200, 200, 401, 404, 200, 429, 429, 429]
    text = gateway.log.read_text()
    assert "canary" not in text
    assert SECRET not in text
    lines = [json.loads(line) for line in text.splitlines()]
    assert {line["service"] for line in lines} == {"gateway"}
    [line] = [line for line in lines if line["event"] == "admin_auth_succeeded"]
    assert {key: value for key, value in line.items() if key != "timestamp"} == {
        "event": "admin_auth_succeeded",
        "level": "info",
        "service": "gateway",
        "requestId": "request-1",
        "method": "POST",
        "route": "/api/admin/login",
        "username": "ada",
    }
    assert gateway.popen.returncode == 0
