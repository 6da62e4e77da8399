"""Ports on which nobody listens.

They are below those that the system gives to outgoing connections, and each worker of a test run has its own: nothing
else takes a port between the look at it and the start of its server.
"""

import os
import socket
from itertools import cycle

_FIRST, _OF_WORKER, _WORKERS = 20_000, 1_000, 10
_worker = int(os.environ.get("PYTEST_XDIST_WORKER", "gw9").removeprefix("gw")) % _WORKERS
# Another run on this machine begins elsewhere.
_offsets = cycle((os.getpid() + step) % _OF_WORKER for step in range(_OF_WORKER))


def free_ports(number: int) -> list[int]:
    """Return as many different ports."""
    ports: list[int] = []
    while len(ports) < number:
        port = _FIRST + _worker * _OF_WORKER + next(_offsets)
        try:
            socket.create_server(("127.0.0.1", port)).close()
        except OSError:
            continue
        ports.append(port)
    return ports


def ports_of_a_stack() -> dict[str, str]:
    """Return a free port for each process that serves, by its variable."""
    names = ("AUTH_PORT", "CONTENT_PORT", "QUIZ_PORT", "API_PORT")
    return dict(zip(names, map(str, free_ports(len(names))), strict=True))


def free_port() -> int:
    """Return a port."""
    return free_ports(1)[0]
