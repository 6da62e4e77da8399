"""Many writers at once, each in a thread with a connection of its own, on both engines."""

from collections.abc import Callable, Sequence

import peewee
import pytest

from services.content.entities import Event, Material, Upload
from services.content.errors import EventSlugTaken, LessonNotFound, LessonSlugTaken
from services.content.migrations import MIGRATIONS
from services.content.repository.store import PeeweeContentStore
from services.content.service import ContentService
from services.kit.core.errors import ServiceError
from services.kit.web.pages import PageRequest
from tests.clock import StoppedClock
from tests.content.examples import EVENT_FIELDS, LESSON_FIELDS, SECRET, a_lesson, an_event
from tests.parallel import at_once


@pytest.fixture
def service(database: peewee.Database) -> ContentService:
    """Content over a database of its own, with one event and one lesson."""
    MIGRATIONS.up(database)
    store = PeeweeContentStore(database)
    store.events.add(an_event())
    store.lessons.add(a_lesson())
    return ContentService(store, SECRET, StoppedClock())


def test_of_twenty_events_with_one_slug_exactly_one_is_created(service: ContentService) -> None:
    results = at_once(*[lambda: service.create_event(EVENT_FIELDS)] * 20)
    created = [each for each in results if isinstance(each, Event)]
    assert [type(each) for each in results if not isinstance(each, Event)] == [EventSlugTaken] * 19
    assert service.list_events(PageRequest()).items == [an_event(), *created]


def test_of_twenty_lessons_with_one_slug_exactly_one_is_created(service: ContentService) -> None:
    results = at_once(*[lambda: service.create_lesson("event-1", LESSON_FIELDS)] * 20)
    created = [each for each in results if not isinstance(each, ServiceError)]
    assert [type(each) for each in results if isinstance(each, ServiceError)] == [LessonSlugTaken] * 19
    assert service.list_lessons("event-1", PageRequest()).items == [a_lesson(), *created]


def test_uploads_at_once_take_positions_without_a_gap_and_each_stays_together(service: ContentService) -> None:
    def upload(number: int) -> Callable[[], Sequence[Material]]:
        files = [Upload(f"{number}-{part}", "text/plain", 1, "https://flix.app/f") for part in range(3)]
        return lambda: service.add_materials("event-1", "lesson-1", files)

    results = at_once(*[upload(number) for number in range(8)])
    stored = service.list_materials("event-1", "lesson-1", PageRequest()).items
    assert [each.position for each in stored] == list(range(1, 25))
    answered = [material for each in results if not isinstance(each, ServiceError) for material in each]
    assert sorted(answered, key=lambda material: material.position) == stored
    uploads = [[each.file_name for each in stored[start : start + 3]] for start in range(0, 24, 3)]
    assert sorted(uploads) == [[f"{number}-{part}" for part in range(3)] for number in range(8)]


def test_changes_of_different_fields_at_once_are_all_kept(service: ContentService) -> None:
    changes = {
        "title": "Another title",
        "slug": "another-slug",
        "hero_title": "Another hero",
        "text_color": "#123456",
        "is_active": False,
        "access_key": "let-me-in",
    }
    at_once(*[lambda field=field: service.update_event("event-1", {field: changes[field]}) for field in changes])
    assert service.get_event("event-1") == an_event(**changes, updated_at=StoppedClock().at, version=7)


def test_an_upload_that_meets_the_deletion_of_its_lesson_leaves_nothing_behind(
    service: ContentService, database: peewee.Database
) -> None:
    upload = Upload("notes.txt", "text/plain", 1, "https://flix.app/f")
    results = at_once(
        lambda: service.delete_lesson("event-1", "lesson-1"),
        *[lambda: service.add_materials("event-1", "lesson-1", [upload])] * 7,
    )
    assert {type(each) for each in results if isinstance(each, ServiceError)} <= {LessonNotFound}
    assert service.list_lessons("event-1", PageRequest()).items == []
    assert PeeweeContentStore(database).materials.list("lesson-1") == []


def test_lessons_that_meet_the_deletion_of_their_event_are_refused_or_gone_with_it(
    service: ContentService, database: peewee.Database
) -> None:
    def create(number: int) -> Callable[[], object]:
        return lambda: service.create_lesson("event-1", {**LESSON_FIELDS, "slug": f"lesson-{number}"})

    results = at_once(lambda: service.delete_event("event-1"), *[create(number) for number in range(7)])
    errors = [each for each in results if isinstance(each, ServiceError)]
    assert [error.code for error in errors] == ["EVENT_NOT_FOUND"] * len(errors)
    assert service.snapshot().events == 0
    assert PeeweeContentStore(database).lessons.list("event-1") == []
