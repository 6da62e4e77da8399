"""services.kit.web.connection and worker in this process: deadlines of heads and of reading, the bound, long heads.

The same under a real gunicorn is in test_slow_clients and test_stopping.
"""

import asyncio
import socket
from types import SimpleNamespace
from typing import Any
from unittest.mock import Mock

import pytest
import uvloop
from gunicorn.config import Config

from services.kit.web import connection as connection_module
from services.kit.web.connection import LONG_HEAD_BYTES, Connection
from services.kit.web.idle_connections import Connections
from services.kit.web.worker import ACCEPTED_AT_ONCE, Worker
from tests.kit.web.notes import create_app

REQUEST = b"GET /raw HTTP/1.1\r\nHost: notes\r\nConnection: close\r\n\r\n"


def worker_of(loop: asyncio.AbstractEventLoop, keepalive: float, *listeners: socket.socket) -> Any:
    """Return a worker with these listeners that no arbiter started."""
    config = Config()
    worker: Any = Worker.__new__(Worker)
    vars(worker).update(
        loop=loop, cfg=config, log=Mock(), asgi=create_app(), lifespan=None, alive=True, nr=0, nr_conns=0, servers=[]
    )
    vars(worker).update(sockets=[SimpleNamespace(sock=each, close=each.close) for each in listeners])
    vars(worker).update(max_requests=1000, _quick_shutdown=False, connections=Connections(most=1000))
    config.settings["keepalive"].value = keepalive
    return worker


async def connected(worker: Any) -> tuple[socket.socket, Connection]:
    """Return a client and the worker's connection to it."""
    client, server = socket.socketpair()
    _, made = await worker.loop.connect_accepted_socket(lambda: Connection(worker), server)
    return client, made


async def read_to_the_end(client: socket.socket) -> bytes:
    """Read until the server closes the connection."""
    reader, writer = await asyncio.open_connection(sock=client)
    async with asyncio.timeout(30):
        response = await reader.read()
    writer.close()
    return response


@pytest.mark.parametrize("beginning", [b"", b"GET /raw HTTP/1.1\r\nHost: notes\r\n"])
def test_a_connection_whose_first_head_does_not_end_is_closed(beginning: bytes) -> None:
    async def scenario() -> bytes:
        loop = asyncio.get_running_loop()
        client, server = socket.socketpair()
        client.sendall(beginning)
        await loop.connect_accepted_socket(lambda: Connection(worker_of(loop, 0.01)), server)
        return await read_to_the_end(client)

    assert asyncio.run(scenario()) == b""


LONG = b"a" * 9_000
ORIGIN = b"Origin: https://learn.example\r\n"


@pytest.mark.parametrize(
    ("parts", "status", "has_origin"),
    [
        # A page's request arrives in several parts, and the Origin in the last of them.
        ([b"GET /" + LONG, b" HTTP/1.1\r\nHost: notes\r\n" + ORIGIN, b"\r\n"], 414, True),
        ([b"GET / HTTP/1.1\r\nX: " + LONG, LONG, b"\r\n" + ORIGIN + b"\r\n"], 431, True),
        ([b"GET / HTTP/1.1\r\n" + b"X: y\r\n" * 101, ORIGIN + b"\r\n"], 431, True),
        ([b"GET / HTTP/1.1\r\n" + b"X: y\r\n" * 101, b"\r\n"], 431, False),
        # A head without an end.
        ([b"GET /" + LONG], 414, False),
        ([b"GET /" + LONG] * (1 + LONG_HEAD_BYTES // len(LONG)), 414, False),
    ],
)
def test_a_head_that_is_too_long_is_read_for_its_origin(parts: list[bytes], status: int, has_origin: bool) -> None:
    async def scenario() -> bytes:
        loop = asyncio.get_running_loop()
        client, server = socket.socketpair()
        made = await loop.connect_accepted_socket(lambda: Connection(worker_of(loop, 60)), server)
        for part in parts:
            made[1].data_received(part)
        return await read_to_the_end(client)

    response = asyncio.run(scenario())
    assert response.startswith(f"HTTP/1.1 {status} ".encode())
    assert (b"X-Origin: https://learn.example\r\n" in response) == has_origin


POST = b"POST /raw HTTP/1.1\r\nHost: notes\r\nContent-Length: 3\r\n" + ORIGIN + b"\r\n"


def test_a_request_beyond_the_bound_gets_503_and_others_end_as_ever() -> None:
    async def scenario() -> list[bytes]:
        loop = asyncio.get_running_loop()
        worker = worker_of(loop, 60)
        worker.connections = Connections(most=1)
        busy, made = await connected(worker)
        made.data_received(POST)
        (idle, _), (further, _) = [await connected(worker) for _ in range(2)]
        # Its body looks like a header that the response would repeat.
        further.sendall(POST.replace(ORIGIN, b"") + b"\n" + ORIGIN)
        refused = await read_to_the_end(further)
        busy.sendall(b"abc" + REQUEST)
        return [refused, await read_to_the_end(idle), await read_to_the_end(busy)]

    refused, idle, busy = uvloop.run(scenario())
    head, _, body = refused.partition(b"\r\n\r\n")
    first, *lines = head.decode().split("\r\n")
    assert (first, "Retry-After: 1" in lines, "Connection: close" in lines) == (
        "HTTP/1.1 503 Service Unavailable",
        True,
        True,
    )
    assert b"X-Origin" not in head
    assert b'"error":"UPSTREAM_UNAVAILABLE"' in body
    assert (idle, busy.count(b"HTTP/1.1 200 OK")) == (b"", 2)


def test_a_client_that_takes_nothing_of_its_response_loses_its_connection(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connection_module, "SENDING_SECONDS", 0.01)

    disconnected = asyncio.Event()

    async def send_endlessly(send: Any) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        while True:
            await send({"type": "http.response.body", "body": bytes(100_000), "more_body": True})

    async def app(scope: Any, receive: Any, send: Any) -> None:
        sending = asyncio.create_task(send_endlessly(send))
        while (await receive())["type"] != "http.disconnect":
            pass
        sending.cancel()
        disconnected.set()

    async def scenario() -> None:
        worker = worker_of(asyncio.get_running_loop(), 60)
        worker.asgi = app
        client, _ = await connected(worker)
        client.sendall(REQUEST)
        async with asyncio.timeout(60):
            await disconnected.wait()
        client.close()

    uvloop.run(scenario())


def test_a_worker_that_stops_serves_the_connections_it_has_not_accepted() -> None:
    async def scenario() -> list[bytes]:
        listener = socket.create_server(("127.0.0.1", 0))
        listener.setblocking(False)
        clients = [socket.create_connection(listener.getsockname()) for _ in range(3)]
        for each in clients:
            each.sendall(REQUEST)
        reading = [asyncio.create_task(read_to_the_end(each)) for each in clients]
        await worker_of(asyncio.get_running_loop(), 60, listener)._shutdown()
        return await asyncio.gather(*reading)

    responses = uvloop.run(scenario())
    assert [each.partition(b"\r\n")[0] for each in responses] == [b"HTTP/1.1 200 OK"] * 3


def test_a_turn_of_the_loop_accepts_many_connections() -> None:
    async def scenario() -> list[int]:
        loop = asyncio.get_running_loop()
        listener = socket.create_server(("127.0.0.1", 0), backlog=100)
        worker = worker_of(loop, 60, listener)
        accepted: list[int] = []

        def protocol() -> asyncio.Protocol:
            accepted.append(len(turns))
            return asyncio.Protocol()

        turns: list[None] = []
        worker.servers = [await worker._create_servers(loop.create_server, protocol, sock=listener)]
        clients = [socket.create_connection(listener.getsockname()) for _ in range(ACCEPTED_AT_ONCE)]
        while len(accepted) < len(clients):
            await asyncio.sleep(0)
            turns.append(None)
        await worker._stop_listening()
        for each in clients:
            each.close()
        return accepted

    # libuv accepts in the turn after the one that finds the connections.
    assert len({*uvloop.run(scenario())}) <= 2


def test_a_request_whose_client_has_left_is_cancelled() -> None:
    async def scenario() -> None:
        cancelled, begun = asyncio.Event(), asyncio.Event()

        async def app(scope: Any, receive: Any, send: Any) -> None:
            begun.set()
            try:
                await asyncio.Event().wait()
            finally:
                cancelled.set()

        worker = worker_of(asyncio.get_running_loop(), 60)
        worker.asgi = app
        worker.cfg.set("asgi_disconnect_grace_period", 0)
        client, _ = await connected(worker)
        client.sendall(REQUEST)
        async with asyncio.timeout(60):
            await begun.wait()
            client.close()
            await cancelled.wait()

    uvloop.run(scenario())


def test_a_client_that_leaves_amid_its_body_is_refused_nothing() -> None:
    async def scenario() -> Mock:
        ended = asyncio.Event()
        worker = worker_of(asyncio.get_running_loop(), 60)
        worker.asgi.bound = bound = Mock()
        bound.enter.return_value = ended.set
        client, made = await connected(worker)
        made.data_received(POST)
        client.close()
        async with asyncio.timeout(60):
            await ended.wait()
        return bound

    assert uvloop.run(scenario()).refused.call_args_list == []
