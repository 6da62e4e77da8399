"""The use cases of content, on the in-memory twin at noon; tests/content/resources proves what they return."""

from collections.abc import Callable, Mapping
from dataclasses import asdict
from datetime import datetime
from typing import Any

import pytest

from services.content.entities import (
    Access,
    AccessStatus,
    Change,
    Material,
    NewChange,
    Upload,
)
from services.content.errors import (
    EventNotFound,
    LessonAccessDenied,
)
from services.content.service.content import ContentService
from services.content.service.learners import Visitor
from services.kit.core.errors import PreconditionFailed, ServiceError
from services.kit.storage.idempotency import Keep
from services.kit.web.entity_tags import entity_tag
from services.kit.web.pages import Page, PageRequest
from services.kit.web.tokens.grants import Grant
from tests.audit import entries_in
from tests.clock import HOUR, LATER, MILLISECOND, NOON, StoppedClock
from tests.content.examples import (
    KEY,
    SECRET,
    a_lesson,
    a_material,
    event_changes,
    event_fields,
    lesson_changes,
    lesson_fields,
    with_two_events,
)
from tests.content.memory import InMemoryContentStore
from tests.matching import NEW_ID, Matching

ALL = PageRequest()
A_FINGERPRINT: Any = Matching("[0-9a-f]{64}")
NOTES = Upload("notes.txt", "text/plain", 7, "https://files.flix.app/notes.txt")
SLIDES = Upload("slides.pdf", "application/pdf", 8, "https://files.flix.app/slides.pdf")
TITLE = event_changes(title="Other")
LESSON_TITLE = lesson_changes(title="Other")
OTHER_STATE = frozenset({'"0-0"'})

UseCase = Callable[[ContentService], Any]


@pytest.fixture
def clock() -> StoppedClock:
    """Return a clock at noon."""
    return StoppedClock()


@pytest.fixture
def store(clock: StoppedClock) -> InMemoryContentStore:
    """Return a store with a public and a private event, each with an open lesson that has a material."""
    return with_two_events(InMemoryContentStore(clock))


@pytest.fixture
def service(store: InMemoryContentStore, clock: StoppedClock) -> ContentService:
    """Return the use cases over that store."""
    return ContentService(store, SECRET, clock)


def everything(store: InMemoryContentStore) -> tuple[Any, ...]:
    """Return all records, and the audit log."""
    lessons = [lesson for event in store.events.list() for lesson in store.lessons.list(event.id)]
    materials = [store.materials.list(lesson.id) for lesson in lessons]
    return store.events.list(), lessons, materials, entries_in(store.audit), store.changes.read(0, 1000)


# Events


def test_new_events_get_ids_in_the_order_of_their_creation(service: ContentService) -> None:
    created = [service.events.create(event_fields(slug=f"slug-{number}")) for number in range(20)]
    assert [event.id for event in created] == sorted({event.id for event in created})


def test_records_change_in_the_named_states_only(service: ContentService) -> None:
    event, lesson = service.events.get("event-1"), service.lessons.get("event-1", "lesson-1")
    changed = service.lessons.update("event-1", "lesson-1", LESSON_TITLE, OTHER_STATE | {entity_tag(lesson)})
    with pytest.raises(PreconditionFailed):
        service.lessons.update("event-1", "lesson-1", LESSON_TITLE, frozenset({entity_tag(lesson)}))
    service.lessons.delete("event-1", "lesson-1", OTHER_STATE | {entity_tag(changed)})
    renamed = service.events.update("event-1", TITLE, OTHER_STATE | {entity_tag(event)})
    with pytest.raises(PreconditionFailed):
        service.events.delete("event-1", frozenset({entity_tag(event)}))
    service.events.delete("event-1", frozenset({entity_tag(renamed)}))
    assert [each.id for each in service.events.list(ALL).items] == ["event-2"]


# Materials


@pytest.mark.parametrize("now", [NOON - 2 * HOUR, NOON, NOON + 2 * HOUR])
def test_materials_are_added_after_the_present_ones_in_every_status(
    service: ContentService, clock: StoppedClock, now: datetime
) -> None:
    clock.at = now
    expected = [
        Material(NEW_ID, "lesson-1", "slides.pdf", "application/pdf", 8, SLIDES.download_url, 2, now),
        Material(NEW_ID, "lesson-1", "notes.txt", "text/plain", 7, NOTES.download_url, 3, now),
    ]
    assert service.materials.add("event-1", "lesson-1", [SLIDES, NOTES]) == expected
    assert service.materials.list("event-1", "lesson-1", ALL) == Page([a_material(), *expected], None)


# What is refused, and what is recorded

LATE = lesson_changes(release_at=NOON + HOUR)
# tests/content/resources refuses what is unknown or taken, and wrong windows.
REFUSED: list[tuple[type[ServiceError], UseCase]] = [
    (PreconditionFailed, lambda service: service.events.update("event-1", TITLE, OTHER_STATE)),
    (PreconditionFailed, lambda service: service.events.delete("event-1", OTHER_STATE)),
    (PreconditionFailed, lambda service: service.lessons.update("event-1", "lesson-1", LATE, OTHER_STATE)),
    (PreconditionFailed, lambda service: service.lessons.delete("event-1", "lesson-1", OTHER_STATE)),
    (EventNotFound, lambda service: service.lessons.create("event-9", lesson_fields(expires_at=NOON))),
]


@pytest.mark.parametrize(("error", "use_case"), REFUSED)
def test_a_refused_use_case_changes_and_records_nothing(
    service: ContentService, store: InMemoryContentStore, error: type[ServiceError], use_case: UseCase
) -> None:
    before = everything(store)
    with pytest.raises(error):
        use_case(service)
    assert everything(store) == before


DELETED_LESSON = [
    NewChange("material", "deleted", "event-1", "lesson-1", "material-1", 1),
    NewChange("lesson", "deleted", "event-1", "lesson-1", None, 1),
]
NEW_MATERIAL = NewChange("material", "created", "event-2", "lesson-2", NEW_ID, 1)
DONE: list[tuple[UseCase, list[NewChange]]] = [
    (
        lambda service: service.events.create(event_fields()),
        [NewChange("event", "created", NEW_ID, None, None, 1)],
    ),
    (
        lambda service: service.events.update("event-1", TITLE),
        [NewChange("event", "changed", "event-1", None, None, 2)],
    ),
    (
        lambda service: service.lessons.create("event-1", lesson_fields()),
        [NewChange("lesson", "created", "event-1", NEW_ID, None, 1)],
    ),
    (
        lambda service: service.lessons.update("event-2", "lesson-2", LESSON_TITLE),
        [NewChange("lesson", "changed", "event-2", "lesson-2", None, 2)],
    ),
    (lambda service: service.materials.add("event-2", "lesson-2", [NOTES, SLIDES]), [NEW_MATERIAL, NEW_MATERIAL]),
    (lambda service: service.materials.delete("event-1", "lesson-1", "material-1"), DELETED_LESSON[:1]),
    (lambda service: service.lessons.delete("event-1", "lesson-1"), DELETED_LESSON),
    (
        lambda service: service.events.delete("event-1"),
        [*DELETED_LESSON, NewChange("event", "deleted", "event-1", None, None, 1)],
    ),
    (lambda service: service.learners.catalog("launch", Visitor()), []),
    (lambda service: service.learners.play("launch", "first", Visitor()), []),
    (lambda service: service.snapshot(), []),
    (lambda service: service.followers.read_changes("quiz", None, 0, 100), []),
]


@pytest.mark.parametrize(("use_case", "changes"), DONE)
def test_a_use_case_is_recorded_in_the_feed_and_the_audit_log(
    service: ContentService,
    store: InMemoryContentStore,
    clock: StoppedClock,
    use_case: UseCase,
    changes: list[NewChange],
) -> None:
    entries = entries_in(store.audit)
    clock.at = LATER
    use_case(service)
    assert store.changes.read(6, 100) == [
        Change(number, **asdict(change), occurred_at=LATER) for number, change in enumerate(changes, 7)
    ]
    assert entries_in(store.audit) == [*entries, *(change.entry for change in changes)]


CREATIONS: Mapping[str, Callable[[ContentService, Keep[Any]], Any]] = {
    "event": lambda service, keep: service.events.create(event_fields(), keep),
    "lesson": lambda service, keep: service.lessons.create("event-1", lesson_fields(), keep),
    "materials": lambda service, keep: service.materials.add("event-1", "lesson-1", [NOTES, SLIDES], keep),
}


@pytest.mark.parametrize("create", CREATIONS.values(), ids=CREATIONS.keys())
def test_a_creation_is_undone_when_its_response_cannot_be_kept(
    service: ContentService, store: InMemoryContentStore, create: Callable[[ContentService, Keep[Any]], Any]
) -> None:
    before = everything(store)

    def refuse(_result: object) -> None:
        assert everything(store) != before
        raise RuntimeError("the disk is full")

    with pytest.raises(RuntimeError, match="the disk is full"):
        create(service, refuse)
    assert everything(store) == before
    kept: list[object] = []
    assert [create(service, kept.append)] == kept


# Learners and grants: tests/content/resources/test_learners.py and test_grants.py prove the rest


@pytest.mark.parametrize(("now", "status"), [(NOON - HOUR - MILLISECOND, "locked"), (NOON + HOUR, "expired")])
def test_a_key_or_a_grant_opens_no_lesson_outside_its_window(
    service: ContentService, clock: StoppedClock, now: datetime, status: AccessStatus
) -> None:
    access = service.learners.event_access("secret", KEY)
    clock.at = now
    for key, grant in ((KEY, None), (None, Grant(access.event_id, access.fingerprint))):
        lesson = a_lesson(id="lesson-2", event_id="event-2")
        assert service.learners.check_access("secret", "first", Visitor(key, grant)) == Access(status, lesson, now)
        for use_case in (service.learners.open_lesson, service.learners.play, service.learners.open_materials):
            with pytest.raises(LessonAccessDenied) as refusal:
                use_case("secret", "first", Visitor(key, grant))
            assert refusal.value.extra == {"status": status}


def test_a_grant_outlives_every_other_change_of_its_event(service: ContentService) -> None:
    access = service.learners.event_access("secret", KEY)
    service.events.update("event-2", event_changes(title="Other", slug="renamed", is_active=False, hero_title="New"))
    assert service.learners.event_access("renamed", KEY) == access
    visitor = Visitor("let-me-out", Grant(access.event_id, access.fingerprint))
    lesson = service.learners.open_lesson("renamed", "first", visitor)
    assert lesson.id == "lesson-2"
