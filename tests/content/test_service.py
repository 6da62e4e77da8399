"""The use cases of content, on the in-memory twin at noon."""

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
    Playback,
    Snapshot,
    StatusCounts,
    Upload,
)
from services.content.errors import (
    EventAccessDenied,
    EventNotFound,
    EventSlugTaken,
    InvalidWindow,
    LessonAccessDenied,
    LessonNotFound,
    LessonSlugTaken,
    MaterialNotFound,
)
from services.content.service import ContentService
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
    an_event,
    event_changes,
    event_fields,
    lesson_changes,
    lesson_fields,
    some_events,
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
SECRET_LESSON = a_lesson(id="lesson-2", event_id="event-2")
SECRET_MATERIAL = a_material(id="material-2", lesson_id="lesson-2")

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


def test_a_new_event_gets_an_id_and_the_time_of_its_creation(service: ContentService) -> None:
    event = service.create_event(event_fields())
    assert asdict(event) == {
        **asdict(event_fields()),
        "id": NEW_ID,
        "branding_provider": None,
        "branding_prompt_version": None,
        "branding_generated_at": None,
        "created_at": NOON,
        "updated_at": NOON,
        "version": 1,
    }
    assert service.get_event(event.id) == event


def test_new_events_get_ids_in_the_order_of_their_creation(service: ContentService) -> None:
    created = [service.create_event(event_fields(slug=f"slug-{number}")) for number in range(20)]
    assert [event.id for event in created] == sorted({event.id for event in created})


@pytest.mark.parametrize(
    "changes",
    [
        {"title": "Other", "logo_url": None, "is_active": False},
        {"slug": "other", "long_description": ""},
        {"access_key": KEY, "visibility": "private"},
        {"hero_title": "", "text_color": "#123456"},
    ],
)
def test_an_update_changes_the_given_fields_version_and_time(
    service: ContentService, clock: StoppedClock, changes: Mapping[str, Any]
) -> None:
    clock.at = NOON + HOUR
    changed = service.update_event("event-1", event_changes(**changes))
    assert changed == an_event(**changes, updated_at=NOON + HOUR, version=2)
    assert service.get_event("event-1") == changed


def test_deleting_an_event_deletes_its_lessons_and_materials(
    service: ContentService, store: InMemoryContentStore
) -> None:
    service.delete_event("event-1")
    assert [event.id for event in service.list_events(ALL).items] == ["event-2"]
    assert (store.lessons.list("event-1"), store.materials.list("lesson-1")) == ([], [])
    assert service.snapshot() == Snapshot(1, StatusCounts(locked=0, released=1, expired=0))


def test_only_active_public_events_are_listed_publicly(service: ContentService, store: InMemoryContentStore) -> None:
    idle = an_event(id="event-0", slug="idle", is_active=False, created_at=NOON - 48 * HOUR)
    store.events.add(idle)
    assert service.list_events(ALL) == Page([idle, an_event(), store.events.get("event-2")], None)
    assert service.list_public_events(ALL) == Page([an_event()], None)


def test_a_page_says_whether_there_is_another(service: ContentService, store: InMemoryContentStore) -> None:
    for event in some_events(3):
        store.events.add(event)
    page = service.list_events(PageRequest(2))
    assert [event.id for event in page.items] == ["event-1", "event-2"]
    assert page.next_cursor is not None
    assert service.list_events(PageRequest(5)).next_cursor is None


def test_records_change_in_the_named_states_only(service: ContentService) -> None:
    event, lesson = service.get_event("event-1"), service.get_lesson("event-1", "lesson-1")
    changed = service.update_lesson("event-1", "lesson-1", LESSON_TITLE, OTHER_STATE | {entity_tag(lesson)})
    with pytest.raises(PreconditionFailed):
        service.update_lesson("event-1", "lesson-1", LESSON_TITLE, frozenset({entity_tag(lesson)}))
    service.delete_lesson("event-1", "lesson-1", OTHER_STATE | {entity_tag(changed)})
    renamed = service.update_event("event-1", TITLE, OTHER_STATE | {entity_tag(event)})
    with pytest.raises(PreconditionFailed):
        service.delete_event("event-1", frozenset({entity_tag(event)}))
    service.delete_event("event-1", frozenset({entity_tag(renamed)}))
    assert [each.id for each in service.list_events(ALL).items] == ["event-2"]


# Lessons


def test_a_new_lesson_gets_an_id_and_the_time_of_its_creation(service: ContentService) -> None:
    lesson = service.create_lesson("event-1", lesson_fields())
    assert asdict(lesson) == {
        **asdict(lesson_fields()),
        "id": NEW_ID,
        "event_id": "event-1",
        "created_at": NOON,
        "updated_at": NOON,
        "version": 1,
    }
    assert service.get_lesson("event-1", lesson.id) == lesson


def test_an_update_of_a_lesson_changes_the_given_fields(service: ContentService, clock: StoppedClock) -> None:
    clock.at = NOON + HOUR
    changed = service.update_lesson("event-1", "lesson-1", lesson_changes(expires_at=None, video_id="other"))
    assert changed == a_lesson(expires_at=None, video_id="other", updated_at=NOON + HOUR, version=2)
    assert service.get_lesson("event-1", "lesson-1") == changed


def test_deleting_a_lesson_deletes_its_materials(service: ContentService, store: InMemoryContentStore) -> None:
    service.delete_lesson("event-1", "lesson-1")
    assert service.list_lessons("event-1", ALL) == Page([], None)
    assert store.materials.list("lesson-1") == []


@pytest.mark.parametrize(
    ("now", "counts"),
    [
        (NOON - HOUR - MILLISECOND, StatusCounts(locked=2, released=0, expired=0)),
        (NOON - HOUR, StatusCounts(locked=0, released=2, expired=0)),
        (NOON + HOUR, StatusCounts(locked=0, released=0, expired=2)),
    ],
)
def test_the_snapshot_counts_the_whole_installation_now(
    service: ContentService, clock: StoppedClock, now: datetime, counts: StatusCounts
) -> None:
    clock.at = now
    assert service.snapshot() == Snapshot(2, counts)


@pytest.mark.parametrize("now", [NOON - 2 * HOUR, NOON, NOON + 2 * HOUR])
def test_materials_are_added_after_the_present_ones_in_every_status(
    service: ContentService, clock: StoppedClock, now: datetime
) -> None:
    clock.at = now
    expected = [
        Material(NEW_ID, "lesson-1", "slides.pdf", "application/pdf", 8, SLIDES.download_url, 2, now),
        Material(NEW_ID, "lesson-1", "notes.txt", "text/plain", 7, NOTES.download_url, 3, now),
    ]
    assert service.add_materials("event-1", "lesson-1", [SLIDES, NOTES]) == expected
    assert service.list_materials("event-1", "lesson-1", ALL) == Page([a_material(), *expected], None)


# What is refused, and what is recorded

LATE = lesson_changes(release_at=NOON + HOUR)
EARLY = lesson_changes(expires_at=NOON - HOUR)
REFUSED: list[tuple[type[ServiceError], UseCase]] = [
    (EventSlugTaken, lambda service: service.create_event(event_fields(slug="launch"))),
    (EventSlugTaken, lambda service: service.update_event("event-1", event_changes(slug="secret", title="Other"))),
    (PreconditionFailed, lambda service: service.update_event("event-1", TITLE, OTHER_STATE)),
    (PreconditionFailed, lambda service: service.delete_event("event-1", OTHER_STATE)),
    (EventNotFound, lambda service: service.get_event("event-9")),
    (EventNotFound, lambda service: service.update_event("event-9", TITLE)),
    (EventNotFound, lambda service: service.delete_event("event-9")),
    (EventNotFound, lambda service: service.list_lessons("event-9", ALL)),
    (EventNotFound, lambda service: service.create_lesson("event-9", lesson_fields())),
    (EventNotFound, lambda service: service.create_lesson("event-9", lesson_fields(expires_at=NOON))),
    (LessonSlugTaken, lambda service: service.create_lesson("event-1", lesson_fields(slug="first"))),
    (InvalidWindow, lambda service: service.create_lesson("event-1", lesson_fields(expires_at=NOON))),
    (InvalidWindow, lambda service: service.create_lesson("event-1", lesson_fields(expires_at=NOON - MILLISECOND))),
    (InvalidWindow, lambda service: service.update_lesson("event-1", "lesson-1", LATE)),
    (InvalidWindow, lambda service: service.update_lesson("event-1", "lesson-1", EARLY)),
    (PreconditionFailed, lambda service: service.update_lesson("event-1", "lesson-1", LATE, OTHER_STATE)),
    (PreconditionFailed, lambda service: service.delete_lesson("event-1", "lesson-1", OTHER_STATE)),
    (MaterialNotFound, lambda service: service.delete_material("event-1", "lesson-1", "material-2")),
    (MaterialNotFound, lambda service: service.delete_material("event-1", "lesson-1", "material-9")),
]


@pytest.mark.parametrize(("error", "use_case"), REFUSED)
def test_a_refused_use_case_changes_and_records_nothing(
    service: ContentService, store: InMemoryContentStore, error: type[ServiceError], use_case: UseCase
) -> None:
    before = everything(store)
    with pytest.raises(error):
        use_case(service)
    assert everything(store) == before


@pytest.mark.parametrize(
    ("event_id", "lesson_id", "error"),
    [
        ("event-9", "lesson-1", EventNotFound),
        ("event-1", "lesson-9", LessonNotFound),
        ("event-1", "lesson-2", LessonNotFound),
        ("event-2", "lesson-1", LessonNotFound),
    ],
)
def test_a_lesson_is_found_under_its_own_event_only(
    service: ContentService, store: InMemoryContentStore, event_id: str, lesson_id: str, error: type[ServiceError]
) -> None:
    before = everything(store)
    for use_case in (
        lambda: service.get_lesson(event_id, lesson_id),
        lambda: service.update_lesson(event_id, lesson_id, LESSON_TITLE),
        lambda: service.delete_lesson(event_id, lesson_id),
        lambda: service.list_materials(event_id, lesson_id, ALL),
        lambda: service.add_materials(event_id, lesson_id, [NOTES]),
        lambda: service.delete_material(event_id, lesson_id, "material-1"),
    ):
        with pytest.raises(error):
            use_case()
    assert everything(store) == before


DELETED_LESSON = [
    NewChange("material", "deleted", "event-1", "lesson-1", "material-1", 1),
    NewChange("lesson", "deleted", "event-1", "lesson-1", None, 1),
]
NEW_MATERIAL = NewChange("material", "created", "event-2", "lesson-2", NEW_ID, 1)
DONE: list[tuple[UseCase, list[NewChange]]] = [
    (
        lambda service: service.create_event(event_fields()),
        [NewChange("event", "created", NEW_ID, None, None, 1)],
    ),
    (
        lambda service: service.update_event("event-1", TITLE),
        [NewChange("event", "changed", "event-1", None, None, 2)],
    ),
    (
        lambda service: service.create_lesson("event-1", lesson_fields()),
        [NewChange("lesson", "created", "event-1", NEW_ID, None, 1)],
    ),
    (
        lambda service: service.update_lesson("event-2", "lesson-2", LESSON_TITLE),
        [NewChange("lesson", "changed", "event-2", "lesson-2", None, 2)],
    ),
    (lambda service: service.add_materials("event-2", "lesson-2", [NOTES, SLIDES]), [NEW_MATERIAL, NEW_MATERIAL]),
    (lambda service: service.delete_material("event-1", "lesson-1", "material-1"), DELETED_LESSON[:1]),
    (lambda service: service.delete_lesson("event-1", "lesson-1"), DELETED_LESSON),
    (
        lambda service: service.delete_event("event-1"),
        [*DELETED_LESSON, NewChange("event", "deleted", "event-1", None, None, 1)],
    ),
    (lambda service: service.catalog("launch", None), []),
    (lambda service: service.play("launch", "first", None), []),
    (lambda service: service.snapshot(), []),
    (lambda service: service.read_changes("quiz", None, 0, 100), []),
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
    "event": lambda service, keep: service.create_event(event_fields(), keep),
    "lesson": lambda service, keep: service.create_lesson("event-1", lesson_fields(), keep),
    "materials": lambda service, keep: service.add_materials("event-1", "lesson-1", [NOTES, SLIDES], keep),
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
    access = service.event_access("secret", KEY)
    clock.at = now
    for key, grant in ((KEY, None), (None, Grant(access.event_id, access.fingerprint))):
        lesson = a_lesson(id="lesson-2", event_id="event-2")
        assert service.check_access("secret", "first", key, grant) == Access(status, lesson, now)
        for use_case in (service.open_lesson, service.play, service.open_materials):
            with pytest.raises(LessonAccessDenied) as refusal:
                use_case("secret", "first", key, grant)
            assert refusal.value.extra == {"status": status}


def test_a_grant_outlives_every_other_change_of_its_event(service: ContentService) -> None:
    access = service.event_access("secret", KEY)
    service.update_event("event-2", event_changes(title="Other", slug="renamed", is_active=False, hero_title="New"))
    assert service.event_access("renamed", KEY) == access
    lesson = service.open_lesson("renamed", "first", "let-me-out", Grant(access.event_id, access.fingerprint))
    assert lesson.id == "lesson-2"


def test_every_failed_exchange_is_the_same_refusal(service: ContentService, store: InMemoryContentStore) -> None:
    store.events.add(an_event(id="event-3", slug="keyless", visibility="private", access_key=None))
    attempts = [("secret", None), ("secret", "let-me-out"), ("secret", KEY.upper())]
    for slug, key in [*attempts, *((slug, key) for slug in ("keyless", "nowhere") for key in (None, KEY))]:
        with pytest.raises(EventAccessDenied) as refusal:
            service.event_access(slug, key)
        assert refusal.value.envelope("r") == {
            "error": "EVENT_ACCESS_DENIED",
            "message": "Private event access is required",
            "requestId": "r",
            "status": "blocked_private",
        }


def test_a_lesson_plays_between_its_neighbours(service: ContentService, store: InMemoryContentStore) -> None:
    previous = a_lesson(id="lesson-0", slug="zero", release_at=NOON - 2 * HOUR)
    following = a_lesson(id="lesson-3", slug="third", release_at=NOON + HOUR, expires_at=None)
    last = a_lesson(id="lesson-4", slug="fourth", release_at=NOON + 2 * HOUR, expires_at=None)
    for lesson in (last, following, previous):
        store.lessons.add(lesson)
    assert service.play("launch", "first", None) == Playback(a_lesson(), previous, following, NOON)
    assert service.play("launch", "zero", None) == Playback(previous, None, a_lesson(), NOON)
