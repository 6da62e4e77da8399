"""Metrics of containers: where port 9100 is reached, and that it counts."""

import json
from collections import Counter
from collections.abc import Mapping

from prometheus_client import Metric
from prometheus_client.parser import text_string_to_metric_families

from services.kit.core.version import VERSION
from tests.compose.project import SERVERS, ComposeProject, ComposeStack
from tests.installation import PROCESSES

SCRAPE = """
import json, sys, urllib.request
addresses = {name: f"http://{name}:9100/metrics" for name in sys.argv[1:]}
print(json.dumps({name: urllib.request.urlopen(each, timeout=20).read().decode() for name, each in addresses.items()}))
"""
CONNECT = "import socket, sys; [socket.create_connection(('gateway', int(each)), timeout=20) for each in sys.argv[1:]]"


def scraped(project: ComposeProject) -> Mapping[str, Mapping[str, Metric]]:
    """Return the metrics of every process by their names, as another container of the network `back` reads them."""
    done = project.execute("auth", "python", "-c", SCRAPE, *PROCESSES)
    assert done.returncode == 0, done.stderr
    return {
        name: {family.name: family for family in text_string_to_metric_families(text)}
        for name, text in json.loads(done.stdout).items()
    }


def requests(metrics: Mapping[str, Metric]) -> Counter[str]:
    """Return the number of requests that a process has counted, by route."""
    return Counter(
        {
            "{method} {route} {status}".format(**sample.labels): int(sample.value)
            for sample in metrics["flix_request_seconds"].samples
            if sample.name == "flix_request_seconds_count"
        }
    )


def test_a_container_reads_the_metrics_of_every_process(compose_stack: ComposeStack) -> None:
    before = scraped(compose_stack.project)
    with compose_stack.admin() as admin:
        for path in ("/api/events", "/api/quizzes"):
            admin.get(path).raise_for_status()
    after = scraped(compose_stack.project)

    assert {name: [each.labels for each in metrics["flix_build_info"].samples] for name, metrics in after.items()} == {
        name: [{"service": name, "version": VERSION}] for name in PROCESSES
    }
    expected = {
        "gateway": ["POST /api/admin/login 200", "GET /api/events 200", "GET /api/quizzes 200"],
        "content": ["GET /api/events 200"],
        "quiz": ["GET /api/quizzes 200"],
        "auth": ["POST /internal/login 200"],
    }
    counted = {name: requests(after[name]) - requests(before[name]) for name in expected}
    # Besides these the services call each other.
    assert {name: [counted[name][each] for each in routes] for name, routes in expected.items()} == {
        name: [1] * len(routes) for name, routes in expected.items()
    }


def test_only_the_gateway_is_on_the_network_of_a_proxy(project: ComposeProject) -> None:
    networks = {name: set(project.container(name).attrs["NetworkSettings"]["Networks"]) for name in SERVERS}
    front, back = f"{project.name}_front", f"{project.name}_back"

    assert networks == {name: {front, back} if name == "gateway" else {back} for name in SERVERS}
    assert project.engine.networks.get(back).attrs["Internal"] is True
    # A proxy reaches the gateway's metrics too: replicas share their names, so none can name its own address on `back`.
    image = project.container("gateway").image
    assert image is not None
    command = ["-c", CONNECT, "3001", "9100"]
    project.engine.containers.run(str(image.id), command, entrypoint="python", network=front, remove=True)
