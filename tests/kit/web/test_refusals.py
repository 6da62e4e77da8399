"""services.kit.web.connection in this process: what it refuses because the app has no place for it."""

import asyncio
import socket
from typing import Any

import pytest
import uvloop

from services.kit.core.errors import too_many_waiting
from services.kit.web.headers import SECURITY_HEADERS, Headers
from services.kit.web.refusals import Leave, Refusals
from tests.kit.web.test_connections import connected, read_to_the_end, worker_of

BODY = (
    b'{"error":"UPSTREAM_UNAVAILABLE","message":"Too many requests are waiting; try again shortly",'
    b'"requestId":"request-1"}'
)
HOST = b"Host: notes\r\nX-Request-ID: request-1\r\nOrigin: https://a.example\r\n"
GET = b"GET /raw HTTP/1.1\r\n" + HOST
POST = b"POST /raw HTTP/1.1\r\n" + HOST
CLOSE = b"GET /raw HTTP/1.1\r\nHost: notes\r\nConnection: close\r\n\r\n"


class Places:
    """Places for so many requests, and what asked for one."""

    def __init__(self, free: int):
        error = too_many_waiting()
        self.free = free
        self.asked: list[tuple[str, Headers, str]] = []
        self.noted: list[tuple[object, ...]] = []
        self.first = asyncio.Event()
        self.refusals = Refusals(error.status, error, lambda origin: {**SECURITY_HEADERS, "Vary": f"Origin {origin}"})

    def enter(self, path: str, headers: Headers, peer: str) -> Leave | None:
        self.asked.append((path, headers, peer))
        self.first.set()
        if not self.free:
            return None
        self.free -= 1
        return self._leave

    def refused(self, *request: object) -> None:
        self.noted.append(request)

    def _leave(self) -> None:
        self.free += 1


def bounded(places: Places) -> Any:
    """Return a worker whose app has these places."""
    worker = worker_of(asyncio.get_running_loop(), 10)
    worker.asgi.bound = places
    return worker


def refusal(*, closes: bool = False, body: bytes = BODY) -> bytes:
    """Return the whole response without a place."""
    headers = {
        "Content-Type": "application/json",
        "Retry-After": "1",
        **SECURITY_HEADERS,
        "Vary": "Origin https://a.example",
        "Content-Length": str(len(BODY)),
        "X-Request-ID": "request-1",
        **({"Connection": "close"} if closes else {}),
    }
    lines = ["HTTP/1.1 503 Service Unavailable", *map(": ".join, headers.items()), "", ""]
    return "\r\n".join(lines).encode() + body


@pytest.mark.parametrize(
    "request_",
    [
        GET + b"\r\n",
        POST + b"Content-Length: 2\r\n\r\n{}",
        POST + b"Transfer-Encoding: chunked\r\n\r\n1\r\n{\r\n1\r\n}\r\n0\r\n\r\n",
    ],
)
def test_a_refused_request_that_is_whole_leaves_its_connection_open(request_: bytes) -> None:
    places = Places(0)

    async def scenario() -> tuple[bytes, bytes, bool]:
        worker = bounded(places)
        client, _ = await connected(worker)
        reader, writer = await asyncio.open_connection(sock=client)
        writer.write(request_)
        refused = await reader.readexactly(len(refusal()))
        is_idle = len(worker.connections._idle) == 1
        places.free = 1
        writer.write(CLOSE)
        return refused, await reader.read(), is_idle

    refused, served, is_idle = uvloop.run(scenario())
    assert (refused, served.partition(b"\r\n")[0], is_idle) == (refusal(), b"HTTP/1.1 200 OK", True)
    [(path, headers, _peer), _served] = places.asked
    assert places.noted == [(503, "request-1", refused, request_.partition(b" ")[0], path, headers)]


def test_so_is_one_whose_head_cannot_be_read_noted() -> None:
    places = Places(1)

    async def scenario() -> bytes:
        client, _ = await connected(bounded(places))
        client.sendall(b"GET /raw HTTP/1.1\r\nX-<: a\r\n\r\n")
        return await read_to_the_end(client)

    response = uvloop.run(scenario())
    [(status, request_id, noted)] = places.noted
    assert (status, noted, str(request_id).encode() in response) == (400, response, True)


@pytest.mark.parametrize(
    "request_",
    [
        POST + b"Content-Length: 2\r\n\r\n{",
        POST + b"Transfer-Encoding: chunked\r\n\r\n1\r\n{\r\n",
        POST + b"Content-Length: 2\r\nExpect: 100-continue\r\n\r\n",
        GET + b"Connection: close\r\n\r\n",
        GET.replace(b"1.1", b"1.0") + b"Connection: keep-alive\r\n\r\n",
        # Further requests, which could be as many as the client likes.
        (GET + b"\r\n") * 9,
    ],
)
def test_a_refusal_closes_a_connection_on_which_more_arrives(request_: bytes) -> None:
    async def scenario() -> bytes:
        client, _ = await connected(bounded(Places(0)))
        client.sendall(request_)
        return await read_to_the_end(client)

    assert uvloop.run(scenario()) == refusal(closes=True)


def test_a_refusal_of_a_stopping_worker_closes_its_connection() -> None:
    async def scenario() -> bytes:
        worker = bounded(Places(0))
        worker.alive = False
        client, _ = await connected(worker)
        client.sendall(GET + b"\r\n")
        return await read_to_the_end(client)

    assert uvloop.run(scenario()) == refusal(closes=True)


def test_a_refused_head_request_has_no_body() -> None:
    async def scenario() -> bytes:
        client, _ = await connected(bounded(Places(0)))
        client.sendall(GET.replace(b"GET", b"HEAD") + b"Connection: close\r\n\r\n")
        return await read_to_the_end(client)

    assert uvloop.run(scenario()) == refusal(closes=True, body=b"")


def test_a_request_behind_one_in_progress_is_refused_in_its_turn() -> None:
    async def scenario() -> bytes:
        places = Places(1)
        client, _ = await connected(bounded(places))
        client.sendall(GET + b"\r\n")
        await places.first.wait()
        client.sendall(GET + b"Connection: close\r\n\r\n")
        # Another client takes the place that the first request frees.
        places.free -= 1
        return await read_to_the_end(client)

    response = uvloop.run(scenario())
    assert response.startswith(b"HTTP/1.1 200 OK")
    assert response.endswith(refusal(closes=True))


def test_the_app_is_asked_with_the_decoded_path_and_the_address() -> None:
    async def scenario() -> list[tuple[str, Headers, str]]:
        places = Places(0)
        client, _ = await connected(bounded(places))
        client.sendall(b"GET http://notes/%72aw?a=%62 HTTP/1.1\r\nHost: notes\r\nConnection: close\r\n\r\n")
        await read_to_the_end(client)
        return places.asked

    assert uvloop.run(scenario()) == [("/raw", [(b"host", b"notes"), (b"connection", b"close")], "")]


@pytest.mark.parametrize("request_", [CLOSE, POST + b"Content-Length: 9\r\n\r\n{"])
def test_the_place_of_a_request_is_free_after_it(request_: bytes) -> None:
    async def scenario() -> int:
        places = Places(1)
        client, made = await connected(bounded(places))
        client.sendall(request_)
        client.shutdown(socket.SHUT_WR)
        await read_to_the_end(client)
        await asyncio.wait([made._task])
        return places.free

    assert uvloop.run(scenario()) == 1


def test_a_client_that_leaves_at_once_keeps_no_place() -> None:
    async def scenario() -> int:
        places = Places(1)
        client, made = await connected(bounded(places))
        made.data_received(GET + b"\r\n")
        assert places.free == 0
        made.transport.abort()
        await asyncio.wait([made._task])
        client.close()
        return places.free

    assert uvloop.run(scenario()) == 1


def test_a_client_that_takes_no_refusals_loses_its_connection() -> None:
    async def scenario() -> int:
        client, made = await connected(bounded(Places(0)))
        refused = 0
        while not made._closed:
            made.data_received(GET + b"\r\n")
            refused += 1
        size: int = made.transport.get_write_buffer_size()
        made.transport.abort()
        client.close()
        return size

    assert uvloop.run(scenario()) < 100_000
