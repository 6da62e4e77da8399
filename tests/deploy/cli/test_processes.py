"""`flix status`: processes as they answer, and what waits in each by its metrics."""

import importlib
import json
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest
from prometheus_client import generate_latest

from deploy.cli import processes
from deploy.cli.processes import metrics_addresses
from deploy.folder_lock import locked, note_without_metrics
from deploy.folders import DATA
from services.kit.core.metrics import METRICS, Values
from services.kit.web.metrics_board import WORKER_EXITS, WORKERS
from services.kit.web.metrics_port import registry
from tests.deploy.cli.conftest import Flix

POOL: Values = {"flix_pool_threads": {(): 16}, "flix_pool_in_use": {(): 19}, "flix_pool_limit": {(): 1040}}
HELD: dict[str, Values] = {
    "gateway": {
        "flix_requests_in_flight": {("catalogs",): 3, ("auth",): 1},
        "flix_requests_in_flight_limit": {("catalogs",): 256, ("auth",): 2048},
        "flix_batch_waiting": {(): 7},
    },
    "auth": POOL,
    "content": POOL,
    "quiz": POOL,
    "follow-quiz": {"flix_feed_sequence": {(): 4}, "flix_pool_in_use": {(): 0}, "flix_pool_limit": {(): 513}},
}
# Those that have the gauges.
for module in ("gateway.gauges", "services.kit.storage.thread_pool", "services.quiz.follow"):
    importlib.import_module(module)
Serve = Callable[[Mapping[str, str]], str]


@pytest.fixture
def serve() -> Iterator[Serve]:
    """Serve texts by their paths, and return the host and port."""
    servers: list[ThreadingHTTPServer] = []

    def start(texts: Mapping[str, str]) -> str:
        class Answering(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                body = texts.get(self.path, "").encode()
                self.send_response(200 if body else 404)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_arguments: object) -> None:
                """Write nothing."""

        server = ThreadingHTTPServer(("127.0.0.1", 0), Answering)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        servers.append(server)
        return f"127.0.0.1:{server.server_port}"

    yield start
    for server in servers:
        server.shutdown()
        server.server_close()


def metrics(name: str, read_at: float) -> str:
    """Return the metrics of a process as it writes them."""
    assert HELD[name].keys() <= METRICS.keys()
    workers: Values = {} if name == "follow-quiz" else {WORKERS: {(): 2}, WORKER_EXITS: {(): 0}}
    read: Values = {"flix_feed_last_read_timestamp_seconds": {(): read_at}} if name == "follow-quiz" else {}
    return generate_latest(registry(name, lambda: {**HELD[name], **workers, **read})).decode()


@pytest.fixture
def running(serve: Serve, monkeypatch: pytest.MonkeyPatch) -> dict[str, str | None]:
    """Let every process answer, and return where each shows its metrics."""
    health = {"/health/ready": "{}", "/health": json.dumps({"version": "1.0.0"})}
    served = {name: f"http://{serve(health)}" for name in HELD if name != "follow-quiz"}
    shown: dict[str, str | None] = {
        name: f"http://{serve({'/metrics': metrics(name, time.time())})}/metrics" for name in HELD
    }
    monkeypatch.setattr(processes, "addresses", lambda: served)
    monkeypatch.setattr(processes, "metrics_addresses", lambda _served: shown)
    return shown


def seen(flix: Flix) -> dict[str, Any]:
    return {each["name"]: each for each in flix("status", "--json").document["processes"]}


def test_status_shows_what_waits_in_each_process(flix: Flix, running: dict[str, str | None]) -> None:
    found = seen(flix)
    of_each = ("state", "version", "workers", "requests", "batchWaiting", "useCases")
    use_cases = {"inUse": 19, "limit": 1040, "threads": 16}
    requests = [
        {"kind": "catalogs", "inFlight": 3, "limit": 256},
        {"kind": "auth", "inFlight": 1, "limit": 2048},
    ]
    assert {name: tuple(each[member] for member in of_each) for name, each in found.items()} == {
        "gateway": ("ready", "1.0.0", 2, requests, 7, None),
        **{name: ("ready", "1.0.0", 2, [], None, use_cases) for name in ("auth", "content", "quiz")},
        "follow-quiz": ("ready", "1.0.0", None, [], None, None),
    }
    assert found["follow-quiz"]["feed"]["sequence"] == 4
    shown = flix("status")
    assert shown.code == 0
    for line in (
        "requests in flight (catalogs)  3 of 256",
        "submissions waiting",
        "use cases",
        "place in content's feed",
    ):
        assert line in shown.output


def test_a_follower_that_no_longer_reads_is_a_problem(flix: Flix, running: dict[str, str | None], serve: Serve) -> None:
    running["follow-quiz"] = f"http://{serve({'/metrics': metrics('follow-quiz', 1_767_225_600)})}/metrics"
    line = "follow-quiz is not ready: it last read content's feed at 2026-01-01T00:00:00.000Z"
    assert flix("status", "--json").document["problems"] == [line]


def test_a_process_that_hides_whether_it_is_ready_is_not_down(
    flix: Flix, running: dict[str, str | None], serve: Serve, monkeypatch: pytest.MonkeyPatch
) -> None:
    unclear = f"http://{serve({'/health': '{}', '/health/ready': 'no JSON'})}"
    served = {**processes.addresses(), "gateway": unclear}
    monkeypatch.setattr(processes, "addresses", lambda: served)
    assert flix("status", "--json").document["problems"] == ["gateway is not ready: it does not say so within 5 s"]


def test_metrics_that_cannot_be_read_are_named_and_are_no_problem(
    flix: Flix, running: dict[str, str | None], serve: Serve
) -> None:
    silent, other = "127.0.0.1:1", serve({"/metrics": "<html>"})
    running |= {
        "auth": None,
        "content": f"http://{silent}/metrics",
        "quiz": f"http://{other}/metrics",
        "follow-quiz": running["gateway"],
    }
    done = flix("status", "--json").document
    messages = {each["name"]: each["metrics"]["message"] for each in done["processes"]}
    assert messages == {
        "auth": "it shows no metrics: METRICS_PORT is 0",
        "content": f"no metrics at http://{silent}/metrics (Connection refused)",
        "quiz": f"no metrics: another program answers at http://{other}/metrics (free it, or set METRICS_PORT)",
        "follow-quiz": f"no metrics: gateway answers at {running['gateway']} "
        "(set no METRICS_PORT, so that each process has its own)",
        "gateway": None,
    }
    assert (done["ok"], done["problems"]) == (True, [])
    assert {each["name"]: each["state"] for each in done["processes"]}["follow-quiz"] == "unknown"


def test_a_follower_that_does_not_answer_is_a_problem(flix: Flix, running: dict[str, str | None]) -> None:
    running["follow-quiz"] = place = "http://127.0.0.1:1/metrics"
    line = f"follow-quiz does not answer at {place}: look into its log; flix up starts them"
    assert flix("status", "--json").document["problems"] == [line]
    assert "problem  processes   follow-quiz does not answer: see its log\n" in flix("doctor").output


def test_numbers_of_another_installation_are_not_shown(flix: Flix, running: dict[str, str | None]) -> None:
    with locked(DATA) as lock:
        note_without_metrics(lock, DATA, ["content", "follow-quiz"])
        found = seen(flix)
    message = "it shows no metrics: its port was in use when it started"
    assert {name: each["metrics"]["message"] for name, each in found.items() if each["metrics"]["message"]} == {
        "content": message,
        "follow-quiz": message,
    }


def test_what_does_not_run_here_has_no_numbers_of_another_installation(
    flix: Flix, running: dict[str, str | None], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        processes, "addresses", lambda: dict.fromkeys(HELD.keys() - {"follow-quiz"}, "http://127.0.0.1:1")
    )
    assert {(each["state"], each["useCases"], each["feed"]) for each in seen(flix).values()} == {("down", None, None)}


def test_containers_show_their_metrics_at_their_own_names(monkeypatch: pytest.MonkeyPatch) -> None:
    ports = {"auth": 3013, "content": 3011, "quiz": 3012, "gateway": 3001}
    for name, port in ports.items():
        monkeypatch.setenv(f"{name.upper()}_URL", f"http://{name}:{port}")
    monkeypatch.setenv("METRICS_HOST", "0.0.0.0")
    monkeypatch.setenv("METRICS_PORT", "9100")
    assert metrics_addresses(processes.addresses()) == {name: f"http://{name}:9100/metrics" for name in HELD}
