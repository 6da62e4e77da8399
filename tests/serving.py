"""An app of the tests under a real gunicorn with the settings of deploy/, on a free port, and bytes sent to it."""

import os
import socket
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress

import httpx

from deploy import stack

Address = tuple[str, int]
Gunicorn = subprocess.Popen[bytes]


@contextmanager
def gunicorn(
    app: str, variables: Mapping[str, str], *options: str, inherit: tuple[int, ...] = ()
) -> Iterator[Gunicorn]:
    """gunicorn's master, of one worker, with the app of that import path; it inherits those file descriptors."""
    process = subprocess.Popen(
        [
            *(sys.executable, "-m", "gunicorn", "--config", str(stack.ROOT / "deploy" / "gunicorn.conf.py")),
            *("--workers", "1", *options, app),
        ],
        cwd=stack.ROOT,
        env={"PATH": os.environ["PATH"], "FLIX_PROCESS": "tested", "LOG_LEVEL": "info", **variables},
        pass_fds=inherit,
        stdout=subprocess.DEVNULL,
    )
    try:
        yield process
    finally:
        process.terminate()
        process.wait(30)


@contextmanager
def served(app: str, path: str, variables: Mapping[str, str], *options: str) -> Iterator[Address]:
    """Where gunicorn serves the app of that import path in one worker; `path` is one that it answers."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        host, port = listener.getsockname()
        at = ("--bind", f"fd://{listener.fileno()}", *options)
        with gunicorn(app, variables, *at, inherit=(listener.fileno(),)):
            # The socket listens already: a connection waits until the worker is there.
            assert httpx.get(f"http://{host}:{port}{path}", timeout=30, trust_env=False).is_success
            yield host, port


def exchange(address: Address, *parts: bytes) -> bytes:
    """Everything that the server says until it closes the connection."""
    with socket.create_connection(address, timeout=60) as connection:
        # It may close while we still send.
        with suppress(ConnectionError):
            for part in parts:
                connection.sendall(part)
        return said_on(connection)


def said_on(connection: socket.socket) -> bytes:
    """Everything that is said on the connection until it is closed, or broken off."""
    answer = b""
    with suppress(ConnectionError):
        while received := connection.recv(65_536):
            answer += received
    return answer
