"""The change feed: it tells everything once, in the order of the commits, and forgets only what was read."""

from collections.abc import Callable, Iterator, Sequence
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
from services.content.entities import Change, ChangeFeed, FeedReader, Upload
from services.content.errors import EventSlugTaken, FeedPositionLost
from services.content.migrations import MIGRATIONS
from services.content.repository.contracts import ContentStore
from services.content.repository.store import PeeweeContentStore
from services.content.rules import CHANGES_KEPT
from services.content.service import ContentService
from services.kit.storage.database import is_postgresql
from tests.clock import HOUR, LATER, MILLISECOND, NOON, StoppedClock
from tests.content.examples import (
    EVENT_FIELDS,
    LESSON_FIELDS,
    SECRET,
    a_lesson,
    a_material,
    an_event,
    some_events,
    with_two_events,
)
from tests.content.memory import InMemoryContentStore
from tests.databases import emptied_database
from tests.stores import Undo, over_one_store, undone
from tests.waiting import until

UPLOADS = [Upload(f"notes-{number}.txt", "text/plain", 1, "https://files.flix.app/notes.txt") for number in (1, 2)]
EVERYTHING = 1_000

Answer = TypeVar("Answer")
UseCase = Callable[[ContentService], Any]
# Kind, action, ids of event, lesson and material, version.
Told = tuple[str, str, str, str | None, str | None, int]


@pytest.fixture
def clock() -> StoppedClock:
    """What the store and the service go by."""
    return StoppedClock()


@pytest.fixture(params=["memory", "sqlite", "postgresql"])
def store(request: pytest.FixtureRequest, clock: StoppedClock) -> ContentStore:
    """An empty store of each kind in turn, with that clock."""
    if request.param == "memory":
        return InMemoryContentStore(clock)
    return PeeweeContentStore(emptied_database(request, MIGRATIONS), clock)


@pytest.fixture
def service(store: ContentStore, clock: StoppedClock) -> ContentService:
    """The service over that store."""
    return ContentService(store, SECRET, clock)


@pytest.fixture
def migrated(database: peewee.Database) -> PeeweeContentStore:
    """A store over a database of its own, which many threads may use; its feed has not begun."""
    MIGRATIONS.up(database)
    return PeeweeContentStore(database)


def told_behind(store: ContentStore, after: int) -> Sequence[Change]:
    """Everything behind that number."""
    return store.changes.read(after, EVERYTHING)


# What is told


@pytest.mark.parametrize(
    ("use_case", "told"),
    [
        (lambda service: service.create_event(EVENT_FIELDS).id, lambda new: [("event", "created", new, None, None, 1)]),
        (
            lambda service: service.update_event("event-1", {"title": "Other"}),
            lambda _: [("event", "changed", "event-1", None, None, 2)],
        ),
        (
            lambda service: service.create_lesson("event-1", LESSON_FIELDS).id,
            lambda new: [("lesson", "created", "event-1", new, None, 1)],
        ),
        (
            lambda service: service.update_lesson("event-2", "lesson-2", {"title": "Other"}),
            lambda _: [("lesson", "changed", "event-2", "lesson-2", None, 2)],
        ),
        (
            lambda service: [each.id for each in service.add_materials("event-2", "lesson-2", UPLOADS)],
            lambda new: [("material", "created", "event-2", "lesson-2", each, 1) for each in new],
        ),
        (
            lambda service: service.delete_material("event-2", "lesson-2", "material-2"),
            lambda _: [("material", "deleted", "event-2", "lesson-2", "material-2", 1)],
        ),
        (
            lambda service: service.delete_lesson("event-1", "lesson-1"),
            lambda _: [
                ("material", "deleted", "event-1", "lesson-1", "material-1", 1),
                ("lesson", "deleted", "event-1", "lesson-1", None, 1),
            ],
        ),
    ],
    ids=[
        *("create event", "change event", "create lesson", "change lesson"),
        *("add materials", "delete material", "delete lesson"),
    ],
)
def test_a_use_case_appends_exactly_what_it_does_as_of_its_instant(
    store: ContentStore,
    service: ContentService,
    clock: StoppedClock,
    use_case: UseCase,
    told: Callable[[Any], list[Told]],
) -> None:
    with_two_events(store)
    before = told_behind(store, 0)
    clock.at = LATER

    result = use_case(service)

    new = [Change(number, *each, occurred_at=LATER) for number, each in enumerate(told(result), 7)]  # type: ignore[arg-type]
    assert told_behind(store, 0) == [*before, *new]
    assert store.changes.feed().last_sequence == 6 + len(new)


def test_the_end_of_an_event_is_told_of_each_lesson_and_material_that_goes_with_it(
    store: ContentStore, service: ContentService, clock: StoppedClock
) -> None:
    with_two_events(store)
    store.lessons.add(a_lesson(id="lesson-3", slug="third"))
    store.materials.add_all(
        [a_material(id="material-3", position=2), a_material(id="material-4", lesson_id="lesson-3")]
    )
    service.update_lesson("event-1", "lesson-3", {"title": "Other"})
    service.update_event("event-1", {"title": "Other"})
    clock.at = LATER

    service.delete_event("event-1")

    assert told_behind(store, 11) == [
        Change(12, "material", "deleted", "event-1", "lesson-1", "material-1", 1, LATER),
        Change(13, "material", "deleted", "event-1", "lesson-1", "material-3", 1, LATER),
        Change(14, "material", "deleted", "event-1", "lesson-3", "material-4", 1, LATER),
        Change(15, "lesson", "deleted", "event-1", "lesson-1", None, 1, LATER),
        Change(16, "lesson", "deleted", "event-1", "lesson-3", None, 2, LATER),
        Change(17, "event", "deleted", "event-1", None, None, 2, LATER),
    ]


def test_more_changes_than_one_statement_holds_are_all_told(store: ContentStore, service: ContentService) -> None:
    store.events.add(an_event())
    store.lessons.add(a_lesson())
    store.materials.add_all([a_material(id=f"material-{number:04}", position=number) for number in range(1, 1_202)])

    service.delete_event("event-1")

    told = store.changes.read(0, 10_000)
    assert [each.sequence for each in told] == list(range(1, 2_407))
    assert [each.subject_id for each in told[:1_203]] == [
        "event-1",
        "lesson-1",
        *(each.subject_id for each in told[2:1_203]),
    ]
    assert [each.subject_id for each in told[1_203:2_404]] == [each.subject_id for each in told[2:1_203]]
    assert [(each.action, each.subject_id) for each in told[2_404:]] == [
        ("deleted", "lesson-1"),
        ("deleted", "event-1"),
    ]


def test_what_is_undone_was_never_told_and_leaves_no_gap(store: ContentStore, service: ContentService) -> None:
    with_two_events(store)

    def fail(_result: object) -> None:
        raise Undo

    with suppress(Undo):
        service.create_event(EVENT_FIELDS, fail)
    with suppress(Undo), store.transaction():
        service.update_event("event-1", {"title": "Other"})
        service.delete_event("event-2")
        raise Undo
    with pytest.raises(EventSlugTaken):
        service.create_event({**EVENT_FIELDS, "slug": "launch"})

    assert (len(told_behind(store, 0)), store.changes.feed().last_sequence) == (6, 6)
    service.delete_material("event-1", "lesson-1", "material-1")
    assert [(each.sequence, each.subject_id) for each in told_behind(store, 6)] == [(7, "material-1")]


def test_what_is_undone_within_a_transaction_gives_its_numbers_back(store: ContentStore) -> None:
    first, undone_one, second = some_events(3)
    with store.transaction():
        store.events.add(first)
        with suppress(Undo), store.transaction():
            store.events.add(undone_one)
            raise Undo
        store.events.add(second)
    assert [(each.sequence, each.event_id) for each in told_behind(store, 0)] == [(1, first.id), (2, second.id)]


def test_a_change_and_what_is_told_of_it_become_visible_together(migrated: PeeweeContentStore) -> None:
    def seen() -> tuple[int, int]:
        return migrated.events.count(), len(told_behind(migrated, 0))

    with ThreadPoolExecutor(1) as elsewhere:
        with migrated.transaction():
            migrated.events.add(an_event())
            assert (seen(), elsewhere.submit(seen).result()) == ((1, 1), (0, 0))
        assert elsewhere.submit(seen).result() == (1, 1)


# In the order of the commits


class Follower:
    """A reader that goes on from where it is, and keeps what it has seen."""

    def __init__(self, store: ContentStore, limit: int = EVERYTHING):
        self.seen: list[Change] = []
        self._service = ContentService(store, SECRET)
        self._limit = limit

    def poll(self) -> bool:
        """Take in one page; whether there was anything."""
        after = self.seen[-1].sequence if self.seen else 0
        page = self._service.read_changes("follower", None, after, self._limit)
        self.seen += page.changes
        return bool(page.changes)

    @property
    def told(self) -> list[tuple[int, str]]:
        """Number and subject of each."""
        return [(each.sequence, each.subject_id) for each in self.seen]


@pytest.fixture
def elsewhere() -> Iterator[ThreadPoolExecutor]:
    """Threads with connections of their own."""
    with ThreadPoolExecutor(2) as threads:
        yield threads


def is_held_up(database: peewee.Database, writer: "Future[None]") -> bool:
    """Whether the writer waits for a lock, as far as the engine can tell, or is through already."""
    if not is_postgresql(database) or writer.done():
        return True
    asked = "SELECT 1 FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"
    return database.execute_sql(asked).fetchone() is not None


@pytest.mark.parametrize("is_kept", [True, False], ids=["the first is kept", "the first is undone"])
@pytest.mark.parametrize("is_begun", [True, False], ids=["a feed that is there", "a feed that begins"])
def test_who_would_commit_out_of_order_waits_and_a_reader_misses_nothing(
    migrated: PeeweeContentStore,
    database: peewee.Database,
    elsewhere: ThreadPoolExecutor,
    is_begun: bool,
    is_kept: bool,
) -> None:
    first, second, earlier = some_events(3)
    if is_begun:
        migrated.events.add(earlier)
    follower = Follower(migrated)
    if is_begun:
        assert follower.poll()
        assert not follower.poll()
    has_its_number, may_end, begins = Signal(), Signal(), Signal()

    def begin_first() -> None:
        with suppress(Undo), migrated.transaction():
            migrated.events.add(first)
            has_its_number.set()
            assert may_end.wait(60)
            if not is_kept:
                raise Undo

    def begin_second() -> None:
        begins.set()
        migrated.events.add(second)

    # Before the feed has begun, a reader would wait for who begins it: it looks at the changes alone.
    look = follower.poll if is_begun else (lambda: bool(told_behind(migrated, 0)))
    try:
        first_writer = elsewhere.submit(begin_first)
        assert has_its_number.wait(60)
        second_writer = elsewhere.submit(begin_second)
        assert begins.wait(60)
        until(lambda: is_held_up(database, second_writer), "the second writer waits for the first")
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

    kept = [*([earlier] if is_begun else []), *([first] if is_kept else []), second]
    assert follower.told == [(number, event.id) for number, event in enumerate(kept, 1)]


def test_a_reader_that_follows_many_writers_sees_everything_once_and_in_order(
    migrated: PeeweeContentStore,
) -> None:
    follower = Follower(migrated, limit=7)
    assert not follower.poll()
    events = {event.id: event for event in some_events(48)}
    numbers = list(events)

    def write(own: Sequence[str]) -> None:
        for turn, event_id in enumerate(own):
            with suppress(Undo), migrated.transaction():
                migrated.events.add(events[event_id])
                if turn % 3 == 0:
                    migrated.events.remove(event_id)
                if turn % 4 == 3:
                    raise Undo

    with ThreadPoolExecutor(4) as pool:
        writers = [pool.submit(write, numbers[start::4]) for start in range(4)]
        while not all(writer.done() for writer in writers):
            follower.poll()
        for writer in writers:
            writer.result()
    while follower.poll():
        pass

    # 12 turns of each writer, of which the 4th, 8th and 12th are undone, and of those kept 0, 3, 6 and 9 remove, too.
    assert [each.sequence for each in follower.seen] == list(range(1, len(follower.seen) + 1))
    assert list(follower.seen) == list(told_behind(migrated, 0))
    told = sorted((each.event_id, each.action) for each in follower.seen)
    expected = [
        (event_id, action)
        for start in range(4)
        for turn, event_id in enumerate(numbers[start::4])
        if turn % 4 != 3
        for action in (("created", "deleted") if turn % 3 == 0 else ("created",))
    ]
    assert told == sorted(expected)


# What is forgotten


def with_changes(store: ContentStore, count: int) -> None:
    """So many more changes, as of now."""
    if not store.events.count():
        store.events.add(an_event())
        count -= 1
    for _ in range(count):
        store.events.save(an_event())


def kept(store: ContentStore) -> list[int]:
    """The numbers that are still there."""
    return [each.sequence for each in told_behind(store, 0)]


def test_pruning_stops_behind_the_slowest_of_several_readers(
    store: ContentStore, service: ContentService, clock: StoppedClock
) -> None:
    with_changes(store, 10)
    for reader, position in (("fast", 10), ("slow", 3), ("slowest", 2)):
        service.read_changes(reader, None, position, EVERYTHING)
    clock.at += CHANGES_KEPT + HOUR

    service.read_changes("fast", None, 9, EVERYTHING)
    assert (kept(store), store.changes.feed().pruned_through) == ([3, 4, 5, 6, 7, 8, 9, 10], 2)

    service.read_changes("slowest", None, 8, EVERYTHING)
    assert (kept(store), store.changes.feed().pruned_through) == ([4, 5, 6, 7, 8, 9, 10], 3)

    service.read_changes("slow", None, 10, EVERYTHING)
    assert (kept(store), store.changes.feed().pruned_through) == ([9, 10], 8)


def test_what_is_younger_than_a_week_stays_although_it_was_read(
    store: ContentStore, service: ContentService, clock: StoppedClock
) -> None:
    with_changes(store, 2)
    clock.at += MILLISECOND
    with_changes(store, 2)

    clock.at = NOON + CHANGES_KEPT
    service.read_changes("quiz", None, 3, EVERYTHING)
    assert kept(store) == [1, 2, 3, 4]

    clock.at += MILLISECOND
    service.read_changes("quiz", None, 4, EVERYTHING)
    assert (kept(store), store.changes.feed().pruned_through) == ([3, 4], 2)

    clock.at += MILLISECOND
    service.read_changes("quiz", None, 3, EVERYTHING)
    assert kept(store) == [4]
    service.read_changes("quiz", None, 4, EVERYTHING)
    assert (kept(store), store.changes.feed().pruned_through) == ([], 4)


def test_a_feed_that_was_pruned_to_its_end_goes_on_with_the_next_number(
    store: ContentStore, service: ContentService, clock: StoppedClock
) -> None:
    with_changes(store, 3)
    before = store.changes.feed()
    clock.at += CHANGES_KEPT + MILLISECOND
    service.read_changes("quiz", None, 3, EVERYTHING)
    assert kept(store) == []

    with_changes(store, 1)

    page = service.read_changes("quiz", before.feed_id, 3, EVERYTHING)
    assert page.feed == ChangeFeed(before.feed_id, 4, 3)
    assert page.changes == [Change(4, "event", "changed", "event-1", None, None, 1, clock.at)]


def test_pruning_again_to_an_earlier_place_changes_nothing(store: ContentStore) -> None:
    with_changes(store, 5)
    store.changes.prune(3)
    store.changes.prune(2)
    assert (kept(store), store.changes.feed().pruned_through) == ([4, 5], 3)


def test_a_place_in_the_feed_is_kept_with_the_time_when_it_was_news(
    store: ContentStore, service: ContentService, clock: StoppedClock
) -> None:
    with_changes(store, 5)
    service.read_changes("search", None, 1, EVERYTHING)
    service.read_changes("quiz", None, 2, EVERYTHING)
    clock.at = LATER
    service.read_changes("search", None, 1, EVERYTHING)
    service.read_changes("quiz", None, 4, EVERYTHING)
    assert service.feed() == (
        store.changes.feed(),
        [FeedReader("quiz", 4, LATER), FeedReader("search", 1, NOON)],
    )


# A place that is lost


def test_a_page_is_what_stands_behind_the_place_up_to_the_limit(store: ContentStore, service: ContentService) -> None:
    with_changes(store, 5)
    whole = told_behind(store, 0)
    feed_id = store.changes.feed().feed_id
    for given_id in (None, feed_id):
        pages = [service.read_changes("quiz", given_id, after, 2) for after in (0, 2, 4, 5)]
        assert [page.changes for page in pages] == [whole[:2], whole[2:4], whole[4:], []]
        assert [page.feed for page in pages] == [ChangeFeed(feed_id, 5, 0)] * 4


@pytest.mark.parametrize(
    ("feed_id", "after"), [("another-feed", 4), (None, 2), (None, 0), (None, 6), (None, 2**63 - 1)]
)
def test_a_place_that_is_lost_is_refused_and_not_kept(
    store: ContentStore, service: ContentService, feed_id: str | None, after: int
) -> None:
    with_changes(store, 5)
    store.changes.prune(3)
    store.changes.acknowledge("quiz", 4)
    before = service.feed()
    with pytest.raises(FeedPositionLost):
        service.read_changes("quiz", feed_id, after, EVERYTHING)
    with pytest.raises(FeedPositionLost):
        service.read_changes("new", feed_id, after, EVERYTHING)
    assert service.feed() == before


def test_a_new_reader_that_comes_after_the_pruning_is_told_so(
    store: ContentStore, service: ContentService, clock: StoppedClock
) -> None:
    with_changes(store, 3)
    clock.at += CHANGES_KEPT + HOUR
    service.read_changes("quiz", None, 3, EVERYTHING)
    with_changes(store, 1)
    with pytest.raises(FeedPositionLost):
        service.read_changes("search", None, 0, EVERYTHING)
    assert service.read_changes("search", None, 3, EVERYTHING).changes == told_behind(store, 3)


def test_a_feed_that_begins_again_after_everything_was_deleted_is_another_one(
    migrated: PeeweeContentStore, database: peewee.Database
) -> None:
    with_changes(migrated, 3)
    before = migrated.changes.feed()
    database.execute_sql("DELETE FROM changes")
    database.execute_sql("DELETE FROM change_feed")
    migrated.events.save(an_event())

    service = ContentService(migrated, SECRET)
    with pytest.raises(FeedPositionLost):
        service.read_changes("quiz", before.feed_id, 1, EVERYTHING)
    after = migrated.changes.feed()
    assert (after.last_sequence, after.pruned_through) == (1, 0)
    assert after.feed_id != before.feed_id


class PrunedMeanwhile:
    """Changes that are pruned right after the first question that is asked of them."""

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

    def _then_prune(self, answer: Answer) -> Answer:
        self._changes.prune(self._through)
        return answer


def test_a_reader_whose_place_is_pruned_while_it_reads_is_told_so_rather_than_given_a_gap(
    store: ContentStore, service: ContentService
) -> None:
    with_changes(store, 5)
    store.changes = PrunedMeanwhile(store, through=3)  # type: ignore[misc]
    with pytest.raises(FeedPositionLost):
        service.read_changes("quiz", None, 1, EVERYTHING)


# The rules


@st.composite
def feeds(draw: st.DrawFn) -> ChangeFeed:
    """Any feed; its places are few, so that examples meet its ends."""
    last = draw(st.integers(0, 12))
    return ChangeFeed("feed", last, draw(st.integers(0, last)))


@given(feeds(), st.sampled_from([None, "feed", "another", ""]), st.integers(0, 15))
def test_a_place_is_good_exactly_when_all_changes_behind_it_are_there(
    feed: ChangeFeed, feed_id: str | None, after: int
) -> None:
    there = set(range(feed.pruned_through + 1, feed.last_sequence + 1))
    is_this_one = feed_id is None or feed_id == "feed"
    if is_this_one and after <= feed.last_sequence and set(range(after + 1, feed.last_sequence + 1)) <= there:
        rules.check_position(feed, feed_id, after)
    else:
        with pytest.raises(FeedPositionLost):
            rules.check_position(feed, feed_id, after)


@given(feeds(), st.data())
def test_all_may_go_that_every_reader_has_read_and_that_is_old(feed: ChangeFeed, data: st.DataObject) -> None:
    places = st.integers(feed.pruned_through, feed.last_sequence)
    readers = [FeedReader(f"reader-{each}", each, NOON) for each in data.draw(st.lists(places, max_size=4))]
    there = range(feed.pruned_through + 1, feed.last_sequence + 1)
    first_kept = data.draw(st.sampled_from([None, *there]))

    through = rules.prunable_through(feed, readers, first_kept)

    may_go = {
        each
        for each in range(1, feed.last_sequence + 1)
        if all(each <= reader.position for reader in readers) and (first_kept is None or each < first_kept)
    }
    assert set(range(1, through + 1)) == may_go


STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("write"), st.integers(1, 3)),
        st.tuples(st.just("days go by"), st.integers(1, 8)),
        st.tuples(st.just("read"), st.integers(0, 2)),
    ),
    max_size=20,
)


@over_one_store
@given(steps=STEPS)
def test_whatever_is_pruned_each_of_three_readers_sees_everything_once(
    store: ContentStore, service: ContentService, clock: StoppedClock, steps: list[tuple[str, int]]
) -> None:
    clock.at = NOON
    written: list[datetime] = []
    seen: list[list[int]] = [[], [], []]

    def read(reader: int) -> bool:
        page = service.read_changes(f"reader-{reader}", None, len(seen[reader]), 2)
        seen[reader] += [each.sequence for each in page.changes]
        return bool(page.changes)

    with undone(store):
        for reader in range(3):
            read(reader)
        for step, number in steps:
            if step == "write":
                with_changes(store, number)
                written += [clock.at] * number
            elif step == "days go by":
                clock.at += number * 24 * HOUR
            else:
                read(number)
            pruned = store.changes.feed().pruned_through
            assert kept(store) == list(range(pruned + 1, len(written) + 1))
            assert pruned <= min(map(len, seen))
            assert all(each < clock.at - CHANGES_KEPT for each in written[:pruned])
        for reader in range(3):
            while read(reader):
                pass
        assert seen == [list(range(1, len(written) + 1))] * 3
