"""services.kit.web.bodies: the deadline and the depth of a body, alone and in an app."""

import asyncio
import json
from collections.abc import Sequence
from typing import Any

import pytest
from falcon.testing import create_scope
from hypothesis import example, given
from hypothesis import strategies as some

from services.kit.core.errors import RequestTimeout
from services.kit.web.bodies import MAXIMUM_DEPTH, is_too_deep, receive_with_deadline
from services.kit.web.documents import BODY_LIMIT_BYTES
from tests.documents import ANYTHING
from tests.kit.web.notes import create_app

SOON = 0.01
LENGTH, CHUNKED = ("content-length", "20"), ("transfer-encoding", "chunked")
ANNOUNCED = {"type": "http", "headers": [(b"content-length", b"20")]}
JSON = [("content-type", "application/json"), ("x-request-id", "request-1")]


def part(body: bytes, more: bool) -> dict[str, Any]:
    return {"type": "http.request", "body": body, "more_body": more}


AT_ONCE = part(b"", more=True)


class Sending:
    """A client that sends these parts and then nothing more."""

    def __init__(self, *parts: dict[str, Any]):
        self._parts = list(parts)

    async def receive(self) -> Any:
        """ASGI's receive."""
        if not self._parts:
            await asyncio.Event().wait()
        return self._parts.pop(0)


def respond(
    sending: Sending, path: str = "/echo", announced: tuple[str, str] = LENGTH, seconds: float = SOON
) -> tuple[Any, ...]:
    """Return the status, the Connection header and the document of the response."""
    app: Any = create_app(body_seconds=seconds)
    scope = create_scope(method="POST", path=path, headers=[*JSON, announced])
    events: list[Any] = []

    async def send(event: Any) -> None:
        events.append(event)

    asyncio.run(app(scope, sending.receive, send))
    start, body = events
    headers = {name.decode(): text.decode() for name, text in start["headers"]}
    return start["status"], headers.get("connection"), json.loads(body["body"])


def respond_to(body: bytes, path: str = "/echo") -> tuple[Any, ...]:
    """Return the response to a body that arrives in two parts without a length."""
    half = len(body) // 2
    return respond(Sending(part(body[:half], more=True), part(body[half:], more=False)), path, CHUNKED, seconds=3600)


def error(code: str, message: str) -> dict[str, str]:
    return {"error": code, "message": message, "requestId": "request-1"}


LATE = error("REQUEST_ERROR", "The body took too long to arrive")


@pytest.mark.parametrize("path", ["/echo", "/raw"])
@pytest.mark.parametrize("announced", [LENGTH, CHUNKED])
@pytest.mark.parametrize("parts", [[], [b""], [b"{"], [b"{", b'"a"', b":"]])
def test_a_late_body_is_refused_and_the_connection_closed(
    parts: Sequence[bytes], announced: tuple[str, str], path: str
) -> None:
    sending = Sending(*(part(each, more=True) for each in parts))
    assert respond(sending, path, announced) == (408, "close", LATE)


def test_other_errors_come_first_even_if_the_body_never_begins() -> None:
    status, connection, document = respond(Sending(), "/guarded")
    assert (status, connection, document["error"]) == (401, "close", "UNAUTHORIZED")
    status, connection, document = respond(Sending(), "/nowhere")
    assert (status, connection, document["error"]) == (404, "close", "NOT_FOUND")


def test_an_empty_part_comes_first_and_then_every_part_before_the_deadline() -> None:
    parts = [part(b"a", more=True), part(b"b", more=False)]

    async def scenario() -> list[Any]:
        receive = receive_with_deadline(ANNOUNCED, Sending(*parts).receive, 3600)
        return [await receive() for _ in (AT_ONCE, *parts)]

    assert asyncio.run(scenario()) == [AT_ONCE, *parts]


@pytest.mark.parametrize("parts", [[], [b"{}"]])
def test_a_body_whose_client_disconnects_is_not_taken_for_a_whole_one(parts: list[bytes]) -> None:
    sending = Sending(*(part(each, more=True) for each in parts), {"type": "http.disconnect"})
    incomplete = error("REQUEST_ERROR", "The body is not complete")
    assert respond(sending, seconds=3600) == (400, "close", incomplete)


def test_the_deadline_is_that_of_the_body_and_not_of_each_part() -> None:
    async def scenario() -> None:
        loop = asyncio.get_running_loop()
        parts = [part(b"a", more=True) for _ in range(3)]
        sending = Sending(*parts)
        deadline = loop.time() + SOON
        receive = receive_with_deadline(ANNOUNCED, sending.receive, SOON)
        assert [await receive() for _ in (AT_ONCE, *parts)] == [AT_ONCE, *parts]
        with pytest.raises(RequestTimeout):
            await receive()
        assert loop.time() >= deadline
        with pytest.raises(RequestTimeout):
            await receive()

    asyncio.run(scenario())


def test_a_request_without_a_body_has_no_deadline() -> None:
    scope = {"type": "http", "headers": [(b"x-content-length", b"20")]}
    receive = Sending().receive
    assert receive_with_deadline(scope, receive, SOON) == receive


def test_the_limit_holds_for_a_body_without_a_length() -> None:
    too_large = error("PAYLOAD_TOO_LARGE", "The body is larger than 1 MiB")
    assert respond_to(b" " * BODY_LIMIT_BYTES, "/raw") == (200, None, {"bytes": BODY_LIMIT_BYTES})
    assert respond_to(b" " * (BODY_LIMIT_BYTES + 1), "/raw")[::2] == (413, too_large)


# Depth


DEEP = error("REQUEST_ERROR", "The body is nested deeper than 32 levels")


def test_a_body_may_have_32_levels() -> None:
    fits, over, far_over = ("[" * depth + "]" * depth for depth in (MAXIMUM_DEPTH, MAXIMUM_DEPTH + 1, 1024))
    assert respond_to(fits.encode()) == (200, None, {"item": json.loads(fits)})
    for deep in (over, far_over, f'{{"title": "a", "ignored": [1, {over}]}}'):
        assert respond_to(deep.encode()) == (400, None, DEEP)


def depth(document: Any) -> int:
    """Return the depth by its definition."""
    if isinstance(document, dict | list):
        return 1 + max(map(depth, document.values() if isinstance(document, dict) else document), default=0)
    return 0


@example([[[{}]] * 1000] * 10, 0)
@example(["[" * 100, "{" * 100, '\\"[{' * 50, "\\\\" + "[" * 100, "]" * 100], 0)
@given(ANYTHING, some.integers(0, MAXIMUM_DEPTH + 3))
def test_the_depth_follows_its_definition(document: Any, levels: int) -> None:
    for level in range(levels):
        document = [document] if level % 2 else {"a": document}
    assert is_too_deep(json.dumps(document).encode(), document) == (depth(document) > MAXIMUM_DEPTH)
