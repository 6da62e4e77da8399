"""GET /api/admin/integrity: three reports in one answer, and a service that is down does not break the others."""

from collections.abc import Mapping
from typing import Any

import httpx
import pytest

from services.kit.core.instants import now
from services.kit.web.tokens.service import verify_service_token
from tests.gateway.door import SECRET, Door, FakeService

ADDRESS = "/api/admin/integrity"
INSIDE = "GET /internal/integrity"


def report(status: str) -> dict[str, Any]:
    """A service's report, with a finding when it says so."""
    found = {"table": "events", "id": "event-1", "rule": "event_link", "message": "wrong", "repairable": False}
    findings = [found] if status == "findings" else []
    return {"status": status, "total": len(findings), "findings": findings}


def services(door: Door) -> Mapping[str, FakeService]:
    """By name."""
    return {"content": door.content, "quiz": door.quiz, "auth": door.auth}


@pytest.mark.parametrize(
    ("statuses", "of_all"),
    [
        (("ok", "ok", "ok"), "ok"),
        (("ok", "running", "ok"), "running"),
        (("ok", "findings", "running"), "findings"),
        # Of another version, during a redeployment.
        (("another", "another", "another"), "unavailable"),
    ],
)
def test_the_three_reports_are_joined_under_the_worst_status(
    door: Door, statuses: tuple[str, str, str], of_all: str
) -> None:
    reports = dict(zip(services(door), map(report, statuses), strict=True))
    for name, service in services(door).items():
        service.answers(INSIDE, {"item": reports[name]})

    answer = door.as_admin("GET", ADDRESS)

    assert (answer.status_code, answer.json()) == (200, {"item": {"status": of_all, "services": reports}})
    for name, service in services(door).items():
        [request] = service.requests
        token = request.headers["Authorization"].removeprefix("Bearer ")
        assert verify_service_token(token, SECRET, name, now()) == "gateway"


def test_a_service_that_is_down_is_named_and_the_others_are_told(door: Door) -> None:
    door.content.answers(INSIDE, {"item": report("ok")})
    door.quiz.fails(INSIDE, httpx.ConnectError("refused"))
    door.auth.answers(INSIDE, {"error": "INTERNAL_ERROR"}, 500)

    answer = door.as_admin("GET", ADDRESS)

    gone = {"status": "unavailable"}
    told = {"status": "unavailable", "services": {"content": report("ok"), "quiz": gone, "auth": gone}}
    assert (answer.status_code, answer.json()) == (200, {"item": told})


def test_findings_are_told_before_what_is_down(door: Door) -> None:
    door.content.answers(INSIDE, {"item": report("findings")})

    assert door.as_admin("GET", ADDRESS).json()["item"]["status"] == "findings"


def test_nobody_but_an_admin_is_told(door: Door) -> None:
    answer = door.send("GET", ADDRESS)

    assert (answer.status_code, answer.json()["error"], door.asked) == (401, "UNAUTHORIZED", [])
