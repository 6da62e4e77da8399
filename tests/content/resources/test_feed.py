"""The change feed over HTTP, as the services that follow it see it."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from typing import Any

import peewee
import pytest

from services.content.entities import Change
from services.content.migrations import MIGRATIONS
from services.content.repository.contracts import ChangeLog, ContentStore
from services.content.repository.store import PeeweeContentStore
from services.kit.web.guards import Guard
from tests.clock import StoppedClock
from tests.content.client import Client, bad_tokens, content_app, service_token
from tests.content.examples import an_event, with_two_events
from tests.content.memory import InMemoryContentStore
from tests.refusals import UNAUTHORIZED, Answer, invalid, refusal
from tests.stores import Undo
from tests.waiting import until

CHANGES = "/internal/changes"
FEED = "/internal/feed"
REFERENCES = "/internal/references"
LOST = refusal(
    410,
    "FEED_POSITION_LOST",
    "The feed cannot be read on from there: compare everything, then go on from its lastSequence",
)


@pytest.fixture
def store() -> InMemoryContentStore:
    """As every test here has it, with a feed of six changes, all at noon."""
    return with_two_events(InMemoryContentStore(StoppedClock()))


def head(store: ContentStore, last: int, pruned: int = 0) -> dict[str, Any]:
    """What answers say of the feed."""
    return {"id": store.changes.feed().feed_id, "lastSequence": last, "prunedThrough": pruned}


def cloud_event(
    store: ContentStore, number: int, kind: str, subject: str, data: tuple[str, str | None, str | None, int]
) -> dict[str, Any]:
    """A change as CloudEvents 1.0 has it in JSON, with the extension `sequence`."""
    return {
        "specversion": "1.0",
        "id": str(number),
        "source": f"/flix/content/{store.changes.feed().feed_id}",
        "type": f"app.flix.{kind}",
        "subject": subject,
        "time": "2026-03-01T12:00:00.000Z",
        "sequence": str(number),
        "sequencetype": "Integer",
        "datacontenttype": "application/json",
        "data": dict(zip(("eventId", "lessonId", "materialId", "version"), data, strict=True)),
    }


def the_six(store: ContentStore) -> Sequence[dict[str, Any]]:
    """What the fixture's feed tells."""
    return [
        cloud_event(store, 1, "event.created", "event-1", ("event-1", None, None, 1)),
        cloud_event(store, 2, "event.created", "event-2", ("event-2", None, None, 1)),
        cloud_event(store, 3, "lesson.created", "lesson-1", ("event-1", "lesson-1", None, 1)),
        cloud_event(store, 4, "lesson.created", "lesson-2", ("event-2", "lesson-2", None, 1)),
        cloud_event(store, 5, "material.created", "material-1", ("event-1", "lesson-1", "material-1", 1)),
        cloud_event(store, 6, "material.created", "material-2", ("event-2", "lesson-2", "material-2", 1)),
    ]


def test_the_changes_are_cloud_events_in_order(client: Client, store: InMemoryContentStore) -> None:
    assert client.gateway("GET", CHANGES) == Answer(200, {"items": the_six(store), "feed": head(store, 6)})


def test_a_change_and_a_deletion_are_told_by_their_names_and_versions(
    client: Client, store: InMemoryContentStore
) -> None:
    store.events.save(an_event(version=2))
    store.events.remove("event-1")
    told = [
        cloud_event(store, 7, "event.changed", "event-1", ("event-1", None, None, 2)),
        cloud_event(store, 8, "material.deleted", "material-1", ("event-1", "lesson-1", "material-1", 1)),
        cloud_event(store, 9, "lesson.deleted", "lesson-1", ("event-1", "lesson-1", None, 1)),
        cloud_event(store, 10, "event.deleted", "event-1", ("event-1", None, None, 2)),
    ]
    answer = client.gateway("GET", CHANGES, params={"after": "6"})
    assert answer == Answer(200, {"items": told, "feed": head(store, 10)})


@pytest.mark.parametrize(
    ("query", "first", "last"),
    [
        ("", 1, 6),
        ("?after=0", 1, 6),
        ("?after=4", 5, 6),
        ("?after=6", 7, 6),
        ("?limit=1", 1, 1),
        ("?after=2&limit=3", 3, 5),
        ("?after=002&limit=1000", 3, 6),
        ("?after=5&limit=3&wait=10&unknown=1", 6, 6),
    ],
)
def test_a_page_begins_behind_its_place_and_ends_at_its_limit(
    client: Client, store: InMemoryContentStore, query: str, first: int, last: int
) -> None:
    answer = client.gateway("GET", CHANGES + query)
    assert answer == Answer(200, {"items": the_six(store)[first - 1 : last], "feed": head(store, 6)})


def test_a_page_has_a_hundred_changes_unless_told_otherwise(client: Client, store: InMemoryContentStore) -> None:
    for _ in range(1_100):
        store.events.save(an_event())
    pages = [client.gateway("GET", CHANGES + query).document["items"] for query in ("", "?limit=1000")]
    assert [[each["sequence"] for each in page] for page in pages] == [
        [str(number) for number in range(1, 101)],
        [str(number) for number in range(1, 1_001)],
    ]


NO_INTEGER = "Input should be a valid integer"
TOO_LOW = "Input should be greater than or equal to {}"
TOO_HIGH = "Input should be less than or equal to {}"


@pytest.mark.parametrize(
    ("query", "field", "text"),
    [
        ("after=-1", "after", NO_INTEGER),
        ("after=x", "after", NO_INTEGER),
        ("after=1.0", "after", NO_INTEGER),
        ("after=", "after", NO_INTEGER),
        ("after=%D9%A1", "after", NO_INTEGER),
        ("after=1&after=2", "after", NO_INTEGER),
        ("after=9223372036854775808", "after", TOO_HIGH.format(2**63 - 1)),
        ("after=99999999999999999999", "after", NO_INTEGER),
        ("limit=0", "limit", TOO_LOW.format(1)),
        ("limit=1001", "limit", TOO_HIGH.format(1000)),
        ("limit=ten", "limit", NO_INTEGER),
        ("wait=11", "wait", TOO_HIGH.format(10)),
        ("wait=-1", "wait", NO_INTEGER),
        ("wait=0.5", "wait", NO_INTEGER),
        ("feed=a&feed=b", "feed", "Input should be a valid string"),
    ],
)
def test_a_parameter_that_is_wrong_is_named(
    client: Client, store: InMemoryContentStore, query: str, field: str, text: str
) -> None:
    assert client.gateway("GET", f"{CHANGES}?{query}") == invalid({field: [text]})
    assert store.changes.readers() == []


def test_every_parameter_that_is_wrong_is_named(client: Client) -> None:
    fields = {"after": [NO_INTEGER], "limit": [TOO_LOW.format(1)], "wait": [TOO_HIGH.format(10)]}
    assert client.gateway("GET", CHANGES + "?after=x&limit=0&wait=60") == invalid(fields)


@pytest.mark.parametrize(("method", "path"), [("GET", CHANGES), ("GET", FEED), ("POST", REFERENCES)])
def test_the_feed_is_for_services_alone(client: Client, store: InMemoryContentStore, method: str, path: str) -> None:
    assert client.send(method, path) == UNAUTHORIZED
    for token in bad_tokens(Guard.SERVICE).values():
        assert client.send(method, path, token) == UNAUTHORIZED
    assert store.changes.readers() == []


@pytest.mark.parametrize("query", ["after=3&feed=another", "after=3&feed=", "after=1", "after=0", "", "after=7"])
def test_a_place_that_is_lost_is_gone_and_nobody_waits_for_it(
    client: Client, store: InMemoryContentStore, query: str
) -> None:
    store.changes.prune(2)
    assert client.gateway("GET", f"{CHANGES}?{query}") == LOST
    assert client.gateway("GET", f"{CHANGES}?{query}&wait=10") == LOST
    feed_id = store.changes.feed().feed_id
    answer = client.gateway("GET", CHANGES, params={"after": "2", "feed": feed_id})
    assert answer == Answer(200, {"items": the_six(store)[2:], "feed": head(store, 6, pruned=2)})


def test_the_feed_says_how_far_it_goes_and_how_far_each_of_its_readers_is_behind(
    client: Client, store: InMemoryContentStore
) -> None:
    assert client.gateway("GET", FEED) == Answer(200, {"item": {**head(store, 6), "readers": []}})
    client.gateway("GET", CHANGES + "?after=4")
    store.changes.acknowledge("quiz", 6)
    store.changes.prune(1)
    readers = [
        {"name": "gateway", "position": 4, "lag": 2, "seenAt": "2026-03-01T12:00:00.000Z"},
        {"name": "quiz", "position": 6, "lag": 0, "seenAt": "2026-03-01T12:00:00.000Z"},
    ]
    answer = Answer(200, {"item": {**head(store, 6, pruned=1), "readers": readers}})
    assert client.gateway("GET", FEED) == answer


# References


# Who waits for a change


class Watched:
    """The changes of a store, and how often somebody has begun to look for news among them."""

    def __init__(self, changes: ChangeLog):
        self._changes = changes
        self.looks = 0

    def read(self, after: int, limit: int) -> Sequence[Change]:
        """As ChangeLog."""
        self.looks += 1
        return self._changes.read(after, limit)

    def looked(self, times: int, is_answered: Callable[[], bool]) -> None:
        """Wait for so many looks more, of a request that must not be answered meanwhile."""
        wanted = self.looks + times
        until(lambda: self.looks >= wanted or is_answered(), f"{times} looks more")
        assert not is_answered()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._changes, name)


@pytest.fixture
def kept_store(database: peewee.Database) -> PeeweeContentStore:
    """A store on each engine whose feed has one change, of noon."""
    MIGRATIONS.up(database)
    store = PeeweeContentStore(database, StoppedClock())
    store.events.add(an_event())
    return store


@pytest.fixture
def watched(kept_store: PeeweeContentStore) -> Watched:
    """How often that store was looked into."""
    watched = Watched(kept_store.changes)
    kept_store.changes = watched  # type: ignore[assignment]
    return watched


@pytest.fixture
def follower(kept_store: PeeweeContentStore, watched: Watched) -> Iterator[Client]:
    """A client of content over that store."""
    with Client.of(content_app(kept_store)) as client:
        yield client


def test_a_request_is_held_until_a_change_is_committed_elsewhere(
    follower: Client, kept_store: PeeweeContentStore, watched: Watched
) -> None:
    looks_before: list[int] = []

    def commit(is_answered: Callable[[], bool]) -> None:
        watched.looked(2, is_answered)
        with suppress(Undo), kept_store.transaction():
            kept_store.events.save(an_event(version=2))
            # What is not committed is not found, nor what is undone.
            watched.looked(2, is_answered)
            raise Undo
        watched.looked(2, is_answered)
        kept_store.events.save(an_event(version=3))
        looks_before.append(watched.looks)

    answer = follower.send_during(commit, "GET", CHANGES + "?after=1&wait=10", service_token())

    told = cloud_event(kept_store, 2, "event.changed", "event-1", ("event-1", None, None, 3))
    assert answer == Answer(200, {"items": [told], "feed": head(kept_store, 2)})
    # The first look that began after the commit has found it.
    assert watched.looks - looks_before[0] <= 1


def test_a_request_that_waits_hears_when_the_feed_becomes_another(
    follower: Client, kept_store: PeeweeContentStore, watched: Watched, database: peewee.Database
) -> None:
    feed_id = kept_store.changes.feed().feed_id

    def restore(is_answered: Callable[[], bool]) -> None:
        watched.looked(2, is_answered)
        database.execute_sql("UPDATE change_feed SET feed_id = 'restored'")

    answer = follower.send_during(restore, "GET", f"{CHANGES}?feed={feed_id}&after=1&wait=10", service_token())
    assert answer == LOST


def test_a_request_whose_time_is_over_is_answered_with_nothing(
    follower: Client, kept_store: PeeweeContentStore, watched: Watched
) -> None:
    nothing = Answer(200, {"items": [], "feed": head(kept_store, 1)})
    assert follower.gateway("GET", CHANGES + "?after=1&wait=1") == nothing
    assert watched.looks > 1


@pytest.mark.parametrize("query", ["", "&wait=0"])
def test_a_request_that_does_not_wait_is_answered_at_once(
    follower: Client, kept_store: PeeweeContentStore, watched: Watched, query: str
) -> None:
    nothing = Answer(200, {"items": [], "feed": head(kept_store, 1)})
    assert follower.gateway("GET", CHANGES + "?after=1" + query) == nothing
    assert watched.looks == 1


def test_a_request_that_would_wait_does_not_while_there_is_something(
    follower: Client, kept_store: PeeweeContentStore, watched: Watched
) -> None:
    told = cloud_event(kept_store, 1, "event.created", "event-1", ("event-1", None, None, 1))
    answer = follower.gateway("GET", CHANGES + "?wait=10")
    assert answer == Answer(200, {"items": [told], "feed": head(kept_store, 1)})
    assert watched.looks == 1


# What others refer to


def a_reference(event_id: str, lesson_id: str) -> dict[str, str]:
    """As others name a lesson."""
    return {"eventId": event_id, "lessonId": lesson_id}


def test_references_that_name_no_lesson_of_their_event_are_missing(client: Client) -> None:
    there = [a_reference("event-1", "lesson-1"), a_reference("event-2", "lesson-2")]
    gone = [a_reference("event-1", "lesson-2"), a_reference("event-3", "lesson-1"), a_reference("event-1", "nothing")]
    mixed = [gone[0], there[0], gone[1], there[1], gone[2]]
    assert client.gateway("POST", REFERENCES, {"references": mixed}) == Answer(200, {"missing": gone})
    assert client.gateway("POST", REFERENCES, {"references": there}) == Answer(200, {"missing": []})
    assert client.gateway("POST", REFERENCES, {"references": []}) == Answer(200, {"missing": []})
    assert client.gateway("POST", REFERENCES, {"references": gone[:1] * 500}) == Answer(
        200, {"missing": gone[:1] * 500}
    )


@pytest.mark.parametrize(
    ("document", "texts"),
    [
        ({}, ["is required"]),
        ({"references": None}, ["Input should be a valid list"]),
        ({"references": [a_reference("event-1", "lesson-1")] * 501}, ["must have at most 500 items"]),
        ({"references": [{"eventId": "event-1"}]}, ["0.lessonId: is required"]),
        ({"references": [{"eventId": 1, "lessonId": "lesson-1"}]}, ["0.eventId: Input should be a valid string"]),
    ],
)
def test_references_that_are_not_valid_are_refused(client: Client, document: object, texts: list[str]) -> None:
    assert client.gateway("POST", REFERENCES, document) == invalid({"references": texts})
