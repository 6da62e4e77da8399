"""Concurrent writers, each in a thread or process with a connection of its own, on both engines."""

from collections.abc import Callable, Sequence
from functools import partial

import peewee
import pytest

from services.content.entities import Event, EventChanges, Material, Upload
from services.content.errors import EventNotFound, EventSlugTaken, LessonNotFound, LessonSlugTaken
from services.content.migrations import MIGRATIONS
from services.content.repository.store import PeeweeContentStore
from services.content.service.content import ContentService
from services.kit.core.errors import ServiceError
from services.kit.web.pages import PageRequest
from tests.audit import entries_in
from tests.clock import StoppedClock
from tests.content.examples import SECRET, a_lesson, an_event, event_changes, event_fields, lesson_fields
from tests.content.test_integrity import EXAMINATION
from tests.parallel import at_once
from tests.violations import found


@pytest.fixture
def store(database: peewee.Database) -> PeeweeContentStore:
    """Return a store over a database of its own, with one event and one lesson."""
    MIGRATIONS.up(database)
    store = PeeweeContentStore(database)
    store.events.add(an_event())
    store.lessons.add(a_lesson())
    return store


@pytest.fixture
def service(store: PeeweeContentStore) -> ContentService:
    """Return the service over that store."""
    return ContentService(store, SECRET, StoppedClock())


def test_of_twenty_lessons_with_one_slug_one_is_created(service: ContentService) -> None:
    results = at_once(*[lambda: service.lessons.create("event-1", lesson_fields())] * 20)
    created = [each for each in results if not isinstance(each, ServiceError)]
    assert [type(each) for each in results if isinstance(each, ServiceError)] == [LessonSlugTaken] * 19
    assert service.lessons.list("event-1", PageRequest()).items == [a_lesson(), *created]


def test_of_ten_spellings_of_one_slug_one_is_created(service: ContentService) -> None:
    events = [partial(service.events.create, event_fields(slug=f"new{'-' * number}event")) for number in range(1, 11)]
    lessons = [
        partial(service.lessons.create, "event-1", lesson_fields(slug=f"café{chr(0x200B) * number}"))
        for number in range(10)
    ]
    for creations, refusal in ((events, EventSlugTaken), (lessons, LessonSlugTaken)):
        results = at_once(*creations)
        assert [type(each) for each in results if isinstance(each, ServiceError)] == [refusal] * 9


def test_of_two_renamings_to_one_form_one_is_refused(service: ContentService, store: PeeweeContentStore) -> None:
    store.events.add(an_event(id="event-2", slug="second"))
    results = at_once(
        *(
            partial(service.events.update, f"event-{number}", event_changes(slug=f"new{'-' * number}event"))
            for number in (1, 2)
        )
    )
    assert [type(each) for each in results if isinstance(each, ServiceError)] == [EventSlugTaken]


def test_whoever_takes_a_slug_at_the_moment_it_is_left_keeps_it(
    service: ContentService, store: PeeweeContentStore, database: peewee.Database
) -> None:
    for number in range(5):
        left, event_id = store.events.get("event-1").slug, f"event-1{number}"
        store.events.add(an_event(id=event_id, slug=f"other-{number}"))
        results = at_once(
            partial(service.events.update, "event-1", event_changes(slug=f"renamed-{number}")),
            *[partial(service.events.update, event_id, event_changes(slug=left))] * 2,
        )
        assert {type(each) for each in results if isinstance(each, ServiceError)} <= {EventSlugTaken}
        taken = store.events.get(event_id).slug == left
        assert store.events.get_by_slug(left).id == (event_id if taken else "event-1")
        assert store.events.get_by_slug(f"other-{number}").id == event_id
        assert found(database, EXAMINATION) == []


def test_concurrent_uploads_take_consecutive_positions(service: ContentService) -> None:
    def upload(number: int) -> Callable[[], Sequence[Material]]:
        files = [Upload(f"{number}-{part}", "text/plain", 1, "https://flix.app/f") for part in range(3)]
        return lambda: service.materials.add("event-1", "lesson-1", files)

    results = at_once(*[upload(number) for number in range(8)])
    stored = service.materials.list("event-1", "lesson-1", PageRequest()).items
    assert [each.position for each in stored] == list(range(1, 25))
    returned = [material for each in results if not isinstance(each, ServiceError) for material in each]
    assert sorted(returned, key=lambda material: material.position) == stored
    uploads = [[each.file_name for each in stored[start : start + 3]] for start in range(0, 24, 3)]
    assert sorted(uploads) == [[f"{number}-{part}" for part in range(3)] for number in range(8)]


def test_concurrent_changes_of_different_fields_are_all_kept(service: ContentService) -> None:
    changes = {
        "title": "Another title",
        "slug": "another-slug",
        "hero_title": "Another hero",
        "text_color": "#123456",
        "is_active": False,
        "access_key": "let-me-in",
    }
    updates = [event_changes(**{name: value}) for name, value in changes.items()]
    at_once(*[lambda update=update: service.events.update("event-1", update) for update in updates])
    assert service.events.get("event-1") == an_event(**changes, updated_at=StoppedClock().at, version=7)


def test_what_is_written_is_compared_with_what_is_stored(service: ContentService) -> None:
    def longer(stored: Event) -> EventChanges:
        return event_changes(title=f"{stored.title}!")(stored)

    at_once(*[lambda: service.events.update("event-1", longer)] * 6)
    assert service.events.get("event-1").title == f"{an_event().title}!!!!!!"


def test_an_upload_during_the_deletion_of_its_lesson_leaves_nothing(
    service: ContentService, store: PeeweeContentStore
) -> None:
    upload = Upload("notes.txt", "text/plain", 1, "https://flix.app/f")
    results = at_once(
        lambda: service.lessons.delete("event-1", "lesson-1"),
        *[lambda: service.materials.add("event-1", "lesson-1", [upload])] * 7,
    )
    assert {type(each) for each in results if isinstance(each, ServiceError)} <= {LessonNotFound}
    assert (store.lessons.list("event-1"), store.materials.list("lesson-1")) == ([], [])


def test_lessons_created_during_the_deletion_of_their_event_leave_nothing(
    service: ContentService, store: PeeweeContentStore
) -> None:
    def create(number: int) -> Callable[[], object]:
        return lambda: service.lessons.create("event-1", lesson_fields(slug=f"lesson-{number}"))

    results = at_once(lambda: service.events.delete("event-1"), *[create(number) for number in range(7)])
    assert {type(each) for each in results if isinstance(each, ServiceError)} <= {EventNotFound}
    assert (store.events.count(), store.lessons.list("event-1")) == (0, [])


def test_every_acknowledged_change_is_one_entry_of_the_audit_log(
    service: ContentService, store: PeeweeContentStore
) -> None:
    before = entries_in(store.audit)
    created = at_once(*[lambda: service.events.create(event_fields())] * 6)
    changed = at_once(*[lambda: service.events.update("event-1", event_changes(title="Other"))] * 6)
    deleted = at_once(*[lambda: service.events.delete("event-1")] * 6)

    new = [each.id for each in created if not isinstance(each, Exception)]
    assert (len(new), len([each for each in deleted if each is None])) == (1, 1)
    assert sorted(each.version for each in changed if not isinstance(each, Exception)) == [2, 3, 4, 5, 6, 7]
    assert entries_in(store.audit) == [
        *before,
        ("event.created", new[0]),
        *[("event.changed", "event-1")] * 6,
        ("lesson.deleted", "lesson-1"),
        ("event.deleted", "event-1"),
    ]
