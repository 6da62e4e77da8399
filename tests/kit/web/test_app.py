"""services.kit.web.app and guards: request ids, errors, addresses."""

import asyncio
import re
from typing import Any

import httpx
import pytest
from structlog.contextvars import merge_contextvars
from structlog.testing import capture_logs

from services.kit.web.app import Lifespan, create_web_app
from services.kit.web.guards import READ_AND_WRITE, Gatekeeper, Guard, Route
from tests.kit.web.notes import SECRET, Notes, create_app

REQUEST_ID = {"X-Request-ID": "request-1"}
UUID7 = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}")


def send(method: str, address: str, *, app: Any = None, headers: Any = REQUEST_ID) -> httpx.Response:
    async def sending() -> httpx.Response:
        served: Any = app or create_app()
        async with httpx.AsyncClient(transport=httpx.ASGITransport(served), base_url="http://notes") as client:
            return await client.request(method, address, headers=headers)

    return asyncio.run(sending())


def envelope(code: str, message: str) -> dict[str, object]:
    return {"error": code, "message": message, "requestId": "request-1"}


@pytest.mark.parametrize("claimed", ["a", "request-1", "A.b_c-9", "x" * 64, "-"])
def test_a_well_formed_request_id_is_used(claimed: str) -> None:
    response = send("GET", "/nowhere", headers={"X-Request-ID": claimed})
    assert response.headers.get_list("X-Request-ID") == [claimed]
    assert response.json()["requestId"] == claimed


@pytest.mark.parametrize(
    "claimed",
    [
        *(b"", b"x" * 65, b"two words", b"a/b", b"a,b", b"a;b", b'"quoted"', b"{}", b"a\r\nSet-Cookie: session=1"),
        *(b"a\n", b"a\x00", b"a\x1b[31m", b"caf\xc3\xa9", b"\xd9\xa1"),
    ],
)
def test_any_other_request_id_is_replaced_by_a_new_one(claimed: bytes) -> None:
    first, second = (send("GET", "/nowhere", headers=[(b"X-Request-ID", claimed)]) for _ in range(2))
    request_id = first.headers["X-Request-ID"]
    assert UUID7.fullmatch(request_id)
    assert first.json()["requestId"] == request_id != second.headers["X-Request-ID"]
    assert "Set-Cookie" not in first.headers


@pytest.mark.parametrize(
    ("kind", "status", "code", "message", "retry_after"),
    [
        ("taken", 409, "NOTE_TAKEN", "There is such a note", None),
        ("busy", 503, "UPSTREAM_UNAVAILABLE", "Busy", "7"),
        ("ours", 500, "INTERNAL_ERROR", "Something went wrong on our side", None),
        ("crash", 500, "INTERNAL_ERROR", "Something went wrong on our side", None),
        ("bad", 400, "REQUEST_ERROR", "Bad thing", None),
        ("media", 415, "REQUEST_ERROR", "The body must be application/json", None),
        ("large", 413, "PAYLOAD_TOO_LARGE", "The body is larger than 1 MiB", None),
        # The contract does not know these two.
        ("gone", 400, "REQUEST_ERROR", "410 Gone", None),
        ("teapot", 400, "REQUEST_ERROR", "418 I'm a teapot", None),
    ],
)
def test_every_error_has_the_contract_s_envelope(
    kind: str, status: int, code: str, message: str, retry_after: str | None
) -> None:
    response = send("GET", f"/failing/{kind}")
    assert (response.status_code, response.json()) == (status, envelope(code, message))
    assert (response.headers["Content-Type"], response.headers.get("Retry-After")) == ("application/json", retry_after)


def test_a_crash_is_logged_with_its_request_and_not_sent_to_the_client() -> None:
    with capture_logs(processors=[merge_contextvars]) as lines:
        response = send("GET", "/failing/crash")
    assert "canary" not in response.text
    [line] = [line for line in lines if line["log_level"] == "error"]
    assert repr(line.pop("exc_info")) == "RuntimeError('canary in the crash')"
    context = {"requestId": "request-1", "method": "GET", "route": "/failing/{kind}"}
    assert line == {"event": "request_failed", "log_level": "error", **context}


@pytest.mark.parametrize(
    "address", ["/nowhere", "/notes/", "/notes%00", "/notes/%0A", "/failing/%1b[31m", "/%7F", "/failing/%2e%2e"]
)
def test_an_unknown_or_invalid_address_is_not_found(address: str) -> None:
    response = send("GET", address)
    assert (response.status_code, response.json()) == (404, envelope("NOT_FOUND", "There is nothing at this address"))


def test_an_unknown_method_is_not_allowed() -> None:
    response = send("DELETE", "/notes")
    assert (response.status_code, response.headers["Allow"]) == (405, "GET, HEAD, POST, OPTIONS")
    assert response.json() == envelope("METHOD_NOT_ALLOWED", "This address does not take that method")


def test_a_route_that_is_not_in_the_guarded_table_is_refused() -> None:
    routes = (Route("/notes", Notes(), Guard.OPEN),)
    forgotten = Route("/forgotten", Notes(), Guard.OPEN)
    app = create_web_app((*routes, forgotten), [Gatekeeper(routes, "notes", SECRET)])
    response = send("GET", "/forgotten", app=app)
    assert (response.status_code, response.headers["WWW-Authenticate"]) == (401, "Bearer")
    assert response.json() == envelope("UNAUTHORIZED", "A valid bearer token is required")


@pytest.mark.parametrize(
    ("guards", "guard"),
    [
        (Guard.OWNER, Guard.OWNER),
        (READ_AND_WRITE, Guard.VIEWER),
        ({"GET": Guard.OPEN, "POST": Guard.EDITOR}, Guard.OPEN),
    ],
)
def test_an_unknown_method_has_the_weakest_guard_of_its_route(guards: Any, guard: Guard) -> None:
    assert Route("/notes", Notes(), guards).guard_of("PATCH") is guard


def test_a_worker_runs_its_start_and_its_end() -> None:
    done: list[str] = []

    async def note(what: str) -> None:
        done.append(what)

    async def run(lifespan: Lifespan) -> None:
        await lifespan.process_startup({}, {})
        await lifespan.process_shutdown({}, {})

    asyncio.run(run(Lifespan(lambda: note("started"), lambda: note("stopped"))))
    asyncio.run(run(Lifespan()))

    assert done == ["started", "stopped"]
