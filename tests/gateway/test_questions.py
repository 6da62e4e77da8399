"""gateway.questions: a version is told over a kept connection, and asked in an ordinary call after anything unusual."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence

import httpx
import pytest

from gateway.questions import Questions
from gateway.upstream import Outgoing
from services.kit.core.errors import UpstreamTimeout
from services.kit.web.freshness import Version
from tests.gateway.fakes import upstream

PATH = "/internal/version"
BODY = b'{"state":"one","at":1000}'
HEAD = b"HTTP/1.1 200 OK\r\nDate: today\r\nContent-Length: 25\r\n\r\n"
ONE = Version("one", 1000)
ORDINARY = Version("ordinary", 2000)

Peer = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


def ask(serve: Peer, times: int = 1, seconds: float = 30) -> list[Version | None]:
    """Ask a service that does so with each connection; an ordinary call of it tells ORDINARY."""

    async def run() -> list[Version | None]:
        server = await asyncio.start_server(serve, "127.0.0.1", 0)
        port = server.sockets[0].getsockname()[1]
        questions = Questions(upstream("content", _ordinary), f"http://127.0.0.1:{port}", seconds)
        try:
            return [await questions.version(PATH) for _ in range(times)]
        finally:
            questions.close()
            server.close()

    return asyncio.run(run())


def test_questions_share_a_connection() -> None:
    heads: list[list[bytes]] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        heads.append([])
        while head := await _head(reader):
            heads[-1].append(head)
            writer.write(HEAD[:20])
            await writer.drain()
            writer.write(HEAD[20:] + BODY)
        writer.close()

    assert ask(serve, times=3) == [ONE] * 3
    [of_connection] = heads
    assert [head.split(b" ", 2)[:2] for head in of_connection] == [[b"GET", PATH.encode()]] * 3
    assert {line.split(b":")[0] for line in of_connection[0].split(b"\r\n")[1:]} == {b"Host", b"Authorization", b""}


@pytest.mark.parametrize(
    "response",
    [
        b"",
        b"HTTP/1.1 404 Not Found\r\nContent-Length: 25\r\n\r\n" + BODY,
        b"HTTP/1.0 200 OK\r\nContent-Length: 25\r\n\r\n" + BODY,
        b"HTTP/1.1 200 OK\r\nContent-Length: 25\r\nConnection: close\r\n\r\n" + BODY,
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n",
        b"HTTP/1.1 200 OK\r\n\r\n" + BODY,
        HEAD + BODY + b"more",
        HEAD + b"{" * 25,
        b"HTTP/1.1 200 OK\r\nX: " + b"x" * 20_000,
    ],
)
def test_after_an_unusual_response_the_call_is_an_ordinary_one(response: bytes) -> None:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await _head(reader)
        writer.write(response)
        if not response:
            writer.close()

    assert ask(serve) == [ORDINARY]


def test_a_service_that_is_not_there_is_asked_in_an_ordinary_call() -> None:
    async def run() -> Sequence[Version | None]:
        server = await asyncio.start_server(lambda _reader, _writer: None, "127.0.0.1", 0)
        port = server.sockets[0].getsockname()[1]
        server.close()
        await server.wait_closed()
        return [await Questions(upstream("content", _ordinary), f"http://127.0.0.1:{port}", 30).version(PATH)]

    assert asyncio.run(run()) == [ORDINARY]


def test_a_service_that_says_nothing_has_as_long_as_for_a_call() -> None:
    async def serve(_reader: asyncio.StreamReader, _writer: asyncio.StreamWriter) -> None:
        pass

    with pytest.raises(UpstreamTimeout):
        ask(serve, seconds=0.01)


@pytest.mark.parametrize("address", ["https://content:3011", "http://content:3011/base"])
def test_another_address_than_of_plain_http_is_for_ordinary_calls(address: str) -> None:
    questions = Questions(upstream("content", _ordinary), address, 30)
    assert asyncio.run(questions.version(PATH)) == ORDINARY


async def _ordinary(_request: Outgoing) -> httpx.Response:
    return httpx.Response(200, json={"state": ORDINARY.state, "at": ORDINARY.at})


async def _head(reader: asyncio.StreamReader) -> bytes:
    try:
        return await reader.readuntil(b"\r\n\r\n")
    except asyncio.IncompleteReadError:
        return b""
