"""services.kit.web.worker.Worker, when it is told to stop while connections wait that nobody has accepted yet."""

import os
import signal
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from services.kit.web.worker import Worker
from tests.contract.doors import unused_port
from tests.serving import Gunicorn, exchange, gunicorn, said_on
from tests.waiting import until

WAITING = 5
REQUEST = b"GET /counted HTTP/1.1\r\nHost: kit\r\nConnection: close\r\n\r\n"


class BusyWorker(Worker):
    """Between the last time that it has accepted and the end of listening it is kept busy, as by other requests."""

    async def _shutdown(self) -> None:
        folder = Path(os.environ["BUSY_FOLDER"])
        (folder / "stopping").touch()
        while not (folder / "connected").exists():
            time.sleep(0.01)  # noqa: ASYNC251 nothing else is to go on in this worker
        await super()._shutdown()


@contextmanager
def serving(folder: Path) -> Iterator[tuple[Gunicorn, int]]:
    """gunicorn's master with one such worker, which alone hold the listener at that port."""
    port = unused_port()
    options = ("--bind", f"127.0.0.1:{port}", "--worker-class", "tests.kit.web.test_stopping.BusyWorker")
    with gunicorn("tests.kit.web.test_worker:create_app()", {"BUSY_FOLDER": str(folder)}, *options) as process:
        try:
            until(lambda: answers(port), "gunicorn serves")
            yield process, port
        finally:
            (folder / "connected").touch()


def answers(port: int) -> bool:
    """Whether somebody listens there and answers."""
    try:
        return exchange(("127.0.0.1", port), REQUEST).startswith(b"HTTP/1.1 200")
    except ConnectionError:
        return False


def asked(port: int) -> socket.socket:
    """A connection on which a request was sent."""
    connection = socket.create_connection(("127.0.0.1", port), timeout=60)
    connection.sendall(REQUEST)
    return connection


def test_a_connection_that_was_made_before_the_worker_stopped_listening_is_answered(tmp_path: Path) -> None:
    with serving(tmp_path) as (process, port):
        process.send_signal(signal.SIGTERM)
        until((tmp_path / "stopping").exists, "the worker begins to stop")
        waiting = [asked(port) for _ in range(WAITING)]
        (tmp_path / "connected").touch()

        said = [said_on(each) for each in waiting]
        for each in waiting:
            each.close()
        assert [each.partition(b"\r\n")[0] for each in said] == [b"HTTP/1.1 200 OK"] * WAITING
        assert process.wait(30) == 0
