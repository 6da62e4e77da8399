"""gateway.__main__ and the gateway as a real process: refusals in one line, and what its log tells."""

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
from tests.gateway.door import SECRET

USAGE = "usage: python -m gateway serve\n"


def run(*arguments: str, **variables: str) -> tuple[int, str, str]:
    """The exit code and what was said."""
    done = subprocess.run(
        [sys.executable, "-m", "gateway", *arguments],
        cwd=stack.ROOT,
        env={"PATH": os.environ["PATH"], **variables},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    return done.returncode, done.stdout, done.stderr


@pytest.mark.parametrize("arguments", [(), ("migrate",), ("serve", "now")])
def test_a_wrong_command_line_is_answered_with_how_to_use_it(arguments: tuple[str, ...]) -> None:
    assert run(*arguments) == (2, "", USAGE)


def test_what_is_wrong_with_the_settings_is_told_one_line_each_and_nothing_is_served() -> None:
    assert run("serve", DATABASE_PROFILE="managed", RATE_LIMIT_MAX="many", AUTH_URL="http://auth") == (
        1,
        "",
        "CORS_ORIGIN is missing: the managed profile needs the sites whose pages may call the API\n"
        "SERVICE_TOKEN_SECRET is missing: the managed profile needs a random secret that only the services share\n"
        "CONTENT_URL is missing: the managed profile needs the address of the content service\n"
        "QUIZ_URL is missing: the managed profile needs the address of the quiz service\n"
        "RATE_LIMIT_MAX must be a whole number from 1 to 1000000, not 'many'\n",
    )


class Behind(BaseHTTPRequestHandler):
    """A service that admits everybody, and signs everybody in."""

    protocol_version = "HTTP/1.1"

    def do_POST(self) -> None:
        """Read the body and answer by the address."""
        self.rfile.read(int(self.headers.get("Content-Length", 0)))
        documents: dict[str, Any] = {
            "/internal/login": {"accessToken": "canary-token", "tokenType": "Bearer", "user": {"username": "ada"}},
            "/internal/public/events/launch/catalog": {"catalog": {}},
        }
        body = json.dumps(documents[self.path.partition("?")[0]]).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *arguments: object) -> None:
        """Say nothing."""


@pytest.fixture
def behind() -> Iterator[str]:
    """The address of such a service."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), Behind)
    server.daemon_threads = True
    thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture
def gateway(behind: str, tmp_path: Path) -> Iterator[stack.Process]:
    """The gateway's process, which tells all that it can; its address is in `addresses`."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    environment = {
        "PATH": os.environ["PATH"],
        "API_PORT": str(port),
        "SERVICE_TOKEN_SECRET": SECRET,
        **{f"{name}_URL": behind for name in ("AUTH", "CONTENT", "QUIZ")},
        "RATE_LIMIT_MAX": "5",
        "RATE_LIMIT_WINDOW_MS": "3600000",
        "LOG_LEVEL": "debug",
    }
    process = stack.start("gateway", environment, tmp_path)
    try:
        stack.wait_until(lambda: is_alive(port), [process])
        (tmp_path / "port").write_text(str(port))
        yield process
    finally:
        stack.stop([process])


def is_alive(port: int) -> bool:
    """Whether the process answers."""
    try:
        return httpx.get(f"http://127.0.0.1:{port}/health/live", trust_env=False).is_success
    except httpx.HTTPError:
        return False


def test_a_real_gateway_limits_by_connection_and_its_log_tells_no_secret(
    gateway: stack.Process, tmp_path: Path
) -> None:
    address = f"http://127.0.0.1:{(tmp_path / 'port').read_text()}"
    headers = {"Authorization": "Bearer canary-bearer", "X-Request-ID": "request-1", "Cookie": "canary-cookie"}
    catalog = "/api/public/events/launch/catalog"
    with httpx.Client(base_url=address, timeout=30, trust_env=False, headers=headers) as client:
        signed_in = client.post("/api/admin/login", json={"username": "ada", "password": "canary-password"})
        shown = client.post(f"{catalog}?eventAccessKey=canary-query", json={"eventAccessKey": "canary-key"})
        forged = client.get("/api/events")
        unknown = client.get("/nowhere?eventAccessKey=canary-query")
        malformed = client.post(catalog, content=b'{"eventAccessKey": "canary-key', headers={"Content-Type": "text/x"})
        limited = [client.get("/nowhere", headers={"X-Forwarded-For": f"198.51.100.{each}"}) for each in range(3)]
    stack.stop([gateway])

    assert [each.status_code for each in (signed_in, shown, forged, unknown, malformed)] == [200, 200, 401, 404, 200]
    assert [each.status_code for each in limited] == [429, 429, 429]
    said = gateway.log.read_text()
    assert "canary" not in said
    assert SECRET not in said
    lines = [json.loads(line) for line in said.splitlines()]
    assert {line["service"] for line in lines} == {"gateway"}
    [told] = [line for line in lines if line["event"] == "admin_auth_succeeded"]
    del told["timestamp"]
    assert told == {
        "event": "admin_auth_succeeded",
        "level": "info",
        "service": "gateway",
        "requestId": "request-1",
        "method": "POST",
        "route": "/api/admin/login",
        "username": "ada",
    }
    assert gateway.popen.returncode == 0
