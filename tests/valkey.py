"""A Valkey for the tests, or a Redis where there is no other: a process on a free port, which writes to no disk."""

import os
import shutil
import signal
import socket
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager

from tests.waiting import until
from tests.without import do_without

PROGRAMS = ("valkey-server", "redis-server")


class Valkey:
    """A server that can be stopped, started again with nothing in it, frozen and thawed."""

    def __init__(self, program: str, *options: str):
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self._port = probe.getsockname()[1]
        self._command = [program, *("--bind", "127.0.0.1"), *("--port", str(self._port)), *("--save", ""), *options]
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def address(self) -> str:
        """Host and port."""
        return f"127.0.0.1:{self._port}"

    @property
    def url(self) -> str:
        """What REDIS_URL is to be."""
        return f"valkey://{self.address}/0"

    def start(self) -> None:
        """Returns when it answers."""
        self._process = subprocess.Popen(self._command, stdout=subprocess.DEVNULL)
        until(self._answers, "Valkey answers")

    def stop(self) -> None:
        """Kill it, with all that it has counted; its port stays free meanwhile."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None

    def freeze(self) -> None:
        """It takes connections and answers nothing."""
        self._signal(signal.SIGSTOP)

    def thaw(self) -> None:
        """It answers again."""
        self._signal(signal.SIGCONT)

    def ask(self, *words: str) -> str:
        """Its answer to a command, as it stands on the wire."""
        with socket.create_connection(("127.0.0.1", self._port), timeout=30) as connection:
            connection.sendall(" ".join(words).encode() + b"\r\n")
            return connection.recv(65536).decode()

    def _answers(self) -> bool:
        try:
            return self.ask("PING").startswith(("+PONG", "-NOAUTH"))
        except OSError:
            return False

    def _signal(self, number: int) -> None:
        assert self._process is not None
        os.kill(self._process.pid, number)


@contextmanager
def running_valkey(*options: str) -> Iterator[Valkey]:
    """The server, while the block lasts; without one the test is skipped, or fails in CI."""
    program = next(filter(None, map(shutil.which, PROGRAMS)), None)
    if program is None:
        do_without("Valkey", "there is neither valkey-server nor redis-server here: install one of them")
    server = Valkey(program, *options)
    server.start()
    try:
        yield server
    finally:
        server.stop()
