"""gateway.edge.Protection at the assembled app: what every answer carries, whatever it is."""

import asyncio
from collections.abc import AsyncIterator

import httpx
import pytest

from services.kit.web.documents import BODY_LIMIT_BYTES
from tests.gateway.door import ALLOWED_ORIGIN, EVENTS, Door, cors, error, opened

CATALOG = "/api/public/events/launch/catalog"
PROTECTION = {
    "cache-control": "no-store",
    "content-security-policy": "default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    "cross-origin-resource-policy": "same-origin",
    "referrer-policy": "no-referrer",
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
    "server": "flix",
}
MANAGED = {
    "DATABASE_PROFILE": "managed",
    "AUTH_URL": "http://auth:3013",
    "CONTENT_URL": "http://content:3011",
    "QUIZ_URL": "http://quiz:3012",
}


async def never() -> AsyncIterator[bytes]:
    """A body that begins and does not go on."""
    yield b"{"
    await asyncio.Event().wait()


def every_answer(door: Door, headers: dict[str, str]) -> dict[int, httpx.Response]:
    """One answer of each status that the gateway or a service behind it gives, to a client with these headers."""
    door.content.answers("GET /api/events", {"items": []})
    door.content.answers("POST /api/events", {"item": {}}, 201)
    door.content.answers("DELETE /api/events/gone", status=204)
    door.quiz.answers("POST /internal/catch-up", {})
    door.content.answers("PUT /api/events/one", error("VALIDATION_ERROR"), 400)
    door.content.answers("PUT /api/events/other", error("EVENT_SLUG_CONFLICT"), 409)
    door.content.answers("GET /api/events/slow", error("UPSTREAM_TIMEOUT"), 504)
    door.content.fails("GET /api/events/away", httpx.ConnectError("refused"))
    door.content.fails("GET /api/events/broken", RuntimeError("canary"))
    answers = [
        door.as_admin("GET", "/api/events", headers=headers),
        door.as_admin("POST", "/api/events", headers=headers, json={}),
        door.as_admin("DELETE", "/api/events/gone", headers=headers),
        door.as_admin("PUT", "/api/events/one", headers=headers, json={}),
        door.send("GET", "/api/events", headers=headers),
        door.as_admin("GET", "/api/events/unknown", headers=headers),
        door.send("PATCH", CATALOG, headers=headers),
        door.send("POST", CATALOG, headers=headers, content=never()),
        door.as_admin("PUT", "/api/events/other", headers=headers, json={}),
        door.send("POST", CATALOG, headers=headers, content=b" " * (BODY_LIMIT_BYTES + 1)),
        door.send("POST", CATALOG, headers={**headers, "Content-Type": "ä".encode()}),
        door.as_admin("GET", "/api/events/broken", headers=headers),
        door.as_admin("GET", "/api/events/away", headers=headers),
        door.as_admin("GET", "/api/events/slow", headers=headers),
    ]
    return {answer.status_code: answer for answer in answers}


STATUSES = [200, 201, 204, 400, 401, 404, 405, 408, 409, 413, 415, 500, 503, 504]


@pytest.mark.parametrize("profile", ["local", "managed"])
def test_every_answer_is_protected_and_may_be_read_by_a_page_of_a_listed_origin(profile: str) -> None:
    variables = MANAGED if profile == "managed" else {}
    strict = {"strict-transport-security": "max-age=63072000; includeSubDomains"} if variables else {}
    readable = {
        "vary": "Origin",
        "access-control-allow-origin": ALLOWED_ORIGIN,
        "access-control-expose-headers": "ETag, Idempotency-Replayed, Retry-After, X-Request-ID",
    }
    with opened(REQUEST_BODY_TIMEOUT_SECONDS="1", RATE_LIMIT_MAX=str(len(STATUSES)), **variables) as door:
        answers = every_answer(door, {"Origin": ALLOWED_ORIGIN})
        answers[429] = door.send("GET", EVENTS, headers={"Origin": ALLOWED_ORIGIN})
        foreign = door.send("GET", EVENTS, headers={"Origin": "https://evil.example"})
        preflight = door.send(
            "OPTIONS", EVENTS, headers={"Origin": ALLOWED_ORIGIN, "Access-Control-Request-Method": "GET"}
        )

    assert sorted(answers) == sorted([*STATUSES, 429])
    assert [status for status, answer in answers.items() if cors(answer) != readable] == []
    assert (foreign.status_code, cors(foreign)) == (403, {"vary": "Origin"})
    for answer in (*answers.values(), foreign, preflight):
        named = {name: text for name, text in answer.headers.items() if name in {*PROTECTION, *strict}}
        assert (answer.status_code, named) == (answer.status_code, {**PROTECTION, **strict})
        assert ("strict-transport-security" in answer.headers) == bool(strict)
