"""gateway.upstream: what leaves the gateway, what comes back, and how long that may take."""

import asyncio
import socket
from collections.abc import Iterator
from contextlib import closing
from typing import Any

import aiohttp
import pytest
from structlog.testing import capture_logs

from gateway.upstream import UpstreamRequest, UpstreamResponse, open_upstream
from services.kit.core.errors import Unavailable, UpstreamTimeout
from services.kit.web.headers import SECURITY_HEADERS
from tests.gateway.fakes import NOT_FOUND, SECRET, UNAVAILABLE, Gateway, access_token, own_error, parsed, service_error

CATALOG = "/api/public/events/launch/catalog"
INTERNAL_CATALOG = "POST /internal/public/events/launch/catalog"
# Headers that only a proxy or a service of ours may send.
CLAIMED = {
    "Time-Left": "1",
    **dict.fromkeys(("Cookie", "User-Agent", "X-Admin", "X-Forwarded-Host", "X-User-Id"), "claimed"),
    **dict.fromkeys(("Forwarded", "X-Client-Address", "X-Forwarded-For", "X-Real-IP"), "10.0.0.1"),
}
TIMED_OUT = own_error("UPSTREAM_TIMEOUT", "A part of the system took too long; try again shortly")


@pytest.fixture
def impatient() -> Iterator[Gateway]:
    """A gateway whose services have hardly any time."""
    opened = Gateway(upstream_seconds=0.01)
    yield opened
    opened.close()


def test_a_call_has_the_gateway_s_token_for_that_service(gateway: Gateway) -> None:
    gateway.content.responds("POST /internal/public/events/launch/lessons/opening/admission", {"item": {"id": "l-1"}})
    gateway.quiz.responds("GET /internal/lessons/l-1/quiz", {"item": {"id": "quiz-1"}})
    gateway.auth.responds("POST /internal/login", {"user": {"username": "ada"}})
    gateway.as_admin("POST", "/api/public/events/launch/lessons/opening/quiz")
    gateway.as_admin("POST", "/api/admin/login")
    assert [service.callers(name) for name, service in gateway.services.items()] == [["gateway"]] * 3
    assert [service.header("X-Request-ID") for service in gateway.services.values()] == [["request-1"]] * 3


def test_a_forwarded_request_has_the_client_s_token_and_a_new_request_id(gateway: Gateway) -> None:
    gateway.content.responds("DELETE /api/events/event-1", status=204)
    response = gateway.as_admin("DELETE", "/api/events/event-1", request_id=None)
    assert gateway.content.header("Authorization") == [f"Bearer {access_token()}"]
    ids = [*gateway.content.header("X-Request-ID"), *gateway.quiz.header("X-Request-ID")]
    assert ids == [response.headers["X-Request-ID"]] * 2


def test_no_claim_in_a_client_s_header_reaches_a_service(gateway: Gateway) -> None:
    gateway.send("POST", CATALOG, headers=CLAIMED, json={})
    gateway.as_admin("POST", "/api/events", headers=CLAIMED, json={})
    expected = {"Authorization", "Content-Type", "Time-Left", "X-Client-Address", "X-Request-ID"}
    # A read is the same for all who ask the same.
    assert [set(request.headers) for request in gateway.content.requests] == [expected - {"X-Client-Address"}, expected]
    assert gateway.content.requests[1].headers["X-Client-Address"] == "192.0.2.1"
    assert gateway.content.header("Time-Left") == ["30000"] * 2
    assert not any("claimed" in text for request in gateway.content.requests for text in request.headers.values())


def test_body_type_key_and_condition_are_passed_on_unchanged(gateway: Gateway) -> None:
    body = b'\xef\xbb\xbf{ "title" :\t"\xff\x00" '
    headers = {
        "Content-Type": "text/plain; charset=latin-1",
        "Idempotency-Key": '"a \\"key\\""',
        "If-Match": '"v1", W/"v2"',
    }
    gateway.as_admin("PUT", "/api/events/event-1", content=body, headers=headers)
    assert gateway.content.bodies == [body]
    assert {name: gateway.content.header(name) for name in headers} == {name: [headers[name]] for name in headers}


def test_a_key_and_a_condition_that_are_not_ascii_become_empty(gateway: Gateway) -> None:
    gateway.as_admin("POST", "/api/events", headers={"Idempotency-Key": b"\xe9", "If-Match": b'"\xe9"'}, json={})
    assert [gateway.content.header(name) for name in ("Idempotency-Key", "If-Match")] == [[""], [""]]


def test_only_headers_for_the_client_come_back(gateway: Gateway) -> None:
    passed_on = {"Retry-After": "3", "WWW-Authenticate": "Bearer", "Allow": "GET", "ETag": '"v1"'}
    passed_on["Idempotency-Replayed"] = "true"
    kept = {"Set-Cookie": "session=1", "Server": "content/1.0", "X-Request-ID": "another", "X-Debug": "trace"}
    kept |= {"Connection": "close", "Access-Control-Allow-Origin": "*"}
    gateway.content.responds("GET /api/events", service_error("RATE_LIMITED"), 429, **passed_on, **kept)
    response = gateway.as_admin("GET", "/api/events")
    assert dict(response.headers) == {
        "content-type": "application/json",
        "content-length": str(len(response.content)),
        "x-request-id": "request-1",
        "vary": "Origin",
        **{name.lower(): text for name, text in {**passed_on, **SECURITY_HEADERS}.items()},
    }


def test_percent_encoded_paths_and_an_admin_s_queries_survive(gateway: Gateway) -> None:
    gateway.as_admin("GET", "/api/events/caf%C3%A9%20%25%3F%23;a=b/lessons?cursor=a%2Bb%26c%3D&limit=2&x=%C3%A9+%20")
    gateway.send("POST", "/api/public/events/caf%C3%A9%20%25%3F%23;a=b/catalog?x=%2F")
    gateway.as_admin("GET", "/api/events/v1..2.")
    assert gateway.targets == [
        "GET /api/events/caf%C3%A9%20%25%3F%23%3Ba%3Db/lessons?cursor=a%2Bb%26c%3D&limit=2&x=%C3%A9+%20",
        "POST /internal/public/events/caf%C3%A9%20%25%3F%23%3Ba%3Db/catalog",
        "GET /api/events/v1..2.",
    ]


@pytest.mark.parametrize(
    ("query", "forwarded"),
    [
        (b"a#b", "a%23b"),
        (b'a="<b>"', "a=%22%3Cb%3E%22"),
        (b"a[]={b}|c^d`e\\", "a%5B%5D=%7Bb%7D%7Cc%5Ed%60e%5C"),
        ("a=é".encode(), "a=%C3%A9"),
        (b"a=%23&b=%", "a=%23&b=%"),
        (b"a=b c", "a=b%20c"),
    ],
)
def test_odd_characters_of_a_query_are_percent_encoded(gateway: Gateway, query: bytes, forwarded: str) -> None:
    gateway.content.responds(f"GET /internal/public/events?{forwarded}", {"items": []})
    assert gateway.status_of_raw_query("/api/public/events", query) == 200
    assert gateway.targets == [f"GET /internal/public/events?{forwarded}"]


def test_a_content_type_that_is_not_ascii_is_not_json(gateway: Gateway) -> None:
    response = gateway.send("POST", CATALOG, headers={"Content-Type": b"application/json; charset=\xe9"}, content=b"{}")
    assert parsed(response) == (415, own_error("REQUEST_ERROR", "The body must be application/json"))
    assert gateway.targets == []


@pytest.mark.parametrize("name", ["%2E", "%2E%2E", ".%2e"])
def test_a_name_of_dots_is_not_found(gateway: Gateway, name: str) -> None:
    # A client may resolve it: deleting the lesson ".." would delete its event.
    responses = [
        gateway.as_admin("DELETE", f"/api/events/event-1/lessons/{name}"),
        gateway.as_admin("GET", f"/api/events/{name}/lessons"),
        gateway.send("POST", f"/api/public/events/{name}/catalog"),
    ]
    assert ([parsed(response) for response in responses], gateway.targets) == ([(404, NOT_FOUND)] * 3, [])


def test_a_refused_service_token_is_an_internal_error(gateway: Gateway) -> None:
    gateway.content.responds(INTERNAL_CATALOG, service_error("UNAUTHORIZED"), 401, WWW_Authenticate="Bearer")
    response = gateway.send("POST", CATALOG)
    assert parsed(response) == (500, own_error("INTERNAL_ERROR", "Something went wrong on our side"))
    assert "WWW-Authenticate" not in response.headers
    assert [(line["event"], line["upstream"]) for line in gateway.lines] == [("service_token_refused", "content")]


def test_a_service_that_cannot_be_reached_is_unavailable(gateway: Gateway) -> None:
    gateway.content.fails("GET /api/events", aiohttp.ServerDisconnectedError())
    response = gateway.as_admin("GET", "/api/events")
    assert (parsed(response), response.headers["Retry-After"]) == ((503, UNAVAILABLE), "1")
    assert [line["event"] for line in gateway.lines] == ["upstream_unavailable"]
    assert gateway.targets == ["GET /api/events"]


def test_a_service_that_never_responds_times_out(impatient: Gateway) -> None:
    impatient.content.never_responds("GET /api/events")
    impatient.content.never_responds(INTERNAL_CATALOG)
    for response in (impatient.as_admin("GET", "/api/events"), impatient.send("POST", CATALOG)):
        assert (parsed(response), response.headers["Retry-After"]) == ((504, TIMED_OUT), "1")
    assert [(line["event"], line["upstream"]) for line in impatient.lines] == [("upstream_timeout", "content")]


def test_the_generation_of_a_look_has_a_longer_deadline_of_its_own(gateway: Gateway) -> None:
    gateway.as_admin("POST", "/api/events/event-1/branding/generate", json={})
    gateway.as_admin("GET", "/api/events/event-1")
    assert [request.connect_seconds for request in gateway.content.requests] == [40, 2]


# The real connections over real sockets

OK = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nServer: x\r\nContent-Length: 2\r\n\r\n{}"
RESPONSE = UpstreamResponse(200, b"{}", {"Content-Type": "application/json"})


async def forwarded(
    address: str, *methods: str, seconds: float = 120, own_seconds: float | None = None
) -> UpstreamResponse:
    """Forward a request of each method through the real connections and return the last response."""
    content = open_upstream("content", address, SECRET, seconds)
    try:
        for method in methods[:-1]:
            await content.forward(UpstreamRequest(method, "/api/events"))
        last = UpstreamRequest(methods[-1], "/api/events", authorization="Bearer a", deadline_seconds=own_seconds)
        return await content.forward(last)
    finally:
        await content.close()


def received_from(*requests: UpstreamRequest) -> list[bytes]:
    """Forward the requests on one connection to a server that sets a cookie; return what it receives."""
    received: list[bytes] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with closing(writer):
            for request in requests:
                head = await reader.readuntil(b"\r\n\r\n")
                received.append(head + await reader.readexactly(len(request.body)))
                writer.write(OK.replace(b"Server: x", b"Set-Cookie: a=b"))

    async def run() -> None:
        server = await asyncio.start_server(serve, "127.0.0.1", 0)
        content = open_upstream("content", f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/", SECRET, 120)
        for request in requests:
            await content.forward(request)
        await content.close()
        server.close()

    asyncio.run(run())
    return received


def exchange(respond: Any, *methods: str, seconds: float = 120, own_seconds: float | None = None) -> UpstreamResponse:
    """Forward requests to a server that reads a head and then calls `respond`, or sends these bytes and closes."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with closing(writer):
            await reader.readuntil(b"\r\n\r\n")
            if isinstance(respond, bytes):
                writer.write(respond)
                await writer.drain()
            else:
                await respond(reader, writer)

    async def run() -> UpstreamResponse:
        server = await asyncio.start_server(serve, "127.0.0.1", 0)
        try:
            address = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
            return await forwarded(address, *(methods or ("GET",)), seconds=seconds, own_seconds=own_seconds)
        finally:
            server.close()

    return asyncio.run(run())


def test_a_response_comes_through_a_real_connection() -> None:
    assert exchange(OK) == RESPONSE


@pytest.mark.parametrize(
    "target",
    [
        "/api/../a/./b//c?x=1&x=2",
        "/%2e%2E/caf%C3%A9%2F%25%3F;a=b?cursor=a%2Bb%26c%3D&x=+%20%",
        "/?",
        "/a?b?/../",
        "/café",
    ],
)
def test_a_request_is_sent_byte_for_byte(target: str) -> None:
    path, _, query = target.partition("?")
    body = b'\xef\xbb\xbf{ "a":\t1'
    request = UpstreamRequest("PUT", path, query, body, client_address="192.0.2.1", if_match='"v1", W/"v2"')
    [sent] = received_from(request)
    head, _, received = sent.partition(b"\r\n\r\n")
    line, host, *headers = head.decode().split("\r\n")
    assert (line, received) == (f"PUT {target.removesuffix('?')} HTTP/1.1", body)
    assert host.startswith("Host: 127.0.0.1:")
    assert headers == [
        'If-Match: "v1", W/"v2"',
        "X-Client-Address: 192.0.2.1",
        "X-Request-ID: -",
        "Time-Left: 120000",
        f"Content-Length: {len(body)}",
    ]


def test_neither_a_proxy_of_the_environment_nor_a_cookie_is_used(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:1")
    first, second = received_from(UpstreamRequest("GET", "/"), UpstreamRequest("GET", "/"))
    assert (first.count(b"\r\n"), second) == (5, first)


def test_a_redirect_is_not_followed() -> None:
    redirect = b"HTTP/1.1 307 Temporary Redirect\r\nLocation: http://127.0.0.1:1/\r\nContent-Length: 0\r\n\r\n"
    assert exchange(redirect) == UpstreamResponse(307)


def test_a_dripping_body_times_out() -> None:
    drops: list[bytes] = []

    async def drip(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        # Each byte comes well within any timeout for a read; the whole body takes ten times the deadline.
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 300\r\n\r\n")
        while not writer.is_closing() and len(drops) < 300:
            writer.write(b" ")
            await writer.drain()
            drops.append(b" ")
            await asyncio.sleep(0.01)

    with capture_logs() as lines, pytest.raises(UpstreamTimeout):
        exchange(drip, seconds=0.3)

    assert len(drops) < 300
    assert lines == [{"event": "upstream_timeout", "upstream": "content", "log_level": "warning"}]


def test_a_call_may_have_a_longer_deadline_of_its_own() -> None:
    async def respond(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await asyncio.sleep(0.2)
        writer.write(OK)

    with pytest.raises(UpstreamTimeout):
        exchange(respond, seconds=0.1)
    assert exchange(respond, seconds=0.1, own_seconds=60) == RESPONSE


def test_a_call_whose_client_has_left_is_dropped() -> None:
    async def run() -> bytes:
        arrived, rest = asyncio.Event(), asyncio.get_running_loop().create_future()

        async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            with closing(writer):
                await reader.readuntil(b"\r\n\r\n")
                arrived.set()
                rest.set_result(await reader.read())

        server = await asyncio.start_server(serve, "127.0.0.1", 0)
        address = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        call = asyncio.create_task(forwarded(address, "POST", seconds=120))
        async with asyncio.timeout(60):
            await arrived.wait()
            call.cancel()
            # The service reads the end of the connection.
            ended: bytes = await rest
        server.close()
        return ended

    assert asyncio.run(run()) == b""


def test_sign_ins_that_wait_leave_connections_for_a_refresh() -> None:
    async def run() -> UpstreamResponse:
        waiting, all_wait = 300, asyncio.Event()

        async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            nonlocal waiting
            with closing(writer):
                if b"/internal/login" not in await reader.readuntil(b"\r\n\r\n"):
                    writer.write(OK)
                    return
                waiting -= 1
                if not waiting:
                    all_wait.set()
                await reader.read()

        server = await asyncio.start_server(serve, "127.0.0.1", 0, backlog=512)
        address = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        auth = open_upstream("auth", address, SECRET, 30)
        # As the gateway lets them wait: also for a connection, which takes longer than two seconds on a busy machine.
        patient = UpstreamRequest("POST", "", deadline_seconds=300)
        sign_ins = [asyncio.create_task(auth.call("POST", "/internal/login", patient)) for _ in range(waiting)]
        await asyncio.wait_for(all_wait.wait(), 300)
        refreshed = await auth.call("POST", "/internal/token/refresh")
        for each in sign_ins:
            each.cancel()
        await asyncio.gather(*sign_ins, return_exceptions=True)
        await auth.close()
        server.close()
        return refreshed

    assert asyncio.run(run()) == RESPONSE


def test_an_endless_head_times_out() -> None:
    async def begin(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\n")
        await writer.drain()
        await reader.read()

    with pytest.raises(UpstreamTimeout):
        exchange(begin, seconds=0.1)


NOT_HTTP = {
    "another protocol": b"220 mail.example ESMTP\r\n",
    "an alert of TLS": b"\x15\x03\x01\x00\x02\x02\x46",
    "a chunk of no length": b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nxyz\r\n{}\r\n0\r\n\r\n",
    "two lengths": b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\n{}",
    "a header that is too long": b"HTTP/1.1 200 OK\r\nX: " + b"x" * 20_000 + b"\r\nContent-Length: 0\r\n\r\n",
    "a body that breaks off": b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{",
}
NOT_OURS = {
    "a page": b"HTTP/1.1 404 Not Found\r\nContent-Type: text/html\r\nContent-Length: 6\r\n\r\n<html>",
    "a balancer's text": b"HTTP/1.1 503 No\r\nContent-Type: text/plain\r\nContent-Length: 4\r\n\r\ndown",
    "a body of no type": b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}",
}


@pytest.mark.parametrize("name", [*NOT_HTTP, *NOT_OURS])
def test_what_no_service_of_ours_sends_is_unavailable(name: str) -> None:
    with capture_logs() as lines, pytest.raises(Unavailable):
        exchange({**NOT_HTTP, **NOT_OURS}[name])
    event = "upstream_unavailable" if name in NOT_HTTP else "upstream_unintelligible"
    assert [(line["event"], line["upstream"]) for line in lines] == [(event, "content")]
    assert not any(secret in str(lines) for secret in ("Bearer", "/api/events"))


def test_a_refused_connection_is_unavailable() -> None:
    with socket.socket() as closed:
        # Bound and not listening: nobody else can take the port.
        closed.bind(("127.0.0.1", 0))
        at = closed.getsockname()
        with capture_logs() as lines, pytest.raises(Unavailable):
            asyncio.run(forwarded(f"http://127.0.0.1:{at[1]}", "GET"))
    expected = {"event": "upstream_unavailable", "upstream": "content", "log_level": "warning"}
    assert lines == [{**expected, "error": f"ClientConnectorError(Connect call failed {at})"}]


async def respond_once(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Respond to the first request of a connection and close it after the second."""
    writer.write(OK)
    await writer.drain()
    await reader.readuntil(b"\r\n\r\n")


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE"])
def test_a_write_is_not_repeated_when_its_connection_breaks(method: str) -> None:
    with capture_logs() as lines, pytest.raises(Unavailable):
        exchange(respond_once, "GET", method)
    assert [line["error"] for line in lines] == ["ServerDisconnectedError()"]


def test_reads_are_repeated_when_a_few_connections_break() -> None:
    assert exchange(respond_once, *["GET"] * 13) == RESPONSE
    with pytest.raises(Unavailable):
        exchange(respond_once, *["GET"] * 14)
