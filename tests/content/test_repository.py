"""The contract of ContentStore: one suite for the in-memory twin, for SQLite and for PostgreSQL."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import peewee
import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.content.entities import Event, Lesson, Material, StatusCounts
from services.content.errors import (
    EventNotFound,
    EventSlugTaken,
    InvalidWindow,
    LessonNotFound,
    LessonSlugTaken,
    MaterialNotFound,
)
from services.content.models import MaterialRow
from services.content.repository.contracts import ContentStore, event_key, lesson_key, material_key
from services.content.repository.store import PeeweeContentStore
from services.kit.web.pages import PageRequest
from tests.clock import HOUR, MILLISECOND, NOON
from tests.content.examples import a_lesson, a_material, an_event, some_events, some_lessons, some_materials
from tests.stores import Undo, over_one_store, turned_over, undone


def everything(store: ContentStore) -> tuple[Sequence[Event], Sequence[Lesson], Sequence[Material]]:
    """All that the store holds, in order."""
    events = store.events.list()
    lessons = [lesson for event in events for lesson in store.lessons.list(event.id)]
    return events, lessons, [material for lesson in lessons for material in store.materials.list(lesson.id)]


# Events


def test_an_added_event_comes_back_whole_by_id_and_by_slug(store: ContentStore) -> None:
    event = an_event(
        visibility="private",
        is_active=False,
        access_key="let-me-in",
        highlight_video_url="https://flix.app/trailer",
        branding_provider="gemini",
        branding_prompt_version="v2",
        branding_generated_at=NOON + MILLISECOND,
    )
    store.events.add(event)
    assert store.events.get("event-1") == event
    assert store.events.get_by_slug("launch") == event
    assert store.events.list() == [event]
    assert store.events.count() == 1


def test_texts_of_every_script_and_awkward_kind_come_back_as_they_were(store: ContentStore) -> None:
    event = an_event(title="Žluťoučký 🎬 'quoted' \"twice\" % ? :x \\ ; DROP TABLE events", short_description="\n\t ")
    store.events.add(event)
    assert store.events.get(event.id) == event


@pytest.mark.parametrize(
    "instant",
    [
        datetime(1, 1, 1, tzinfo=UTC),
        datetime(1969, 12, 31, 23, 59, 59, 999000, tzinfo=UTC),
        NOON + MILLISECOND,
        datetime(9999, 12, 31, 23, 59, 59, 999000, tzinfo=UTC),
    ],
)
def test_every_instant_comes_back_to_the_millisecond(store: ContentStore, instant: datetime) -> None:
    event = an_event(created_at=instant, updated_at=instant, branding_generated_at=instant)
    store.events.add(event)
    assert store.events.get(event.id) == event


def test_an_empty_store_knows_no_event(store: ContentStore) -> None:
    assert everything(store) == ([], [], [])
    assert store.events.count() == 0
    with pytest.raises(EventNotFound):
        store.events.get("event-1")
    with pytest.raises(EventNotFound):
        store.events.get("event-1", for_update=True)
    with pytest.raises(EventNotFound):
        store.events.get_by_slug("launch")
    with pytest.raises(EventNotFound):
        store.events.save(an_event())
    with pytest.raises(EventNotFound):
        store.events.remove("event-1")


def test_a_second_event_with_a_taken_slug_is_refused_and_changes_nothing(store: ContentStore) -> None:
    store.events.add(an_event())
    with pytest.raises(EventSlugTaken) as refusal:
        store.events.add(an_event(id="event-2"))
    assert str(refusal.value) == "Another event already has the slug launch"
    assert everything(store) == ([an_event()], [], [])


def test_a_second_event_with_a_taken_id_is_not_mistaken_for_a_taken_slug(store: ContentStore) -> None:
    store.events.add(an_event())
    with pytest.raises(peewee.IntegrityError):
        store.events.add(an_event(slug="another"))
    assert everything(store) == ([an_event()], [], [])


def test_saving_replaces_every_column_of_that_event_alone(store: ContentStore) -> None:
    store.events.add(an_event())
    store.events.add(an_event(id="event-2", slug="second"))
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
        created_at=NOON,
        updated_at=NOON + HOUR,
    )
    store.events.save(changed)
    assert store.events.get("event-1") == changed
    assert store.events.get("event-2") == an_event(id="event-2", slug="second")


def test_an_event_may_be_saved_under_its_own_slug_but_not_under_another_ones(store: ContentStore) -> None:
    first, second = some_events(2)
    store.events.add(first)
    store.events.add(second)
    store.events.save(first)
    with pytest.raises(EventSlugTaken):
        store.events.save(replace(first, slug=second.slug))
    assert everything(store) == ([first, second], [], [])


def test_events_are_listed_by_creation_and_ties_by_id(store: ContentStore) -> None:
    late = an_event(id="a", slug="s-1", created_at=NOON + MILLISECOND)
    tied = [an_event(id=each, slug=f"s-{each}", created_at=NOON) for each in ("B", "b", "c-1", "c1")]
    early = an_event(id="z", slug="s-2", created_at=NOON - MILLISECOND)
    for event in (late, *reversed(tied), early):
        store.events.add(event)
    assert store.events.list() == [early, *tied, late]


def test_only_active_public_events_are_listed_to_the_public(store: ContentStore) -> None:
    listed, *others = some_events(4)
    unlisted = [
        replace(others[0], is_active=False),
        replace(others[1], visibility="private"),
        replace(others[2], is_active=False, visibility="private"),
    ]
    for event in (listed, *unlisted):
        store.events.add(event)
    assert store.events.list(listed_only=True) == [listed]
    assert store.events.list(PageRequest(2), listed_only=True) == [listed]
    assert store.events.list(PageRequest(1, event_key(listed)), listed_only=True) == []


# Pages


@over_one_store
@given(
    places=st.lists(st.tuples(st.integers(0, 3), st.booleans()), max_size=12),
    limit=st.integers(1, 5),
    listed_only=st.booleans(),
)
def test_event_pages_neither_skip_nor_repeat(
    store: ContentStore, places: list[tuple[int, bool]], limit: int, listed_only: bool
) -> None:
    with undone(store):
        for number, (second, active) in enumerate(places):
            created_at = NOON + timedelta(seconds=second)
            store.events.add(an_event(id=f"e{number}", slug=f"s{number}", created_at=created_at, is_active=active))
        pages = turned_over(lambda wanted: store.events.list(wanted, listed_only=listed_only), event_key, limit)
        assert pages == store.events.list(listed_only=listed_only)
        assert {each.id for each in pages} == {
            f"e{number}" for number, (_, active) in enumerate(places) if active or not listed_only
        }
        assert pages == sorted(pages, key=event_key)


@over_one_store
@given(places=st.lists(st.tuples(st.integers(0, 2), st.integers(0, 2)), max_size=12), limit=st.integers(1, 5))
def test_lesson_pages_neither_skip_nor_repeat(store: ContentStore, places: list[tuple[int, int]], limit: int) -> None:
    with undone(store):
        store.events.add(an_event())
        store.events.add(an_event(id="event-2", slug="second"))
        store.lessons.add(a_lesson(id="elsewhere", event_id="event-2"))
        lessons = [
            a_lesson(
                id=f"l{number}",
                slug=f"s{number}",
                release_at=NOON + timedelta(milliseconds=released),
                created_at=NOON + timedelta(milliseconds=created),
                expires_at=None,
            )
            for number, (released, created) in enumerate(places)
        ]
        for lesson in lessons:
            store.lessons.add(lesson)
        pages = turned_over(lambda wanted: store.lessons.list("event-1", wanted), lesson_key, limit)
        assert pages == sorted(lessons, key=lesson_key)
        assert store.lessons.list("event-1") == pages


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
        pages = turned_over(lambda wanted: store.materials.list("lesson-1", wanted), material_key, limit)
        assert pages == sorted(materials, key=material_key)
        assert store.materials.list("lesson-1") == pages
        assert store.materials.last_position("lesson-1") == max(positions, default=0)


def test_a_page_fetches_one_item_more_than_it_shows_so_that_it_knows_of_a_next_one(store: ContentStore) -> None:
    events = some_events(3)
    for event in events:
        store.events.add(event)
    assert store.events.list(PageRequest(1)) == events[:2]
    assert store.events.list(PageRequest(2)) == events
    assert store.events.list(PageRequest(1, event_key(events[1]))) == events[2:]


def test_a_page_goes_on_behind_an_item_that_has_been_deleted_meanwhile(store: ContentStore) -> None:
    first, second, third = some_events(3)
    for event in (first, second, third):
        store.events.add(event)
    store.events.remove(second.id)
    assert store.events.list(PageRequest(2, event_key(second))) == [third]


# Lessons


@pytest.fixture
def stocked(store: ContentStore) -> ContentStore:
    """The store with two events; the first has a lesson with a material."""
    store.events.add(an_event())
    store.events.add(an_event(id="event-2", slug="second", created_at=NOON))
    store.lessons.add(a_lesson())
    store.materials.add_all([a_material()])
    return store


def test_an_added_lesson_comes_back_whole_by_id_and_by_slug(stocked: ContentStore) -> None:
    lesson = a_lesson(id="lesson-2", slug="Ünïcode_slug", video_provider="gemini_stream", expires_at=None)
    stocked.lessons.add(lesson)
    assert stocked.lessons.get("event-1", "lesson-2") == lesson
    assert stocked.lessons.get_by_slug("event-1", "Ünïcode_slug") == lesson
    assert stocked.lessons.list("event-1") == [a_lesson(), lesson]


def test_a_lesson_is_not_found_under_another_event(stocked: ContentStore) -> None:
    with pytest.raises(LessonNotFound):
        stocked.lessons.get("event-2", "lesson-1")
    with pytest.raises(LessonNotFound):
        stocked.lessons.get("event-2", "lesson-1", for_update=True)
    with pytest.raises(LessonNotFound):
        stocked.lessons.get_by_slug("event-2", "first")
    with pytest.raises(LessonNotFound):
        stocked.lessons.save(a_lesson(event_id="event-2", title="Stolen"))
    with pytest.raises(LessonNotFound):
        stocked.lessons.remove("event-2", "lesson-1")
    assert stocked.lessons.list("event-2") == []
    assert stocked.lessons.list("event-1") == [a_lesson()]


def test_an_unknown_lesson_is_not_found(stocked: ContentStore) -> None:
    with pytest.raises(LessonNotFound):
        stocked.lessons.get("event-1", "lesson-2")
    with pytest.raises(LessonNotFound):
        stocked.lessons.get_by_slug("event-1", "FIRST")
    with pytest.raises(LessonNotFound):
        stocked.lessons.save(a_lesson(id="lesson-2", slug="second"))
    with pytest.raises(LessonNotFound):
        stocked.lessons.remove("event-1", "lesson-2")


def test_a_lesson_of_an_unknown_event_is_refused(stocked: ContentStore) -> None:
    with pytest.raises(EventNotFound):
        stocked.lessons.add(a_lesson(id="lesson-2", event_id="event-3"))
    assert stocked.lessons.list("event-3") == []


def test_a_lesson_slug_is_unique_within_its_event_only(stocked: ContentStore) -> None:
    twin = a_lesson(id="lesson-2", event_id="event-2")
    stocked.lessons.add(twin)
    with pytest.raises(LessonSlugTaken) as refusal:
        stocked.lessons.add(a_lesson(id="lesson-3"))
    assert str(refusal.value) == "Another lesson of this event already has the slug first"
    other = a_lesson(id="lesson-4", slug="other")
    stocked.lessons.add(other)
    with pytest.raises(LessonSlugTaken):
        stocked.lessons.save(replace(other, slug="first"))
    assert everything(stocked)[1] == [a_lesson(), other, twin]


@pytest.mark.parametrize("slug", ["lessons_window", "foreign key", "lessons_event_id_slug", "lessons.slug"])
def test_a_taken_slug_is_told_as_such_even_when_it_spells_the_name_of_a_constraint(
    stocked: ContentStore, slug: str
) -> None:
    stocked.lessons.add(a_lesson(id="lesson-2", slug=slug))
    with pytest.raises(LessonSlugTaken):
        stocked.lessons.add(a_lesson(id="lesson-3", slug=slug))


@pytest.mark.parametrize("expires_at", [NOON - HOUR, NOON - HOUR - MILLISECOND])
def test_a_lesson_that_closes_before_it_opens_is_refused(stocked: ContentStore, expires_at: datetime) -> None:
    with pytest.raises(InvalidWindow):
        stocked.lessons.add(a_lesson(id="lesson-2", slug="lessons_event_id_slug", expires_at=expires_at))
    with pytest.raises(InvalidWindow):
        stocked.lessons.save(a_lesson(expires_at=expires_at))
    assert stocked.lessons.list("event-1") == [a_lesson()]


def test_a_lesson_may_be_open_for_a_single_millisecond(stocked: ContentStore) -> None:
    brief = a_lesson(expires_at=NOON - HOUR + MILLISECOND)
    stocked.lessons.save(brief)
    assert stocked.lessons.get("event-1", "lesson-1") == brief


def test_a_second_lesson_with_a_taken_id_is_refused_even_for_another_event(stocked: ContentStore) -> None:
    with pytest.raises(peewee.IntegrityError):
        stocked.lessons.add(a_lesson(event_id="event-2", slug="another"))
    assert everything(stocked)[1] == [a_lesson()]


def test_saving_replaces_every_column_of_that_lesson_alone(stocked: ContentStore) -> None:
    other = a_lesson(id="lesson-2", slug="second")
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
    )
    stocked.lessons.save(changed)
    assert stocked.lessons.list("event-1") == [other, changed]


def test_lessons_are_listed_by_release_then_creation_then_id(store: ContentStore) -> None:
    store.events.add(an_event())
    in_order = [
        a_lesson(id="z", release_at=NOON, created_at=NOON + HOUR, expires_at=None),
        a_lesson(id="A", release_at=NOON + MILLISECOND, created_at=NOON - MILLISECOND, expires_at=None),
        a_lesson(id="a", release_at=NOON + MILLISECOND, created_at=NOON - MILLISECOND, expires_at=None),
        a_lesson(id="9", release_at=NOON + MILLISECOND, created_at=NOON, expires_at=None),
        a_lesson(id="0", release_at=NOON + HOUR, created_at=NOON - HOUR, expires_at=None),
    ]
    in_order = [replace(each, slug=each.id) for each in in_order]
    for lesson in reversed(in_order):
        store.lessons.add(lesson)
    assert store.lessons.list("event-1") == in_order


def test_statuses_are_counted_over_all_events_with_both_boundaries_on_the_later_side(store: ContentStore) -> None:
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


# Materials


def test_added_materials_come_back_whole_in_order_of_upload(stocked: ContentStore) -> None:
    later = [
        a_material(id="a", position=3, mime_type="text/plain", size_bytes=1),
        a_material(id="z", position=2, mime_type="application/zip", size_bytes=25 * 1024 * 1024),
    ]
    stocked.materials.add_all(later)
    assert stocked.materials.list("lesson-1") == [a_material(), *reversed(later)]
    assert stocked.materials.last_position("lesson-1") == 3


def test_adding_no_materials_adds_none(stocked: ContentStore) -> None:
    stocked.materials.add_all([])
    assert stocked.materials.list("lesson-1") == [a_material()]


def test_a_lesson_without_materials_has_the_last_position_zero(stocked: ContentStore) -> None:
    assert stocked.materials.last_position("lesson-2") == 0
    assert stocked.materials.list("lesson-2") == []


def test_the_place_of_a_removed_material_stays_empty_unless_it_was_the_last(stocked: ContentStore) -> None:
    stocked.materials.add_all([a_material(id="material-2", position=2)])
    stocked.materials.remove("lesson-1", "material-1")
    assert stocked.materials.last_position("lesson-1") == 2
    stocked.materials.remove("lesson-1", "material-2")
    assert stocked.materials.last_position("lesson-1") == 0


def test_a_material_is_not_found_under_another_lesson(stocked: ContentStore) -> None:
    stocked.lessons.add(a_lesson(id="lesson-2", slug="second"))
    for lesson_id, material_id in (("lesson-2", "material-1"), ("lesson-1", "material-2"), ("x", "material-1")):
        with pytest.raises(MaterialNotFound):
            stocked.materials.remove(lesson_id, material_id)
    assert stocked.materials.list("lesson-1") == [a_material()]


@pytest.mark.parametrize(
    "misfit",
    [
        pytest.param({"id": "material-1", "position": 5}, id="an id that is taken"),
        pytest.param({"position": 1}, id="a position that is taken"),
        pytest.param({"position": 4}, id="a position that another file of the request takes"),
        pytest.param({"lesson_id": "lesson-9", "position": 5}, id="an unknown lesson"),
    ],
)
def test_when_one_material_cannot_be_stored_none_is(stocked: ContentStore, misfit: dict[str, Any]) -> None:
    good = a_material(id="material-4", position=4)
    bad = a_material(**{"id": "material-5", **misfit})
    with pytest.raises(peewee.IntegrityError), stocked.transaction():
        stocked.materials.add_all([good, bad])
    assert everything(stocked)[2] == [a_material()]


# Cascades


def test_removing_an_event_takes_its_lessons_and_their_materials_and_nothing_else(stocked: ContentStore) -> None:
    stocked.lessons.add(a_lesson(id="lesson-2", event_id="event-2"))
    stocked.materials.add_all([a_material(id="material-2", lesson_id="lesson-2")])
    stocked.events.remove("event-1")
    assert everything(stocked) == (
        [an_event(id="event-2", slug="second", created_at=NOON)],
        [a_lesson(id="lesson-2", event_id="event-2")],
        [a_material(id="material-2", lesson_id="lesson-2")],
    )
    assert stocked.lessons.list("event-1") == []
    assert stocked.materials.list("lesson-1") == []


def test_removing_a_lesson_takes_its_materials_and_nothing_else(stocked: ContentStore) -> None:
    stocked.lessons.add(a_lesson(id="lesson-2", slug="second"))
    stocked.materials.add_all([a_material(id="material-2", lesson_id="lesson-2")])
    stocked.lessons.remove("event-1", "lesson-1")
    assert everything(stocked)[1:] == (
        [a_lesson(id="lesson-2", slug="second")],
        [a_material(id="material-2", lesson_id="lesson-2")],
    )
    assert stocked.materials.list("lesson-1") == []


def test_what_was_removed_can_be_added_again(stocked: ContentStore) -> None:
    stocked.events.remove("event-1")
    stocked.events.add(an_event())
    assert stocked.lessons.list("event-1") == []
    stocked.lessons.add(a_lesson())
    assert stocked.materials.list("lesson-1") == []


# Transactions


def test_what_a_transaction_wrote_is_kept_when_it_ends_well(store: ContentStore) -> None:
    with store.transaction():
        store.events.add(an_event())
        store.lessons.add(a_lesson())
        store.materials.add_all([a_material()])
    assert everything(store) == ([an_event()], [a_lesson()], [a_material()])


def test_nothing_of_a_transaction_is_kept_when_an_exception_passes_through(stocked: ContentStore) -> None:
    before = everything(stocked)
    with pytest.raises(Undo), stocked.transaction():
        stocked.events.save(an_event(title="Changed"))
        stocked.events.add(an_event(id="event-3", slug="third"))
        stocked.lessons.save(a_lesson(title="Changed"))
        stocked.lessons.add(a_lesson(id="lesson-2", slug="second"))
        stocked.materials.add_all([a_material(id="material-2", position=2)])
        stocked.materials.remove("lesson-1", "material-1")
        stocked.events.remove("event-2")
        raise Undo
    assert everything(stocked) == before


def test_a_refused_write_leaves_the_transaction_around_it_usable(stocked: ContentStore) -> None:
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


def test_an_inner_transaction_that_fails_takes_back_only_its_own_writes(store: ContentStore) -> None:
    with store.transaction():
        store.events.add(an_event())
        with pytest.raises(Undo), store.transaction():
            store.lessons.add(a_lesson())
            raise Undo
    assert everything(store) == ([an_event()], [], [])


def test_what_is_read_for_update_is_what_is_stored(stocked: ContentStore) -> None:
    with stocked.transaction():
        assert stocked.events.get("event-1", for_update=True) == an_event()
        assert stocked.lessons.get("event-1", "lesson-1", for_update=True) == a_lesson()
        stocked.lessons.save(a_lesson(title="Changed"))
        assert stocked.lessons.get("event-1", "lesson-1", for_update=True) == a_lesson(title="Changed")


# What only a database can refuse: the last wall behind the schemas and the rules


@pytest.fixture
def stocked_database(content_database: peewee.Database) -> peewee.Database:
    """A database with an event, a lesson and a material."""
    store = PeeweeContentStore(content_database)
    store.events.add(an_event())
    store.lessons.add(a_lesson())
    store.materials.add_all([a_material()])
    return content_database


@pytest.mark.parametrize("changes", [{"visibility": "secret"}, {"visibility": ""}, {"slug": ""}])
def test_the_database_refuses_an_event_that_no_schema_would_let_in(
    stocked_database: peewee.Database, changes: dict[str, Any]
) -> None:
    store = PeeweeContentStore(stocked_database)
    with pytest.raises(peewee.IntegrityError):
        store.events.add(an_event(**{"id": "event-2", "slug": "second", **changes}))
    with pytest.raises(peewee.IntegrityError):
        store.events.save(an_event(**changes))
    assert everything(store) == ([an_event()], [a_lesson()], [a_material()])


@pytest.mark.parametrize("changes", [{"video_provider": "dailymotion"}, {"slug": ""}, {"title": None}])
def test_the_database_refuses_a_lesson_that_no_schema_would_let_in(
    stocked_database: peewee.Database, changes: dict[str, Any]
) -> None:
    store = PeeweeContentStore(stocked_database)
    with pytest.raises(peewee.IntegrityError):
        store.lessons.add(a_lesson(**{"id": "lesson-2", "slug": "second", **changes}))
    with pytest.raises(peewee.IntegrityError):
        store.lessons.save(a_lesson(**changes))
    assert everything(store) == ([an_event()], [a_lesson()], [a_material()])


@pytest.mark.parametrize(
    "changes",
    [
        {"size_bytes": 0},
        {"size_bytes": -1},
        {"size_bytes": 25 * 1024 * 1024 + 1},
        {"mime_type": "text/html"},
        {"mime_type": "TEXT/PLAIN"},
        {"position": 0},
        {"position": -1},
        {"download_url": None},
    ],
)
def test_the_database_refuses_a_material_that_no_schema_would_let_in(
    stocked_database: peewee.Database, changes: dict[str, Any]
) -> None:
    store = PeeweeContentStore(stocked_database)
    good = a_material(id="material-2", position=2)
    bad = a_material(**{"id": "material-3", "position": 3, **changes})
    with pytest.raises(peewee.IntegrityError):
        store.materials.add_all([good, bad])
    assert everything(store) == ([an_event()], [a_lesson()], [a_material()])


@pytest.mark.parametrize("size_bytes", [1, 25 * 1024 * 1024])
def test_the_database_takes_a_material_of_the_least_and_of_the_greatest_size(
    stocked_database: peewee.Database, size_bytes: int
) -> None:
    store = PeeweeContentStore(stocked_database)
    material = a_material(id="material-2", position=2, size_bytes=size_bytes)
    store.materials.add_all([material])
    assert store.materials.list("lesson-1") == [a_material(), material]


def test_no_material_can_be_moved_to_a_lesson_that_is_not_there(stocked_database: peewee.Database) -> None:
    move = MaterialRow.update(lesson="lesson-9").where(MaterialRow.id == "material-1")
    with pytest.raises(peewee.IntegrityError):
        move.execute(stocked_database)
    assert PeeweeContentStore(stocked_database).materials.list("lesson-1") == [a_material()]


def test_long_lists_come_back_whole(content_database: peewee.Database) -> None:
    store = PeeweeContentStore(content_database)
    lessons, materials = some_lessons(150), some_materials(150)
    with store.transaction():
        store.events.add(an_event())
        store.lessons.add(a_lesson())
        store.materials.add_all([replace(each, lesson_id="lesson-1") for each in materials])
        for lesson in lessons:
            store.lessons.add(lesson)
    assert store.lessons.list("event-1") == sorted([a_lesson(), *lessons], key=lesson_key)
    assert store.materials.list("lesson-1") == materials
