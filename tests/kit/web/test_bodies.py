"""services.kit.web.bodies: how long a body may take and how deep it may be; alone, and as an app answers."""

import asyncio
import json
from collections.abc import Sequence
from typing import Any

import falcon.asgi
import pytest
from falcon.testing import create_scope
from hypothesis import given
from hypothesis import strategies as some

from services.kit.core.errors import RequestTimeout
from services.kit.web.app import create_web_app
from services.kit.web.bodies import MAXIMUM_DEPTH, has_body, is_too_deep, receive_with_deadline
from services.kit.web.documents import read_body, read_document, write_json
from services.kit.web.guards import Gatekeeper, Guard, Route

SECRET = "a secret that only these tests know, long enough"
SOON = 0.01
LENGTH, CHUNKED = ("content-length", "20"), ("transfer-encoding", "chunked")
ANNOUNCED = {"type": "http", "headers": [(b"content-length", b"20")]}
JSON = [("content-type", "application/json"), ("x-request-id", "request-1")]


class Echo:
    """Answers with what came."""

    async def on_post(self, request: falcon.asgi.Request, response: falcon.asgi.Response) -> None:
        write_json(response, {"item": await read_document(request)})

    async def on_put(self, request: falcon.asgi.Request, response: falcon.asgi.Response) -> None:
        write_json(response, {"bytes": len(await read_body(request))})


def part(body: bytes, more: bool) -> dict[str, Any]:
    """A part of a body, as the server hands it on."""
    return {"type": "http.request", "body": body, "more_body": more}


class Sending:
    """A client that sends these parts and then nothing, for ever."""

    def __init__(self, *parts: dict[str, Any]):
        self._parts = list(parts)

    async def receive(self) -> Any:
        """ASGI's receive."""
        if not self._parts:
            await asyncio.Event().wait()
        return self._parts.pop(0)


def answer(
    sending: Sending, path: str = "/echo", method: str = "POST", announced: tuple[str, str] = LENGTH
) -> tuple[Any, ...]:
    """Status, Connection header and document of an app that waits next to no time."""
    routes = (Route("/echo", Echo(), Guard.OPEN), Route("/guarded", Echo(), Guard.SERVICE))
    app: Any = create_web_app(routes, [Gatekeeper(routes, "echo", SECRET)], SOON)
    scope = create_scope(method=method, path=path, headers=[*JSON, announced])
    said: list[Any] = []

    async def send(event: Any) -> None:
        said.append(event)

    asyncio.run(app(scope, sending.receive, send))
    start, body = said
    names = {name.decode(): text.decode() for name, text in start["headers"]}
    return start["status"], names.get("connection"), json.loads(body["body"])


def whole(body: bytes) -> tuple[Any, ...]:
    """The answer to a body that comes at once."""
    return answer(Sending(part(body, more=False)), announced=CHUNKED)


LATE = {"error": "REQUEST_ERROR", "message": "The body took too long to arrive", "requestId": "request-1"}


@pytest.mark.parametrize("method", ["POST", "PUT"])
@pytest.mark.parametrize("parts", [[], [b""], [b"{"], [b"{", b'"a"', b":"]])
def test_a_body_that_does_not_arrive_in_time_is_refused_and_its_connection_closed(
    method: str, parts: Sequence[bytes]
) -> None:
    sending = Sending(*(part(each, more=True) for each in parts))

    assert answer(sending, method=method) == (408, "close", LATE)


def test_a_chunked_body_that_does_not_end_is_refused_too() -> None:
    sending = Sending(part(b"{}", more=True))

    assert answer(sending, announced=CHUNKED) == (408, "close", LATE)


def test_who_may_not_send_it_is_told_so_even_when_the_body_never_begins() -> None:
    status, connection, document = answer(Sending(), "/guarded")
    assert (status, connection, document["error"]) == (401, "close", "UNAUTHORIZED")
    status, connection, document = answer(Sending(), "/nowhere")
    assert (status, connection, document["error"]) == (404, "close", "NOT_FOUND")


def test_a_body_in_time_is_read_in_however_many_parts_it_comes() -> None:
    body = b'{"title": "' + b"a" * 7 + b'"}'
    sending = Sending(part(b"", more=True), *(part(body[at : at + 1], at < len(body) - 1) for at in range(len(body))))

    assert answer(sending) == (200, None, {"item": {"title": "a" * 7}})


def test_every_event_in_time_is_passed_on_as_it_is() -> None:
    events = [part(b"a", more=True), part(b"b", more=False), {"type": "http.disconnect"}]

    async def scenario() -> list[Any]:
        receive = receive_with_deadline(ANNOUNCED, Sending(*events).receive, 3600)
        return [await receive() for _ in events]

    assert asyncio.run(scenario()) == events


def test_the_time_is_that_of_the_whole_body_not_of_each_part() -> None:
    async def scenario() -> None:
        clock = asyncio.get_running_loop()
        sending = Sending(*(part(b"a", more=True) for _ in range(3)))
        receive = receive_with_deadline(ANNOUNCED, sending.receive, SOON)
        deadline = clock.time() + SOON
        assert [await receive() for _ in range(3)] == [part(b"a", more=True)] * 3
        with pytest.raises(RequestTimeout):
            await receive()
        assert clock.time() >= deadline
        with pytest.raises(RequestTimeout):
            await receive()

    asyncio.run(scenario())


def test_a_request_without_a_body_is_not_timed() -> None:
    scope = {"type": "http", "headers": [(b"x-content-length", b"20")]}
    receive = Sending().receive

    assert not has_body(scope)
    assert receive_with_deadline(scope, receive, SOON) == receive


# Depth


def nested(kind: str, depth: int) -> str:
    """JSON of so many levels."""
    if kind == "arrays":
        return "[" * depth + "]" * depth
    if kind == "objects":
        return '{"a":' * depth + "1" + "}" * depth
    return '[{"a":' * (depth // 2) + "[" * (depth % 2) + "1" + "]" * (depth % 2) + "}]" * (depth // 2)


DEEP = {"error": "REQUEST_ERROR", "message": "The body is nested deeper than 32 levels", "requestId": "request-1"}


@pytest.mark.parametrize("kind", ["arrays", "objects", "both"])
def test_a_body_may_have_so_many_levels_and_no_more(kind: str) -> None:
    fits, over, far_over = (nested(kind, depth) for depth in (MAXIMUM_DEPTH, MAXIMUM_DEPTH + 1, 1024))

    assert whole(fits.encode()) == (200, None, {"item": json.loads(fits)})
    for deep in (over, far_over, f'{{"title": "a", "ignored": [1, {over}]}}'):
        assert whole(deep.encode()) == (400, None, DEEP)


def test_beyond_a_thousand_levels_the_parser_itself_gives_up() -> None:
    status, _, document = whole(nested("arrays", 100_000).encode())

    assert (status, document["error"]) == (400, "REQUEST_ERROR")


@pytest.mark.parametrize("text", ["[" * 100, "{" * 100, '\\"[{' * 50, "\\\\" + "[" * 100, "]" * 100])
def test_brackets_in_a_text_are_no_levels(text: str) -> None:
    body = json.dumps({"title": text}).encode()

    assert whole(body) == (200, None, {"item": {"title": text}})


def test_many_shallow_values_are_not_deep() -> None:
    document: list[Any] = [[[{}]] * 1000] * 10

    assert not is_too_deep(json.dumps(document).encode(), document)


def depth(document: Any) -> int:
    """By its definition."""
    if isinstance(document, dict):
        return 1 + max(map(depth, document.values()), default=0)
    if isinstance(document, list):
        return 1 + max(map(depth, document), default=0)
    return 0


LEAVES = some.none() | some.booleans() | some.integers() | some.text(max_size=3)
DOCUMENTS = some.recursive(
    LEAVES, lambda inner: some.lists(inner, max_size=3) | some.dictionaries(some.text(max_size=3), inner, max_size=3)
)


@given(DOCUMENTS, some.integers(0, MAXIMUM_DEPTH + 3))
def test_the_depth_is_judged_as_it_is_defined(document: Any, wrapped: int) -> None:
    for level in range(wrapped):
        document = [document] if level % 2 else {"a": document}

    assert is_too_deep(json.dumps(document).encode(), document) == (depth(document) > MAXIMUM_DEPTH)
