"""Content's responses in memory are never wrong: not after a write, not at another time, not for other credentials."""

import asyncio
import tempfile
from collections.abc import Awaitable, Callable
from contextlib import suppress
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import Any

import aiohttp
import httpx
import orjson
import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, rule

from gateway.content_memory import ContentMemory
from gateway.memory import read_version
from gateway.upstream import JSON, Outgoing, UpstreamRequest, UpstreamResponse
from gateway.upstreams import Upstreams
from gateway.views import reads
from services.content.migrations import MIGRATIONS
from services.content.repository.contracts import ContentStore
from services.content.repository.store import PeeweeContentStore
from services.content.service.content import ContentService
from services.kit.core.errors import ServiceError, Unavailable
from services.kit.core.instants import format_instant
from services.kit.storage.database import open_database
from services.kit.web.freshness import FRESHNESS_HEADER
from services.kit.web.judgements import Judgement
from services.kit.web.tokens.revocation import Revoked
from tests.clock import HOUR, MILLISECOND, SECOND, StoppedClock
from tests.content.client import SETTINGS, content_app, learner_grant
from tests.content.examples import (
    KEY,
    SECRET,
    an_event,
    event_changes,
    event_fields,
    lesson_changes,
    lesson_fields,
    with_two_events,
)
from tests.content.memory import InMemoryContentStore
from tests.gateway.fakes import upstream
from tests.kit.forging import nothing_revoked

PUBLIC = "/internal/public/events"
VIEWS: dict[str, Any] = {
    "": reads.event,
    "catalog": reads.catalog,
    "access-check": reads.access_check,
    "playback": reads.playback,
    "materials": reads.materials,
}
OTHER_KEY = "another-key"
PRIVATE = an_event(id="event-2", slug="secret", visibility="private", access_key=KEY)
GRANT = learner_grant(PRIVATE)


class Content:
    """Content's app over a store, at a clock that the test moves, with the last segments of the requests it got."""

    def __init__(self, store: ContentStore, clock: StoppedClock):
        self.clock = clock
        self.service = ContentService(store, SECRET, clock)
        self.asked: list[str] = []
        self.has_versions = True
        self.is_down = False
        self._app: Any = content_app(store, clock=clock)

    async def __call__(self, request: Outgoing) -> httpx.Response:
        """Handle a request of the gateway."""
        self.asked.append(request.target.rpartition("/")[2])
        if self.is_down:
            raise aiohttp.ClientConnectionError
        method, target, headers, body, _seconds = request
        transport = httpx.ASGITransport(self._app)
        response = await transport.handle_async_request(
            httpx.Request(method, f"http://content{target}", headers=headers, content=body)
        )
        headers = httpx.Headers(response.headers)
        if not self.has_versions:
            headers.pop(FRESHNESS_HEADER, None)
        return httpx.Response(response.status_code, headers=headers, content=await response.aread())


class Remembering:
    """A gateway's memory over workers of content, which it asks in turn."""

    def __init__(
        self,
        *contents: Content,
        revocations: Callable[[], Awaitable[Revoked]] = nothing_revoked,
        stale_seconds: int = 0,
    ):
        self.elapsed = 0.0
        self._contents = contents
        self._turn = 0
        self._content = upstream("content", self._handle, secret=SETTINGS.service_secret)
        ask_version = partial(read_version, self._content)
        self._memory = ContentMemory(
            self._content, ask_version, revocations, 1024 * 1024, stale_seconds, lambda: self.elapsed
        )

    async def ask(self, event: str, action: str, key: str | None = None, grant: str | None = None) -> UpstreamResponse:
        """Ask for a response of an event, such as `catalog`, through the memory."""
        return (await self._memory.respond(event, f"{PUBLIC}/{event}/{action}", _request(key), grant)).response

    async def get(self, event: str, action: str, grant: str | None, if_none_match: str | None) -> UpstreamResponse:
        """Read an address of the event by GET, through the memory."""
        nothing: Any = None
        upstreams = Upstreams(self._content, nothing, nothing, self._memory, nothing, nothing)
        authorization = None if grant is None else f"Bearer {grant}"
        request = UpstreamRequest("GET", "", authorization=authorization, if_none_match=if_none_match)
        _lessons, *lesson_slug, last = ["", *action.split("/")] if "/" not in action else action.split("/")
        response: UpstreamResponse = await VIEWS[last](upstreams, request, event, *lesson_slug)
        return response

    async def ask_content(self, event: str, action: str, key: str | None, grant: str | None) -> UpstreamResponse:
        """Ask content itself for the same."""
        request = UpstreamRequest("POST", "", body=_request(key).body, content_type=JSON, learner_grant=grant)
        return await self._content.call("POST", f"{PUBLIC}/{event}/{action}", request)

    async def _handle(self, request: Outgoing) -> httpx.Response:
        self._turn += 1
        return await self._contents[self._turn % len(self._contents)](request)


def _request(key: str | None) -> UpstreamRequest:
    body = b"" if key is None else orjson.dumps({"eventAccessKey": key})
    return UpstreamRequest("POST", "", body=body, content_type=JSON)


@pytest.fixture
def content() -> Content:
    """Content with a public and a private event, each with a lesson that is open for two hours around noon."""
    return Content(with_two_events(InMemoryContentStore()), StoppedClock())


def outcome(response: UpstreamResponse) -> tuple[int, Any, Judgement | None]:
    """Return what decides what the client gets; ids of requests differ."""
    document = response.document
    document.pop("requestId", None)
    return response.status, document, response.judgement


# What is repeated


@pytest.mark.parametrize(
    "action", ["catalog", "lessons/first/access-check", "lessons/first/playback", "lessons/none/playback"]
)
@pytest.mark.parametrize(
    ("event", "key", "grant"), [("launch", None, None), ("secret", KEY, None), ("secret", None, GRANT)]
)
def test_the_second_request_asks_content_for_its_version_only(
    content: Content, action: str, event: str, key: str | None, grant: str | None
) -> None:
    async def ask() -> None:
        gateway = Remembering(content)
        first, second = [await gateway.ask(event, action, key, grant) for _ in range(2)]
        assert content.asked == [action.rpartition("/")[2], "version"]
        assert outcome(second) == outcome(first)

    asyncio.run(ask())


def test_who_opened_one_address_of_an_event_gets_the_others_from_memory(content: Content) -> None:
    async def ask() -> None:
        gateway = Remembering(content)
        await gateway.ask("secret", "catalog", KEY)
        await gateway.ask("secret", "lessons/first/playback", KEY)
        await gateway.ask("secret", "lessons/first/playback", None, GRANT)
        content.asked.clear()
        response = await gateway.ask("secret", "catalog", None, GRANT)
        assert (response.status, content.asked) == (200, ["version"])

    asyncio.run(ask())


def test_those_who_ask_at_the_same_time_share_one_call(content: Content) -> None:
    async def ask() -> None:
        gateway = Remembering(content)
        for expected in ("catalog", "version"):
            content.asked.clear()
            responses = await asyncio.gather(*(gateway.ask("launch", "catalog") for _ in range(50)))
            assert ({each.status for each in responses}, content.asked) == ({200}, [expected])

    asyncio.run(ask())


def test_a_wrong_key_is_judged_by_content_each_time(content: Content) -> None:
    async def ask() -> None:
        gateway = Remembering(content)
        await gateway.ask("secret", "catalog", KEY)
        for _ in range(2):
            content.asked.clear()
            response = await gateway.ask("secret", "catalog", "wrong-key")
            assert (response.status, content.asked) == (403, ["catalog"])
            assert response.judgement is not None
            assert response.judgement.key is not None
            assert response.judgement.key.verdict == "wrong"

    asyncio.run(ask())


def test_the_release_before_is_asked_each_time(content: Content) -> None:
    content.has_versions = False

    async def ask() -> None:
        gateway = Remembering(content)
        for _ in range(2):
            assert (await gateway.ask("launch", "catalog")).status == 200
        assert content.asked == ["catalog", "catalog"]

    asyncio.run(ask())


@pytest.mark.parametrize(
    "body", [b"{", b"[]", b'{"eventAccessKey":null}', b'{"eventAccessKey":1}', b"[" * 40 + b"]" * 40]
)
def test_a_malformed_body_is_content_s_to_refuse(content: Content, body: bytes) -> None:
    async def ask() -> None:
        gateway = Remembering(content)
        await gateway.ask("launch", "catalog")
        request = UpstreamRequest("POST", "", body=body, content_type=JSON)
        response = (await gateway._memory.respond("launch", f"{PUBLIC}/launch/catalog", request, None)).response
        assert (response.status, content.asked) == (400, ["catalog", "catalog"])

    asyncio.run(ask())


# What ends


def test_a_grant_ends_with_its_time_or_its_signing_key(content: Content) -> None:
    revoked: set[str] = set()

    async def revocations() -> Revoked:
        return Revoked(keys=frozenset(revoked))

    async def ask() -> None:
        gateway = Remembering(content, revocations=revocations)
        await gateway.ask("secret", "catalog", None, GRANT)
        revoked.add("key-1")
        content.asked.clear()
        await gateway.ask("secret", "catalog", None, GRANT)
        # Content, whose own list is another one here, decides.
        assert content.asked == ["version", "catalog"]
        revoked.clear()
        content.clock.at += HOUR
        content.asked.clear()
        await gateway.ask("secret", "catalog", None, GRANT)
        assert content.asked == ["version", "catalog"]

    asyncio.run(ask())


# While content does not respond


def test_public_events_are_repeated_at_the_time_that_has_passed(content: Content) -> None:
    async def ask() -> None:
        gateway = Remembering(content, stale_seconds=60)
        responses = [await gateway.ask("launch", "catalog") for _ in range(2)]
        content.is_down = True
        gateway.elapsed = 59.5
        stale = await gateway.ask("launch", "catalog")
        content.is_down = False
        content.clock.at += timedelta(seconds=59.5)
        assert outcome(stale) == outcome(await gateway.ask("launch", "catalog"))
        assert [response.headers.get("Age") for response in (*responses, stale)] == [None, None, "59"]

    asyncio.run(ask())


@pytest.mark.parametrize(
    ("event", "action", "key", "elapsed", "stale_seconds"),
    [
        ("launch", "catalog", None, 0, 0),
        ("launch", "catalog", None, 60, 60),
        # The lesson has ended.
        ("launch", "catalog", None, 7200, 9000),
        ("launch", "lessons/first/materials", None, 0, 60),
        ("secret", "catalog", KEY, 0, 60),
    ],
)
def test_nothing_else_is_repeated(
    content: Content, event: str, action: str, key: str | None, elapsed: float, stale_seconds: int
) -> None:
    async def ask() -> None:
        gateway = Remembering(content, stale_seconds=stale_seconds)
        for _ in range(2):
            await gateway.ask(event, "catalog", key)
        content.is_down = True
        gateway.elapsed = elapsed
        with pytest.raises(Unavailable):
            await gateway.ask(event, action, key)

    asyncio.run(ask())


# Never wrong

WORKERS = st.integers(0, 1)
# An address below an event, and the key and the grant of a learner.
ADDRESSES = st.sampled_from(
    [
        ("secret", "catalog"),
        *(("secret", f"lessons/first/{action}") for action in ("access-check", "playback", "admission")),
        *(("secret", f"lessons/new/{action}") for action in ("access-check", "materials")),
        ("launch", "lessons/first/access-check"),
        ("nowhere", "catalog"),
    ]
)
READS = st.sampled_from(
    [
        *((event, action) for event in ("secret", "launch") for action in ("", "catalog", "lessons/first/playback")),
        *(
            ("secret", f"lessons/{slug}/{action}")
            for slug in ("first", "new")
            for action in ("access-check", "materials")
        ),
        ("nowhere", "catalog"),
    ]
)
CREDENTIALS = st.sampled_from([(None, None), (KEY, None), (OTHER_KEY, None), (None, GRANT), ("wrong-key", GRANT)])
STEPS = st.sampled_from([MILLISECOND, 400 * MILLISECOND, SECOND, timedelta(minutes=1), HOUR, timedelta(minutes=-2)])

Change = Callable[[ContentService, StoppedClock], object]


def _clock_moves(distance: timedelta) -> Change:
    def move(_service: ContentService, clock: StoppedClock) -> None:
        clock.at += distance

    return move


def _event_changes(visibility: str, key: str) -> Change:
    changes_of = event_changes(visibility=visibility, access_key=key)
    return lambda service, _clock: service.events.update("event-2", changes_of)


def _lesson_opens(seconds: int) -> Change:
    def open_soon(service: ContentService, clock: StoppedClock) -> None:
        times = {"release_at": clock.at + seconds * SECOND, "expires_at": None}
        service.lessons.update("event-2", "lesson-2", lesson_changes(**times))

    return open_soon


def _lesson_ends(seconds: int) -> Change:
    def end_soon(service: ContentService, clock: StoppedClock) -> None:
        times = {"release_at": clock.at - HOUR, "expires_at": clock.at + seconds * SECOND}
        service.lessons.update("event-2", "lesson-2", lesson_changes(**times))

    return end_soon


def _lesson_is_added(service: ContentService, clock: StoppedClock) -> None:
    service.lessons.create("event-2", lesson_fields(release_at=clock.at + SECOND))


def _event_is_made_again(service: ContentService, _clock: StoppedClock) -> None:
    with suppress(ServiceError):
        service.events.delete("event-2")
    service.events.create(event_fields(slug="secret"))


CHANGES = st.one_of(
    STEPS.map(_clock_moves),
    st.builds(_event_changes, st.sampled_from(["public", "private"]), st.sampled_from([KEY, OTHER_KEY])),
    st.integers(-2, 90).map(_lesson_opens),
    st.integers(-2, 90).map(_lesson_ends),
    st.sampled_from([_lesson_is_added, _event_is_made_again]),
)


class NeverWrong(RuleBasedStateMachine):
    """Two gateways over two workers of content on one SQLite file: a response from memory is what content says now.

    Gateways have no clock of their own in this, and content's moves both ways.
    """

    def __init__(self) -> None:
        super().__init__()
        self._folder = tempfile.TemporaryDirectory()
        url = f"sqlite:///{Path(self._folder.name) / 'content.sqlite'}"
        self._databases = [open_database(url) for _ in range(2)]
        MIGRATIONS.up(self._databases[0])
        self._clock = StoppedClock()
        stores = [PeeweeContentStore(database) for database in self._databases]
        with_two_events(stores[0])
        self._workers = [Content(store, self._clock) for store in stores]
        self._gateways = [Remembering(*self._workers) for _ in range(2)]
        self._runner = asyncio.Runner()
        # What a cache has of each address: the tag and the body.
        self._cached: dict[tuple[object, ...], tuple[str, Any]] = {}

    def teardown(self) -> None:
        """Close the databases."""
        self._runner.close()
        for database in self._databases:
            database.close()
        self._folder.cleanup()

    @rule(gateway=WORKERS, worker=WORKERS, address=ADDRESSES, credentials=CREDENTIALS, change=CHANGES)
    def read_around_a_change(
        self,
        gateway: int,
        worker: int,
        address: tuple[str, str],
        credentials: tuple[str | None, str | None],
        change: Change,
    ) -> None:
        """Ask, change something through a worker, and ask again."""
        self._compare(self._gateways[gateway], address, credentials)
        # The record may be gone, or there already.
        with suppress(ServiceError):
            change(self._workers[worker].service, self._clock)
        self._compare(self._gateways[gateway], address, credentials)

    @rule(
        gateway=WORKERS,
        worker=WORKERS,
        address=READS,
        grant=st.sampled_from([None, GRANT]),
        change=CHANGES,
        other_gateway=WORKERS,
    )
    def revalidate_around_a_change(
        self,
        gateway: int,
        worker: int,
        address: tuple[str, str],
        grant: str | None,
        change: Change,
        other_gateway: int,
    ) -> None:
        """Read by GET, change something through a worker, and ask whether what was read still holds."""
        self._revalidate(self._gateways[gateway], address, grant)
        with suppress(ServiceError):
            change(self._workers[worker].service, self._clock)
        self._revalidate(self._gateways[other_gateway], address, grant)

    def _revalidate(self, gateway: Remembering, address: tuple[str, str], grant: str | None) -> None:
        event, action = address
        tag, cached = self._cached.get((address, grant), (None, None))
        response = self._runner.run(gateway.get(event, action, grant, tag))
        asked = self._runner.run(gateway.ask_content(event, action or "catalog", None, grant))
        expected = asked.document
        if asked.status != 200:
            # Whoever is not admitted learns nothing of what is cached.
            assert (response.status, response.document["error"]) == (asked.status, expected["error"])
            assert "ETag" not in response.headers
            return
        assert response.headers["Server-Time"] == format_instant(self._clock.at)
        if action.endswith("access-check"):
            assert (response.document, "ETag" in response.headers) == (expected, False)
            return
        expected.pop("serverTime", None)
        expected = expected if action else {"item": expected["event"]}
        assert (cached if response.status == 304 else response.document) == expected
        assert (response.status == 304) == (cached == expected)
        is_public = asked.judgement is not None and asked.judgement.is_public
        assert response.headers["Cache-Control"] == ("public, no-cache" if is_public else "private, no-cache")
        self._cached[(address, grant)] = (response.headers["ETag"], expected)

    def _compare(
        self, gateway: Remembering, address: tuple[str, str], credentials: tuple[str | None, str | None]
    ) -> None:
        remembered = self._runner.run(gateway.ask(*address, *credentials))
        asked = self._runner.run(gateway.ask_content(*address, *credentials))
        assert outcome(remembered) == outcome(asked)


NeverWrong.TestCase.settings = settings(max_examples=20, stateful_step_count=25, deadline=None)
TestNeverWrong = NeverWrong.TestCase
