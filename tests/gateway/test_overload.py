"""gateway.overload: what is refused while too much is in flight, and how."""

import asyncio
from collections.abc import Mapping
from itertools import count
from typing import Any

import pytest
from structlog.testing import capture_logs

from gateway.overload import Overload, Places
from services.kit.web.headers import SECURITY_HEADERS

CATALOG = "/api/public/events/launch/catalog"
QUIZ = "/api/public/events/launch/lessons/first/quiz"
CROWDED_SECONDS = 10


class Clock:
    """A clock that stands still."""

    now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


def entered(places: Places, *addresses: str) -> list[bool]:
    return [places.enter(address) for address in addresses]


def crowded(clock: Clock, *addresses: str) -> Places:
    """Return places for 8 whose requests in flight are of these addresses, for too long to be a burst."""
    places = Places("catalogs", 8, clock)
    assert all(entered(places, *addresses))
    clock.now += CROWDED_SECONDS
    return places


def test_within_the_bound_one_address_may_have_all_places(clock: Clock) -> None:
    places = crowded(clock, *["a"] * 7)
    assert entered(places, "a", "a") == [True, False]
    places.leave("a")
    assert entered(places, "a", "a") == [True, False]


def test_a_burst_passes_and_what_lasts_longer_does_not(clock: Clock) -> None:
    places = Places("catalogs", 8, clock)
    assert entered(places, *["a"] * 129) == [True] * 128 + [False]
    clock.now += CROWDED_SECONDS
    for _ in range(121):
        places.leave("a")
    # Not calm yet: the bound is still nearly reached.
    assert entered(places, "a", "a") == [True, False]
    for _ in range(5):
        places.leave("a")
    assert entered(places, *["a"] * 20) == [True] * 20


def test_beyond_the_bound_an_address_with_less_than_its_share_comes_first(clock: Clock) -> None:
    places = crowded(clock, *["a"] * 6, "b", "c")
    assert entered(places, "a", "b", "d") == [False, True, False]
    places.leave("b")
    assert entered(places, "a", "d", "e") == [False, True, False]


def test_refusals_are_counted_in_a_line_a_minute(clock: Clock) -> None:
    with capture_logs() as lines:
        places = crowded(clock, *["a"] * 5, "b", "b", "b")
        entered(places, *["a"] * 3)
        clock.now += 60
        entered(places, "a")
    common = {"event": "overloaded", "log_level": "warning", "kind": "catalogs", "most": 8, "address": "a", "held": 5}
    assert lines == [{**common, "refused": 1}, {**common, "refused": 3}]


def refusal_headers(origin: str | None) -> Mapping[str, str]:
    return {**SECURITY_HEADERS, "Vary": f"Origin {origin}"}


class Running:
    """An app whose requests never end, behind a bound of one for each kind."""

    def __init__(self, trusted_proxies: int = 0) -> None:
        self.paths: list[str] = []
        self.sent: list[dict[str, Any]] = []
        # A task that nothing refers to may be collected, which ends its request.
        self._tasks: list[asyncio.Task[None]] = []
        # No burst is short on this clock.
        clock = count(step=CROWDED_SECONDS).__next__
        self._overload = Overload(1, trusted_proxies, refusal_headers, clock)

    async def app(self, scope: Any, receive: Any, send: Any) -> None:
        self.paths.append(scope["path"])
        await asyncio.Event().wait()

    async def begin(self, path: str, *events: dict[str, Any] | None, **headers: str) -> "asyncio.Task[None]":
        """Begin a request whose body arrives in these events; None stands for one that does not arrive."""
        waiting = iter(events)

        async def receive() -> dict[str, Any]:
            event = next(waiting)
            if event is None:
                await asyncio.Event().wait()
            assert event is not None
            return event

        async def send(message: dict[str, Any]) -> None:
            self.sent.append(message)

        named = [(name.replace("_", "-").encode(), text.encode()) for name, text in headers.items()]
        scope = {"type": "http", "method": "POST", "path": path, "client": ("192.0.2.1", 1), "headers": named}
        task = asyncio.create_task(self._overload.handle(self.app, scope, receive, send))
        self._tasks.append(task)
        await asyncio.sleep(0)
        return task


async def refused(*events: dict[str, Any] | None, **headers: str) -> Mapping[str, str]:
    """Return the headers of a refusal of such a request, after a check of all else."""
    running = Running()
    first = await running.begin(CATALOG)
    with capture_logs():
        await (await running.begin(CATALOG, *events, x_request_id="request-1", origin="https://a.example", **headers))
    [start, body] = running.sent
    assert (start["type"], start["status"], running.paths) == ("http.response.start", 503, [CATALOG])
    assert body["body"] == (
        b'{"error":"UPSTREAM_UNAVAILABLE","message":"Too many requests are waiting; try again shortly",'
        b'"requestId":"request-1"}'
    )
    first.cancel()
    return {name.decode(): text.decode() for name, text in start["headers"]}


WHOLE = {"type": "http.request", "body": b"{}", "more_body": False}
PART = {"type": "http.request", "body": b"{", "more_body": True}
LEFT = {"type": "http.disconnect"}


@pytest.mark.parametrize(
    ("headers", "events", "closes"),
    [
        ({}, [], False),
        ({"content_length": "2"}, [WHOLE], False),
        ({"transfer_encoding": "chunked"}, [PART, PART, WHOLE], False),
        ({"content_length": "2"}, [PART, None], True),
        ({"content_length": "2"}, [LEFT], True),
        ({"content_length": "2", "expect": "100-continue"}, [], True),
    ],
)
def test_a_refusal_waits_for_no_body(headers: dict[str, str], events: list[Any], closes: bool) -> None:
    expected = {
        "content-type": "application/json",
        "content-length": "117",
        "retry-after": "1",
        "x-request-id": "request-1",
        **{name.lower(): text for name, text in SECURITY_HEADERS.items()},
        "vary": "Origin https://a.example",
        **({"connection": "close"} if closes else {}),
    }
    assert asyncio.run(refused(*events, **headers)) == expected


def test_each_kind_has_places_of_its_own_and_health_needs_none() -> None:
    one_of_each = [
        *(CATALOG, QUIZ, "/api/events", "/api/quizzes/quiz-1", "/api/admin/login"),
        *("/health", "/health/ready", "/health/live", "/health"),
    ]
    more = ["/api/events/launch/access", f"{QUIZ}/submit", "/api/events/event-1/lessons", "/api/quizzes"]

    async def requests() -> Running:
        running = Running()
        for path in (*one_of_each, *more):
            await running.begin(path)
        return running

    with capture_logs() as lines:
        running = asyncio.run(requests())
    assert running.paths == one_of_each
    assert [line["kind"] for line in lines] == ["catalogs", "quizzes", "admins-content", "admins-quizzes"]


@pytest.mark.parametrize(("trusted_proxies", "address"), [(0, "192.0.2.1"), (1, "2001:db8::/64")])
def test_an_address_is_that_of_the_client_before_the_proxies(trusted_proxies: int, address: str) -> None:
    async def request() -> None:
        running = Running(trusted_proxies)
        for _ in range(2):
            await running.begin(CATALOG, x_forwarded_for="2001:db8::7")

    with capture_logs() as lines:
        asyncio.run(request())
    assert [line["address"] for line in lines] == [address]


def test_a_request_that_fails_or_is_cancelled_frees_its_place() -> None:
    async def requests() -> list[str]:
        running = Running()
        for _ in range(3):
            task = await running.begin(CATALOG)
            task.cancel()
            await asyncio.wait([task])
        return running.paths

    assert asyncio.run(requests()) == [CATALOG] * 3
