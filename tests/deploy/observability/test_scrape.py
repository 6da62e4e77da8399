"""A real Prometheus scrapes a running installation, and answers every expression of the alerts and the dashboard."""

from collections.abc import Iterator
from math import isnan
from pathlib import Path

import pytest
import yaml

from tests.deploy.observability.expressions import (
    ALERTS,
    FOLDER,
    expressions_of_alerts,
    expressions_of_the_dashboard,
)
from tests.installation import ADMIN, PROCESSES, Installation, installation
from tests.ports import free_ports
from tests.prometheus import Prometheus, require_prometheus, running_prometheus
from tests.waiting import until

LESSON = "/api/public/events/flix-mvp-launch-event/lessons/kickoff-do-mvp"
EXPRESSIONS = expressions_of_alerts() | expressions_of_the_dashboard()
# No alert fires within the seconds of this test, and at first every service that runs is ready.
EMPTY = {"Alerts: {{alertname}} ({{severity}})", "FlixNotReady"}

pytestmark = pytest.mark.full


@pytest.fixture
def stack(tmp_path: Path) -> Iterator[Installation]:
    """An installation that runs, with metrics."""
    require_prometheus()
    with installation(tmp_path, WEB_CONCURRENCY="2") as built:
        built.metrics_ports.update(zip(PROCESSES, free_ports(len(PROCESSES)), strict=True))
        built.prepare()
        built.start()
        yield built


@pytest.fixture
def prometheus(stack: Installation, tmp_path: Path) -> Iterator[Prometheus]:
    """A Prometheus with our configuration, but with the addresses of the installation, which it asks each second."""
    config = yaml.safe_load((FOLDER / "prometheus.yml").read_text())
    (job,) = config["scrape_configs"]
    del job["dns_sd_configs"], job["relabel_configs"]
    job["static_configs"] = [
        {"targets": [f"127.0.0.1:{port}"], "labels": {"service": name}} for name, port in stack.metrics_ports.items()
    ]
    config["rule_files"] = [str(FOLDER / "alerts.yml")]
    config["global"] = dict.fromkeys(("scrape_interval", "scrape_timeout", "evaluation_interval"), "1s")
    file = tmp_path / "prometheus.yml"
    file.write_text(yaml.safe_dump(config))
    with running_prometheus(file, tmp_path / "prometheus") as running:
        yield running


def use(stack: Installation) -> None:
    """Send what learners and admins do, well and badly; services may be down."""
    wrong = {**ADMIN, "password": "another password"}
    with stack.client() as client:
        for path, body in (
            ("/api/admin/login", ADMIN),
            ("/api/admin/login", wrong),
            ("/api/public/events/flix-mvp-launch-event/catalog", {}),
            (f"{LESSON}/playback", {}),
            (f"{LESSON}/quiz", {}),
            (f"{LESSON}/quiz/submit", {"answers": []}),
        ):
            client.post(path, json=body)
        client.get("/api/public/events", headers={"Origin": "https://elsewhere.example"})
        client.get("/health/ready")


def services_that_fire(alert: str, prometheus: Prometheus) -> list[str]:
    """Return the label `service` of what the alert's expression finds."""
    [rule] = [rule["expr"] for rule in ALERTS if rule["alert"] == alert]
    return [labels["service"] for labels, _ in prometheus.query(rule)]


def test_every_expression_is_answered_with_data(stack: Installation, prometheus: Prometheus, tmp_path: Path) -> None:
    until(lambda: prometheus.targets() == {"flix": ["up"] * len(PROCESSES)}, "every process is scraped")
    stack.kill("content")

    def is_seen(alert: str, service: str) -> bool:
        use(stack)
        return services_that_fire(alert, prometheus) == [service]

    until(lambda: is_seen("FlixDown", "content"), "content is seen to be down")
    stack.start("content")
    empty: set[str] = set()

    def everything_has_data() -> bool:
        use(stack)
        empty.clear()
        empty.update(
            name
            for name, expression in EXPRESSIONS.items()
            if all(isnan(value) for _, value in prometheus.query(expression))
        )
        return empty <= EMPTY

    try:
        until(everything_has_data, "every expression has data")
    except AssertionError:
        pytest.fail(f"no data: {sorted(empty - EMPTY)}")
    (tmp_path / "quiz.sqlite").unlink()
    until(lambda: is_seen("FlixNotReady", "quiz"), "quiz is seen not to be ready")
    assert prometheus.alerts() == {rule["alert"] for rule in ALERTS}
