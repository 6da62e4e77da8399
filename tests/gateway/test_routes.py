"""gateway.routes at the assembled app: every public address is there, guarded, and none leads inside."""

import re
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
import yaml

from gateway.routes import PUBLIC_ROUTES, To
from services.kit.core.instants import now
from services.kit.web.documents import BODY_LIMIT_BYTES
from services.kit.web.guards import Guard
from services.kit.web.tokens.service import issue_service_token
from tests.gateway.door import REQUEST_ID, SECRET, Door, access_token, line

CONTRACT = Path(__file__).parents[2] / "docs" / "contract" / "baseline.openapi.yaml"
METHODS = ("get", "post", "put", "delete", "patch")


def shape(path: str) -> str:
    """The address with its parameters' names away."""
    return re.sub(r"\{[^}]*\}", "{}", path)


def example(path: str) -> str:
    """An address of that template."""
    return re.sub(r"\{[^}]*\}", "x", path)


def contract_operations() -> Iterator[tuple[str, str, bool]]:
    """Method, address and whether it takes a token, of everything that existing clients depend on."""
    contract: Any = yaml.safe_load(CONTRACT.read_text())
    for path, operations in contract["paths"].items():
        for method in METHODS:
            if method in operations:
                yield method.upper(), path, operations[method].get("security") != []


ADMIN_OPERATIONS = [
    (method, route.path) for route in PUBLIC_ROUTES for method, guard in route.guards.items() if guard is not Guard.OPEN
]
OPEN_OPERATIONS = [
    (method, route.path) for route in PUBLIC_ROUTES for method, guard in route.guards.items() if guard is Guard.OPEN
]
# Answers that are made of all three services'.
JOINED = {("GET", "/api/admin/integrity"), ("GET", "/api/admin/audit")}
BAD_TOKENS = {
    "no token": "",
    "not a bearer": "Basic YWRhOnBhc3N3b3Jk",
    "no words": "Bearer",
    "not a token": "Bearer token",
    "expired": f"Bearer {access_token(exp=1_000_000_000)}",
    "for another service": f"Bearer {access_token(aud=['quiz'])}",
    "of another issuer": f"Bearer {access_token(iss='somebody')}",
    "with a broken signature": f"Bearer {access_token()[:-8]}AAAAAAAA",
    "between services": f"Bearer {issue_service_token(SECRET, 'content', 'gateway', now())}",
    "without an algorithm": "Bearer eyJhbGciOiJub25lIiwidHlwIjoiYXQrand0Iiwia2lkIjoia2V5LTEifQ.e30.",
}


def test_every_operation_of_the_contract_is_there_with_its_guard() -> None:
    operations = {
        (method, shape(route.path)): guard is not Guard.OPEN
        for route in PUBLIC_ROUTES
        for method, guard in route.guards.items()
    }
    wanted = {(method, shape(path)): guarded for method, path, guarded in contract_operations()}
    assert wanted.pop(("GET", "/health")) is False

    assert {operation: operations.get(operation) for operation in wanted} == wanted
    assert len(wanted) == 22


def test_what_the_contract_does_not_name_is_an_addition_that_we_know_of() -> None:
    wanted = {(method, shape(path)) for method, path, _ in contract_operations()}

    added = {(method, shape(route.path)) for route in PUBLIC_ROUTES for method in route.methods} - wanted

    assert added == {
        ("GET", "/api/admin/audit"),
        ("GET", "/api/admin/integrity"),
        ("POST", "/api/admin/token/refresh"),
        ("POST", "/api/admin/logout"),
        ("GET", "/api/admin/me"),
        ("POST", "/api/admin/me/password"),
        ("GET", "/api/admin/users"),
        ("POST", "/api/admin/users"),
        ("GET", "/api/admin/users/{}"),
        ("PUT", "/api/admin/users/{}"),
        ("POST", "/api/admin/users/{}/password"),
        ("GET", "/api/events/{}"),
        ("POST", "/api/events/{}/access"),
        ("GET", "/api/events/{}/lessons/{}"),
        ("DELETE", "/api/events/{}/lessons/{}/materials/{}"),
        ("GET", "/api/quizzes"),
        ("GET", "/api/quizzes/{}/attempts"),
        ("GET", "/api/public/events"),
    }


@pytest.mark.parametrize("path", ["/internal/login", "/internal/public/events", "/.well-known/jwks.json", "/"])
@pytest.mark.parametrize("method", ["GET", "POST", "PUT", "DELETE", "PATCH", "HEAD", "OPTIONS"])
def test_nothing_leads_inside(door: Door, method: str, path: str) -> None:
    answer = door.as_admin(method, path)

    assert (answer.status_code, door.asked) == (404, [])
    assert not any(route.path.startswith("/internal") for route in PUBLIC_ROUTES)


@pytest.mark.parametrize("path", ["//internal/login", "/api/../internal/login", "/api/%2e%2e/internal/login"])
def test_no_spelling_leads_inside(door: Door, path: str) -> None:
    assert (door.as_admin("POST", path).status_code, door.asked) == (404, [])


@pytest.mark.parametrize(("method", "path"), ADMIN_OPERATIONS)
def test_an_admin_s_address_asks_for_a_token_before_it_asks_anyone(door: Door, method: str, path: str) -> None:
    answer = door.send(method, example(path), headers=REQUEST_ID, content=b"not even JSON")

    assert answer.status_code == 401
    assert answer.headers["WWW-Authenticate"] == "Bearer"
    assert answer.json() == {
        "error": "UNAUTHORIZED",
        "message": "A valid bearer token is required",
        "requestId": "request-1",
    }
    assert door.asked == []


@pytest.mark.parametrize("authorization", BAD_TOKENS.values(), ids=BAD_TOKENS.keys())
def test_a_token_that_auth_did_not_sign_for_the_gateway_opens_no_admin_s_address(
    door: Door, authorization: str
) -> None:
    headers = {"Authorization": authorization, **REQUEST_ID}

    answers = [door.send(method, example(path), headers=headers) for method, path in ADMIN_OPERATIONS]

    assert {answer.status_code for answer in answers} == {401}
    assert {answer.json()["error"] for answer in answers} == {"UNAUTHORIZED"}
    assert {answer.headers["WWW-Authenticate"] for answer in answers} == {"Bearer"}
    assert door.asked == []


@pytest.mark.parametrize(
    ("token", "reason", "username"),
    [
        (None, "UNAUTHORIZED", None),
        ("canary.of-a.forger", "UNAUTHORIZED", None),
        (access_token(roles=["viewer"]), "FORBIDDEN", "ada"),
    ],
    ids=["none", "forged", "of a viewer"],
)
def test_a_refusal_is_logged_with_its_reason_and_the_name_as_far_as_it_is_known(
    door: Door, token: str | None, reason: str, username: str | None
) -> None:
    headers = REQUEST_ID if token is None else {"Authorization": f"Bearer {token}", **REQUEST_ID}

    door.send("DELETE", "/api/events/event-1", headers=headers)

    refused = line("request_refused", "/api/events/{event_id}", "DELETE", reason=reason, username=username)
    assert (door.lines, door.asked) == ([refused], [])
    assert token is None or token not in door.everything_logged


@pytest.mark.parametrize("role", ["learner", "Admin", ""])
def test_a_token_of_another_role_is_forbidden_everywhere(door: Door, role: str) -> None:
    headers = {"Authorization": f"Bearer {access_token(role=role)}", **REQUEST_ID}

    answers = [door.send(method, example(path), headers=headers) for method, path in ADMIN_OPERATIONS]

    forbidden = {"error": "FORBIDDEN", "message": "This is not allowed", "requestId": "request-1"}
    assert [(answer.status_code, answer.json()) for answer in answers] == [(403, forbidden)] * len(ADMIN_OPERATIONS)
    assert door.asked == []


def test_a_good_token_opens_every_admin_s_address(door: Door) -> None:
    # So that the refusals above are the tokens' fault.
    for method, path in ADMIN_OPERATIONS:
        for service in (door.content, door.quiz, door.auth):
            service.answers(f"{method} {example(path)}", {"of": "a service"})
    operations = [each for each in ADMIN_OPERATIONS if each not in JOINED]

    answers = [door.as_admin(method, example(path)) for method, path in operations]

    assert {answer.status_code for answer in answers} == {200}
    asked = [asked for asked in door.asked if asked != "POST /internal/catch-up"]
    assert sorted(asked) == sorted(f"{method} {example(path)}" for method, path in operations)
    assert door.as_admin("GET", "/api/admin/integrity").status_code == 200


@pytest.mark.parametrize(
    ("method", "path", "service"),
    [
        (method, route.path, target.value)
        for route in PUBLIC_ROUTES
        for method, (_guard, target) in route.methods.items()
        if isinstance(target, To)
    ],
)
def test_what_is_passed_on_goes_to_one_service_under_the_same_address(
    door: Door, method: str, path: str, service: str
) -> None:
    upstream = {"content": door.content, "quiz": door.quiz, "auth": door.auth}[service]
    upstream.answers(f"{method} {example(path)}", {"of": service}, 201)

    answer = door.as_admin(method, example(path), json={"title": "Any"})

    assert (answer.status_code, answer.json()) == (201, {"of": service})
    assert door.asked == [f"{method} {example(path)}"]
    assert upstream.requests[0].content == b'{"title":"Any"}'


def test_wrong_access_keys_are_counted_wherever_a_learner_may_send_one() -> None:
    counted = {route.path for route in PUBLIC_ROUTES if route.event_slug is not None}
    opened_by_key = {path for method, path in OPEN_OPERATIONS if "/events/{" in path}
    assert counted == opened_by_key
    assert len(counted) == 7
    assert all(f"{{{route.event_slug}}}" in route.path for route in PUBLIC_ROUTES if route.event_slug is not None)


@pytest.mark.parametrize(("method", "path"), OPEN_OPERATIONS)
def test_a_learner_s_address_asks_for_no_token_and_takes_no_body(door: Door, method: str, path: str) -> None:
    answer = door.send(method, example(path), headers={"Authorization": "Bearer nonsense"})

    assert answer.status_code == 404
    assert answer.json()["requestId"] == "at-the-service"
    assert len(door.asked) == 1


@pytest.mark.parametrize("path", ["/nowhere", "/api", "/api/", "/api/events/x/y", "/API/EVENTS"])
def test_an_unknown_address_is_not_found(door: Door, path: str) -> None:
    answer = door.as_admin("GET", path, headers=REQUEST_ID)

    assert answer.status_code == 404
    assert answer.json() == {
        "error": "NOT_FOUND",
        "message": "There is nothing at this address",
        "requestId": "request-1",
    }
    assert door.asked == []


@pytest.mark.parametrize("route", PUBLIC_ROUTES, ids=lambda route: route.path)
def test_a_method_that_an_address_does_not_take_is_named_with_those_that_it_does(door: Door, route: Any) -> None:
    others = [method for method in ("GET", "POST", "PUT", "DELETE", "PATCH", "HEAD") if method not in route.methods]

    answers = [door.as_admin(method, example(route.path), headers=REQUEST_ID) for method in others]

    assert {answer.status_code for answer in answers} == {405}
    assert [set(answer.headers["Allow"].split(", ")) for answer in answers] == [{*route.methods, "OPTIONS"}] * len(
        others
    )
    assert [answer.json() for answer, method in zip(answers, others, strict=True) if method != "HEAD"] == [
        {
            "error": "METHOD_NOT_ALLOWED",
            "message": "This address does not take that method",
            "requestId": "request-1",
        }
    ] * (len(others) - 1)
    assert door.asked == []


def test_options_outside_a_preflight_names_the_methods(door: Door) -> None:
    answer = door.send("OPTIONS", "/api/public/events")

    assert (answer.status_code, answer.headers["Allow"], answer.content) == (200, "GET", b"")
    assert door.asked == []


TOO_LARGE = {"error": "PAYLOAD_TOO_LARGE", "message": "The body is larger than 1 MiB", "requestId": "request-1"}


@pytest.mark.parametrize("path", ["/api/admin/login", "/api/public/events/x/catalog", "/api/events"])
def test_a_body_over_the_limit_is_refused_and_goes_nowhere(door: Door, path: str) -> None:
    body = b" " * (BODY_LIMIT_BYTES + 1)

    answer = door.as_admin("POST", path, content=body, headers=REQUEST_ID)

    assert (answer.status_code, answer.json()) == (413, TOO_LARGE)
    assert answer.headers["Connection"] == "close"
    assert door.asked == []


@pytest.mark.parametrize("path", ["/api/admin/login", "/api/public/events/x/catalog", "/api/events"])
def test_a_chunked_body_is_refused_as_soon_as_it_passes_the_limit(door: Door, path: str) -> None:
    sent: list[int] = []

    async def endless() -> AsyncIterator[bytes]:
        while True:
            sent.append(1)
            yield b" " * 65_536

    answer = door.as_admin("POST", path, content=endless(), headers=REQUEST_ID)

    assert (answer.status_code, answer.json()) == (413, TOO_LARGE)
    assert answer.headers["Connection"] == "close"
    # Falcon reads one chunk ahead.
    assert len(sent) <= BODY_LIMIT_BYTES // 65_536 + 2
    assert door.asked == []


def test_a_body_of_just_the_limit_is_passed_on(door: Door) -> None:
    body = b" " * BODY_LIMIT_BYTES

    door.as_admin("POST", "/api/events", content=body)

    assert [request.content for request in door.content.requests] == [body]


def test_a_refused_request_with_an_unread_body_closes_its_connection(door: Door) -> None:
    answers = [
        door.send("POST", "/api/events", json={}),
        door.send("POST", "/nowhere", json={}),
        door.as_admin("PATCH", "/api/events", json={}),
        door.send("POST", "/api/events", json={}, headers={"Origin": "https://evil.example"}),
    ]

    assert [(answer.status_code, answer.headers.get("Connection")) for answer in answers] == [
        (401, "close"),
        (404, "close"),
        (405, "close"),
        (403, "close"),
    ]


def test_a_request_without_a_body_keeps_its_connection(door: Door) -> None:
    answers: list[httpx.Response] = [door.send("GET", "/api/events"), door.send("POST", "/api/admin/login", json={})]

    assert ["Connection" in answer.headers for answer in answers] == [False, False]
