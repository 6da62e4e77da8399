"""A Valkey, or a Redis where there is none: a process on a free port that writes to no disk."""

import os
import shutil
import signal
import socket
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager

from tests.leftovers import record_process
from tests.ports import free_port
from tests.waiting import until
from tests.without import do_without

PROGRAMS = ("valkey-server", "redis-server")


class Valkey:
    """A server that can be stopped, started again empty, frozen and resumed."""

    def __init__(self, program: str, *options: str):
        self._port = free_port()
        self._command = [program, *("--bind", "127.0.0.1"), *("--port", str(self._port)), *("--save", ""), *options]
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def address(self) -> str:
        """Host and port."""
        return f"127.0.0.1:{self._port}"

    @property
    def url(self) -> str:
        """The value of REDIS_URL."""
        return f"valkey://{self.address}/0"

    def start(self) -> None:
        """Start it and wait until it answers."""
        self._process = subprocess.Popen(self._command, stdout=subprocess.DEVNULL)
        record_process(self._process.pid)
        until(self._is_ready, "Valkey answers")

    def stop(self) -> None:
        """Kill it; its counts are lost, and its port is free until the next start."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None

    def freeze(self) -> None:
        """Let it accept connections without answering."""
        self._signal(signal.SIGSTOP)

    def thaw(self) -> None:
        """Let it answer again."""
        self._signal(signal.SIGCONT)

    def ask(self, *words: str) -> str:
        """Return its response to a command, in the form on the wire."""
        with socket.create_connection(("127.0.0.1", self._port), timeout=30) as connection:
            connection.sendall(" ".join(words).encode() + b"\r\n")
            return connection.recv(65536).decode()

    def _is_ready(self) -> bool:
        try:
            return self.ask("PING").startswith(("+PONG", "-NOAUTH"))
        except OSError:
            return False

    def _signal(self, number: int) -> None:
        assert self._process is not None
        os.kill(self._process.pid, number)


@contextmanager
def running_valkey(*options: str) -> Iterator[Valkey]:
    """A running server; without a program for it the test is skipped, or fails in CI."""
    program = next(filter(None, map(shutil.which, PROGRAMS)), None)
    if program is None:
        do_without("Valkey", "neither valkey-server nor redis-server is installed")
    server = Valkey(program, *options)
    server.start()
    try:
        yield server
    finally:
        server.stop()
