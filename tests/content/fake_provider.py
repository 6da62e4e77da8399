"""A provider of looks on a real socket: each request gets the next of its behaviours, the last one for ever."""

import socketserver
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from typing import Any

import orjson

from services.content.branding.generator import Generator
from services.content.branding.providers import Gemini, OpenAICompatible, Provider
from services.content.config import ProviderSettings
from tests.content.examples import a_look

# How a connection that has sent its request is treated: it can send with the first argument, and wait for the client to
# give up with the second one.
Behaviour = Callable[[Callable[[bytes], None], Callable[[], None]], None]
KEY = "key-of-the-provider"
MODEL = "model-1"
# Longer than a loaded machine needs, for tests in which the deadline is not reached.
PATIENT_SECONDS = 60.0


@dataclass
class Received:
    """A request as it came."""

    line: str
    headers: Mapping[str, str]
    document: Any


@dataclass
class FakeProvider:
    """The address of the server, and the requests that it has received."""

    url: str
    received: list[Received] = field(default_factory=list)

    def of_kind(self, kind: str) -> Provider:
        """Return the adapter of that API, which calls this server."""
        settings = ProviderSettings(self.url, MODEL, KEY)
        return Gemini(settings) if kind == "gemini" else OpenAICompatible(settings)

    def generator(self, kind: str = "gemini", deadline_seconds: float = PATIENT_SECONDS, places: int = 4) -> Generator:
        """Return a generator that asks this server and never pauses."""
        return Generator({kind: self.of_kind(kind)}, deadline_seconds, 0, places)


@contextmanager
def fake_provider(*behaviours: Behaviour) -> Iterator[FakeProvider]:
    """Serve on a free port of this machine."""
    provider = FakeProvider("")

    class Handler(socketserver.StreamRequestHandler):
        def handle(self) -> None:
            # A client that gives up resets the connection.
            with suppress(ConnectionError):
                provider.received.append(self._request())
                behaviour = behaviours[min(len(provider.received), len(behaviours)) - 1]
                behaviour(self.connection.sendall, self._wait_for_the_end)

        def _request(self) -> Received:
            line = self.rfile.readline().decode().strip()
            headers = {}
            while header := self.rfile.readline().decode().strip():
                name, _, text = header.partition(": ")
                headers[name.lower()] = text
            return Received(line, headers, orjson.loads(self.rfile.read(int(headers["content-length"]))))

        def _wait_for_the_end(self) -> None:
            self.rfile.read(1)

    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), Handler) as server:
        host, port = server.server_address[:2]
        provider.url = f"http://{host!s}:{port}"
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        try:
            yield provider
        finally:
            server.shutdown()
            thread.join()


def responding(body: bytes, status: int = 200, **headers: str) -> Behaviour:
    """Send this response."""
    named = {"Content-Type": "application/json", "Content-Length": str(len(body)), "Connection": "close", **headers}
    head = "".join(f"{name.replace('_', '-')}: {text}\r\n" for name, text in named.items())
    return lambda send, _: send(f"HTTP/1.1 {status} Status\r\n{head}\r\n".encode() + body)


def looking(kind: str, text: object) -> Behaviour:
    """Send this text as the model's, in the form of that API."""
    documents = {
        "gemini": {"candidates": [{"content": {"parts": [{"text": text}]}}]},
        "openai": {"choices": [{"message": {"role": "assistant", "content": text}}]},
    }
    return responding(orjson.dumps(documents[kind]))


def a_right_response(kind: str = "gemini", **changes: Any) -> Behaviour:
    """Send the look of `a_look`."""
    return looking(kind, orjson.dumps({**a_look(), **changes}).decode())


def silent(_send: Callable[[bytes], None], wait: Callable[[], None]) -> None:
    """Never respond."""
    wait()


def closing(_send: Callable[[bytes], None], _wait: Callable[[], None]) -> None:
    """Close the connection without a response."""


def endless(send: Callable[[bytes], None], _wait: Callable[[], None]) -> None:
    """Send a response without end."""
    send(b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n\r\n")
    while True:
        send(b" " * 65_536)


def dripping(send: Callable[[bytes], None], _wait: Callable[[], None]) -> None:
    """Send a byte of the response whenever the client has certainly not given up for silence."""
    send(b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 1000000\r\n\r\n")
    pause = threading.Event()
    while not pause.wait(0.01):
        send(b" ")
