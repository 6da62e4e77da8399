"""Ports on which nobody listens."""

import socket


def free_ports(number: int) -> list[int]:
    """Return as many different ports."""
    probes = [socket.create_server(("127.0.0.1", 0)) for _ in range(number)]
    ports: list[int] = [probe.getsockname()[1] for probe in probes]
    for probe in probes:
        probe.close()
    return ports


def free_port() -> int:
    """Return a port."""
    return free_ports(1)[0]
