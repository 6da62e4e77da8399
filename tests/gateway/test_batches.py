"""Submissions in batches: what gathers, what never shares a batch, and whose error is whose."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import aiohttp
import httpx
import orjson
import pytest
from structlog.testing import capture_logs

from gateway import batches
from gateway.batches import MOST_BYTES, MOST_ITEMS, SINGLY_SECONDS, SUBMISSION_BATCHES, SUBMISSIONS, SubmissionBatches
from gateway.upstream import Outgoing, UpstreamRequest, UpstreamResponse
from services.kit.core.errors import ServiceError, Unavailable, UpstreamTimeout
from services.kit.core.logging import start_request
from tests.gateway.fakes import upstream

pytestmark = pytest.mark.usefixtures("_quick_to_fail")


@pytest.fixture
def _quick_to_fail() -> Any:
    """Capture the log lines, which would be printed."""
    with capture_logs():
        yield


class Quiz:
    """Quiz, which responds once it is let: to each submission with its name and its headers."""

    def __init__(self) -> None:
        self.calls: list[list[str]] = []
        self.requests: list[Outgoing] = []
        self.open = asyncio.Event()
        self.open.set()
        self.has_batches = True
        # In place of the response to a batch.
        self.failure: Exception | httpx.Response | None = None
        self._called = asyncio.Condition()

    async def is_called(self, times: int) -> None:
        """Wait for that many calls."""
        async with self._called:
            await self._called.wait_for(lambda: len(self.calls) >= times)

    async def __call__(self, request: Outgoing) -> httpx.Response:
        document = orjson.loads(request.body)
        is_batch = request.target == SUBMISSION_BATCHES
        items = [each["submission"] for each in document["items"]] if is_batch else [document]
        async with self._called:
            self.calls.append([each["name"] for each in items])
            self.requests.append(request)
            self._called.notify_all()
        await self.open.wait()
        if not is_batch:
            assert request.target == SUBMISSIONS
            return httpx.Response(200, json=document)
        if not self.has_batches:
            return httpx.Response(404, json={"error": "NOT_FOUND"})
        if isinstance(self.failure, Exception):
            raise self.failure
        return self.failure or httpx.Response(200, json={"items": [_item(each) for each in document["items"]]})


def _item(item: Any) -> dict[str, Any]:
    submission = item["submission"]
    if "refused" in submission:
        headers = {"Content-Type": "application/json", "Retry-After": "1", "Set-Cookie": "never forwarded"}
        return {"status": 409, "headers": headers, "body": {"error": "REFUSED", "requestId": item["requestId"]}}
    headers = {"Content-Type": "application/json", "Idempotency-Replayed": "true"}
    return {"status": 200, "headers": headers, "body": submission}


class World:
    """Submissions under way; `clock` is a monotonic clock in seconds."""

    def __init__(self, timeout_seconds: float) -> None:
        self.quiz = Quiz()
        self.clock = 0.0
        self.batches = SubmissionBatches(upstream("quiz", self.quiz), timeout_seconds, lambda: self.clock)

    def send(self, name: str, key: str | None = None, **members: Any) -> "asyncio.Task[UpstreamResponse]":
        """Send a submission with this name."""

        async def submit() -> UpstreamResponse:
            start_request(f"request-{name}", "POST")
            body = orjson.dumps({"name": name, **members})
            request = UpstreamRequest("POST", "", body=body, idempotency_key=key, client_address="192.0.2.1")
            return await self.batches.submit(request)

        return asyncio.create_task(submit())

    async def send_first(self) -> "asyncio.Task[UpstreamResponse]":
        """Send a submission that is under way until quiz is open."""
        self.quiz.open.clear()
        first = self.send("first")
        await self.quiz.is_called(len(self.quiz.calls) + 1)
        return first

    async def finish(self, *tasks: "asyncio.Task[UpstreamResponse]") -> list[Any]:
        """Let quiz respond; return the statuses and documents, or the errors."""
        await asyncio.sleep(0)
        self.quiz.open.set()
        return [
            each if isinstance(each, BaseException) else (each.status, each.document)
            for each in await asyncio.gather(*tasks, return_exceptions=True)
        ]


def run(test: Callable[[World], Awaitable[None]], timeout_seconds: float = 30) -> None:
    """Run the test on an event loop of its own."""

    async def run_it() -> None:
        await test(World(timeout_seconds))

    asyncio.run(run_it())


def graded(name: str, **members: Any) -> tuple[int, Any]:
    return 200, {"name": name, **members}


def test_what_arrives_during_a_call_goes_as_one() -> None:
    async def test(world: World) -> None:
        first = await world.send_first()
        others = [world.send(name, f"key-{name}") for name in "abc"]
        assert await world.finish(first, *others) == [graded("first"), graded("a"), graded("b"), graded("c")]
        assert world.quiz.calls == [["first"], ["a", "b", "c"]]
        items = orjson.loads(world.quiz.requests[1].body)["items"]
        assert items[1] == {
            "requestId": "request-b",
            "idempotencyKey": "key-b",
            "clientAddress": "192.0.2.1",
            "submission": {"name": "b"},
        }
        assert world.quiz.requests[1].headers["X-Request-ID"] == "request-a"

    run(test)


def test_a_lone_submission_goes_at_once_as_a_call_of_its_own() -> None:
    async def test(world: World) -> None:
        assert await world.finish(world.send("a", '"key"')) == [graded("a")]
        assert await world.finish(world.send("b")) == [graded("b")]
        [first, _] = world.quiz.requests
        headers = [first.headers[name] for name in ("Idempotency-Key", "X-Client-Address", "X-Request-ID")]
        assert (first.target, headers) == (SUBMISSIONS, ['"key"', "192.0.2.1", "request-a"])

    run(test)


def test_a_batch_is_bounded_in_items_and_in_bytes() -> None:
    async def test(world: World) -> None:
        first = await world.send_first()
        many = [world.send(f"{number}") for number in range(MOST_ITEMS + 1)]
        large = [world.send(name, text="x" * (MOST_BYTES // 2)) for name in "lmn"]
        results = await world.finish(first, *many, *large)
        assert [each[0] for each in results] == [200] * len(results)
        sizes = [len(each) for each in world.quiz.calls]
        # The last of the many has room for one large submission beside it.
        assert sizes == [1, MOST_ITEMS, 2, 1, 1]

    run(test)


@pytest.mark.parametrize(
    ("one", "other"), [("key", "key"), ("key", '"key"'), ('"a\\"b"', '"a\\"b"'), ('a"b', '"a\\"b"')]
)
def test_equal_keys_never_share_a_batch(one: str, other: str) -> None:
    async def test(world: World) -> None:
        first = await world.send_first()
        others = [world.send("a", one), world.send("b", other), world.send("c", "another"), world.send("d", one)]
        await world.quiz.is_called(3)
        await world.finish(first, *others)
        # Repetitions go at once, alone. Later the key is free.
        assert world.quiz.calls == [["first"], ["b"], ["d"], ["a", "c"]]
        first = await world.send_first()
        await world.finish(first, world.send("e"), world.send("f", other))
        assert world.quiz.calls[4:] == [["first"], ["e", "f"]]

    run(test)


def test_a_client_that_leaves_takes_its_item_along_unless_it_was_sent() -> None:
    async def test(world: World) -> None:
        first = await world.send_first()
        a, b, c = (world.send(name) for name in "abc")
        await asyncio.sleep(0)
        first.cancel()
        b.cancel()
        assert await world.finish(a, c) == [graded("a"), graded("c")]
        assert world.quiz.calls == [["first"], ["a", "c"]]

    run(test)


def test_the_error_of_an_item_is_its_own() -> None:
    async def test(world: World) -> None:
        first = await world.send_first()
        a, b = world.send("a", refused=True), world.send("b")
        expected = [(409, {"error": "REFUSED", "requestId": "request-a"}), graded("b")]
        assert await world.finish(a, b) == expected
        assert a.result().headers == {"Content-Type": "application/json", "Retry-After": "1"}
        assert b.result().headers == {"Content-Type": "application/json", "Idempotency-Replayed": "true"}
        await first

    run(test)


@pytest.mark.parametrize("status", [400, 413])
def test_a_batch_that_quiz_cannot_read_is_sent_singly(status: int) -> None:
    async def test(world: World) -> None:
        world.quiz.failure = httpx.Response(status, json={"error": "REQUEST_ERROR"})
        first = await world.send_first()
        assert await world.finish(world.send("a", "key-a"), world.send("b")) == [graded("a"), graded("b")]
        assert world.quiz.calls == [["first"], ["a", "b"], ["a"], ["b"]]
        assert world.quiz.requests[2].headers["Idempotency-Key"] == "key-a"
        assert [each.headers["X-Request-ID"] for each in world.quiz.requests[2:]] == ["request-a", "request-b"]
        await first

    run(test)


FAILURES: dict[str, tuple[Exception | httpx.Response, type[ServiceError]]] = {
    "a broken connection": (aiohttp.ServerDisconnectedError(), Unavailable),
    "no time": (TimeoutError(), UpstreamTimeout),
    "an error of the whole": (httpx.Response(503, json={"error": "UPSTREAM_UNAVAILABLE"}), Unavailable),
    "too few items": (httpx.Response(200, json={"items": []}), Unavailable),
    "another token": (httpx.Response(401, json={"error": "UNAUTHORIZED"}), ServiceError),
}


@pytest.mark.parametrize(("failure", "error"), FAILURES.values(), ids=FAILURES.keys())
def test_a_batch_that_fails_is_sent_once_and_fails_for_each(
    failure: Exception | httpx.Response, error: type[ServiceError]
) -> None:
    async def test(world: World) -> None:
        world.quiz.failure = failure
        first = await world.send_first()
        results = await world.finish(world.send("a"), world.send("b"))
        assert ([type(each) for each in results], world.quiz.calls) == ([error] * 2, [["first"], ["a", "b"]])
        world.quiz.failure = None
        assert await world.finish(world.send("c")) == [graded("c")]
        await first

    run(test)


def test_the_release_before_is_called_singly_and_asked_again_later() -> None:
    async def test(world: World) -> None:
        world.quiz.has_batches = False
        first = await world.send_first()
        assert await world.finish(first, world.send("a"), world.send("b")) == [
            graded(name) for name in ("first", "a", "b")
        ]
        assert world.quiz.calls == [["first"], ["a", "b"], ["a"], ["b"]]
        world.quiz.calls.clear()
        # For a while none waits for another.
        world.clock = SINGLY_SECONDS - 0.1
        first, *others = await world.send_first(), world.send("c"), world.send("d")
        await world.quiz.is_called(3)
        await world.finish(first, *others)
        world.quiz.calls.clear()
        world.quiz.has_batches, world.clock = True, SINGLY_SECONDS
        first = await world.send_first()
        await world.finish(first, world.send("e"), world.send("f"))
        assert world.quiz.calls == [["first"], ["e", "f"]]

    run(test)


def test_a_submission_has_its_deadline_from_its_arrival() -> None:
    async def test(world: World) -> None:
        first = await world.send_first()
        waiting = world.send("a")
        results = await asyncio.gather(first, waiting, return_exceptions=True)
        assert [type(each) for each in results] == [UpstreamTimeout] * 2
        # What has timed out is not sent any more. The last one is patient: a busy machine may need longer.
        world.batches._timeout = 30
        assert await world.finish(world.send("b")) == [graded("b")]
        assert world.quiz.calls == [["first"], ["b"]]

    run(test, timeout_seconds=0.05)


def test_those_beyond_the_waiting_ones_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(batches, "MOST_WAITING", 2)

    async def test(world: World) -> None:
        first = await world.send_first()
        a, b, c = (world.send(name) for name in "abc")
        assert [each if isinstance(each, tuple) else type(each) for each in await world.finish(first, a, b, c)] == [
            *(graded(name) for name in ("first", "a", "b")),
            Unavailable,
        ]

    run(test)
