"""The contract of ContentStore: one suite for the in-memory twin, SQLite and PostgreSQL."""

import unicodedata
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import peewee
import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.content.entities import (
    Event,
    EventFilter,
    Lesson,
    LessonFilter,
    LessonReference,
    Material,
    StatusCounts,
    Visibility,
)
from services.content.errors import (
    EventNotFound,
    EventSlugTaken,
    InvalidWindow,
    LessonNotFound,
    LessonSlugTaken,
    MaterialNotFound,
)
from services.content.models import MaterialRow
from services.content.repository.contracts import (
    EVENT_ORDERS,
    LESSON_ORDERS,
    MATERIAL_ORDERS,
    ContentStore,
    event_key,
    material_key,
)
from services.content.repository.store import PeeweeContentStore
from services.kit.core.texts import search_form
from services.kit.storage.audit.model import AuditEntry
from services.kit.web.pages import PageRequest
from tests.audit import entries_in
from tests.clock import HOUR, MILLISECOND, NOON
from tests.content.examples import (
    a_lesson,
    a_material,
    an_event,
    some_events,
    with_two_events,
)
from tests.stores import Undo, over_one_store, turned_over, undone


def everything(store: ContentStore) -> tuple[Sequence[Event], Sequence[Lesson], Sequence[Material]]:
    """Return all records, in order; the audit log must name the same changes as the feed."""
    changes = store.changes.read(0, 10_000)
    assert entries_in(store.audit) == [(f"{each.kind}.{each.action}", each.subject_id) for each in changes]
    events = store.events.list()
    lessons = [lesson for event in events for lesson in store.lessons.list(event.id)]
    return events, lessons, [material for lesson in lessons for material in store.materials.list(lesson.id)]


def entries(store: ContentStore, after: int) -> list[AuditEntry]:
    """Return the entries of the audit log after the first ones."""
    return entries_in(store.audit)[after:]


@pytest.fixture
def stocked(store: ContentStore) -> ContentStore:
    """Return a store with two events; the first has a lesson with a material."""
    store.events.add(an_event())
    store.events.add(an_event(id="event-2", slug="second", created_at=NOON))
    store.lessons.add(a_lesson())
    store.materials.add_all([a_material()])
    return store


STOCK = ([an_event(), an_event(id="event-2", slug="second", created_at=NOON)], [a_lesson()], [a_material()])

# Events


@pytest.mark.parametrize(
    "event",
    [
        an_event(
            visibility="private",
            is_active=False,
            access_key="let-me-in",
            highlight_video_url="https://flix.app/trailer",
            branding_provider="gemini",
            branding_prompt_version="v2",
            branding_generated_at=NOON + MILLISECOND,
        ),
        an_event(title="Žluťoučký 🎬 'quoted' \"twice\" % ? :x \\ ; DROP TABLE events", short_description="\n\t "),
        *(
            an_event(created_at=instant, updated_at=instant, branding_generated_at=instant)
            for instant in (
                datetime(1, 1, 1, tzinfo=UTC),
                datetime(1969, 12, 31, 23, 59, 59, 999000, tzinfo=UTC),
                datetime(9999, 12, 31, 23, 59, 59, 999000, tzinfo=UTC),
            )
        ),
    ],
)
def test_an_added_event_comes_back_by_id_and_by_slug(store: ContentStore, event: Event) -> None:
    store.events.add(event)
    assert store.events.get("event-1") == event
    assert store.events.get_by_slug("launch") == event
    assert (store.events.list(), store.events.count()) == ([event], 1)
    assert entries(store, 0) == [("event.created", "event-1")]


def test_an_empty_store_has_no_event(store: ContentStore) -> None:
    assert (everything(store), store.events.count()) == (([], [], []), 0)
    for use in (
        lambda: store.events.get("event-1"),
        lambda: store.events.get("event-1", for_update=True),
        lambda: store.events.get_by_slug("launch"),
        lambda: store.events.save(an_event()),
        lambda: store.events.remove("event-1"),
    ):
        with pytest.raises(EventNotFound):
            use()
    assert everything(store) == ([], [], [])


def test_a_taken_event_slug_or_id_is_refused(stocked: ContentStore) -> None:
    with pytest.raises(EventSlugTaken) as refusal:
        stocked.events.add(an_event(id="event-3"))
    assert str(refusal.value) == "Another event already has the slug launch"
    with pytest.raises(EventSlugTaken):
        stocked.events.save(an_event(slug="second"))
    with pytest.raises(peewee.IntegrityError):
        stocked.events.add(an_event(slug="another"))
    assert everything(stocked) == STOCK


def test_saving_replaces_every_column_of_that_event_alone(stocked: ContentStore) -> None:
    changed = Event(
        id="event-1",
        title="Another title",
        slug="another-slug",
        short_description="s",
        long_description="l",
        is_active=False,
        visibility="private",
        access_key="another key",
        hero_title="a",
        hero_subtitle="b",
        hero_cta_text="c",
        background_color="#010101",
        text_color="#020202",
        accent_color="#030303",
        logo_url=None,
        highlight_video_url="https://flix.app/v",
        branding_provider="p",
        branding_prompt_version="1",
        branding_generated_at=NOON,
        created_at=NOON - HOUR,
        updated_at=NOON + HOUR,
        version=7,
    )
    stocked.events.save(changed)
    stocked.events.save(changed)
    assert everything(stocked)[0] == [changed, STOCK[0][1]]
    assert entries(stocked, 4) == [("event.changed", "event-1")] * 2


def test_events_are_listed_by_creation_then_as_they_were_stored(store: ContentStore) -> None:
    late = an_event(id="a", slug="s-1", created_at=NOON + MILLISECOND)
    tied = [an_event(id=each, slug=f"t-{number}", created_at=NOON) for number, each in enumerate(("c1", "B", "c", "b"))]
    early = an_event(id="z", slug="s-2", created_at=NOON - MILLISECOND)
    for event in (late, *tied, early):
        store.events.add(event)
    store.events.save(replace(tied[1], title="Saved again"))
    store.events.remove("c")
    store.events.add(tied[2])
    assert [each.id for each in store.events.list()] == ["z", "c1", "B", "b", "c", "a"]


# Spellings of slugs


def with_old_slugs(store: ContentStore) -> ContentStore:
    """Add what an old installation may have: events and lessons whose slugs have the same normal form."""
    for number, slug in enumerate(("launch-march", "launch--march", "launch---march", "---"), 1):
        store.events.add(an_event(id=f"e{number}", slug=slug, created_at=NOON), keeps_slug=True)
    store.events.add(an_event(id="e0", slug="launch----march", created_at=NOON - HOUR), keeps_slug=True)
    for number, slug in enumerate(("café", "cafe\u0301", "\u200bcafé"), 1):
        created_at = NOON - number * MILLISECOND
        store.lessons.add(a_lesson(id=f"l{number}", slug=slug, event_id="e1", created_at=created_at), keeps_slug=True)
    return store


@pytest.mark.parametrize(
    ("typed", "event_id"),
    [
        *(("launch-march", "e1"), (" LAUNCH--March ", "e2"), ("launch---march", "e3"), ("launch----march", "e0")),
        *(("Launch_March", "e0"), ("\u200blaunch march\ufeff", "e0"), ("-launch-march-", "e0"), ("---", "e4")),
        *(("----", None), ("", None), ("日本語", None), ("launchmarch", None), ("\u200b", None)),
    ],
)
def test_a_spelling_finds_its_own_event_or_the_oldest(store: ContentStore, typed: str, event_id: str | None) -> None:
    with_old_slugs(store)
    if event_id is None:
        with pytest.raises(EventNotFound):
            store.events.get_by_slug(typed)
    else:
        assert store.events.get_by_slug(typed).id == event_id


@pytest.mark.parametrize(
    ("typed", "lesson_id"),
    [
        *(("café", "l1"), ("CAFÉ ", "l1"), ("cafe\u0301", "l2"), ("CAFE\u0301", "l2"), ("\u200bcafé", "l3")),
        *(("\ufeffcafe\u0301\u200f", "l3"), ("cafe", None), ("ca\u200bfé", None), ("", None), ("\u200b", None)),
    ],
)
def test_a_spelling_finds_its_own_lesson_or_the_oldest(store: ContentStore, typed: str, lesson_id: str | None) -> None:
    with_old_slugs(store)
    if lesson_id is None:
        with pytest.raises(LessonNotFound):
            store.lessons.get_by_slug("e1", typed)
    else:
        assert store.lessons.get_by_slug("e1", typed).id == lesson_id


def test_when_the_oldest_is_gone_the_next_one_is_found(store: ContentStore) -> None:
    with_old_slugs(store)
    store.events.remove("e0")
    assert store.events.get_by_slug("Launch March").id == "e1"
    store.events.save(replace(store.events.get("e1"), slug="another"))
    assert store.events.get_by_slug("Launch March").id == "e2"
    store.lessons.remove("e1", "l3")
    assert store.lessons.get_by_slug("e1", "Café\u200b").id == "l2"


def test_a_new_slug_of_a_known_form_is_taken(store: ContentStore) -> None:
    with_old_slugs(store)
    store.events.add(an_event(id="new", slug="new"))
    store.lessons.add(a_lesson(id="new", slug="new", event_id="e1"))
    before = everything(store)
    for slug in ("launch-march", "launch-----march"):
        with pytest.raises(EventSlugTaken):
            store.events.add(an_event(id="other", slug=slug))
        with pytest.raises(EventSlugTaken):
            store.events.save(an_event(id="new", slug=slug))
    with pytest.raises(LessonSlugTaken):
        store.lessons.add(a_lesson(id="other", slug="cafe\u0301\u200b", event_id="e1"))
    with pytest.raises(LessonSlugTaken):
        store.lessons.save(a_lesson(id="new", slug="café\ufeff", event_id="e1"))
    assert everything(store) == before


def test_stored_slugs_of_one_form_stay_when_other_fields_change(store: ContentStore) -> None:
    with_old_slugs(store)
    event, lesson = store.events.get("e3"), store.lessons.get("e1", "l2")
    store.events.save(replace(event, title="Changed"))
    store.lessons.save(replace(lesson, title="Changed"))
    assert store.events.get_by_slug("launch---march") == replace(event, title="Changed")
    assert store.lessons.get_by_slug("e1", "cafe\u0301") == replace(lesson, title="Changed")


# Former slugs


def renamed(store: ContentStore, event_id: str, slug: str) -> None:
    """Give the event another slug."""
    store.events.save(replace(store.events.get(event_id), slug=slug))


def lesson_renamed(store: ContentStore, event_id: str, lesson_id: str, slug: str) -> None:
    """Give the lesson another slug."""
    store.lessons.save(replace(store.lessons.get(event_id, lesson_id), slug=slug))


def test_every_slug_that_an_event_had_finds_it_in_any_spelling(stocked: ContentStore) -> None:
    for slug in ("launch-2", "launch-3", "LAUNCH-3", "launch-2"):
        renamed(stocked, "event-1", slug.lower())
    for typed in ("launch", " Launch\u200b", "launch-2", "launch_3"):
        for at_once in (False, True):
            assert stocked.events.get_by_slug(typed, at_once=at_once) == stocked.events.get("event-1")
    with pytest.raises(EventNotFound):
        stocked.events.get_by_slug("launch-4")


def test_a_former_event_slug_that_another_takes_is_lost_for_good(stocked: ContentStore) -> None:
    renamed(stocked, "event-1", "renamed")
    stocked.events.add(an_event(id="event-3", slug="launch"))
    assert stocked.events.get_by_slug("launch").id == "event-3"
    renamed(stocked, "event-3", "elsewhere")
    assert stocked.events.get_by_slug("launch").id == "event-3"
    renamed(stocked, "event-2", "launch")
    assert stocked.events.get_by_slug("launch").id == "event-2"
    stocked.events.remove("event-2")
    for typed in ("launch", "second"):
        with pytest.raises(EventNotFound):
            stocked.events.get_by_slug(typed)


def test_every_slug_that_a_lesson_had_finds_it_within_its_event(stocked: ContentStore) -> None:
    stocked.lessons.add(a_lesson(id="lesson-2", event_id="event-2"))
    lesson_renamed(stocked, "event-1", "lesson-1", "Café".lower())
    lesson_renamed(stocked, "event-1", "lesson-1", "third")
    for typed in ("first", "FIRST ", "cafe\u0301", "third"):
        assert stocked.lessons.get_by_slug("event-1", typed).id == "lesson-1"
    assert stocked.lessons.get_by_slug("event-2", "first").id == "lesson-2"
    with pytest.raises(LessonNotFound):
        stocked.lessons.get_by_slug("event-2", "third")


def test_a_former_lesson_slug_that_another_takes_is_lost_for_good(stocked: ContentStore) -> None:
    lesson_renamed(stocked, "event-1", "lesson-1", "renamed")
    stocked.lessons.add(a_lesson(id="elsewhere", event_id="event-2"))
    assert stocked.lessons.get_by_slug("event-1", "first").id == "lesson-1"
    stocked.lessons.add(a_lesson(id="lesson-2"))
    lesson_renamed(stocked, "event-1", "lesson-2", "again")
    assert stocked.lessons.get_by_slug("event-1", "first").id == "lesson-2"
    stocked.lessons.remove("event-1", "lesson-2")
    for typed in ("first", "again"):
        with pytest.raises(LessonNotFound):
            stocked.lessons.get_by_slug("event-1", typed)
    assert stocked.lessons.get_by_slug("event-2", "first").id == "elsewhere"


def test_a_refused_renaming_leaves_no_former_slug(stocked: ContentStore) -> None:
    stocked.lessons.add(a_lesson(id="lesson-2", slug="second"))
    with pytest.raises(EventSlugTaken):
        renamed(stocked, "event-1", "Second")
    with pytest.raises(LessonSlugTaken):
        lesson_renamed(stocked, "event-1", "lesson-1", "second")
    stocked.lessons.remove("event-1", "lesson-1")
    stocked.events.remove("event-1")
    for use in (
        lambda: stocked.events.get_by_slug("launch"),
        lambda: stocked.lessons.get_by_slug("event-2", "first"),
    ):
        with pytest.raises((EventNotFound, LessonNotFound)):
            use()


def test_a_form_that_an_old_installation_has_twice_stays_with_the_other(store: ContentStore) -> None:
    with_old_slugs(store)
    store.events.remove("e0")
    renamed(store, "e1", "renamed")
    lesson_renamed(store, "e1", "l1", "renamed")
    assert (store.events.get_by_slug("Launch March").id, store.events.get_by_slug("launch-march").id) == ("e2", "e2")
    assert store.lessons.get_by_slug("e1", "café").id == "l3"
    for event_id in ("e2", "e3"):
        store.events.remove(event_id)
    for lesson_id in ("l2", "l3"):
        store.lessons.remove("e1", lesson_id)
    with pytest.raises(EventNotFound):
        store.events.get_by_slug("launch-march")
    with pytest.raises(LessonNotFound):
        store.lessons.get_by_slug("e1", "café")


# Pages


# What people type, and titles that are like it to a database, a LIKE, or a person.
TITLES = st.sampled_from(
    [
        "Über uns",
        "u\u0308BER",
        "Strasse",
        "STRAẞE",
        "İzmir",
        "izmir",
        "100 %",
        "1000",
        "a_b",
        "a\\b",
        "ab",
        "🎓 Uni",
        "b",
    ]
)
QS = st.none() | st.sampled_from(["über", "STRASSE", "iZMIR", "0 %", "0%", "_", "\\", "🎓", "U", "zz", "s-1", "S-2"])
SECONDS = st.integers(0, 2)
LIMITS = st.integers(1, 4)


@over_one_store
@given(
    rows=st.lists(st.tuples(SECONDS, st.booleans(), st.sampled_from(["public", "private"]), TITLES), max_size=12),
    which=st.builds(
        EventFilter, is_active=st.none() | st.booleans(), visibility=st.sampled_from([None, "public", "private"]), q=QS
    ),
    sort=st.sampled_from(["", "createdAt", "-createdAt", "title", "-title"]),
    limit=LIMITS,
    late=st.integers(0, 6),
)
def test_pages_of_events_have_each_that_matches_once_while_others_come_and_go(
    store: ContentStore,
    rows: list[tuple[int, bool, Visibility, str]],
    which: EventFilter,
    sort: str,
    limit: int,
    late: int,
) -> None:
    with undone(store):
        events = [
            an_event(
                id=f"e{number}",
                slug=f"s-{number}",
                created_at=NOON + timedelta(seconds=second),
                is_active=active,
                visibility=visibility,
                title=title,
            )
            for number, (second, active, visibility, title) in enumerate(rows)
        ]
        passing, staying = events[:late], events[late:]
        for event in (*staying, *passing[::2]):
            store.events.add(event)

        def fetch(request: PageRequest) -> Sequence[Event]:
            if passing:
                event = passing.pop()
                if event.id in {each.id for each in store.events.list()}:
                    store.events.remove(event.id)
                else:
                    store.events.add(event)
            return store.events.list(request, which)

        found = turned_over(fetch, EVENT_ORDERS, limit, sort)
        key, is_reversed = EVENT_ORDERS.of(sort)
        assert list(found) == sorted(found, key=key, reverse=is_reversed)
        assert len({each.id for each in found}) == len(found)
        assert {each.id for each in found} >= {each.id for each in staying if matches(each, which)}
        assert all(matches(each, which) for each in found)
        assert turned_over(lambda request: store.events.list(request, which), EVENT_ORDERS, limit, sort) == (
            store.events.list(PageRequest(sort=sort), which)
        )


def matches(event: Event, which: EventFilter) -> bool:
    """Return whether the event matches, by what Unicode says of letters in its normal form NFC."""
    folded = [unicodedata.normalize("NFC", each).casefold() for each in (event.title, event.slug, which.q or "")]
    return (
        which.is_active in (None, event.is_active)
        and which.visibility in (None, event.visibility)
        and any(folded[2] in each for each in folded[:2])
    )


@over_one_store
@given(
    rows=st.lists(st.tuples(SECONDS, SECONDS, TITLES), max_size=12),
    bounds=st.tuples(*[st.none() | SECONDS.map(lambda after: NOON + timedelta(milliseconds=after))] * 2),
    q=QS,
    sort=st.sampled_from(["", "releaseAt", "-releaseAt", "title", "-title"]),
    limit=LIMITS,
)
def test_pages_of_lessons_have_each_that_matches_once(
    store: ContentStore,
    rows: list[tuple[int, int, str]],
    bounds: tuple[datetime | None, datetime | None],
    q: str | None,
    sort: str,
    limit: int,
) -> None:
    since, until = bounds
    with undone(store):
        store.events.add(an_event())
        store.events.add(an_event(id="event-2", slug="second"))
        store.lessons.add(a_lesson(id="elsewhere", event_id="event-2"))
        lessons = [
            a_lesson(
                id=f"l{number}",
                slug=f"s-{number}",
                title=title,
                release_at=NOON + timedelta(milliseconds=released),
                created_at=NOON + timedelta(milliseconds=created),
                expires_at=None,
            )
            for number, (released, created, title) in enumerate(rows)
        ]
        for lesson in lessons:
            store.lessons.add(lesson)
        which = LessonFilter(q=q, since=since, until=until)
        pages = turned_over(lambda request: store.lessons.list("event-1", request, which), LESSON_ORDERS, limit, sort)
        key, is_reversed = LESSON_ORDERS.of(sort)
        matching = [
            each
            for each in lessons
            if (since is None or each.release_at >= since)
            and (until is None or each.release_at < until)
            and (q is None or search_form(q) in search_form(each.title, each.slug))
        ]
        assert pages == sorted(matching, key=key, reverse=is_reversed)
        assert store.lessons.list("event-1", PageRequest(sort=sort), which) == pages


@over_one_store
@given(positions=st.sets(st.integers(1, 40), max_size=12), limit=st.integers(1, 5))
def test_material_pages_neither_skip_nor_repeat(store: ContentStore, positions: set[int], limit: int) -> None:
    with undone(store):
        store.events.add(an_event())
        store.lessons.add(a_lesson())
        store.lessons.add(a_lesson(id="lesson-2", slug="second"))
        store.materials.add_all([a_material(id="elsewhere", lesson_id="lesson-2")])
        materials = [a_material(id=f"m{position}", position=position) for position in positions]
        store.materials.add_all(materials)
        pages = turned_over(lambda request: store.materials.list("lesson-1", request), MATERIAL_ORDERS, limit)
        assert pages == sorted(materials, key=material_key)
        assert store.materials.list("lesson-1") == pages
        assert store.materials.last_position("lesson-1") == max(positions, default=0)


def test_a_page_fetches_one_item_more_and_continues_after_a_deleted_one(store: ContentStore) -> None:
    events = some_events(3)
    for event in events:
        store.events.add(event)
    assert store.events.list(PageRequest(1)) == events[:2]
    assert store.events.list(PageRequest(2)) == events
    store.events.remove(events[1].id)
    assert store.events.list(PageRequest(1, event_key(events[1]))) == events[2:]


# Lessons


def test_an_added_lesson_comes_back_by_id_and_by_slug(stocked: ContentStore) -> None:
    lesson = a_lesson(id="lesson-2", slug="Ünïcode_slug", video_provider="gemini_stream", expires_at=None)
    stocked.lessons.add(lesson)
    assert stocked.lessons.get("event-1", "lesson-2") == lesson
    assert stocked.lessons.get_by_slug("event-1", "Ünïcode_slug") == lesson
    assert stocked.lessons.list("event-1") == [a_lesson(), lesson]
    assert entries(stocked, 4) == [("lesson.created", "lesson-2")]


@pytest.mark.parametrize(
    ("event_id", "lesson_id", "slug"), [("event-2", "lesson-1", "first"), ("event-1", "lesson-2", "fi-rst")]
)
def test_a_lesson_is_found_under_its_own_event_only(
    stocked: ContentStore, event_id: str, lesson_id: str, slug: str
) -> None:
    for use in (
        lambda: stocked.lessons.get(event_id, lesson_id),
        lambda: stocked.lessons.get(event_id, lesson_id, for_update=True),
        lambda: stocked.lessons.get_by_slug(event_id, slug),
        lambda: stocked.lessons.save(a_lesson(id=lesson_id, event_id=event_id, slug="other")),
        lambda: stocked.lessons.remove(event_id, lesson_id),
    ):
        with pytest.raises(LessonNotFound):
            use()
    assert everything(stocked) == STOCK


@pytest.mark.parametrize("slug", ["first", "lessons_window", "foreign key", "lessons_event_id_slug", "lessons.slug"])
def test_a_lesson_slug_is_unique_within_its_event_only(stocked: ContentStore, slug: str) -> None:
    lesson = a_lesson(slug=slug)
    stocked.lessons.save(lesson)
    twin = a_lesson(id="lesson-2", event_id="event-2", slug=slug)
    other = a_lesson(id="lesson-4", slug="other")
    stocked.lessons.add(twin)
    stocked.lessons.add(other)
    with pytest.raises(LessonSlugTaken) as refusal:
        stocked.lessons.add(a_lesson(id="lesson-3", slug=slug))
    assert str(refusal.value) == f"Another lesson of this event already has the slug {slug}"
    with pytest.raises(LessonSlugTaken):
        stocked.lessons.save(replace(other, slug=slug))
    assert everything(stocked)[1] == [lesson, other, twin]


@pytest.mark.parametrize("expires_at", [NOON - HOUR, NOON - HOUR - MILLISECOND])
def test_a_lesson_that_expires_before_its_release_is_refused(stocked: ContentStore, expires_at: datetime) -> None:
    with pytest.raises(InvalidWindow):
        stocked.lessons.add(a_lesson(id="lesson-2", slug="lessons_event_id_slug", expires_at=expires_at))
    with pytest.raises(InvalidWindow):
        stocked.lessons.save(a_lesson(expires_at=expires_at))
    assert everything(stocked) == STOCK


def test_a_lesson_of_no_event_or_with_a_taken_id_is_refused(stocked: ContentStore) -> None:
    with pytest.raises(EventNotFound):
        stocked.lessons.add(a_lesson(id="lesson-2", event_id="event-3"))
    with pytest.raises(peewee.IntegrityError):
        stocked.lessons.add(a_lesson(event_id="event-2", slug="another"))
    assert everything(stocked) == STOCK


def test_saving_replaces_every_column_of_that_lesson_alone(stocked: ContentStore) -> None:
    other = a_lesson(id="lesson-2", slug="second", expires_at=NOON - HOUR + MILLISECOND)
    stocked.lessons.add(other)
    changed = Lesson(
        id="lesson-1",
        event_id="event-1",
        title="Changed",
        description="Changed too",
        slug="changed",
        video_provider="vimeo",
        video_id="76979871",
        release_at=NOON,
        expires_at=None,
        created_at=NOON + HOUR,
        updated_at=NOON + 2 * HOUR,
        version=7,
    )
    stocked.lessons.save(changed)
    assert stocked.lessons.list("event-1") == [other, changed]
    assert entries(stocked, 5) == [("lesson.changed", "lesson-1")]


def test_lessons_are_listed_by_release_then_creation_then_id(store: ContentStore) -> None:
    store.events.add(an_event())
    places = [
        ("z", NOON, NOON + HOUR),
        ("A", NOON + MILLISECOND, NOON - MILLISECOND),
        ("a", NOON + MILLISECOND, NOON - MILLISECOND),
        ("9", NOON + MILLISECOND, NOON),
        ("0", NOON + HOUR, NOON - HOUR),
    ]
    in_order = [
        a_lesson(id=each, slug=f"s{number}", release_at=release_at, created_at=created_at, expires_at=None)
        for number, (each, release_at, created_at) in enumerate(places)
    ]
    for lesson in reversed(in_order):
        store.lessons.add(lesson)
    assert store.lessons.list("event-1") == in_order


def test_lessons_of_all_events_are_counted_by_status(store: ContentStore) -> None:
    assert store.lessons.count_by_status(NOON) == StatusCounts(locked=0, released=0, expired=0)
    store.events.add(an_event())
    store.events.add(an_event(id="event-2", slug="second"))
    windows: list[tuple[datetime, datetime | None]] = [
        (NOON + MILLISECOND, None),
        (NOON + MILLISECOND, NOON + HOUR),
        (NOON, None),
        (NOON, NOON + MILLISECOND),
        (NOON - HOUR, NOON + MILLISECOND),
        (NOON - HOUR, NOON),
    ]
    for number, (release_at, expires_at) in enumerate(windows):
        event_id = f"event-{number % 2 + 1}"
        store.lessons.add(
            a_lesson(id=str(number), slug=str(number), event_id=event_id, release_at=release_at, expires_at=expires_at)
        )
    assert store.lessons.count_by_status(NOON) == StatusCounts(locked=2, released=3, expired=1)


def test_existing_references_are_those_of_the_right_event(stocked: ContentStore) -> None:
    right, wrong = LessonReference("event-1", "lesson-1"), LessonReference("event-2", "lesson-1")
    assert stocked.lessons.existing([wrong, right, right]) == [right, right]
    assert stocked.lessons.existing([]) == []


# Materials


def test_added_materials_come_back_in_order_of_upload(stocked: ContentStore) -> None:
    later = [
        a_material(id="a", position=3, mime_type="text/plain", size_bytes=1),
        a_material(id="z", position=2, mime_type="application/zip", size_bytes=25 * 1024 * 1024),
    ]
    stocked.materials.add_all(later)
    stocked.materials.add_all([])
    assert stocked.materials.list("lesson-1") == [a_material(), *reversed(later)]
    assert stocked.materials.last_position("lesson-1") == 3
    assert entries(stocked, 4) == [("material.created", "a"), ("material.created", "z")]


def test_the_last_position_is_that_of_the_present_materials(stocked: ContentStore) -> None:
    stocked.materials.add_all([a_material(id="material-2", position=2)])
    stocked.materials.remove("lesson-1", "material-1")
    assert stocked.materials.last_position("lesson-1") == 2
    stocked.materials.remove("lesson-1", "material-2")
    assert (stocked.materials.last_position("lesson-1"), stocked.materials.list("lesson-1")) == (0, [])
    assert entries(stocked, 5) == [("material.deleted", "material-1"), ("material.deleted", "material-2")]


def test_a_material_is_found_under_its_own_lesson_only(stocked: ContentStore) -> None:
    stocked.lessons.add(a_lesson(id="lesson-2", slug="second"))
    for lesson_id, material_id in (("lesson-2", "material-1"), ("lesson-1", "material-2"), ("x", "material-1")):
        with pytest.raises(MaterialNotFound):
            stocked.materials.remove(lesson_id, material_id)
    assert everything(stocked)[2] == [a_material()]


@pytest.mark.parametrize(
    "misfit",
    [
        pytest.param({"id": "material-1", "position": 5}, id="an id that is taken"),
        pytest.param({"position": 1}, id="a position that is taken"),
        pytest.param({"position": 4}, id="the position of another file of the request"),
        pytest.param({"lesson_id": "lesson-9", "position": 5}, id="an unknown lesson"),
    ],
)
def test_when_one_material_cannot_be_stored_none_is(stocked: ContentStore, misfit: dict[str, Any]) -> None:
    good = a_material(id="material-4", position=4)
    bad = a_material(**{"id": "material-5", **misfit})
    with pytest.raises(peewee.IntegrityError), stocked.transaction():
        stocked.materials.add_all([good, bad])
    assert everything(stocked) == STOCK


# What the import of an old installation reads


def test_events_are_found_by_id_or_slug(store: ContentStore) -> None:
    with_two_events(store)
    for ids, slugs, expected in (
        (["event-1"], ["secret"], ["event-1", "event-2"]),
        (["event-2"], ["secret"], ["event-2"]),
        (["launch"], ["event-1"], []),
        ([], [], []),
    ):
        assert sorted(each.id for each in store.events.find(ids, slugs)) == expected
    assert store.events.find(["event-1"], []) == [an_event()]


def test_lessons_are_found_by_id_or_by_slug_within_events(store: ContentStore) -> None:
    with_two_events(store)
    for ids, events, slugs, expected in (
        (["lesson-1"], [], [], ["lesson-1"]),
        ([], ["event-2"], ["first"], ["lesson-2"]),
        (["lesson-1"], ["event-2"], ["first"], ["lesson-1", "lesson-2"]),
        ([], ["event-2"], [], []),
        ([], [], ["first"], []),
    ):
        assert sorted(each.id for each in store.lessons.find(ids, events, slugs)) == expected
    assert store.lessons.find(["lesson-1"], [], []) == [a_lesson()]


def test_materials_are_found_by_id_and_last_positions_by_lesson(store: ContentStore) -> None:
    with_two_events(store)
    store.materials.add_all([a_material(id="material-3", position=7)])
    assert store.materials.find(["material-1", "none"]) == [a_material()]
    assert store.materials.last_positions(["lesson-1", "lesson-2", "none"]) == {"lesson-1": 7, "lesson-2": 1}
    assert (store.materials.find([]), store.materials.last_positions([])) == ([], {})


# Cascades


def test_removing_an_event_removes_its_lessons_and_materials_alone(stocked: ContentStore) -> None:
    lesson, material = a_lesson(id="lesson-2", event_id="event-2"), a_material(id="material-2", lesson_id="lesson-2")
    stocked.lessons.add(lesson)
    stocked.materials.add_all([material])
    stocked.events.remove("event-1")
    assert everything(stocked) == ([STOCK[0][1]], [lesson], [material])
    stocked.events.add(an_event())
    assert stocked.lessons.list("event-1") == []
    stocked.lessons.add(a_lesson())
    assert stocked.materials.list("lesson-1") == []


def test_removing_a_lesson_removes_its_materials_alone(stocked: ContentStore) -> None:
    lesson, material = a_lesson(id="lesson-2", slug="second"), a_material(id="material-2", lesson_id="lesson-2")
    stocked.lessons.add(lesson)
    stocked.materials.add_all([material])
    stocked.lessons.remove("event-1", "lesson-1")
    assert everything(stocked)[1:] == ([lesson], [material])
    assert stocked.materials.list("lesson-1") == []


# Transactions


def test_nothing_of_a_failed_transaction_is_kept(stocked: ContentStore) -> None:
    with pytest.raises(Undo), stocked.transaction():
        stocked.events.save(an_event(title="Changed"))
        stocked.events.add(an_event(id="event-3", slug="third"))
        stocked.lessons.save(a_lesson(title="Changed"))
        stocked.lessons.add(a_lesson(id="lesson-2", slug="second"))
        stocked.materials.add_all([a_material(id="material-2", position=2)])
        stocked.materials.remove("lesson-1", "material-1")
        stocked.events.remove("event-2")
        raise Undo
    assert everything(stocked) == STOCK
    assert len(entries(stocked, 0)) == stocked.changes.feed().last_sequence == 4


def test_a_refused_write_leaves_its_transaction_usable(stocked: ContentStore) -> None:
    with stocked.transaction():
        with pytest.raises(EventSlugTaken):
            stocked.events.add(an_event(id="event-3"))
        with pytest.raises(LessonSlugTaken):
            stocked.lessons.add(a_lesson(id="lesson-2"))
        with pytest.raises(EventNotFound):
            stocked.lessons.add(a_lesson(id="lesson-2", event_id="event-9"))
        with pytest.raises(InvalidWindow):
            stocked.lessons.save(a_lesson(expires_at=NOON - HOUR))
        stocked.events.save(an_event(title="Kept"))
    assert stocked.events.get("event-1") == an_event(title="Kept")
    assert entries(stocked, 4) == [("event.changed", "event-1")]


def test_a_failed_inner_transaction_undoes_only_its_own_writes(store: ContentStore) -> None:
    with store.transaction():
        store.events.add(an_event())
        with pytest.raises(Undo), store.transaction():
            store.lessons.add(a_lesson())
            raise Undo
    assert everything(store) == ([an_event()], [], [])


def test_reading_for_update_returns_what_is_stored(stocked: ContentStore) -> None:
    with stocked.transaction():
        assert stocked.events.get("event-1", for_update=True) == an_event()
        stocked.lessons.save(a_lesson(title="Changed"))
        assert stocked.lessons.get("event-1", "lesson-1", for_update=True) == a_lesson(title="Changed")


# The constraints of the database, behind the schemas and the rules


@pytest.fixture
def database_store(content_database: peewee.Database) -> PeeweeContentStore:
    """Return a store of one engine with two events, a lesson and a material."""
    store = PeeweeContentStore(content_database)
    for event in STOCK[0]:
        store.events.add(event)
    store.lessons.add(a_lesson())
    store.materials.add_all([a_material()])
    return store


@pytest.mark.parametrize("changes", [{"visibility": "secret"}, {"visibility": ""}, {"slug": ""}])
def test_the_database_refuses_an_invalid_event(database_store: PeeweeContentStore, changes: dict[str, Any]) -> None:
    with pytest.raises(peewee.IntegrityError):
        database_store.events.add(an_event(**{"id": "event-3", "slug": "third", **changes}))
    with pytest.raises(peewee.IntegrityError):
        database_store.events.save(an_event(**changes))
    assert everything(database_store) == STOCK


@pytest.mark.parametrize("changes", [{"video_provider": "dailymotion"}, {"slug": ""}, {"description": None}])
def test_the_database_refuses_an_invalid_lesson(database_store: PeeweeContentStore, changes: dict[str, Any]) -> None:
    with pytest.raises(peewee.IntegrityError):
        database_store.lessons.add(a_lesson(**{"id": "lesson-2", "slug": "second", **changes}))
    with pytest.raises(peewee.IntegrityError):
        database_store.lessons.save(a_lesson(**changes))
    assert everything(database_store) == STOCK


@pytest.mark.parametrize(
    "changes",
    [
        *({"size_bytes": size} for size in (0, -1, 25 * 1024 * 1024 + 1)),
        *({"mime_type": kind} for kind in ("text/html", "TEXT/PLAIN")),
        *({"position": position} for position in (0, -1)),
        {"download_url": None},
    ],
)
def test_the_database_refuses_an_invalid_material(database_store: PeeweeContentStore, changes: dict[str, Any]) -> None:
    good = a_material(id="material-2", position=2)
    with pytest.raises(peewee.IntegrityError):
        database_store.materials.add_all([good, a_material(**{"id": "material-3", "position": 3, **changes})])
    assert everything(database_store) == STOCK


def test_no_material_moves_to_an_unknown_lesson(
    database_store: PeeweeContentStore, content_database: peewee.Database
) -> None:
    move = MaterialRow.update(lesson="lesson-9").where(MaterialRow.id == "material-1")
    with pytest.raises(peewee.IntegrityError):
        move.execute(content_database)
    assert everything(database_store) == STOCK
