"""docs/contract/BEHAVIOUR.md, "Envelope, errors, configuration"."""

import re
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from deploy import stack as processes
from gateway.routes import PUBLIC_ROUTES
from services.kit.core.config import SettingsError
from services.kit.web.guards import Guard
from tests.contract.conftest import judged
from tests.contract.doors import another_gateway, silent_service
from tests.contract.samples import (
    HERO,
    PAST,
    Json,
    catalog_address,
    created,
    denied,
    event_body,
    lesson_address,
    new_event,
    new_lesson,
    new_quiz,
    parsed,
    private_event,
    public_address,
)
from tests.installation import ADMIN, Installation
from tests.ports import free_port
from tests.refusals import FORBIDDEN, INVALID_JSON, METHOD_NOT_ALLOWED, NOT_FOUND, NOT_JSON, TOO_LARGE, invalid, refusal

DEFAULT_ORIGINS = [f"http://localhost:{port}" for port in (5173, 5174, 3000, 3002)]
WRONG_ORIGIN = refusal(403, "FORBIDDEN", "This origin may not call the API")


# Envelope


def test_one_object_is_under_item_and_a_list_under_items(admin: httpx.Client) -> None:
    """JSON in camelCase; one object under `item`, a list under `items`."""
    event = new_event(admin)
    lesson = new_lesson(admin, event)
    quiz = new_quiz(admin, lesson)
    assert parsed(admin.get(f"/api/events/{event['id']}")) == (200, {"item": event})
    assert parsed(admin.get(f"/api/events/{event['id']}/lessons")) == (200, {"items": [lesson]})
    assert parsed(admin.get(f"/api/quizzes/{quiz['id']}")) == (200, {"item": quiz})
    names = re.findall(r'"(\w+)":', admin.get(f"/api/quizzes/{quiz['id']}").text)
    assert [name for name in names if not re.fullmatch(r"[a-z]+([A-Z][a-z]+)*", name)] == []


def test_unknown_fields_are_ignored(admin: httpx.Client, learner: httpx.Client) -> None:
    """Unknown request fields are ignored"""
    event = new_event(admin, id="mine", createdAt=PAST, unheardOf={"a": [1]}, access_key="not the name")
    assert (event["id"] != "mine", event["createdAt"] != PAST, event["accessKey"]) == (True, True, None)
    assert "unheardOf" not in event
    lesson = new_lesson(admin, event, unheardOf=1)
    status, body = parsed(admin.put(lesson_address(lesson), json={"title": "Another", "unheardOf": 1}))
    changed = {**lesson, "title": "Another", "updatedAt": body["item"]["updatedAt"]}
    assert (status, body) == (200, {"item": changed})
    assert learner.post(catalog_address(event), json={"unheardOf": 1}).status_code == 200


@pytest.mark.parametrize("group", ["hero", "visualStyle"])
def test_unknown_fields_inside_hero_and_visual_style_are_refused(admin: httpx.Client, group: str) -> None:
    """except inside `hero` and `visualStyle`, where they are a VALIDATION_ERROR."""
    style = {"backgroundColor": "#000000", "textColor": "#ffffff", "accentColor": "#123abc"}
    known: Json = {"hero": HERO, "visualStyle": style}[group]
    event = new_event(admin)
    for value in ({**known, "unheardOf": "x"},):
        expected = invalid({group: ["unheardOf: is not a known field"]})
        assert parsed(admin.post("/api/events", json=event_body(**{group: value}))) == expected
        assert parsed(admin.put(f"/api/events/{event['id']}", json={group: value})) == expected
    assert parsed(admin.get(f"/api/events/{event['id']}")) == (200, {"item": event})
    assert created(admin.post("/api/events", json=event_body(**{group: known})))[group] == known


@pytest.mark.parametrize(
    ("sent", "answered"),
    [
        ("2026-03-01T12:00:00.000Z", "2026-03-01T12:00:00.000Z"),
        ("2026-03-01T12:00:00Z", "2026-03-01T12:00:00.000Z"),
        ("2026-03-01T12:00:00.5Z", "2026-03-01T12:00:00.500Z"),
        ("2026-03-01T12:00:00.123456789Z", "2026-03-01T12:00:00.123Z"),
        ("2026-03-01T00:30:00+02:00", "2026-02-28T22:30:00.000Z"),
        ("2026-03-01T12:00:00.25-11:30", "2026-03-01T23:30:00.250Z"),
        ("2026-03-01t12:00:00z", "2026-03-01T12:00:00.000Z"),
        ("1969-12-31T23:59:59.999Z", "1969-12-31T23:59:59.999Z"),
        ("0001-01-01T00:00:00Z", "0001-01-01T00:00:00.000Z"),
        ("9999-12-31T23:59:59.999Z", "9999-12-31T23:59:59.999Z"),
    ],
)
def test_instants_are_stored_and_answered_in_utc(
    admin: httpx.Client, learner: httpx.Client, sent: str, answered: str
) -> None:
    """Instants are UTC, milliseconds, `Z`. Inputs may carry another offset or fewer digits; they are stored and
    answered in UTC."""
    event = new_event(admin)
    lesson = new_lesson(admin, event, releaseAt=sent)
    assert lesson["releaseAt"] == answered
    assert parsed(admin.get(lesson_address(lesson))) == (200, {"item": lesson})
    items = learner.post(catalog_address(event)).json()["catalog"]["items"]
    assert [item["releaseAt"] for item in items] == [answered]


def test_an_error_has_a_code_a_message_and_the_request_id(admin: httpx.Client) -> None:
    """An error is `{"error": CODE, "message": text, "requestId": id}`"""
    response = admin.get("/api/events/nowhere", headers={"X-Request-ID": "a-request.of_mine"})
    expected = {"error": "EVENT_NOT_FOUND", "message": "Event not found", "requestId": "a-request.of_mine"}
    assert (response.status_code, response.json()) == (404, expected)


def test_a_validation_error_names_every_field_that_is_wrong(admin: httpx.Client) -> None:
    """a validation error adds `"details": {"formErrors": [...], "fieldErrors": {field: [texts]}}`."""
    body = {"title": "ab", "isActive": "yes", "hero": {"title": "", "more": 1}, "logoUrl": "no address"}
    assert parsed(admin.post("/api/events", json=body)) == invalid(
        {
            "title": ["must have at least 3 characters"],
            "slug": ["is required"],
            "isActive": ["Input should be a valid boolean"],
            "hero": [
                "title: must have at least 1 characters",
                "subtitle: is required",
                "ctaText: is required",
                "more: is not a known field",
            ],
            "logoUrl": ["must be an http or https address"],
        }
    )


def test_a_validation_error_of_the_whole_body_is_a_form_error(admin: httpx.Client) -> None:
    """a validation error adds `"details": {"formErrors": [...], "fieldErrors": {field: [texts]}}`."""
    event = new_event(admin)
    assert parsed(admin.put(f"/api/events/{event['id']}", json={})) == invalid(form=["At least one field is required"])
    assert parsed(admin.post("/api/events", json=[])) == invalid(form=["must be a JSON object"])


def test_malformed_json_is_a_request_error(admin: httpx.Client) -> None:
    """Errors outside the domain: REQUEST_ERROR for malformed JSON or a wrong content type (400/415)"""
    malformed = admin.post("/api/events", content=b'{"title": ', headers={"Content-Type": "application/json"})
    assert parsed(malformed) == INVALID_JSON
    assert parsed(admin.post("/api/events", content=b"{}", headers={"Content-Type": "text/plain"})) == NOT_JSON


@pytest.mark.parametrize(
    "path", ["/nowhere", "/api", "/api/event", "//api/events", "/internal/login", "/.well-known/jwks.json"]
)
def test_an_unknown_route_is_not_found(admin: httpx.Client, path: str) -> None:
    """NOT_FOUND for an unknown route (404)"""
    for method in ("GET", "POST", "DELETE"):
        assert parsed(admin.request(method, path)) == NOT_FOUND


@pytest.mark.parametrize(
    ("method", "path", "allowed"),
    [
        ("PATCH", "/api/events", "GET, HEAD, POST, OPTIONS"),
        ("DELETE", "/api/events", "GET, HEAD, POST, OPTIONS"),
        ("POST", "/api/events/x", "GET, HEAD, PUT, DELETE, OPTIONS"),
        ("GET", "/api/admin/login", "POST, OPTIONS"),
        ("GET", "/api/events/x/access", "POST, OPTIONS"),
        ("POST", "/health", "GET, HEAD, OPTIONS"),
    ],
)
def test_an_unknown_method_is_refused_with_the_allowed_ones(
    admin: httpx.Client, method: str, path: str, allowed: str
) -> None:
    """METHOD_NOT_ALLOWED (405)"""
    response = admin.request(method, path)
    assert parsed(response) == METHOD_NOT_ALLOWED
    assert sorted(response.headers["Allow"].split(", ")) == sorted(allowed.split(", "))


def test_a_body_over_one_mebibyte_is_too_large(admin: httpx.Client, learner: httpx.Client) -> None:
    """PAYLOAD_TOO_LARGE (413)"""
    event = new_event(admin)
    body = b'{"title": "' + b"x" * 1024 * 1024 + b'"}'
    as_json = {"Content-Type": "application/json"}
    assert parsed(admin.post("/api/events", content=body, headers=as_json)) == TOO_LARGE
    assert parsed(learner.post(catalog_address(event), content=body, headers=as_json)) == TOO_LARGE
    in_chunks = admin.post("/api/events", content=iter([body[:700_000], body[700_000:]]), headers=as_json)
    assert parsed(in_chunks) == TOO_LARGE


# Public routes take nothing


EMPTY: tuple[Json, ...] = (
    {},
    {"json": {}},
    {"content": b""},
    {"content": b"", "headers": {"Content-Type": "application/json"}},
    {"content": b" \r\n", "headers": {"Content-Type": "application/json"}},
    {"content": b"", "headers": {"Content-Type": "text/plain"}},
)


@pytest.mark.parametrize("nothing", EMPTY)
def test_public_routes_take_an_empty_body(admin: httpx.Client, learner: httpx.Client, nothing: Json) -> None:
    """The public POST routes take an empty body, no body at all, or `{}`."""
    event, closed = new_event(admin), private_event(admin)
    lesson = new_lesson(admin, event)
    quiz = new_quiz(admin, lesson)
    assert learner.post(catalog_address(event), **nothing).json()["catalog"]["items"][0]["id"] == lesson["id"]
    answers = {
        action: learner.post(public_address(event, lesson["slug"], action), **nothing)
        for action in ("access-check", "playback", "materials", "quiz")
    }
    assert {action: response.status_code for action, response in answers.items()} == dict.fromkeys(answers, 200)
    assert answers["access-check"].json()["authorized"] is True
    assert answers["playback"].json()["lesson"]["id"] == lesson["id"]
    assert answers["materials"].json() == {"items": []}
    assert answers["quiz"].json()["item"]["id"] == quiz["id"]
    assert parsed(learner.post(catalog_address(closed), **nothing)) == denied("blocked_private", "EVENT_ACCESS_DENIED")


SAME_REQUEST = {"X-Request-ID": "request-of-a-test"}


def test_head_is_answered_as_get_is_without_a_body(admin: httpx.Client, learner: httpx.Client) -> None:
    """HEAD is answered wherever GET is, with its status and headers and no body (RFC 9110 9.3.2); a guarded route asks
    for its token first."""
    event = new_event(admin)
    lesson = new_lesson(admin, event)
    quiz = new_quiz(admin, lesson)
    ids = {
        "event_id": event["id"],
        "lesson_id": lesson["id"],
        "quiz_id": quiz["id"],
        "user_id": "nobody",
        "file": "viewer.js",
    }
    for route in PUBLIC_ROUTES:
        # tests/contract/test_reads.py reads what has a clock in its headers.
        if "GET" not in route.methods or route.path == "/api/admin/integrity" or "{event_slug}" in route.path:
            continue
        address = route.path.format(**ids)
        got, head = (admin.request(method, address, headers=SAME_REQUEST) for method in ("GET", "HEAD"))
        assert (head.status_code, head.content) == (got.status_code, b""), address
        assert {**head.headers, "date": ""} == {**got.headers, "date": ""}, address
        if route.guards["GET"] is not Guard.OPEN:
            assert (learner.head(address).status_code, learner.head(address).content) == (401, b"")
    allowed = learner.options("/api/public/events").headers["Allow"]
    assert ("HEAD" in allowed, learner.head("/api/admin/login").status_code) == (True, 405)


# The environment


def test_an_installation_without_variables_has_the_known_defaults() -> None:
    """Environment names that deployments already set: API_PORT (3001), DATABASE_PROFILE (local | managed),
    DATABASE_URL, CORS_ORIGIN (comma-separated allowlist; by default localhost ports 5173, 5174, 3000 and 3002),
    RATE_LIMIT_MAX (100) and RATE_LIMIT_WINDOW_MS (60000), JWT_ACCESS_TTL (15m), ADMIN_USERNAME and ADMIN_PASSWORD
    (admin / admin123 in local only)."""
    settings: Any = processes.read_settings({})
    door, auth = settings["gateway"], settings["auth"]
    assert (door.port, door.profile, door.cors_origins) == (3001, "local", frozenset(DEFAULT_ORIGINS))
    assert (door.rate_limit_max, door.rate_limit_window_ms) == (100, 60_000)
    assert auth.access_token_lifetime.total_seconds() == 15 * 60
    assert (auth.admin_username, auth.admin_password) == ("admin", "admin123")


def test_the_known_variables_are_read() -> None:
    """Environment names that deployments already set"""
    settings: Any = processes.read_settings(
        {
            "API_PORT": "4001",
            "DATABASE_PROFILE": "local",
            "DATABASE_URL": "sqlite:////tmp/flix.sqlite",
            "CORS_ORIGIN": "https://a.example, https://b.example",
            "RATE_LIMIT_MAX": "7",
            "RATE_LIMIT_WINDOW_MS": "1500",
            "JWT_ACCESS_TTL": "2h",
            "ADMIN_USERNAME": "root",
            "ADMIN_PASSWORD": "secret",
        }
    )
    door, auth = settings["gateway"], settings["auth"]
    assert (door.port, door.cors_origins) == (4001, frozenset({"https://a.example", "https://b.example"}))
    assert (door.rate_limit_max, door.rate_limit_window_ms) == (7, 1500)
    assert auth.access_token_lifetime.total_seconds() == 2 * 60 * 60
    assert (auth.admin_username, auth.admin_password) == ("root", "secret")
    assert settings["content"].database_url == "sqlite:////tmp/flix.sqlite"


def test_the_managed_profile_has_no_known_password() -> None:
    """ADMIN_USERNAME and ADMIN_PASSWORD (admin / admin123 in local only)."""
    managed = {
        "DATABASE_PROFILE": "managed",
        "SIGNING_KEY_SECRET": "a secret that only these tests know, long enough",
        "DATABASE_URL": "postgresql://flix@localhost/flix",
        "SERVICE_TOKEN_SECRET": "x" * 32,
        "AUTH_URL": "http://auth",
        "CONTENT_URL": "http://content",
        "QUIZ_URL": "http://quiz",
        "CORS_ORIGIN": "https://flix.example",
    }
    with pytest.raises(SettingsError) as absent:
        processes.read_settings(managed)
    with pytest.raises(SettingsError) as known:
        processes.read_settings({**managed, "ADMIN_USERNAME": "admin", "ADMIN_PASSWORD": "admin123"})
    assert absent.value.problems == [
        "ADMIN_USERNAME is missing: the managed profile needs the first admin's name",
        "ADMIN_PASSWORD is missing: the managed profile needs a password for the first admin",
    ]
    assert known.value.problems == [
        "ADMIN_PASSWORD still has its default: the managed profile needs a password for the first admin"
    ]


# Origins


def test_a_listed_origin_may_call(learner: httpx.Client) -> None:
    """CORS_ORIGIN (comma-separated allowlist"""
    for origin in ("http://localhost:5173", "https://learn.example"):
        response = learner.get("/health", headers={"Origin": origin})
        assert (response.status_code, response.headers["Access-Control-Allow-Origin"]) == (200, origin)
        assert response.headers["Vary"] == "Origin"


def test_a_preflight_of_a_listed_origin_names_what_it_may_send(learner: httpx.Client) -> None:
    """CORS_ORIGIN (comma-separated allowlist"""
    asking = {"Origin": "https://learn.example", "Access-Control-Request-Method": "PUT"}
    response = learner.options("/api/events/x", headers=asking)
    assert (response.status_code, response.content) == (204, b"")
    allowed = {name: value for name, value in response.headers.items() if name.startswith("access-control-")}
    assert allowed == {
        "access-control-allow-origin": "https://learn.example",
        "access-control-allow-methods": "GET, HEAD, POST, PUT, DELETE, OPTIONS",
        "access-control-allow-headers": "Authorization, Content-Type, Idempotency-Key, If-Match, X-Request-ID, "
        "Cache-Control, If-None-Match, baggage, sentry-trace, traceparent, tracestate",
        "access-control-expose-headers": "ETag, Idempotency-Replayed, Link, RateLimit, RateLimit-Policy, "
        "Retry-After, Server-Time, X-Request-ID",
        "access-control-max-age": "600",
    }


@pytest.mark.parametrize(
    "origin", ["https://evil.example", "null", "http://localhost:5174", "https://learn.example.evil.example", ""]
)
def test_an_origin_that_is_not_listed_is_refused(learner: httpx.Client, origin: str) -> None:
    """A disallowed Origin gets 403 FORBIDDEN."""
    asking = {"Origin": origin, "Access-Control-Request-Method": "POST"}
    responses = [
        learner.get("/health", headers={"Origin": origin}),
        learner.post("/api/admin/login", json=ADMIN, headers={"Origin": origin}),
        learner.options("/api/events", headers=asking),
        learner.get("/nowhere", headers={"Origin": origin}),
    ]
    assert [parsed(response) for response in responses] == [WRONG_ORIGIN] * 4
    assert [response.headers.get("Access-Control-Allow-Origin") for response in responses] == [None] * 4


# Who may


def test_a_token_of_another_role_is_not_enough(admin: httpx.Client, tokens: Any) -> None:
    """403 FORBIDDEN when its role is not enough."""
    viewer = {"Authorization": f"Bearer {tokens.access_token(role='viewer')}"}
    assert parsed(admin.get("/api/events", headers=viewer)) == FORBIDDEN
    assert parsed(admin.post("/api/events", json=event_body(), headers=viewer)) == FORBIDDEN
    assert parsed(admin.delete("/api/quizzes/x", headers=viewer)) == FORBIDDEN


# A gateway whose services fail


@pytest.fixture(scope="module")
def misfit(stack: Installation, tmp_path_factory: pytest.TempPathFactory) -> Iterator[httpx.Client]:
    """A gateway whose service token auth refuses, whose content never responds, and whose quiz is not running."""
    with silent_service() as content:
        variables = {
            "DATABASE_PROFILE": "local",
            "SERVICE_TOKEN_SECRET": "another secret than the one of the services",
            "CONTENT_URL": content,
            "QUIZ_URL": f"http://127.0.0.1:{free_port()}",
            "GATEWAY_TIMEOUT_SECONDS": "1",
            # The default origins.
            "CORS_ORIGIN": "",
        }
        with another_gateway(stack, tmp_path_factory.mktemp("misfit"), **variables) as client:
            yield judged(client)


def test_an_internal_error_does_not_name_its_cause(misfit: httpx.Client) -> None:
    """INTERNAL_ERROR (500, never a traceback)"""
    expected = refusal(500, "INTERNAL_ERROR", "Something went wrong on our side")
    assert parsed(misfit.post("/api/admin/login", json=ADMIN)) == expected


def test_a_service_that_is_not_there_is_unavailable(misfit: httpx.Client, admin: httpx.Client) -> None:
    """UPSTREAM_UNAVAILABLE (503, with Retry-After)"""
    response = misfit.get("/api/quizzes", headers={"Authorization": admin.headers["Authorization"]})
    message = "A part of the system is not available; try again shortly"
    assert parsed(response) == refusal(503, "UPSTREAM_UNAVAILABLE", message)
    assert response.headers["Retry-After"] == "1"


def test_a_service_that_does_not_answer_times_out(misfit: httpx.Client) -> None:
    """UPSTREAM_TIMEOUT (504) from the gateway."""
    response = misfit.post("/api/public/events/any/catalog")
    message = "A part of the system took too long; try again shortly"
    assert parsed(response) == refusal(504, "UPSTREAM_TIMEOUT", message)


def test_without_a_list_four_local_origins_may_call(misfit: httpx.Client) -> None:
    """by default localhost ports 5173, 5174, 3000 and 3002"""
    responses = [misfit.get("/health", headers={"Origin": origin}) for origin in DEFAULT_ORIGINS]
    assert [response.headers["Access-Control-Allow-Origin"] for response in responses] == DEFAULT_ORIGINS
    for other in ("http://localhost:3001", "https://localhost:5173", "http://127.0.0.1:5173"):
        assert parsed(misfit.get("/health", headers={"Origin": other})) == WRONG_ORIGIN


@pytest.fixture(scope="module")
def hurried(stack: Installation, tmp_path_factory: pytest.TempPathFactory) -> Iterator[httpx.Client]:
    """A gateway that answers three requests an hour."""
    hour = {"RATE_LIMIT_MAX": "3", "RATE_LIMIT_WINDOW_MS": "3600000"}
    with another_gateway(stack, tmp_path_factory.mktemp("hurried"), **hour) as client:
        yield judged(client)


def test_a_client_over_the_rate_limit_waits_for_the_next_window(hurried: httpx.Client) -> None:
    """RATE_LIMITED (429, with Retry-After)"""
    before = [hurried.get(path).status_code for path in ("/nowhere", "/api/events", "/api/admin/me")]
    assert before == [404, 401, 401]
    # Nothing that a client may write makes it another client.
    headers = {"X-Forwarded-For": "203.0.113.9", "Origin": "https://learn.example"}
    responses = [hurried.get("/api/admin/me", headers=headers), hurried.post("/api/admin/login", json=ADMIN)]
    expected = refusal(429, "RATE_LIMITED", "Too many requests; try again later")
    assert [parsed(response) for response in responses] == [expected] * 2
    # More than the default window of a minute: the variable counts.
    assert all(60 < int(response.headers["Retry-After"]) <= 3600 for response in responses)
    assert responses[0].headers["Access-Control-Allow-Origin"] == "https://learn.example"
    assert [hurried.get("/health").status_code for _ in range(5)] == [200] * 5
