"""The change feed and references over HTTP, as the services that follow content see them."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from typing import Any

import peewee
import pytest

from services.content.entities import Change
from services.content.migrations import MIGRATIONS
from services.content.repository.contracts import ChangeLog, ContentStore
from services.content.repository.store import PeeweeContentStore
from tests.clock import StoppedClock
from tests.content.client import Client, content_app, service_token
from tests.content.examples import an_event, with_two_events
from tests.content.memory import InMemoryContentStore
from tests.refusals import Response, invalid, refusal
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
    """Return the store of the other tests; its feed has six changes, all at noon."""
    return with_two_events(InMemoryContentStore(StoppedClock()))


def head(store: ContentStore, last: int, pruned: int = 0) -> dict[str, Any]:
    """Return the head of the feed."""
    return {"id": store.changes.feed().feed_id, "lastSequence": last, "prunedThrough": pruned}


def cloud_event(
    store: ContentStore, number: int, kind: str, event: str, lesson: str | None, material: str | None, version: int
) -> dict[str, Any]:
    """Return a change as a CloudEvent 1.0 in JSON, with the extension `sequence`."""
    return {
        "specversion": "1.0",
        "id": str(number),
        "source": f"/flix/content/{store.changes.feed().feed_id}",
        "type": f"app.flix.{kind}",
        "subject": material or lesson or event,
        "time": "2026-03-01T12:00:00.000Z",
        "sequence": str(number),
        "sequencetype": "Integer",
        "datacontenttype": "application/json",
        "data": {"eventId": event, "lessonId": lesson, "materialId": material, "version": version},
    }


def the_six(store: ContentStore) -> Sequence[dict[str, Any]]:
    """Return the changes of the fixture's feed."""
    return [
        cloud_event(store, 1, "event.created", "event-1", None, None, 1),
        cloud_event(store, 2, "event.created", "event-2", None, None, 1),
        cloud_event(store, 3, "lesson.created", "event-1", "lesson-1", None, 1),
        cloud_event(store, 4, "lesson.created", "event-2", "lesson-2", None, 1),
        cloud_event(store, 5, "material.created", "event-1", "lesson-1", "material-1", 1),
        cloud_event(store, 6, "material.created", "event-2", "lesson-2", "material-2", 1),
    ]


def test_a_change_and_a_deletion_have_their_names_and_versions(client: Client, store: InMemoryContentStore) -> None:
    store.events.save(an_event(version=2))
    store.events.remove("event-1")
    expected = [
        cloud_event(store, 7, "event.changed", "event-1", None, None, 2),
        cloud_event(store, 8, "material.deleted", "event-1", "lesson-1", "material-1", 1),
        cloud_event(store, 9, "lesson.deleted", "event-1", "lesson-1", None, 1),
        cloud_event(store, 10, "event.deleted", "event-1", None, None, 2),
    ]
    answer = client.gateway("GET", CHANGES, params={"after": "6"})
    assert answer == Response(200, {"items": expected, "feed": head(store, 10)})


@pytest.mark.parametrize(
    ("query", "first", "last"),
    [
        ("", 1, 6),
        ("?after=4", 5, 6),
        ("?after=6", 7, 6),
        ("?limit=1", 1, 1),
        ("?after=2&limit=3", 3, 5),
        ("?after=002&limit=1000", 3, 6),
        ("?after=5&limit=3&wait=10&unknown=1", 6, 6),
    ],
)
def test_a_page_begins_after_its_position_and_ends_at_its_limit(
    client: Client, store: InMemoryContentStore, query: str, first: int, last: int
) -> None:
    answer = client.gateway("GET", CHANGES + query)
    assert answer == Response(200, {"items": the_six(store)[first - 1 : last], "feed": head(store, 6)})


def test_a_page_has_a_hundred_changes_by_default(client: Client, store: InMemoryContentStore) -> None:
    for _ in range(1_100):
        store.events.save(an_event())
    pages = [client.gateway("GET", CHANGES + query).document["items"] for query in ("", "?limit=1000")]
    assert [[each["sequence"] for each in page] for page in pages] == [
        [str(number) for number in range(1, 101)],
        [str(number) for number in range(1, 1_001)],
    ]


NO_INTEGER = "Input should be a valid integer"
TOO_LOW = "Input should be greater than or equal to 1"
TOO_HIGH = "Input should be less than or equal to {}"


@pytest.mark.parametrize(
    ("query", "fields"),
    [
        *(
            (f"after={text}", {"after": [NO_INTEGER]})
            for text in ("-1", "x", "1.0", "", "%D9%A1", "1&after=2", "9" * 20)
        ),
        ("after=9223372036854775808", {"after": [TOO_HIGH.format(2**63 - 1)]}),
        ("limit=1001", {"limit": [TOO_HIGH.format(1000)]}),
        ("limit=ten&wait=-1", {"limit": [NO_INTEGER], "wait": [NO_INTEGER]}),
        ("wait=0.5", {"wait": [NO_INTEGER]}),
        ("after=x&limit=0&wait=60", {"after": [NO_INTEGER], "limit": [TOO_LOW], "wait": [TOO_HIGH.format(10)]}),
        ("feed=a&feed=b", {"feed": ["Input should be a valid string"]}),
        ("reader=quiz", {"reader": ["must be the name of the service that calls"]}),
        ("reader=", {"reader": ["must be the name of the service that calls"]}),
    ],
)
def test_every_wrong_parameter_is_named(
    client: Client, store: InMemoryContentStore, query: str, fields: dict[str, list[str]]
) -> None:
    assert client.gateway("GET", f"{CHANGES}?{query}") == invalid(fields)
    assert store.changes.readers() == []


@pytest.mark.parametrize("query", ["after=3&feed=another", "after=3&feed=", "after=1", "after=0", "", "after=7"])
def test_a_lost_position_is_refused_without_waiting(client: Client, store: InMemoryContentStore, query: str) -> None:
    store.changes.prune(2)
    assert client.gateway("GET", f"{CHANGES}?{query}") == LOST
    assert client.gateway("GET", f"{CHANGES}?{query}&wait=10") == LOST
    feed_id = store.changes.feed().feed_id
    answer = client.gateway("GET", CHANGES, params={"after": "2", "feed": feed_id})
    assert answer == Response(200, {"items": the_six(store)[2:], "feed": head(store, 6, pruned=2)})


def test_the_feed_shows_its_extent_and_the_lag_of_its_readers(client: Client, store: InMemoryContentStore) -> None:
    assert client.gateway("GET", FEED) == Response(200, {"item": {**head(store, 6), "readers": []}})
    # Whoever only looks is no reader.
    client.gateway("GET", CHANGES + "?after=3")
    assert store.changes.readers() == []
    client.gateway("GET", CHANGES + "?after=4&reader=gateway")
    store.changes.acknowledge("quiz", 6)
    store.changes.prune(1)
    readers = [
        {"name": "gateway", "position": 4, "lag": 2, "seenAt": "2026-03-01T12:00:00.000Z"},
        {"name": "quiz", "position": 6, "lag": 0, "seenAt": "2026-03-01T12:00:00.000Z"},
    ]
    answer = Response(200, {"item": {**head(store, 6, pruned=1), "readers": readers}})
    assert client.gateway("GET", FEED) == answer


# Waiting for a change


class CountedReads:
    """The changes of a store, and the number of reads."""

    def __init__(self, changes: ChangeLog):
        self._changes = changes
        self.reads = 0

    def read(self, after: int, limit: int) -> Sequence[Change]:
        """As ChangeLog."""
        self.reads += 1
        return self._changes.read(after, limit)

    def wait_for_reads(self, times: int, is_answered: Callable[[], bool]) -> None:
        """Wait for so many more reads, of a request that must not be answered meanwhile."""
        expected = self.reads + times
        until(lambda: self.reads >= expected or is_answered(), f"{times} more reads")
        assert not is_answered()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._changes, name)


@pytest.fixture
def kept_store(database: peewee.Database) -> PeeweeContentStore:
    """Return a store on each engine whose feed has one change, of noon."""
    MIGRATIONS.up(database)
    store = PeeweeContentStore(database, StoppedClock())
    store.events.add(an_event())
    return store


@pytest.fixture
def counted(kept_store: PeeweeContentStore) -> CountedReads:
    """Return the counter of that store's reads."""
    counted = CountedReads(kept_store.changes)
    kept_store.changes = counted  # type: ignore[assignment]
    return counted


@pytest.fixture
def follower(kept_store: PeeweeContentStore, counted: CountedReads) -> Iterator[Client]:
    """Return a client of content over that store."""
    with Client.of(content_app(kept_store)) as client:
        yield client


def test_a_request_waits_until_a_change_is_committed_elsewhere(
    follower: Client, kept_store: PeeweeContentStore, counted: CountedReads
) -> None:
    reads_before: list[int] = []

    def commit(is_answered: Callable[[], bool]) -> None:
        counted.wait_for_reads(2, is_answered)
        with suppress(Undo), kept_store.transaction():
            kept_store.events.save(an_event(version=2))
            # Neither an uncommitted change nor a rolled-back one is found.
            counted.wait_for_reads(2, is_answered)
            raise Undo
        counted.wait_for_reads(2, is_answered)
        kept_store.events.save(an_event(version=3))
        reads_before.append(counted.reads)

    answer = follower.send_during(commit, "GET", CHANGES + "?after=1&wait=10", service_token())

    expected = cloud_event(kept_store, 2, "event.changed", "event-1", None, None, 3)
    assert answer == Response(200, {"items": [expected], "feed": head(kept_store, 2)})
    # The first read after the commit has found it.
    assert counted.reads - reads_before[0] <= 1


def test_a_waiting_request_ends_when_the_feed_becomes_another(
    follower: Client, kept_store: PeeweeContentStore, counted: CountedReads, database: peewee.Database
) -> None:
    feed_id = kept_store.changes.feed().feed_id

    def restore(is_answered: Callable[[], bool]) -> None:
        counted.wait_for_reads(2, is_answered)
        database.execute_sql("UPDATE change_feed SET feed_id = 'restored'")

    answer = follower.send_during(restore, "GET", f"{CHANGES}?feed={feed_id}&after=1&wait=10", service_token())
    assert answer == LOST


@pytest.mark.parametrize(("query", "reads"), [("after=1", 1), ("after=1&wait=0", 1), ("after=1&wait=1", 2)])
def test_a_request_without_changes_ends_after_its_time(
    follower: Client, kept_store: PeeweeContentStore, counted: CountedReads, query: str, reads: int
) -> None:
    expected = Response(200, {"items": [], "feed": head(kept_store, 1)})
    assert follower.gateway("GET", f"{CHANGES}?{query}") == expected
    assert min(counted.reads, 2) == reads


def test_a_request_does_not_wait_while_there_are_changes(
    follower: Client, kept_store: PeeweeContentStore, counted: CountedReads
) -> None:
    expected = cloud_event(kept_store, 1, "event.created", "event-1", None, None, 1)
    answer = follower.gateway("GET", CHANGES + "?wait=10")
    assert answer == Response(200, {"items": [expected], "feed": head(kept_store, 1)})
    assert counted.reads == 1


# References


def a_reference(event_id: str, lesson_id: str) -> dict[str, str]:
    """Return a lesson as other services name it."""
    return {"eventId": event_id, "lessonId": lesson_id}


def test_references_that_name_no_lesson_of_their_event_are_missing(client: Client) -> None:
    existing = [a_reference("event-1", "lesson-1"), a_reference("event-2", "lesson-2")]
    missing = [
        a_reference("event-1", "lesson-2"),
        a_reference("event-3", "lesson-1"),
        a_reference("event-1", "nothing"),
    ]
    mixed = [missing[0], existing[0], missing[1], existing[1], missing[2]]
    assert client.gateway("POST", REFERENCES, {"references": mixed}) == Response(200, {"missing": missing})
    assert client.gateway("POST", REFERENCES, {"references": existing}) == Response(200, {"missing": []})
    assert client.gateway("POST", REFERENCES, {"references": []}) == Response(200, {"missing": []})
    assert client.gateway("POST", REFERENCES, {"references": missing[:1] * 500}) == Response(
        200, {"missing": missing[:1] * 500}
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
def test_invalid_references_are_refused(client: Client, document: object, texts: list[str]) -> None:
    assert client.gateway("POST", REFERENCES, document) == invalid({"references": texts})


def test_the_present_ids_are_those_that_exist(client: Client) -> None:
    document = {"events": ["event-1", "event-9", "event-1"], "lessons": ["lesson-2", "lesson-1", "event-1"]}
    expected = Response(200, {"events": ["event-1"], "lessons": ["lesson-1", "lesson-2"]})
    assert client.gateway("POST", "/internal/presence", document) == expected
