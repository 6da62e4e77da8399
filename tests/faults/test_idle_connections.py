"""Idle connections to a real gateway process: others are served, whatever its limit of open files is."""

import json
import os
import re
import resource
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import pytest

from deploy import stack
from services.kit.core.processes import raise_file_limit
from tests.ports import free_port
from tests.processes import log_lines
from tests.serving import exchange
from tests.waiting import until

GATEWAY = ("-m", "gateway", "serve")
NOTES = ("-m", "gunicorn", "--config", "deploy/gunicorn.conf.py", "--workers", "1")
HEALTH = b"GET /health HTTP/1.1\r\nHost: gateway\r\nConnection: close\r\n\r\n"
RAW = HEALTH.replace(b"/health", b"/raw")
HOARD = b"GET /hoard HTTP/1.1\r\nHost: gateway\r\n\r\n"
# What a connection sends that is idle: nothing, a head that does not end, a request after which it stays open.
BEGINNINGS = (b"", b"GET /health HTTP/1.1\r\nX-Slow: ", HEALTH.replace(b"Connection: close\r\n", b""))

pytestmark = pytest.mark.full


class Server:
    """A server in a process with a limit of open files."""

    def __init__(self, port: int, log: Path):
        self._address = ("127.0.0.1", port)
        self._log = log

    def respond(self, request: bytes) -> bytes:
        """Return the status line of the response on a connection of its own, b"" if there is none."""
        try:
            return exchange(self._address, request).partition(b"\r\n")[0]
        except ConnectionError:
            return b""

    def connect(self, beginning: bytes) -> socket.socket:
        connection = socket.create_connection(self._address, timeout=60)
        connection.sendall(beginning)
        return connection

    def events(self, *names: str) -> list[dict[str, Any]]:
        """Return the lines of the log with these events, without their times."""
        lines = map(json.loads, log_lines(self._log).splitlines())
        return [{**line, "timestamp": None} for line in lines if line["event"] in names]


@contextmanager
def running(folder: Path, limits: str, *command: str, ready: bytes = HEALTH, **variables: str) -> Iterator[Server]:
    """Run Python with this command under these limits of open files, which are options of ulimit."""
    port = free_port()
    log = folder / "log"
    with log.open("wb") as output:
        process = subprocess.Popen(
            ["sh", "-c", f'ulimit {limits}; exec "$@"', "sh", sys.executable, *command],
            cwd=stack.ROOT,
            env={"PATH": os.environ["PATH"], "API_PORT": str(port), "GUNICORN_CMD_ARGS": f"-b :{port}", **variables},
            stdout=output,
        )
    server = Server(port, log)
    try:
        until(lambda: server.respond(ready).endswith(b" 200 OK"), "the server responds")
        yield server
    finally:
        process.terminate()
        process.wait(120)


def test_idle_connections_give_way_to_others_at_the_bound(tmp_path: Path) -> None:
    with running(tmp_path, "-n 200", *GATEWAY) as gateway, ExitStack() as clients:
        for number in range(1_200):
            clients.enter_context(gateway.connect(BEGINNINGS[number % 3]))
            if number % 100 == 0:
                assert gateway.respond(HEALTH) == b"HTTP/1.1 200 OK"
        [raised, *full] = gateway.events("file_limit_raised", "connections_full", "files_exhausted")
    common = {"timestamp": None, "service": "gateway"}
    assert raised == {**common, "event": "file_limit_raised", "level": "info", "before": 200, "files": 200}
    # Once a minute, which a slow machine may exceed.
    line = {**common, "event": "connections_full", "level": "warning", "most": 100, "refused": 0}
    held = {"address": "127.0.0.1", "held": 100}
    assert full[0] == {**line, **held, "idle": full[0]["idle"], "closedIdle": 1}
    assert len(full) < 20


def test_others_are_served_under_five_thousand_idle_connections(tmp_path: Path) -> None:
    raise_file_limit()
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft < 8_000:
        pytest.skip(f"5,000 connections need a hard limit of 8,000 open files, and here it is {hard} (ulimit -Hn)")
    with running(tmp_path, "-Sn 1024", *GATEWAY) as gateway, ExitStack() as clients:
        for number in range(5_000):
            clients.enter_context(gateway.connect(BEGINNINGS[number % 3]))
        assert [gateway.respond(HEALTH) for _ in range(20)] == [b"HTTP/1.1 200 OK"] * 20
        [raised] = gateway.events("file_limit_raised", "connections_full", "files_exhausted")
    assert (raised["event"], raised["before"], raised["files"]) == ("file_limit_raised", 1024, hard)


def test_without_a_free_file_idle_connections_make_room_and_it_is_logged(tmp_path: Path) -> None:
    app = "tests.kit.web.notes:create_hoarding_app()"
    names = {"FLIX_PROCESS": "tested", "LOG_LEVEL": "info"}
    with running(tmp_path, "-n 200", *NOTES, app, ready=RAW, **names) as server, ExitStack() as clients:
        for beginning in [b""] * 20 + [HOARD]:
            clients.enter_context(server.connect(beginning))
        until(lambda: bool(server.events("files_exhausted")), "the lack of files is logged")
        until(lambda: server.respond(RAW) == b"HTTP/1.1 200 OK", "the server responds")
        line = server.events("files_exhausted")[0]
    assert re.fullmatch(r"\[Errno 24\] .*", line.pop("reason"))
    expected = {"event": "files_exhausted", "level": "error", "timestamp": None, "service": "tested", "limit": 200}
    assert line == expected
