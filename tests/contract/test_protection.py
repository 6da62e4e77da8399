"""Protecting headers and the limits of the HTTP server at a running gateway."""

import httpx

from services.kit.web.headers import SECURITY_HEADERS
from tests.installation import Installation

ORIGIN = "https://learn.example"


def protection(stack: Installation) -> dict[str, str]:
    """Return the headers that every response must have."""
    managed = stack.environment["DATABASE_PROFILE"] == "managed"
    strict = {"Strict-Transport-Security": "max-age=63072000"} if managed else {}
    return {**SECURITY_HEADERS, **strict}


def test_every_kind_of_response_has_the_protecting_headers(
    stack: Installation, admin: httpx.Client, learner: httpx.Client
) -> None:
    page = {"Origin": ORIGIN, "Access-Control-Request-Method": "POST"}
    responses = [
        learner.get("/health"),
        learner.get("/health/ready"),
        learner.get("/api/public/events"),
        admin.get("/api/events"),
        admin.get("/api/admin/integrity"),
        learner.get("/api/events"),
        learner.get("/nowhere"),
        learner.get("/api/%2e%2e/events"),
        admin.patch("/api/events"),
        learner.post("/api/admin/login", content=b"{"),
        learner.post("/api/admin/login", content=b" " * 1024 * 1025),
        learner.options("/api/events", headers=page),
        learner.get("/api/public/events", headers={"Origin": "https://evil.example"}),
        # Refused by the server, without the app.
        learner.get("/health", headers={"X-Long": "x" * 9000}),
    ]

    statuses = [response.status_code for response in responses]
    assert statuses == [200, 200, 200, 200, 200, 401, 404, 404, 405, 415, 413, 204, 403, 431]
    expected = protection(stack)
    for response in responses:
        named = {name: response.headers.get(name) for name in (*SECURITY_HEADERS, "Strict-Transport-Security")}
        assert {name: text for name, text in named.items() if text is not None} == expected, response.request.url
