"""More gateways to the services of a running stack, and services that fail."""

import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx

from deploy import stack as processes
from tests.installation import Installation
from tests.ports import free_port


@contextmanager
def another_gateway(beside: Installation, folder: Path, **variables: str) -> Iterator[httpx.Client]:
    """A client of one more gateway with these variables changed; an empty one is unset."""
    port = str(free_port())
    environment = {**beside.environment, "API_PORT": port, **variables}
    environment = {name: value for name, value in environment.items() if value}
    process = processes.start("gateway", environment, folder)
    address = f"http://127.0.0.1:{port}"
    try:
        processes.wait_until(lambda: _is_alive(address), [process])
        with httpx.Client(base_url=address, timeout=30, trust_env=False) as client:
            yield client
    finally:
        processes.stop([process])


@contextmanager
def silent_service() -> Iterator[str]:
    """The address of a service that accepts connections and never responds."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen(16)
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"


def _is_alive(address: str) -> bool:
    try:
        return httpx.get(f"{address}/health/live", timeout=5, trust_env=False).is_success
    except httpx.HTTPError:
        return False
