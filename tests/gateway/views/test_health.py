"""gateway.views.health: the gateway's own health and that of the services."""

import aiohttp
import pytest

from services.kit.core.errors import DiskFull, NoWrites, ReadOnly
from services.kit.core.instants import now, parse_instant
from services.kit.core.version import VERSION
from tests.gateway.fakes import Gateway, own_error, parsed, service_error

READY = "GET /health/ready"


def test_health_responds_as_the_baseline_did_and_names_the_version(gateway: Gateway) -> None:
    before = now()
    response = gateway.send("GET", "/health")
    after = now()
    document = response.json()
    assert (response.status_code, response.headers["Content-Type"]) == (200, "application/json")
    assert before <= parse_instant(document.pop("timestamp")) <= after
    assert (document, gateway.targets) == ({"status": "ok", "service": "@flix/api", "version": VERSION}, [])


def test_liveness_calls_no_service(gateway: Gateway) -> None:
    assert (parsed(gateway.send("GET", "/health/live")), gateway.targets) == ((200, {"status": "ok"}), [])


def test_ready_needs_every_service_and_calls_as_the_gateway(gateway: Gateway) -> None:
    for service in gateway.services.values():
        service.responds(READY, {"status": "ok"})
    assert parsed(gateway.as_admin("GET", "/health/ready")) == (200, {"status": "ok"})
    assert gateway.targets == [READY] * 3
    assert [service.callers(name) for name, service in gateway.services.items()] == [["gateway"]] * 3


def test_ready_names_the_services_that_are_not(gateway: Gateway) -> None:
    gateway.content.responds(READY, {"status": "ok"})
    gateway.quiz.responds(READY, service_error("UPSTREAM_UNAVAILABLE"), 503)
    gateway.auth.fails(READY, aiohttp.ClientConnectionError())
    response = gateway.send("GET", "/health/ready")
    assert parsed(response) == (503, own_error("UPSTREAM_UNAVAILABLE", "Not ready: quiz, auth"))
    assert response.headers["Retry-After"] == "1"


@pytest.mark.parametrize(("error", "reason"), [(ReadOnly, "read-only"), (DiskFull, "disk full")])
def test_ready_says_which_service_takes_no_writes(gateway: Gateway, error: type[NoWrites], reason: str) -> None:
    gateway.content.responds(READY, error().envelope("request-1"), 503)
    gateway.quiz.responds(READY, {"status": "ok"})
    gateway.auth.responds(READY, service_error("UPSTREAM_UNAVAILABLE"), 503)
    response = gateway.send("GET", "/health/ready")
    assert parsed(response) == (503, own_error("UPSTREAM_UNAVAILABLE", f"Not ready: content ({reason}), auth"))
