"""gateway.edge.SecurityHeaders in the assembled app: the headers of every response."""

import asyncio
from collections.abc import AsyncIterator

import aiohttp
import httpx
import pytest

from services.kit.web.documents import BODY_LIMIT_BYTES
from tests.gateway.fakes import ALLOWED_ORIGIN, EVENTS, Gateway, cors, gateway_with, service_error
from tests.gateway.test_config import MANAGED
from tests.gateway.test_edge import READABLE

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
ADDRESSES = {name: text for name, text in MANAGED.items() if name != "CORS_ORIGIN"}
# Those of one_of_each_status.
LEARNERS_REQUESTS = 4
STATUSES = [200, 201, 204, 400, 401, 404, 405, 408, 409, 413, 415, 500, 503, 504]


async def stalled() -> AsyncIterator[bytes]:
    """Yield the beginning of a body and then nothing."""
    yield b"{"
    await asyncio.Event().wait()


def one_of_each_status(gateway: Gateway, headers: dict[str, str]) -> dict[int, httpx.Response]:
    """Return a response of each status that the gateway or a service gives."""
    gateway.content.responds("GET /api/events", {"items": []})
    gateway.content.responds("POST /api/events", {"item": {}}, 201)
    gateway.content.responds("DELETE /api/events/gone", status=204)
    gateway.quiz.responds("POST /internal/catch-up", {})
    for status, code in ((400, "VALIDATION_ERROR"), (409, "EVENT_SLUG_CONFLICT"), (504, "UPSTREAM_TIMEOUT")):
        gateway.content.responds(f"PUT /api/events/{status}", service_error(code), status)
    gateway.content.fails("GET /api/events/away", aiohttp.ClientConnectionError())
    gateway.content.fails("GET /api/events/broken", RuntimeError("canary"))
    admin = [("GET", ""), ("POST", ""), ("DELETE", "/gone"), *(("PUT", f"/{each}") for each in (400, 409, 504))]
    admin += [("GET", "/unknown"), ("GET", "/broken"), ("GET", "/away")]
    responses = [
        *(gateway.as_admin(method, f"/api/events{path}", headers=headers) for method, path in admin),
        gateway.send("GET", "/api/events", headers=headers),
        gateway.send("PATCH", CATALOG, headers=headers),
        gateway.send("POST", CATALOG, headers=headers, content=stalled()),
        gateway.send("POST", CATALOG, headers=headers, content=b" " * (BODY_LIMIT_BYTES + 1)),
        gateway.send("POST", CATALOG, headers={**headers, "Content-Type": "ä".encode()}),
    ]
    return {response.status_code: response for response in responses}


@pytest.mark.parametrize(
    ("variables", "transport_security"),
    [
        ({}, None),
        ({"STRICT_TRANSPORT_SECURITY": "max-age=300; includeSubDomains"}, "max-age=300; includeSubDomains"),
        (ADDRESSES, "max-age=63072000"),
        ({**ADDRESSES, "STRICT_TRANSPORT_SECURITY": "off"}, None),
    ],
    ids=["local", "local, set", "managed", "managed, off"],
)
def test_every_response_is_protected_and_readable_from_a_listed_origin(
    variables: dict[str, str], transport_security: str | None
) -> None:
    origin = {"Origin": ALLOWED_ORIGIN}
    strict = {"strict-transport-security": transport_security} if transport_security else {}
    limit = {"RATE_LIMIT_ADDRESS_MAX": str(LEARNERS_REQUESTS)}
    with gateway_with(REQUEST_BODY_TIMEOUT_SECONDS="1", **limit, **variables) as gateway:
        responses = one_of_each_status(gateway, origin)
        responses[429] = gateway.send("GET", EVENTS, headers=origin)
        foreign = gateway.send("GET", EVENTS, headers={"Origin": "https://evil.example"})
        preflight = gateway.send("OPTIONS", EVENTS, headers={**origin, "Access-Control-Request-Method": "GET"})
    assert sorted(responses) == sorted([*STATUSES, 429])
    assert [status for status, response in responses.items() if cors(response) != READABLE] == []
    assert (foreign.status_code, cors(foreign)) == (403, {"vary": "Origin"})
    for response in (*responses.values(), foreign, preflight):
        found = {name: text for name, text in response.headers.items() if name in {*PROTECTION, *strict}}
        assert found == {**PROTECTION, **strict}, response.status_code
        assert ("strict-transport-security" in response.headers) == bool(strict)
