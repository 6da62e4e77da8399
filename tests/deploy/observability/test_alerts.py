"""The rules of alerts: what Prometheus reads, when each fires, and what it tells."""

import re
from collections.abc import Iterable
from typing import Any

import pytest
import yaml

from deploy.stack import ROOT
from gateway.routes import PUBLIC_ROUTES
from tests.deploy.observability.expressions import ALERTS, FOLDER
from tests.installation import PROCESSES
from tests.prometheus import promtool

UNIT_TESTS = ROOT / "tests/deploy/observability/alerts.yml"
NAMES = [rule["alert"] for rule in ALERTS]


def test_prometheus_reads_the_configuration_with_its_rules() -> None:
    checked = promtool("check", "config", "--lint-fatal", str(FOLDER / "prometheus.yml"))

    assert (checked.returncode, checked.stderr) == (0, "")
    assert f"{len(NAMES)} rules found" in checked.stdout


def test_prometheus_asks_every_container_where_it_shows_its_metrics() -> None:
    services = yaml.safe_load((ROOT / "docker-compose.yml").read_text())["services"]
    (job,) = yaml.safe_load((FOLDER / "prometheus.yml").read_text())["scrape_configs"]
    (asked,) = job["dns_sd_configs"]

    assert {*asked["names"]} == {*PROCESSES}
    places = [
        tuple(services[name]["environment"][f"METRICS_{each}"] for each in ("HOST", "PORT")) for name in PROCESSES
    ]
    assert places == [("0.0.0.0", asked["port"])] * len(PROCESSES)


def test_each_alert_fires_and_does_not() -> None:
    tested = promtool("test", "rules", str(UNIT_TESTS))
    assert (tested.returncode, tested.stderr, tested.stdout.split()[-1:]) == (0, "", ["SUCCESS"]), tested.stdout

    tests = yaml.safe_load(UNIT_TESTS.read_text())["tests"]
    assert _alerts(tests, fires=True) == _alerts(tests, fires=False) == {*NAMES}


def test_the_routes_in_the_rules_exist() -> None:
    patterns = [found for rule in ALERTS for found in re.findall('route[!=]~"(.*?)"', rule["expr"])]
    routes = [route.path for route in PUBLIC_ROUTES]
    alternatives = {each for pattern in patterns for each in pattern.split("|")}

    assert [each for each in alternatives if not any(re.fullmatch(each, route) for route in routes)] == []


def _alerts(tests: Iterable[dict[str, Any]], *, fires: bool) -> set[str]:
    expected = [expression for test in tests for expression in test["promql_expr_test"]]
    return {re.findall('alertname="(.*?)"', each["expr"])[0] for each in expected if bool(each["exp_samples"]) is fires}


@pytest.mark.parametrize("rule", ALERTS, ids=NAMES)
def test_an_alert_says_what_is_wrong_and_what_to_do(rule: dict[str, Any]) -> None:
    chapter = (ROOT / "docs/alerts.md").read_text().split("\n## Each alert\n")[1].split("\n## ")[0]
    runbooks = dict(re.findall(r"^### (\w+)\n\n(.+?)(?=\n\n|\n$)", chapter, re.M | re.S))
    told = rule["annotations"]

    assert [*told] == ["summary", "description", "runbook"] and all(told.values())
    assert told["runbook"] == f"docs/alerts.md#{rule['alert'].lower()}"
    assert 2 <= len(runbooks[rule["alert"]].splitlines()) <= 5
    assert runbooks[rule["alert"]].startswith("! ") is (rule["labels"]["severity"] == "critical")
    assert {*runbooks} == {*NAMES}
