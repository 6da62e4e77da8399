"""services.kit.web.metrics_port: scrapes of a real gunicorn whose workers die."""

import asyncio
import os
import signal
import socket
import struct
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
import uvloop
from prometheus_client.parser import text_string_to_metric_families

from services.kit.core.version import VERSION
from services.kit.web.metrics_board import MasterBoard
from services.kit.web.metrics_port import Scrape
from tests.ports import free_port
from tests.processes import children
from tests.serving import gunicorn
from tests.waiting import until

ANSWERS = {"route": "/notes", "method": "GET", "status": "200"}


class Scraped:
    """A gunicorn with two workers, and the port of its metrics."""

    def __init__(self, address: str, port: int, master: int):
        self.address, self.master = address, master
        self._metrics = f"http://127.0.0.1:{port}"
        self._client = httpx.Client(timeout=120, trust_env=False, verify=False)

    def ask(self, times: int) -> None:
        for _ in range(times):
            # A connection each, so that both workers get some.
            assert self._client.get(f"{self.address}/notes", headers={"Connection": "close"}).is_success

    def get(self, path: str) -> httpx.Response:
        return self._client.get(f"{self._metrics}{path}")

    def sample(self, name: str, **labels: str) -> float:
        return sample(self.get("/metrics").text, name, **labels)

    def answers(self) -> float:
        return self.sample("flix_request_seconds_count", **ANSWERS)


def sample(text: str, name: str, **labels: str) -> float:
    """Return the value of one sample of a scrape."""
    expected = {"service": "tested", **labels}
    samples = [each for family in text_string_to_metric_families(text) for each in family.samples]
    [value] = [each.value for each in samples if (each.name, each.labels) == (name, expected)]
    return value


@pytest.fixture(scope="module")
def scraped(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scraped]:
    folder: Path = tmp_path_factory.mktemp("metrics")
    port = free_port()
    variables = {
        "STREAMING_DATABASE_URL": f"sqlite:///{folder / 'streaming.sqlite'}",
        "FLIX_METRICS": f"127.0.0.1:{port}",
    }
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        at = ("--bind", f"fd://{listener.fileno()}", "--workers", "2")
        app = "tests.kit.web.notes:create_streaming_app()"
        with gunicorn(app, variables, *at, inherit=(listener.fileno(),)) as master:
            started = Scraped(f"http://127.0.0.1:{listener.getsockname()[1]}", port, master.pid)
            started.ask(1)
            until(lambda: started.sample("flix_workers") == 2, "both workers report")
            # One that does not answer the scrape itself writes its numbers once a second.
            until(lambda: 'route="/notes"' in started.get("/metrics").text, "the answer is counted")
            yield started


@pytest.mark.full
def test_counters_go_on_when_workers_are_killed_and_replaced(scraped: Scraped) -> None:
    expected = scraped.answers() + 20
    scraped.ask(20)
    # The worker that answers a scrape writes its numbers first, the other one does once a second.
    until(lambda: scraped.answers() == expected, "all answers are shown")
    os.kill(children(scraped.master)[0], signal.SIGKILL)
    seen = []

    def is_replaced() -> bool:
        seen.append(scraped.answers())
        return (scraped.sample("flix_worker_exits_total"), scraped.sample("flix_workers")) == (1, 2)

    until(is_replaced, "the master has added the dead worker and started another")
    assert set(seen) == {expected}
    scraped.ask(20)
    until(lambda: scraped.answers() == expected + 20, "the answers of the new worker are added")


def test_a_scrape_is_text_of_prometheus(scraped: Scraped) -> None:
    response = scraped.get("/metrics")
    assert response.headers["Content-Type"] == "text/plain; version=0.0.4; charset=utf-8"
    assert sample(response.text, "flix_build_info", version=VERSION) == 1
    count, bucket = (
        sample(response.text, f"flix_request_seconds_{part}", **ANSWERS, **labels)
        for part, labels in (("count", {}), ("bucket", {"le": "+Inf"}))
    )
    assert count == bucket > 0
    assert sample(response.text, "flix_requests_refused_total", reason="pool_full") == 0
    assert sample(response.text, "flix_pool_in_use") == 0
    assert (scraped.get("/notes").status_code, scraped.get("/notes").text) == (404, "GET /metrics\n")


def test_a_scraper_that_leaves_before_the_response_is_no_error() -> None:
    place = MasterBoard(1).give(1)
    assert place is not None
    scrapes: list[Scrape] = []

    def accept() -> Scrape:
        scrapes.append(Scrape("tested", place))
        return scrapes[-1]

    async def response() -> None:
        async with await asyncio.get_running_loop().create_server(accept, "127.0.0.1", 0) as server:
            # The loop, busy here, sees the request and the reset at once.
            with socket.create_connection(server.sockets[0].getsockname()) as client:
                client.sendall(b"GET /metrics HTTP/1.1\r\n\r\n")
                client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            while not scrapes or not (begun := scrapes[0]._response):  # noqa: ASYNC110
                await asyncio.sleep(0)
            await begun

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(response())
