"""A Prometheus for the tests: Debian's program on a free port of this machine, which keeps nothing."""

import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx

from tests.leftovers import record_process
from tests.ports import free_port
from tests.waiting import until
from tests.without import do_without

# Metric and labels by name, and the value.
Sample = tuple[dict[str, str], float]


def require_prometheus() -> None:
    """Skip the test where Prometheus is not installed, or fail in CI."""
    if shutil.which("prometheus") is None or shutil.which("promtool") is None:
        do_without("Prometheus", "prometheus and promtool are not installed (Debian's package prometheus)")


def promtool(*arguments: str) -> "subprocess.CompletedProcess[str]":
    """Return the result of `promtool ...`."""
    require_prometheus()
    return subprocess.run(["promtool", *arguments], capture_output=True, text=True, check=False)


class Prometheus:
    """A server that runs."""

    def __init__(self, address: str):
        self._client = httpx.Client(base_url=address, timeout=60, trust_env=False, verify=False)

    def is_ready(self) -> bool:
        """Whether it answers queries."""
        try:
            return self._client.get("/-/ready").is_success
        except httpx.TransportError:
            return False

    def query(self, expression: str) -> list[Sample]:
        """Return the samples of an instant query; an expression with a mistake fails the test."""
        data = self._get("/api/v1/query", query=expression)
        assert data["resultType"] == "vector", expression
        return [(each["metric"], float(each["value"][1])) for each in data["result"]]

    def targets(self) -> dict[str, list[str]]:
        """Return the health of the targets of each job."""
        health: dict[str, list[str]] = {}
        for target in self._get("/api/v1/targets")["activeTargets"]:
            health.setdefault(target["labels"]["job"], []).append(target["health"])
        return health

    def alerts(self) -> set[str]:
        """Return the names of the rules of alerts that were evaluated without an error."""
        rules = [rule for group in self._get("/api/v1/rules")["groups"] for rule in group["rules"]]
        return {rule["name"] for rule in rules if rule["health"] == "ok"}

    def close(self) -> None:
        """Close the connections to it."""
        self._client.close()

    def _get(self, path: str, **parameters: str) -> Any:
        response = self._client.get(path, params=parameters)
        assert response.status_code == 200, (parameters, response.text)
        return response.json()["data"]


@contextmanager
def running_prometheus(config: Path, folder: Path) -> Iterator[Prometheus]:
    """A server with this configuration, which is ready; without the program the test is skipped, or fails in CI."""
    require_prometheus()
    port = free_port()
    options = [f"--config.file={config}", f"--storage.tsdb.path={folder}", f"--web.listen-address=127.0.0.1:{port}"]
    process = subprocess.Popen(["prometheus", *options, "--log.level=warn"])
    record_process(process.pid)
    server = Prometheus(f"http://127.0.0.1:{port}")
    try:
        until(server.is_ready, "Prometheus is ready")
        yield server
    finally:
        server.close()
        process.kill()
        process.wait()
