"""gateway.routes in the assembled app: every address is guarded, and none leads to an internal one."""

import re
from collections.abc import AsyncIterator

import pytest

from gateway.edge import HEALTH_PATHS, LEARNER_PATHS, SIGN_IN_PATHS
from gateway.routes import HASHING_SECONDS, PUBLIC_ROUTES
from gateway.sources import Service
from services.kit.web.documents import BODY_LIMIT_BYTES
from services.kit.web.guards import Guard
from tests.gateway.fakes import NOT_FOUND, Gateway, access_token, log_line, own_error, parsed

EVENT = "/api/events/event-1"
METHODS = ("GET", "POST", "PUT", "DELETE", "PATCH", "HEAD")
METHOD_NOT_ALLOWED = own_error("METHOD_NOT_ALLOWED", "This address does not take that method")
TOO_LARGE = own_error("PAYLOAD_TOO_LARGE", "The body is larger than 1 MiB")


def example(path: str) -> str:
    return re.sub(r"\{[^}]*\}", "x", path)


def test_no_address_leads_to_an_internal_one(gateway: Gateway) -> None:
    paths = ["/internal/login", "/internal/public/events", "/.well-known/jwks.json", "//internal/login"]
    for path in (*paths, "/api/../internal/login", "/api/%2e%2e/internal/login"):
        assert [gateway.as_admin(method, path).status_code for method in (*METHODS, "OPTIONS")] == [404] * 7, path
    for path in ("/nowhere", "/api", "/api/", "/api/events/x/y", "/API/EVENTS"):
        assert parsed(gateway.as_admin("GET", path)) == (404, NOT_FOUND)
    assert gateway.targets == []
    assert not any(route.path.startswith("/internal") for route in PUBLIC_ROUTES)


@pytest.mark.parametrize(
    ("token", "reason", "username"),
    [
        (None, "UNAUTHORIZED", None),
        ("canary.of-a.forger", "UNAUTHORIZED", None),
        (access_token(roles=["viewer"]), "FORBIDDEN", "ada"),
    ],
    ids=["none", "forged", "of a viewer"],
)
def test_a_refusal_is_logged_with_reason_and_name(
    gateway: Gateway, token: str | None, reason: str, username: str | None
) -> None:
    gateway.send("DELETE", EVENT, headers={"Authorization": f"Bearer {token}"} if token else {})
    refused = log_line("request_refused", "/api/events/{event_id}", "DELETE", reason=reason, username=username)
    assert (gateway.lines, gateway.targets) == ([refused], [])
    assert token is None or token not in gateway.log


def test_a_forwarded_request_reaches_one_service_unchanged(gateway: Gateway) -> None:
    forwarded = [
        (f"{method} {example(route.path)}", target.value)
        for route in PUBLIC_ROUTES
        for method, (_guard, target) in route.methods.items()
        if isinstance(target, Service)
    ]
    for target, name in forwarded:
        gateway.services[name].responds(target, {"of": name}, 201)
        before = len(gateway.targets)
        assert parsed(gateway.as_admin(*target.split(), json={"title": "Any"})) == (201, {"of": name})
        assert len(gateway.targets) == before + 1
        assert (gateway.services[name].targets[-1], gateway.services[name].bodies[-1]) == (target, b'{"title":"Any"}')


def test_wrong_access_keys_are_counted_wherever_a_learner_can_send_one() -> None:
    counted = {route.path for route in PUBLIC_ROUTES if route.event_slug and f"{{{route.event_slug}}}" in route.path}
    assert counted == {route.path for route in PUBLIC_ROUTES if route.event_slug}
    # A calendar takes neither a key nor a grant.
    assert counted == {
        route.path
        for route in PUBLIC_ROUTES
        if Guard.OPEN in route.guards.values()
        and "/events/{" in route.path
        and not route.path.endswith("/calendar.ics")
    }


def test_every_address_that_hashes_a_password_has_time_to_wait_for_its_turn() -> None:
    users = "/api/admin/users"
    waiting = ["/api/admin/login", "/api/admin/me/password", users, f"{users}/{{user_id}}/password"]
    assert [each.path for each in PUBLIC_ROUTES if each.deadline_seconds == HASHING_SECONDS] == waiting
    assert HASHING_SECONDS == 35


def test_every_open_address_is_known() -> None:
    is_open = {route.path for route in PUBLIC_ROUTES if Guard.OPEN in route.guards.values()}
    of_learners = {path for path in is_open if LEARNER_PATHS.fullmatch(path)}
    front_door = {"/", "/docs", "/docs/{file}", "/openapi.json", "/openapi.yaml"}
    assert is_open == {*of_learners, *SIGN_IN_PATHS, *HEALTH_PATHS, *front_door}
    assert {route.path for route in PUBLIC_ROUTES if LEARNER_PATHS.fullmatch(route.path)} == of_learners
    assert {route.path for route in PUBLIC_ROUTES if route.event_slug} <= of_learners


def test_the_rate_limit_exempts_the_health_checks_of_the_table() -> None:
    assert {route.path for route in PUBLIC_ROUTES if route.path.startswith("/health")} == set(HEALTH_PATHS)


def test_another_method_is_refused_with_those_that_are_allowed(gateway: Gateway) -> None:
    for route in PUBLIC_ROUTES:
        answered = {*route.methods, *(("HEAD",) if "GET" in route.methods else ())}
        for method in sorted({*METHODS} - answered):
            response = gateway.as_admin(method, example(route.path))
            assert parsed(response) == (405, None if method == "HEAD" else METHOD_NOT_ALLOWED)
            assert {*response.headers["Allow"].split(", ")} == {*answered, "OPTIONS"}
    response = gateway.send("OPTIONS", "/api/public/events")
    assert (parsed(response), response.headers["Allow"]) == ((200, None), "GET, HEAD")
    assert gateway.targets == []


def test_head_is_answered_as_get_is_and_reaches_services_as_get(gateway: Gateway) -> None:
    for name, fake in gateway.services.items():
        for route in PUBLIC_ROUTES:
            fake.responds(f"GET {example(route.path)}", {"of": name}, 200, ETag='"1"')
    for route in PUBLIC_ROUTES:
        if "GET" in route.methods:
            path = example(route.path)
            got, before = gateway.as_admin("GET", path), len(gateway.targets)
            head = gateway.as_admin("HEAD", path)
            assert (head.status_code, head.content, head.headers) == (got.status_code, b"", got.headers), path
            assert [target for target in gateway.targets[before:] if not target.startswith("GET ")] == []
            if route.guards["GET"] is not Guard.OPEN:
                assert gateway.send("HEAD", path).status_code == 401
                assert gateway.send("HEAD", path).headers["WWW-Authenticate"] == "Bearer"


async def endless(chunks: list[int]) -> AsyncIterator[bytes]:
    """Yield chunks of 64 KiB without end and count them."""
    while True:
        chunks.append(1)
        yield b" " * 65_536


@pytest.mark.parametrize("path", ["/api/admin/login", "/api/public/events/x/catalog", "/api/events"])
def test_a_body_over_the_limit_is_refused_as_soon_as_it_is(gateway: Gateway, path: str) -> None:
    chunks: list[int] = []
    for body in (b" " * (BODY_LIMIT_BYTES + 1), endless(chunks)):
        response = gateway.as_admin("POST", path, content=body)
        assert (parsed(response), response.headers["Connection"]) == ((413, TOO_LARGE), "close")
    # Falcon reads one chunk ahead.
    assert len(chunks) <= BODY_LIMIT_BYTES // 65_536 + 2
    assert gateway.targets == []
    gateway.as_admin("POST", "/api/events", content=b" " * BODY_LIMIT_BYTES)
    assert gateway.content.bodies == [b" " * BODY_LIMIT_BYTES]


def test_a_refusal_with_an_unread_body_closes_the_connection(gateway: Gateway) -> None:
    foreign = {"Origin": "https://evil.example"}
    closed = [
        gateway.send("POST", "/api/events", json={}),
        gateway.send("POST", "/nowhere", json={}),
        gateway.as_admin("PATCH", "/api/events", json={}),
        gateway.send("POST", "/api/events", json={}, headers=foreign),
    ]
    kept = [gateway.send("GET", "/api/events"), gateway.send("POST", "/api/admin/login", json={})]
    assert [response.status_code for response in closed] == [401, 404, 405, 403]
    assert [response.headers.get("Connection") for response in (*closed, *kept)] == [*["close"] * 4, None, None]
