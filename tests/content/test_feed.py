"""The change feed: every change once, in the order of the commits, until every reader has processed it."""

from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from datetime import datetime
from threading import Event as Signal
from typing import Any, TypeVar

import peewee
import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.content import rules
from services.content.entities import Change, ChangeFeed, FeedReader
from services.content.errors import FeedPositionLost
from services.content.migrations import MIGRATIONS
from services.content.repository.contracts import ContentStore
from services.content.repository.store import PeeweeContentStore
from services.content.rules import CHANGES_KEPT
from services.content.service.content import ContentService
from services.kit.storage.database import is_postgresql
from tests.clock import HOUR, LATER, MILLISECOND, NOON, StoppedClock
from tests.content.examples import SECRET, a_lesson, a_material, an_event, some_events, with_two_events
from tests.content.memory import InMemoryContentStore
from tests.databases import emptied_database
from tests.stores import Undo, over_one_store, undone
from tests.waiting import until

ALL = 10_000

Result = TypeVar("Result")


@pytest.fixture
def clock() -> StoppedClock:
    """Return the clock of the store and the service, at noon."""
    return StoppedClock()


@pytest.fixture(params=["memory", "sqlite", "postgresql"])
def store(request: pytest.FixtureRequest, clock: StoppedClock) -> ContentStore:
    """Return an empty store of each kind in turn."""
    if request.param == "memory":
        return InMemoryContentStore(clock)
    return PeeweeContentStore(emptied_database(request, MIGRATIONS), clock)


@pytest.fixture
def twin(clock: StoppedClock) -> InMemoryContentStore:
    """Return an empty in-memory store."""
    return InMemoryContentStore(clock)


@pytest.fixture
def service(twin: InMemoryContentStore, clock: StoppedClock) -> ContentService:
    """Return the service over the in-memory store."""
    return ContentService(twin, SECRET, clock)


@pytest.fixture
def migrated(database: peewee.Database) -> PeeweeContentStore:
    """Return a store over a database of its own, for many threads; its feed has not begun."""
    MIGRATIONS.up(database)
    return PeeweeContentStore(database)


def add_changes(store: ContentStore, count: int) -> None:
    """Append so many changes of one event, with the present time."""
    if not store.events.count():
        store.events.add(an_event())
        count -= 1
    for _ in range(count):
        store.events.save(an_event())


def kept(store: ContentStore) -> list[int]:
    """Return the numbers of the stored changes."""
    return [each.sequence for each in store.changes.read(0, ALL)]


def state(store: ContentStore) -> tuple[list[int], int]:
    """Return the numbers of the stored changes, and the number up to which the feed is pruned."""
    return kept(store), store.changes.feed().pruned_through


# The contract of ChangeLog


def test_a_deleted_event_appends_a_change_for_each_record(store: ContentStore, clock: StoppedClock) -> None:
    with_two_events(store)
    store.lessons.add(a_lesson(id="lesson-3", slug="third"))
    files = [a_material(id="material-3", position=2), a_material(id="material-4", lesson_id="lesson-3")]
    store.materials.add_all(files)
    store.lessons.save(a_lesson(id="lesson-3", slug="third", version=2))
    store.events.save(an_event(version=2))
    clock.at = LATER

    store.events.remove("event-1")

    assert store.changes.read(11, ALL) == [
        Change(12, "material", "deleted", "event-1", "lesson-1", "material-1", 1, LATER),
        Change(13, "material", "deleted", "event-1", "lesson-1", "material-3", 1, LATER),
        Change(14, "material", "deleted", "event-1", "lesson-3", "material-4", 1, LATER),
        Change(15, "lesson", "deleted", "event-1", "lesson-1", None, 1, LATER),
        Change(16, "lesson", "deleted", "event-1", "lesson-3", None, 2, LATER),
        Change(17, "event", "deleted", "event-1", None, None, 2, LATER),
    ]


def test_more_changes_than_one_statement_holds_are_appended(store: ContentStore) -> None:
    store.events.add(an_event())
    store.lessons.add(a_lesson())
    files = [a_material(id=f"material-{number:04}", position=number) for number in range(1, 1_202)]
    store.materials.add_all(files)

    store.events.remove("event-1")

    changes = store.changes.read(0, ALL)
    ids = [each.id for each in files]
    assert [each.sequence for each in changes] == list(range(1, 2_407))
    assert [each.subject_id for each in changes] == ["event-1", "lesson-1", *ids, *ids, "lesson-1", "event-1"]


def test_a_rollback_gives_its_numbers_back(store: ContentStore) -> None:
    first, undone_one, second, third = some_events(4)
    with store.transaction():
        store.events.add(first)
        with suppress(Undo), store.transaction():
            store.events.add(undone_one)
            raise Undo
        store.events.add(second)
    with suppress(Undo), store.transaction():
        store.events.remove(first.id)
        raise Undo
    store.events.add(third)
    changes = store.changes.read(0, ALL)
    assert [(each.sequence, each.event_id) for each in changes] == [(1, first.id), (2, second.id), (3, third.id)]


def test_changes_are_read_after_a_position_up_to_a_limit(store: ContentStore, clock: StoppedClock) -> None:
    add_changes(store, 3)
    clock.at = LATER
    add_changes(store, 2)
    changes = store.changes.read(0, ALL)
    feed = store.changes.feed()
    assert feed == ChangeFeed(feed.feed_id, 5, 0)
    assert [store.changes.read(after, 2) for after in (0, 2, 4, 5)] == [changes[:2], changes[2:4], changes[4:], []]
    firsts = [store.changes.first_since(each) for each in (NOON, NOON + MILLISECOND, LATER, LATER + MILLISECOND)]
    assert firsts == [1, 4, 4, None]
    store.changes.prune(3)
    store.changes.prune(2)
    assert (state(store), store.changes.feed()) == (([4, 5], 3), ChangeFeed(feed.feed_id, 5, 3))
    store.changes.prune(5)
    add_changes(store, 1)
    assert (state(store), store.changes.first_since(NOON)) == (([6], 5), 6)


def test_a_new_position_is_recorded_with_its_time(store: ContentStore, clock: StoppedClock) -> None:
    results = [store.changes.acknowledge(reader, position) for reader, position in (("search", 1), ("quiz", 2))]
    clock.at = LATER
    results += [store.changes.acknowledge(reader, position) for reader, position in (("search", 1), ("quiz", 4))]
    assert results == [True, True, False, True]
    assert store.changes.readers() == [FeedReader("quiz", 4, LATER), FeedReader("search", 1, NOON)]


def test_an_unknown_reader_that_does_not_register_is_not_recorded(store: ContentStore, clock: StoppedClock) -> None:
    assert not store.changes.acknowledge("search", 1, register=False)
    assert store.changes.readers() == []
    store.changes.acknowledge("search", 1)
    clock.at = LATER
    assert [store.changes.acknowledge("search", position, register=False) for position in (1, 2)] == [False, True]
    assert store.changes.readers() == [FeedReader("search", 2, LATER)]


def test_a_change_and_its_record_become_visible_together(migrated: PeeweeContentStore) -> None:
    def visible() -> tuple[int, int]:
        return migrated.events.count(), len(migrated.changes.read(0, ALL))

    with ThreadPoolExecutor(1) as elsewhere:
        with migrated.transaction():
            migrated.events.add(an_event())
            assert (visible(), elsewhere.submit(visible).result()) == ((1, 1), (0, 0))
        assert elsewhere.submit(visible).result() == (1, 1)


def test_a_feed_that_begins_again_has_another_id(migrated: PeeweeContentStore, database: peewee.Database) -> None:
    add_changes(migrated, 3)
    before = migrated.changes.feed()
    database.execute_sql("DELETE FROM changes")
    database.execute_sql("DELETE FROM change_feed")
    migrated.events.save(an_event())

    with pytest.raises(FeedPositionLost):
        ContentService(migrated, SECRET).followers.read_changes("quiz", before.feed_id, 1, ALL)
    after = migrated.changes.feed()
    assert (after.last_sequence, after.pruned_through, after.feed_id == before.feed_id) == (1, 0, False)


# The order of the commits


class Follower:
    """A reader that continues from its position and keeps what it has read."""

    def __init__(self, store: ContentStore, limit: int = ALL):
        self.changes: list[Change] = []
        self._service = ContentService(store, SECRET)
        self._limit = limit

    def poll(self) -> bool:
        """Read one page; return whether it held a change."""
        after = self.changes[-1].sequence if self.changes else 0
        page = self._service.followers.read_changes("follower", None, after, self._limit)
        self.changes += page.changes
        return bool(page.changes)


@pytest.fixture
def elsewhere() -> Iterator[ThreadPoolExecutor]:
    """Return threads with connections of their own."""
    with ThreadPoolExecutor(2) as threads:
        yield threads


def is_waiting(database: peewee.Database, writer: "Future[None]") -> bool:
    """Return whether the writer waits for a lock, as far as the engine can tell, or is done."""
    if not is_postgresql(database) or writer.done():
        return True
    query = "SELECT 1 FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"
    return database.execute_sql(query).fetchone() is not None


@pytest.mark.parametrize("is_kept", [True, False], ids=["the first commits", "the first rolls back"])
@pytest.mark.parametrize("has_begun", [True, False], ids=["an existing feed", "a new feed"])
def test_a_second_writer_waits_and_a_reader_misses_nothing(
    migrated: PeeweeContentStore,
    database: peewee.Database,
    elsewhere: ThreadPoolExecutor,
    has_begun: bool,
    is_kept: bool,
) -> None:
    first, second, earlier = some_events(3)
    if has_begun:
        migrated.events.add(earlier)
    follower = Follower(migrated)
    if has_begun:
        assert [follower.poll(), follower.poll()] == [True, False]
    has_its_number, may_end, begins = Signal(), Signal(), Signal()

    def write_first() -> None:
        with suppress(Undo), migrated.transaction():
            migrated.events.add(first)
            has_its_number.set()
            assert may_end.wait(60)
            if not is_kept:
                raise Undo

    def write_second() -> None:
        begins.set()
        migrated.events.add(second)

    # Before the feed exists, a reader would wait for the writer that creates it: look at the changes alone.
    look = follower.poll if has_begun else (lambda: bool(migrated.changes.read(0, ALL)))
    try:
        first_writer = elsewhere.submit(write_first)
        assert has_its_number.wait(60)
        second_writer = elsewhere.submit(write_second)
        assert begins.wait(60)
        until(lambda: is_waiting(database, second_writer), "the second writer waits for the first")
        assert [look() for _ in range(3)] == [False] * 3
        assert not second_writer.done()
    finally:
        may_end.set()
    while not (first_writer.done() and second_writer.done()):
        follower.poll()
    first_writer.result()
    second_writer.result()
    while follower.poll():
        pass

    expected = [*([earlier] if has_begun else []), *([first] if is_kept else []), second]
    assert [(each.sequence, each.event_id) for each in follower.changes] == [
        (number, event.id) for number, event in enumerate(expected, 1)
    ]


def test_a_reader_of_many_writers_reads_every_change_once_in_order(migrated: PeeweeContentStore) -> None:
    follower = Follower(migrated, limit=7)
    assert not follower.poll()
    events = {event.id: event for event in some_events(48)}
    ids = list(events)

    def write(own: Sequence[str]) -> None:
        for turn, event_id in enumerate(own):
            with suppress(Undo), migrated.transaction():
                migrated.events.add(events[event_id])
                if turn % 3 == 0:
                    migrated.events.remove(event_id)
                if turn % 4 == 3:
                    raise Undo

    with ThreadPoolExecutor(4) as pool:
        writers = [pool.submit(write, ids[start::4]) for start in range(4)]
        while not all(writer.done() for writer in writers):
            follower.poll()
        for writer in writers:
            writer.result()
    while follower.poll():
        pass

    # Of each writer's 12 turns the 4th, 8th and 12th roll back; of the others 0, 6 and 9 also remove the event.
    assert [each.sequence for each in follower.changes] == list(range(1, len(follower.changes) + 1))
    assert follower.changes == migrated.changes.read(0, ALL)
    expected = [
        (event_id, action)
        for start in range(4)
        for turn, event_id in enumerate(ids[start::4])
        if turn % 4 != 3
        for action in (("created", "deleted") if turn % 3 == 0 else ("created",))
    ]
    assert sorted((each.event_id, each.action) for each in follower.changes) == sorted(expected)


# The use case of a reader


def test_changes_of_the_last_week_stay_although_they_were_read(
    twin: InMemoryContentStore, service: ContentService, clock: StoppedClock
) -> None:
    add_changes(twin, 2)
    clock.at += MILLISECOND
    add_changes(twin, 2)

    states = []
    for at, position in ((0, 3), (1, 4), (2, 3), (2, 4)):
        clock.at = NOON + CHANGES_KEPT + at * MILLISECOND
        service.followers.read_changes("quiz", None, position, ALL)
        states.append(state(twin))
    assert states == [([1, 2, 3, 4], 0), ([3, 4], 2), ([4], 3), ([], 4)]


def test_a_reader_that_does_not_register_holds_back_no_pruning(
    twin: InMemoryContentStore, service: ContentService, clock: StoppedClock
) -> None:
    add_changes(twin, 4)
    clock.at = NOON + CHANGES_KEPT + MILLISECOND
    service.followers.read_changes("curious", None, 1, ALL, register=False)
    assert (state(twin), service.followers.feed()[1]) == (([1, 2, 3, 4], 0), [])
    service.followers.read_changes("quiz", None, 3, ALL)
    assert state(twin) == ([4], 3)
    # A follower of the release before is registered already.
    service.followers.read_changes("quiz", None, 4, ALL, register=False)
    assert state(twin) == ([], 4)


@pytest.mark.parametrize(
    ("feed_id", "after"), [("another-feed", 4), (None, 2), (None, 0), (None, 6), (None, 2**63 - 1)]
)
def test_a_lost_position_is_refused_and_not_recorded(
    twin: InMemoryContentStore, service: ContentService, feed_id: str | None, after: int
) -> None:
    add_changes(twin, 5)
    twin.changes.prune(3)
    twin.changes.acknowledge("quiz", 4)
    before = service.followers.feed()
    for reader in ("quiz", "new"):
        with pytest.raises(FeedPositionLost):
            service.followers.read_changes(reader, feed_id, after, ALL)
    assert service.followers.feed() == before


class PrunedMeanwhile:
    """Changes that are pruned right after each read."""

    def __init__(self, store: ContentStore, through: int):
        self._changes = store.changes
        self._through = through

    def read(self, after: int, limit: int) -> Sequence[Change]:
        """As ChangeLog."""
        return self._then_prune(self._changes.read(after, limit))

    def feed(self) -> ChangeFeed:
        """As ChangeLog."""
        return self._then_prune(self._changes.feed())

    def __getattr__(self, name: str) -> Any:
        return getattr(self._changes, name)

    def _then_prune(self, result: Result) -> Result:
        self._changes.prune(self._through)
        return result


def test_a_reader_is_refused_when_its_position_is_pruned_meanwhile(
    twin: InMemoryContentStore, service: ContentService
) -> None:
    add_changes(twin, 5)
    twin.changes = PrunedMeanwhile(twin, through=3)  # type: ignore[assignment]
    with pytest.raises(FeedPositionLost):
        service.followers.read_changes("quiz", None, 1, ALL)


# The rules


@st.composite
def feeds(draw: st.DrawFn) -> ChangeFeed:
    """Draw any feed; it is short, so that examples meet its ends."""
    last = draw(st.integers(0, 12))
    return ChangeFeed("feed", last, draw(st.integers(0, last)))


@given(feeds(), st.sampled_from([None, "feed", "another", ""]), st.integers(0, 15))
def test_a_position_is_valid_when_all_changes_after_it_exist(feed: ChangeFeed, feed_id: str | None, after: int) -> None:
    existing = set(range(feed.pruned_through + 1, feed.last_sequence + 1))
    is_complete = after <= feed.last_sequence and set(range(after + 1, feed.last_sequence + 1)) <= existing
    if feed_id in (None, "feed") and is_complete:
        rules.check_position(feed, feed_id, after)
    else:
        with pytest.raises(FeedPositionLost):
            rules.check_position(feed, feed_id, after)


@given(feeds(), st.data())
def test_old_changes_that_every_reader_has_read_are_prunable(feed: ChangeFeed, data: st.DataObject) -> None:
    positions = st.integers(feed.pruned_through, feed.last_sequence)
    readers = [FeedReader(f"reader-{each}", each, NOON) for each in data.draw(st.lists(positions, max_size=4))]
    existing = range(feed.pruned_through + 1, feed.last_sequence + 1)
    first_kept = data.draw(st.sampled_from([None, *existing]))

    through = rules.prunable_through(feed, readers, first_kept)

    prunable = {
        each
        for each in range(1, feed.last_sequence + 1)
        if all(each <= reader.position for reader in readers) and (first_kept is None or each < first_kept)
    }
    assert set(range(1, through + 1)) == prunable


STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("write"), st.integers(1, 3)),
        st.tuples(st.just("days pass"), st.integers(1, 8)),
        st.tuples(st.just("read"), st.integers(0, 2)),
    ),
    max_size=20,
)


@over_one_store
@given(steps=STEPS)
def test_three_readers_each_read_every_change_once(
    store: ContentStore, clock: StoppedClock, steps: list[tuple[str, int]]
) -> None:
    clock.at = NOON
    service = ContentService(store, SECRET, clock)
    written: list[datetime] = []
    positions: list[list[int]] = [[], [], []]

    def read(reader: int) -> bool:
        page = service.followers.read_changes(f"reader-{reader}", None, len(positions[reader]), 2)
        positions[reader] += [each.sequence for each in page.changes]
        return bool(page.changes)

    with undone(store):
        for reader in range(3):
            read(reader)
        for step, number in steps:
            if step == "write":
                add_changes(store, number)
                written += [clock.at] * number
            elif step == "days pass":
                clock.at += number * 24 * HOUR
            else:
                read(number)
            pruned = store.changes.feed().pruned_through
            assert kept(store) == list(range(pruned + 1, len(written) + 1))
            assert pruned <= min(map(len, positions))
            assert all(each < clock.at - CHANGES_KEPT for each in written[:pruned])
        for reader in range(3):
            while read(reader):
                pass
        assert positions == [list(range(1, len(written) + 1))] * 3
