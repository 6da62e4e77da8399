"""gateway.upstream: what leaves the gateway, what comes back, and how long that may take."""

import asyncio
import socket
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager, closing

import httpx
import pytest
from structlog.testing import capture_logs

from gateway.upstream import Answer, Sent, Upstreams, connect
from services.kit.core.errors import Unavailable, UpstreamTimeout
from services.kit.core.instants import now
from services.kit.web.headers import PROTECTING_HEADERS
from services.kit.web.tokens.service import verify_service_token
from tests.gateway.door import SECRET, Door, access_token, error

PLAIN_HEADERS = {"host", "accept", "accept-encoding", "connection", "user-agent", "x-client-address", "x-request-id"}
CATALOG = "/api/public/events/launch/catalog"
INTERNAL_CATALOG = "POST /internal/public/events/launch/catalog"
# A client's claims about itself, which only a proxy or a service of ours could make.
CLAIMS = {
    "Cookie": "session=claimed",
    "Forwarded": "for=10.0.0.1",
    "User-Agent": "claimed",
    "X-Client-Address": "10.0.0.1",
    "X-Admin": "claimed",
    "X-Forwarded-For": "10.0.0.1",
    "X-Forwarded-Host": "claimed",
    "X-Real-IP": "10.0.0.1",
    "X-User-Id": "claimed",
}


@pytest.fixture
def seconds() -> Iterator[Door]:
    """A gateway whose services have next to no time."""
    opened = Door(upstream_seconds=0.01)
    yield opened
    opened.close()


def test_a_forwarded_request_carries_the_client_s_token_and_the_request_s_id(door: Door) -> None:
    door.content.answers("GET /api/events", {"items": []})
    token = access_token()

    door.send("GET", "/api/events", headers={"Authorization": f"Bearer {token}", "X-Request-ID": "request-1"})

    [request] = door.content.requests
    assert request.headers["Authorization"] == f"Bearer {token}"
    assert request.headers["X-Request-ID"] == "request-1"


def test_a_call_carries_a_token_of_the_gateway_for_that_service_alone_and_never_the_client_s(door: Door) -> None:
    door.content.answers("POST /internal/public/events/launch/lessons/opening/admission", {"item": {"id": "lesson-1"}})
    door.quiz.answers("GET /internal/lessons/lesson-1/quiz", {"item": {"id": "quiz-1"}})
    door.auth.answers("POST /internal/login", {"user": {"username": "ada"}})

    door.as_admin("POST", "/api/public/events/launch/lessons/opening/quiz", headers={"X-Request-ID": "request-1"})
    door.as_admin("POST", "/api/admin/login", headers={"X-Request-ID": "request-2"})

    services = {"content": door.content, "quiz": door.quiz, "auth": door.auth}
    for audience, service in services.items():
        [request] = service.requests
        token = request.headers["Authorization"].removeprefix("Bearer ")
        assert verify_service_token(token, SECRET, audience, now()) == "gateway"
    assert [service.requests[0].headers["X-Request-ID"] for service in services.values()] == [
        "request-1",
        "request-1",
        "request-2",
    ]


def test_a_made_request_id_is_the_same_at_every_hop_and_in_the_answer(door: Door) -> None:
    door.content.answers("DELETE /api/events/event-1", status=204)
    door.quiz.answers("POST /internal/catch-up", {})

    answer = door.as_admin("DELETE", "/api/events/event-1")

    hops = [request.headers["X-Request-ID"] for request in (*door.content.requests, *door.quiz.requests)]
    assert hops == [answer.headers["X-Request-ID"]] * 2


def test_nothing_that_a_client_claims_in_a_header_reaches_a_service(door: Door) -> None:
    door.content.answers(INTERNAL_CATALOG, {})
    door.content.answers("POST /api/events", {}, 201)

    door.send("POST", CATALOG, headers=CLAIMS, json={})
    door.as_admin("POST", "/api/events", headers=CLAIMS, json={})

    with_body = PLAIN_HEADERS | {"authorization", "content-type", "content-length"}
    assert [set(request.headers) for request in door.content.requests] == [with_body, with_body]
    assert {request.headers["X-Client-Address"] for request in door.content.requests} == {"192.0.2.1"}
    assert not any("claimed" in value for request in door.content.requests for value in request.headers.values())


def test_a_body_and_its_type_are_passed_on_byte_for_byte(door: Door) -> None:
    body = b'\xef\xbb\xbf{ "title" :\t"\xff\x00" '

    door.as_admin("POST", "/api/events", content=body, headers={"Content-Type": "text/plain; charset=latin-1"})

    [request] = door.content.requests
    assert (request.content, request.headers["Content-Type"]) == (body, "text/plain; charset=latin-1")


def test_a_key_and_a_condition_are_passed_on_as_they_are(door: Door) -> None:
    headers = {"Idempotency-Key": '"a \\"key\\""', "If-Match": '"v1", W/"v2"'}

    for method in ("POST", "PUT"):
        door.as_admin(method, "/api/events" if method == "POST" else "/api/events/event-1", headers=headers, json={})

    assert [{name: request.headers[name] for name in headers} for request in door.content.requests] == [headers] * 2


def test_a_key_and_a_condition_of_other_characters_than_ascii_are_passed_on_as_none_that_is_good(door: Door) -> None:
    headers = {"Idempotency-Key": b"\xe9", "If-Match": b'"\xe9"'}

    door.as_admin("POST", "/api/events", headers=headers, json={})

    assert [{name: request.headers[name] for name in headers} for request in door.content.requests] == [
        {"Idempotency-Key": "", "If-Match": ""}
    ]


def test_only_what_concerns_the_client_comes_back(door: Door) -> None:
    door.content.answers(
        "GET /api/events",
        error("RATE_LIMITED"),
        429,
        Retry_After="3",
        WWW_Authenticate="Bearer",
        Allow="GET",
        ETag='"v1"',
        Idempotency_Replayed="true",
        Set_Cookie="session=1",
        Server="content/1.0",
        X_Request_ID="another",
        X_Debug="trace",
        Connection="close",
        Access_Control_Allow_Origin="*",
    )

    answer = door.as_admin("GET", "/api/events", headers={"X-Request-ID": "request-1"})

    assert dict(answer.headers) == {
        "content-type": "application/json",
        "content-length": str(len(answer.content)),
        "retry-after": "3",
        "www-authenticate": "Bearer",
        "allow": "GET",
        "etag": '"v1"',
        "idempotency-replayed": "true",
        "x-request-id": "request-1",
        "vary": "Origin",
        **{name.lower(): text for name, text in PROTECTING_HEADERS.items()},
    }


def test_percent_encoded_paths_and_queries_survive(door: Door) -> None:
    door.as_admin("GET", "/api/events/caf%C3%A9%20%25%3F%23;a=b/lessons?cursor=a%2Bb%26c%3D&limit=2&x=%C3%A9+%20")
    door.send("POST", "/api/public/events/caf%C3%A9%20%25%3F%23;a=b/catalog?x=%2F")

    assert door.content.asked == [
        "GET /api/events/caf%C3%A9%20%25%3F%23%3Ba%3Db/lessons?cursor=a%2Bb%26c%3D&limit=2&x=%C3%A9+%20",
        "POST /internal/public/events/caf%C3%A9%20%25%3F%23%3Ba%3Db/catalog?x=%2F",
    ]


@pytest.mark.parametrize(
    ("sent", "forwarded"),
    [
        (b"a#b", "a%23b"),
        (b'a="<b>"', "a=%22%3Cb%3E%22"),
        (b"a[]={b}|c^d`e\\", "a%5B%5D=%7Bb%7D%7Cc%5Ed%60e%5C"),
        ("a=é".encode(), "a=%C3%A9"),
        (b"a=%23&b=%", "a=%23&b=%"),
        (b"a=b c", "a=b%20c"),
    ],
)
def test_odd_characters_of_a_query_are_forwarded_percent_encoded(door: Door, sent: bytes, forwarded: str) -> None:
    door.content.answers(f"GET /internal/public/events?{forwarded}", {"items": []})

    assert door.with_query("/api/public/events", sent) == 200
    assert door.content.asked == [f"GET /internal/public/events?{forwarded}"]


def test_a_type_of_other_characters_than_ascii_is_not_json(door: Door) -> None:
    headers = {"Content-Type": b"application/json; charset=\xe9", "X-Request-ID": b"request-1"}

    answer = door.send("POST", CATALOG, headers=headers, content=b"{}")

    assert (answer.status_code, answer.json()) == (
        415,
        {"error": "REQUEST_ERROR", "message": "The body must be application/json", "requestId": "request-1"},
    )
    assert door.asked == []


@pytest.mark.parametrize("name", ["%2E", "%2E%2E", ".%2e"])
def test_a_name_of_dots_is_nowhere_and_does_not_climb_to_another_address(door: Door, name: str) -> None:
    # httpx would resolve it: deleting the lesson ".." would delete its event.
    answers = [
        door.as_admin("DELETE", f"/api/events/event-1/lessons/{name}", headers={"X-Request-ID": "request-1"}),
        door.as_admin("GET", f"/api/events/{name}/lessons", headers={"X-Request-ID": "request-1"}),
        door.send("POST", f"/api/public/events/{name}/catalog", headers={"X-Request-ID": "request-1"}),
    ]

    nothing_there = {"error": "NOT_FOUND", "message": "There is nothing at this address", "requestId": "request-1"}
    assert [(answer.status_code, answer.json()) for answer in answers] == [(404, nothing_there)] * 3
    assert door.asked == []


def test_a_name_with_dots_is_a_name(door: Door) -> None:
    door.as_admin("GET", "/api/events/v1..2.")

    assert door.asked == ["GET /api/events/v1..2."]


def test_a_service_that_refuses_our_token_is_our_fault_and_not_the_client_s(door: Door) -> None:
    door.content.answers(INTERNAL_CATALOG, error("UNAUTHORIZED"), 401, WWW_Authenticate="Bearer")

    answer = door.send("POST", CATALOG, headers={"X-Request-ID": "request-1"})

    assert answer.status_code == 500
    assert answer.json() == {
        "error": "INTERNAL_ERROR",
        "message": "Something went wrong on our side",
        "requestId": "request-1",
    }
    assert "WWW-Authenticate" not in answer.headers
    assert [(line["event"], line["upstream"]) for line in door.lines] == [("service_token_refused", "content")]


def test_a_service_s_own_refusal_of_credentials_is_passed_on(door: Door) -> None:
    door.auth.answers("POST /internal/login", error("INVALID_CREDENTIALS"), 401)

    answer = door.send("POST", "/api/admin/login", json={})

    assert (answer.status_code, answer.json()) == (401, error("INVALID_CREDENTIALS"))


@pytest.mark.parametrize(
    "failure",
    [
        httpx.ConnectError("refused"),
        httpx.ReadError("reset"),
        httpx.WriteError("broken pipe"),
        httpx.RemoteProtocolError("no answer"),
        httpx.DecodingError("not gzip"),
    ],
)
def test_a_service_that_cannot_be_reached_is_unavailable_and_the_client_may_retry(
    door: Door, failure: Exception
) -> None:
    door.content.fails("GET /api/events", failure)

    answer = door.as_admin("GET", "/api/events", headers={"X-Request-ID": "request-1"})

    assert (answer.status_code, answer.headers["Retry-After"]) == (503, "1")
    assert answer.json() == {
        "error": "UPSTREAM_UNAVAILABLE",
        "message": "A part of the system is not available; try again shortly",
        "requestId": "request-1",
    }
    assert [line["event"] for line in door.lines] == ["upstream_unavailable"]
    assert door.content.asked == ["GET /api/events"]


def test_a_service_that_never_answers_is_given_up_at_the_deadline(seconds: Door) -> None:
    seconds.content.never_answers("GET /api/events")
    seconds.content.never_answers(INTERNAL_CATALOG)
    message = "A part of the system took too long; try again shortly"

    answers = [
        seconds.as_admin("GET", "/api/events", headers={"X-Request-ID": "request-1"}),
        seconds.send("POST", CATALOG, headers={"X-Request-ID": "request-1"}),
    ]

    for answer in answers:
        assert (answer.status_code, answer.headers["Retry-After"]) == (504, "1")
        assert answer.json() == {"error": "UPSTREAM_TIMEOUT", "message": message, "requestId": "request-1"}
    assert [(line["event"], line["upstream"]) for line in seconds.lines] == [("upstream_timeout", "content")]


def test_a_deletion_stands_when_quiz_never_answers(seconds: Door) -> None:
    seconds.content.answers("DELETE /api/events/event-1", status=204)
    seconds.quiz.never_answers("POST /internal/catch-up")

    answer = seconds.as_admin("DELETE", "/api/events/event-1")

    assert (answer.status_code, answer.content) == (204, b"")
    assert [line["event"] for line in seconds.lines] == ["upstream_timeout", "quiz_deletion_postponed"]


# From here on with the real transport, over real sockets.

Speak = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


@asynccontextmanager
async def listening(speak: Speak) -> AsyncIterator[str]:
    """The address of a server that reads a request's head and then speaks."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with closing(writer):
            await reader.readuntil(b"\r\n\r\n")
            await speak(reader, writer)

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    try:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    finally:
        server.close()


def connected(address: str, seconds: float) -> Upstreams:
    """The gateway's real pools, all to one address."""
    return connect({"content": address, "quiz": address, "auth": address}, SECRET, seconds)


def ask(speak: Speak, seconds: float = 30) -> Answer:
    """What the real transport makes of a server that speaks so."""

    async def asking() -> Answer:
        async with listening(speak) as address:
            upstreams = connected(address, seconds)
            try:
                return await upstreams.content.forward(Sent("GET", "/api/events"))
            finally:
                await upstreams.close()

    return asyncio.run(asking())


def test_the_real_transport_brings_an_answer_back() -> None:
    async def speak(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nServer: x\r\nContent-Length: 2\r\n\r\n{}")
        await writer.drain()

    assert ask(speak) == Answer(200, b"{}", {"Content-Type": "application/json"})


def test_a_body_that_drips_is_given_up_at_the_deadline() -> None:
    dripped: list[bytes] = []

    async def drip(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        # Each byte comes well within httpx's timeout for a read; the whole body takes ten times the deadline.
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 300\r\n\r\n")
        while not writer.is_closing() and len(dripped) < 300:
            writer.write(b" ")
            await writer.drain()
            dripped.append(b" ")
            await asyncio.sleep(0.01)

    with capture_logs() as lines, pytest.raises(UpstreamTimeout):
        ask(drip, seconds=0.3)

    assert 1 < len(dripped) < 300
    assert lines == [{"event": "upstream_timeout", "upstream": "content", "log_level": "warning"}]


def test_a_head_that_never_ends_is_given_up_at_the_deadline() -> None:
    async def hold(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\n")
        await writer.drain()
        await reader.read()

    with pytest.raises(UpstreamTimeout):
        ask(hold, seconds=0.1)


def test_an_answer_that_breaks_off_is_unavailable() -> None:
    async def break_off(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{")
        await writer.drain()

    with pytest.raises(Unavailable):
        ask(break_off)


NO_HTTP = {
    "another protocol": b"220 mail.example ESMTP\r\n",
    "an alert of TLS": b"\x15\x03\x01\x00\x02\x02\x46",
    "a chunk of no length": b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nxyz\r\n{}\r\n0\r\n\r\n",
    "two lengths": b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\n{}",
    "a header that is too long": b"HTTP/1.1 200 OK\r\nX: " + b"x" * 20_000 + b"\r\nContent-Length: 0\r\n\r\n",
}
NOT_OURS = {
    "a page": b"HTTP/1.1 404 Not Found\r\nContent-Type: text/html\r\nContent-Length: 6\r\n\r\n<html>",
    "a balancer's text": b"HTTP/1.1 503 No\r\nContent-Type: text/plain\r\nContent-Length: 4\r\n\r\ndown",
    "a body of no type": b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}",
}


@pytest.mark.parametrize(
    ("said", "event"),
    [
        *((said, "upstream_unavailable") for said in NO_HTTP.values()),
        *((said, "upstream_unintelligible") for said in NOT_OURS.values()),
    ],
    ids=[*NO_HTTP, *NOT_OURS],
)
def test_what_no_service_of_ours_would_answer_is_unavailable(said: bytes, event: str) -> None:
    async def say(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(said)
        await writer.drain()

    with capture_logs() as lines, pytest.raises(Unavailable):
        ask(say)

    assert [(line["event"], line["upstream"]) for line in lines] == [(event, "content")]


def test_a_refused_connection_is_unavailable() -> None:
    with socket.socket() as nobody:
        # Bound and not listening: nobody else can take the port meanwhile.
        nobody.bind(("127.0.0.1", 0))
        address = f"http://127.0.0.1:{nobody.getsockname()[1]}"

        async def asking() -> None:
            upstreams = connected(address, 5)
            try:
                await upstreams.content.forward(Sent("GET", "/api/events"))
            finally:
                await upstreams.close()

        with capture_logs() as lines, pytest.raises(Unavailable):
            asyncio.run(asking())

    assert [(line["event"], line["upstream"], "/api/events" in str(line)) for line in lines] == [
        ("upstream_unavailable", "content", False)
    ]


def test_a_redirect_is_not_followed() -> None:
    async def redirect(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 307 Temporary Redirect\r\nLocation: http://127.0.0.1:1/\r\nContent-Length: 0\r\n\r\n")
        await writer.drain()

    assert ask(redirect) == Answer(307)


def send_on_a_kept_connection_that_breaks(method: str) -> Answer:
    """What becomes of a request that is heard and not answered; on another connection it would be."""

    async def answer_once(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n{}")
        await writer.drain()
        await reader.readuntil(b"\r\n\r\n")

    async def asking() -> Answer:
        async with listening(answer_once) as address:
            upstreams = connected(address, 30)
            try:
                await upstreams.content.forward(Sent("GET", "/api/events"))
                return await upstreams.content.forward(Sent(method, "/api/events/event-1"))
            finally:
                await upstreams.close()

    return asyncio.run(asking())


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE"])
def test_a_write_whose_connection_breaks_is_not_sent_again_for_it_may_have_been_carried_out(method: str) -> None:
    with pytest.raises(Unavailable):
        send_on_a_kept_connection_that_breaks(method)


def test_a_read_whose_connection_breaks_is_sent_again() -> None:
    assert send_on_a_kept_connection_that_breaks("GET") == Answer(200, b"{}", {"Content-Type": "application/json"})
