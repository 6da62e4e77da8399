"""GET /api/admin/integrity: three reports in one response, also while a service is down."""

from typing import Any

import aiohttp
import pytest

from tests.gateway.fakes import Gateway, parsed

ADDRESS = "/api/admin/integrity"
TARGET = "GET /internal/integrity"


def report(status: str) -> dict[str, Any]:
    """Return a service's report, with a finding when its status is `findings`."""
    finding = {"table": "events", "id": "event-1", "rule": "event_link", "message": "wrong", "repairable": False}
    findings = [finding] if status == "findings" else []
    return {"status": status, "total": len(findings), "findings": findings}


@pytest.mark.parametrize(
    ("statuses", "joined"),
    [
        (("ok", "ok", "ok"), "ok"),
        (("ok", "running", "ok"), "running"),
        (("ok", "findings", "running"), "findings"),
        # Services of another version, during a redeployment.
        (("another", "another", "another"), "unavailable"),
    ],
)
def test_three_reports_are_joined_under_the_worst_status(
    gateway: Gateway, statuses: tuple[str, str, str], joined: str
) -> None:
    reports = dict(zip(gateway.services, map(report, statuses), strict=True))
    for name, service in gateway.services.items():
        service.responds(TARGET, {"item": reports[name]})
    response = gateway.as_admin("GET", ADDRESS)
    assert parsed(response) == (200, {"item": {"status": joined, "services": reports}})
    assert [service.callers(name) for name, service in gateway.services.items()] == [["gateway"]] * 3


def test_a_service_that_is_down_is_named(gateway: Gateway) -> None:
    gateway.content.responds(TARGET, {"item": report("ok")})
    gateway.quiz.fails(TARGET, aiohttp.ClientConnectionError())
    gateway.auth.responds(TARGET, {"error": "INTERNAL_ERROR"}, 500)
    down = {"status": "unavailable"}
    services = {"content": report("ok"), "quiz": down, "auth": down}
    assert parsed(gateway.as_admin("GET", ADDRESS)) == (200, {"item": {**down, "services": services}})


def test_findings_are_worse_than_a_service_that_is_down(gateway: Gateway) -> None:
    gateway.content.responds(TARGET, {"item": report("findings")})
    assert gateway.as_admin("GET", ADDRESS).json()["item"]["status"] == "findings"
