"""Serves an app of the tests under a real gunicorn with the settings of deploy/, and sends bytes to it."""

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
    """Run gunicorn with one worker for the app of that import path; yield the master process."""
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
        process.wait(120)


@contextmanager
def served(app: str, path: str, variables: Mapping[str, str], *options: str) -> Iterator[Address]:
    """Run gunicorn with one worker for the app; yield its address when a GET of `path` succeeds."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        host, port = listener.getsockname()
        at = ("--bind", f"fd://{listener.fileno()}", *options)
        with gunicorn(app, variables, *at, inherit=(listener.fileno(),)):
            # The socket listens already: the connection waits until the worker accepts it.
            assert httpx.get(f"http://{host}:{port}{path}", timeout=120, trust_env=False).is_success
            yield host, port


def exchange(address: Address, *parts: bytes) -> bytes:
    """Send the parts on one connection; return all bytes that the server sends until it closes."""
    with socket.create_connection(address, timeout=120) as connection:
        # The server may close before all parts are sent.
        with suppress(ConnectionError):
            for part in parts:
                connection.sendall(part)
        return read_until_closed(connection)


def read_until_closed(connection: socket.socket) -> bytes:
    """Return all bytes of the connection until it is closed or reset."""
    response = b""
    with suppress(ConnectionError):
        while received := connection.recv(65_536):
            response += received
    return response
