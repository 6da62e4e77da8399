"""gateway.resources: the gateway's own health, and that of what is behind it."""

import httpx
import pytest

from services.kit.core.instants import now, parse_instant
from services.kit.web.tokens.service import verify_service_token
from tests.gateway.door import SECRET, Door, error

READY = "GET /health/ready"


def test_health_answers_as_the_baseline_did(door: Door) -> None:
    before = now()
    answer = door.send("GET", "/health")
    after = now()

    document = answer.json()
    assert (answer.status_code, answer.headers["Content-Type"]) == (200, "application/json")
    assert before <= parse_instant(document.pop("timestamp")) <= after
    assert document == {"status": "ok", "service": "@flix/api"}
    assert door.asked == []


def test_live_says_that_the_process_answers_and_asks_nobody(door: Door) -> None:
    answer = door.send("GET", "/health/live")

    assert (answer.status_code, answer.json(), door.asked) == (200, {"status": "ok"}, [])


def test_ready_says_so_when_every_service_is(door: Door) -> None:
    for service in (door.content, door.quiz, door.auth):
        service.answers(READY, {"status": "ok"})

    answer = door.send("GET", "/health/ready")

    assert (answer.status_code, answer.json(), door.asked) == (200, {"status": "ok"}, [READY] * 3)


@pytest.mark.parametrize("path", ["/health", "/health/live", "/health/ready"])
def test_health_takes_get_alone(door: Door, path: str) -> None:
    answer = door.send("POST", path)

    assert (answer.status_code, answer.headers["Allow"], answer.json()["error"]) == (
        405,
        "GET, OPTIONS",
        "METHOD_NOT_ALLOWED",
    )


def test_ready_names_the_services_that_are_not(door: Door) -> None:
    door.content.answers(READY, {"status": "ok"})
    door.quiz.answers(READY, error("UPSTREAM_UNAVAILABLE"), 503)
    door.auth.fails(READY, httpx.ConnectError("refused"))

    answer = door.send("GET", "/health/ready", headers={"X-Request-ID": "request-1"})

    assert (answer.status_code, answer.headers["Retry-After"]) == (503, "1")
    assert answer.json() == {
        "error": "UPSTREAM_UNAVAILABLE",
        "message": "Not ready: quiz, auth",
        "requestId": "request-1",
    }


def test_ready_asks_in_the_gateway_s_own_name(door: Door) -> None:
    door.as_admin("GET", "/health/ready")

    token = door.quiz.requests[0].headers["Authorization"].removeprefix("Bearer ")
    assert verify_service_token(token, SECRET, "quiz", now()) == "gateway"
