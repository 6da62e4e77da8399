"""services.kit.web.worker: a worker that stops serves the connections that it has not accepted yet."""

import os
import signal
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from services.kit.web.worker import Worker
from tests.ports import free_port
from tests.serving import Gunicorn, exchange, gunicorn, read_until_closed
from tests.waiting import until

WAITING = 5
REQUEST = b"GET /raw HTTP/1.1\r\nHost: notes\r\nConnection: close\r\n\r\n"


class BusyWorker(Worker):
    """Blocks between its last accept and the end of listening, as other requests may do."""

    async def _shutdown(self) -> None:
        folder = Path(os.environ["BUSY_FOLDER"])
        (folder / "stopping").touch()
        while not (folder / "connected").exists():
            time.sleep(0.01)  # noqa: ASYNC251 the event loop must not run meanwhile
        await super()._shutdown()


@contextmanager
def serving(folder: Path) -> Iterator[tuple[Gunicorn, int]]:
    """Run gunicorn with one such worker; no other process holds the listener at the port."""
    port = free_port()
    options = ("--bind", f"127.0.0.1:{port}", "--worker-class", "tests.kit.web.test_stopping.BusyWorker")
    with gunicorn("tests.kit.web.notes:create_app()", {"BUSY_FOLDER": str(folder)}, *options) as process:
        try:
            until(lambda: responds(port), "gunicorn serves")
            yield process, port
        finally:
            (folder / "connected").touch()


def responds(port: int) -> bool:
    """Return whether a server responds there."""
    try:
        return exchange(("127.0.0.1", port), REQUEST).startswith(b"HTTP/1.1 200")
    except ConnectionError:
        return False


@pytest.mark.full
def test_connections_made_before_the_end_of_listening_are_served(tmp_path: Path) -> None:
    with serving(tmp_path) as (process, port):
        process.send_signal(signal.SIGTERM)
        until((tmp_path / "stopping").exists, "the worker begins to stop")
        waiting = [socket.create_connection(("127.0.0.1", port), timeout=120) for _ in range(WAITING)]
        for each in waiting:
            each.sendall(REQUEST)
        (tmp_path / "connected").touch()
        responses = [read_until_closed(each) for each in waiting]
        for each in waiting:
            each.close()
        assert [each.partition(b"\r\n")[0] for each in responses] == [b"HTTP/1.1 200 OK"] * WAITING
        assert process.wait(120) == 0
