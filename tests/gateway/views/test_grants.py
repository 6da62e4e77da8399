"""gateway.views.learners and grants: the exchange of a key for one, and the grant that a learner shows."""

import orjson
import pytest

from tests.gateway.fakes import Gateway, log_line, parsed, service_error
from tests.gateway.test_guesses import ROUTES

ACCESS = "/api/events/launch/access"
TARGET = "/internal/public/events/launch"
CLAIMS_OF_GRANT = {"item": {"eventId": "event-1", "fingerprint": "f" * 64}}
GRANT = {"accessToken": "canary.grant.token", "tokenType": "Bearer", "expiresIn": 3600}
KEY = {"eventAccessKey": "canary-key"}
CLOSED = service_error("EVENT_ACCESS_DENIED", status="blocked_private")
BEARER = {"Authorization": "Bearer canary.grant.token"}
ADMITTED = {"item": {"id": "lesson-1", "slug": "opening", "title": "Opening", "eventId": "event-1"}}

CONTENT_TARGETS = {address: f"{TARGET}/{target}" for address, (target, _, _) in ROUTES.items() if address != ACCESS}
NO_GRANTS = [
    *("", "Bearer", "Bearer ", "Basic a.b.c", "Bearer nonsense", "Bearer a.b", "Bearer a.b.c.d", "Bearer a.b.c d"),
    *("Bearer a..c", "Bearer " + "a" * 2001 + ".b.c", b"Bearer \xe9.b.c"),
]


def test_auth_signs_a_grant_for_a_right_key(gateway: Gateway) -> None:
    gateway.content.responds(f"POST {TARGET}/access", CLAIMS_OF_GRANT)
    gateway.auth.responds("POST /internal/grants", GRANT)
    response = gateway.send("POST", ACCESS, json=KEY, headers=BEARER)
    # RFC 6749 section 5.1.
    assert (parsed(response), response.headers["Cache-Control"]) == ((200, GRANT), "no-store")
    assert (gateway.content.bodies, gateway.content.header("Learner-Grant")) == ([orjson.dumps(KEY)], [None])
    assert [orjson.loads(body) for body in gateway.auth.bodies] == [CLAIMS_OF_GRANT["item"]]
    assert gateway.targets == [f"POST {TARGET}/access", "POST /internal/grants"]
    assert gateway.lines == [log_line("event_access_evaluated", "/api/events/{event_id}/access", authorized=True)]
    assert "canary" not in gateway.log


@pytest.mark.parametrize(
    ("status", "refusal"),
    [
        (403, CLOSED),
        (400, service_error("VALIDATION_ERROR")),
        (415, service_error("REQUEST_ERROR")),
        (503, service_error("UPSTREAM_UNAVAILABLE")),
    ],
)
def test_auth_signs_nothing_without_a_right_key(gateway: Gateway, status: int, refusal: dict[str, object]) -> None:
    gateway.content.responds(f"POST {TARGET}/access", refusal, status)
    assert (parsed(gateway.send("POST", ACCESS, json=KEY)), gateway.auth.targets) == ((status, refusal), [])
    evaluated = log_line("event_access_evaluated", "/api/events/{event_id}/access", authorized=False)
    assert gateway.lines == ([evaluated] if status == 403 else [])
    assert "canary" not in gateway.log


def test_the_slug_is_passed_on_as_one_segment(gateway: Gateway) -> None:
    gateway.send("POST", "/api/events/caf%C3%A9%20%3F/access")
    assert gateway.targets == ["POST /internal/public/events/caf%C3%A9%20%3F/access"]


def test_content_gets_the_grant_beside_the_gateway_s_token(gateway: Gateway) -> None:
    for address, target in CONTENT_TARGETS.items():
        gateway.content.responds(f"POST {target}", ADMITTED)
        gateway.send("POST", address, headers=BEARER)
    assert gateway.content.header("Learner-Grant") == ["canary.grant.token"] * len(CONTENT_TARGETS)
    assert gateway.content.callers("content") == ["gateway"] * len(CONTENT_TARGETS)
    assert not any("canary" in str(request.headers) for request in gateway.quiz.requests)
    assert "canary" not in gateway.log


def test_what_cannot_be_a_grant_is_not_passed_on(gateway: Gateway) -> None:
    for address, target in CONTENT_TARGETS.items():
        gateway.content.responds(f"POST {target}", service_error("LESSON_NOT_FOUND"), 404)
        for authorization in NO_GRANTS:
            response = gateway.send("POST", address, headers={"Authorization": authorization})
            assert parsed(response) == (404, service_error("LESSON_NOT_FOUND"))
    assert set(gateway.content.header("Learner-Grant")) == {None}


def test_a_client_cannot_send_the_internal_header_of_grants(gateway: Gateway) -> None:
    gateway.send("POST", "/api/public/events/launch/catalog", headers={"Learner-Grant": "canary.grant.token"})
    gateway.send("GET", "/api/public/events", headers=BEARER)
    gateway.as_admin("GET", "/api/events")
    assert gateway.content.header("Learner-Grant") == [None] * 3
