"""Protecting headers, CORS, limits of the HTTP server and addresses of materials at a running gateway."""

import httpx
import pytest

from services.kit.web.headers import PROTECTING_HEADERS
from tests.contract.samples import file_body, materials_address, new_event, new_lesson, parsed
from tests.installation import Installation
from tests.refusals import invalid, refusal

ORIGIN = "https://learn.example"


def protection(stack: Installation) -> dict[str, str]:
    """Return the headers that every response must have."""
    managed = stack.environment["DATABASE_PROFILE"] == "managed"
    strict = {"Strict-Transport-Security": "max-age=63072000; includeSubDomains"} if managed else {}
    return {**PROTECTING_HEADERS, **strict}


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
    ]

    statuses = [response.status_code for response in responses]
    assert statuses == [200, 200, 200, 200, 200, 401, 404, 404, 405, 415, 413, 204, 403]
    expected = protection(stack)
    for response in responses:
        named = {name: response.headers.get(name) for name in (*PROTECTING_HEADERS, "Strict-Transport-Security")}
        assert {name: text for name, text in named.items() if text is not None} == expected, response.request.url


@pytest.mark.parametrize(
    ("address", "headers", "status", "message"),
    [
        ("/api/public/events?limit=" + "1" * 8190, {}, 414, "The address is too long"),
        ("/api/public/events", {"X-Long": "a" * 8190}, 431, "The headers are too many or too long"),
        ("/api/public/events", {f"X-{each}": "a" for each in range(101)}, 431, "The headers are too many or too long"),
    ],
)
def test_a_too_long_address_or_header_is_refused(
    learner: httpx.Client, address: str, headers: dict[str, str], status: int, message: str
) -> None:
    response = learner.get(address, headers=headers)

    assert parsed(response) == refusal(status, "REQUEST_ERROR", message)
    assert {name: response.headers[name] for name in PROTECTING_HEADERS} == dict(PROTECTING_HEADERS)


def test_a_listed_origin_may_read_every_refusal(admin: httpx.Client, learner: httpx.Client) -> None:
    page = {"Origin": ORIGIN}
    responses = [
        learner.get("/api/events", headers=page),
        learner.get("/nowhere", headers=page),
        learner.get("/api/%0a", headers=page),
        admin.get("/api/events/unknown", headers=page),
        admin.patch("/api/events", headers=page),
        learner.post("/api/admin/login", content=b" " * 1024 * 1025, headers=page),
    ]

    assert [response.status_code for response in responses] == [401, 404, 404, 404, 405, 413]
    for response in responses:
        assert (response.headers["Access-Control-Allow-Origin"], response.headers["Vary"]) == (ORIGIN, "Origin")


def test_a_websocket_upgrade_is_an_ordinary_request(learner: httpx.Client) -> None:
    upgrade = {
        "Connection": "Upgrade",
        "Upgrade": "websocket",
        "Sec-WebSocket-Version": "13",
        "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ==",
    }

    assert learner.get("/api/events", headers=upgrade).status_code == 401


@pytest.mark.parametrize("address", ["http://localhost:9000/a.pdf", "http://127.1/a.pdf", "http://[fe80::1]/a.pdf"])
def test_a_file_on_an_inner_host_is_refused_in_the_managed_profile(
    admin: httpx.Client, stack: Installation, address: str
) -> None:
    lesson = new_lesson(admin, new_event(admin))
    response = admin.post(materials_address(lesson), json={"files": [file_body(downloadUrl=address)]})
    if stack.environment["DATABASE_PROFILE"] == "managed":
        flaw = "must be at a public host: not a local or private one, and written in the usual way"
        assert parsed(response) == invalid({"files": [f"0.downloadUrl: {flaw}"]})
    else:
        assert (response.status_code, response.json()["items"][0]["downloadUrl"]) == (201, address)


def test_a_file_s_address_holds_no_credentials(admin: httpx.Client) -> None:
    lesson = new_lesson(admin, new_event(admin))
    response = admin.post(
        materials_address(lesson), json={"files": [file_body(downloadUrl="https://a:b@files.example/")]}
    )
    assert parsed(response) == invalid({"files": ["0.downloadUrl: must not contain a user name or a password"]})
