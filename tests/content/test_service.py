"""The use cases of content, on the in-memory twin and under a clock that stands at noon."""

from collections.abc import Callable
from dataclasses import asdict, replace
from datetime import datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.content.entities import (
    Access,
    Catalog,
    EventAccess,
    Material,
    OpenMaterials,
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
from services.content.repository.contracts import ContentStore
from services.content.service import ContentService
from services.kit.core.errors import PreconditionFailed, ServiceError, Unavailable
from services.kit.storage.idempotency import Keep
from services.kit.web.entity_tags import entity_tag
from services.kit.web.pages import Page, PageRequest
from services.kit.web.tokens.grants import Grant
from tests.clock import HOUR, MILLISECOND, NOON, StoppedClock
from tests.content.examples import (
    EVENT_FIELDS,
    KEY,
    LESSON_FIELDS,
    SECRET,
    a_lesson,
    a_material,
    an_event,
    some_events,
    with_two_events,
)
from tests.content.memory import InMemoryContentStore
from tests.matching import NEW_ID, Matching

ALL = PageRequest()
A_FINGERPRINT: Any = Matching("[0-9a-f]{64}")
NOTES = Upload("notes.txt", "text/plain", 7, "https://files.flix.app/notes.txt")
SLIDES = Upload("slides.pdf", "application/pdf", 8, "https://files.flix.app/slides.pdf")


@pytest.fixture
def clock() -> StoppedClock:
    """Noon."""
    return StoppedClock()


@pytest.fixture
def store(store: ContentStore) -> ContentStore:
    """A public event with an open lesson that has a material, and a private event with a lesson of its own."""
    return with_two_events(store)


@pytest.fixture
def service(store: ContentStore, clock: StoppedClock) -> ContentService:
    """The use cases over that store."""
    return ContentService(store, SECRET, clock)


# Events


def test_a_new_event_gets_an_id_no_branding_and_the_time_of_its_creation(service: ContentService) -> None:
    event = service.create_event(EVENT_FIELDS)
    assert asdict(event) == {
        **EVENT_FIELDS,
        "id": NEW_ID,
        "short_description": "",
        "long_description": "",
        "branding_provider": None,
        "branding_prompt_version": None,
        "branding_generated_at": None,
        "created_at": NOON,
        "updated_at": NOON,
        "version": 1,
    }
    assert service.get_event(event.id) == event


def test_the_descriptions_of_a_new_event_fall_back_on_each_other(service: ContentService) -> None:
    event = service.create_event({**EVENT_FIELDS, "description": "d", "short_description": None})
    assert (event.short_description, event.long_description) == ("d", "d")


def test_new_events_get_ids_in_the_order_of_their_creation(service: ContentService) -> None:
    created = [service.create_event({**EVENT_FIELDS, "slug": f"slug-{number}"}) for number in range(20)]
    assert [event.id for event in created] == sorted({event.id for event in created})


def test_an_event_with_a_taken_slug_is_not_created(service: ContentService) -> None:
    before = service.list_events(ALL)
    with pytest.raises(EventSlugTaken):
        service.create_event({**EVENT_FIELDS, "slug": "launch"})
    assert service.list_events(ALL) == before


def test_an_update_changes_what_was_sent_and_the_time_of_the_update(
    service: ContentService, clock: StoppedClock
) -> None:
    clock.at = NOON + HOUR
    changed = service.update_event("event-1", {"title": "Other", "logo_url": None})
    assert changed == an_event(title="Other", logo_url=None, updated_at=NOON + HOUR, version=2)
    assert service.get_event("event-1") == changed


def test_an_update_to_a_taken_slug_changes_nothing(service: ContentService) -> None:
    with pytest.raises(EventSlugTaken):
        service.update_event("event-1", {"slug": "secret", "title": "Other"})
    assert service.get_event("event-1") == an_event()


def test_an_event_that_is_not_there_can_be_neither_read_nor_changed_nor_deleted(service: ContentService) -> None:
    with pytest.raises(EventNotFound):
        service.get_event("event-9")
    with pytest.raises(EventNotFound):
        service.update_event("event-9", {"title": "Other"})
    with pytest.raises(EventNotFound):
        service.delete_event("event-9")


def test_deleting_an_event_deletes_its_lessons_and_materials(service: ContentService, store: ContentStore) -> None:
    service.delete_event("event-1")
    assert [event.id for event in service.list_events(ALL).items] == ["event-2"]
    assert store.lessons.list("event-1") == []
    assert store.materials.list("lesson-1") == []
    assert service.snapshot() == Snapshot(1, StatusCounts(locked=0, released=1, expired=0))


def test_events_are_listed_oldest_first_and_only_active_public_ones_to_the_public(
    service: ContentService, store: ContentStore
) -> None:
    idle = an_event(id="event-0", slug="idle", is_active=False, created_at=NOON - 48 * HOUR)
    store.events.add(idle)
    assert service.list_events(ALL) == Page(
        [idle, an_event(), store.events.get("event-2")],
        None,
    )
    assert service.list_public_events(ALL) == Page([an_event()], None)


def test_a_page_says_whether_there_is_another(service: ContentService, store: ContentStore) -> None:
    for event in some_events(3):
        store.events.add(event)
    page = service.list_events(PageRequest(2))
    assert [event.id for event in page.items] == ["event-1", "event-2"]
    assert page.next_cursor is not None
    assert service.list_events(PageRequest(5)).next_cursor is None


def test_an_event_is_changed_or_deleted_in_the_named_states_only(service: ContentService, clock: StoppedClock) -> None:
    before = frozenset({entity_tag(service.get_event("event-1"))})
    clock.at = NOON + HOUR
    changed = service.update_event("event-1", {"title": "Other"}, before)
    with pytest.raises(PreconditionFailed):
        service.update_event("event-1", {"title": "Stale"}, before)
    with pytest.raises(PreconditionFailed):
        service.delete_event("event-1", before)
    assert service.get_event("event-1") == changed
    assert [each.id for each in service.list_lessons("event-1", ALL).items] == ["lesson-1"]
    service.delete_event("event-1", before | {entity_tag(changed)})
    with pytest.raises(EventNotFound):
        service.get_event("event-1")


# Lessons


def test_a_new_lesson_gets_an_id_and_the_time_of_its_creation(service: ContentService) -> None:
    lesson = service.create_lesson("event-1", LESSON_FIELDS)
    assert asdict(lesson) == {
        **LESSON_FIELDS,
        "id": NEW_ID,
        "event_id": "event-1",
        "created_at": NOON,
        "updated_at": NOON,
        "version": 1,
    }
    assert service.get_lesson("event-1", lesson.id) == lesson


@pytest.mark.parametrize(
    ("event_id", "changes", "error"),
    [
        ("event-9", {}, EventNotFound),
        ("event-9", {"expires_at": NOON}, EventNotFound),
        ("event-1", {"slug": "first"}, LessonSlugTaken),
        ("event-1", {"expires_at": NOON}, InvalidWindow),
        ("event-1", {"expires_at": NOON - MILLISECOND}, InvalidWindow),
    ],
)
def test_a_lesson_that_cannot_be_created_leaves_no_trace(
    service: ContentService, event_id: str, changes: dict[str, Any], error: type[ServiceError]
) -> None:
    with pytest.raises(error):
        service.create_lesson(event_id, {**LESSON_FIELDS, **changes})
    assert service.list_lessons("event-1", ALL) == Page([a_lesson()], None)


def test_an_update_of_a_lesson_changes_what_was_sent_and_the_time_of_the_update(
    service: ContentService, clock: StoppedClock
) -> None:
    clock.at = NOON + HOUR
    changed = service.update_lesson("event-1", "lesson-1", {"expires_at": None, "video_id": "other"})
    assert changed == a_lesson(expires_at=None, video_id="other", updated_at=NOON + HOUR, version=2)
    assert service.get_lesson("event-1", "lesson-1") == changed


@pytest.mark.parametrize(
    ("changes", "error"),
    [
        ({"release_at": NOON + HOUR}, InvalidWindow),
        ({"expires_at": NOON - HOUR}, InvalidWindow),
        ({"slug": "other"}, LessonSlugTaken),
    ],
)
def test_an_update_of_a_lesson_that_breaks_a_rule_changes_nothing(
    service: ContentService, store: ContentStore, changes: dict[str, Any], error: type[ServiceError]
) -> None:
    store.lessons.add(a_lesson(id="lesson-3", slug="other"))
    with pytest.raises(error):
        service.update_lesson("event-1", "lesson-1", {"title": "Other", **changes})
    assert service.get_lesson("event-1", "lesson-1") == a_lesson()


def test_a_lesson_is_changed_or_deleted_in_the_named_states_only(service: ContentService, clock: StoppedClock) -> None:
    before = frozenset({entity_tag(service.get_lesson("event-1", "lesson-1"))})
    clock.at = NOON + HOUR
    changed = service.update_lesson("event-1", "lesson-1", {"title": "Other"}, before)
    with pytest.raises(PreconditionFailed):
        service.update_lesson("event-1", "lesson-1", {"title": "Stale"}, before)
    with pytest.raises(PreconditionFailed):
        service.delete_lesson("event-1", "lesson-1", before)
    assert service.get_lesson("event-1", "lesson-1") == changed
    assert service.list_materials("event-1", "lesson-1", ALL) == Page([a_material()], None)
    service.delete_lesson("event-1", "lesson-1", before | {entity_tag(changed)})
    with pytest.raises(LessonNotFound):
        service.get_lesson("event-1", "lesson-1")


def test_a_condition_is_judged_before_the_rules_of_a_lesson(service: ContentService) -> None:
    with pytest.raises(PreconditionFailed):
        service.update_lesson("event-1", "lesson-1", {"expires_at": NOON - 900 * HOUR}, frozenset({'"1-0"'}))
    assert service.get_lesson("event-1", "lesson-1") == a_lesson()


@pytest.mark.parametrize(
    ("event_id", "lesson_id", "error"),
    [
        ("event-9", "lesson-1", EventNotFound),
        ("event-1", "lesson-9", LessonNotFound),
        ("event-1", "lesson-2", LessonNotFound),
        ("event-2", "lesson-1", LessonNotFound),
    ],
)
def test_a_lesson_is_addressed_under_its_own_event_only(
    service: ContentService, event_id: str, lesson_id: str, error: type[ServiceError]
) -> None:
    with pytest.raises(error):
        service.get_lesson(event_id, lesson_id)
    with pytest.raises(error):
        service.update_lesson(event_id, lesson_id, {"title": "Other"})
    with pytest.raises(error):
        service.delete_lesson(event_id, lesson_id)
    with pytest.raises(error):
        service.list_materials(event_id, lesson_id, ALL)
    with pytest.raises(error):
        service.add_materials(event_id, lesson_id, [NOTES])
    with pytest.raises(error):
        service.delete_material(event_id, lesson_id, "material-1")
    assert service.get_lesson("event-1", "lesson-1") == a_lesson()
    assert service.list_materials("event-1", "lesson-1", ALL) == Page([a_material()], None)


def test_the_lessons_of_an_unknown_event_are_not_an_empty_list(service: ContentService) -> None:
    with pytest.raises(EventNotFound):
        service.list_lessons("event-9", ALL)


def test_deleting_a_lesson_deletes_its_materials(service: ContentService, store: ContentStore) -> None:
    service.delete_lesson("event-1", "lesson-1")
    assert service.list_lessons("event-1", ALL) == Page([], None)
    assert store.materials.list("lesson-1") == []


@pytest.mark.parametrize(
    ("now", "counts"),
    [
        (NOON - HOUR - MILLISECOND, StatusCounts(locked=2, released=0, expired=0)),
        (NOON - HOUR, StatusCounts(locked=0, released=2, expired=0)),
        (NOON + HOUR - MILLISECOND, StatusCounts(locked=0, released=2, expired=0)),
        (NOON + HOUR, StatusCounts(locked=0, released=0, expired=2)),
    ],
)
def test_the_snapshot_counts_the_whole_installation_now(
    service: ContentService, clock: StoppedClock, now: datetime, counts: StatusCounts
) -> None:
    clock.at = now
    assert service.snapshot() == Snapshot(2, counts)


# Materials


def test_materials_are_added_behind_those_that_are_there(service: ContentService) -> None:
    expected = [
        Material(NEW_ID, "lesson-1", "slides.pdf", "application/pdf", 8, SLIDES.download_url, 2, NOON),
        Material(NEW_ID, "lesson-1", "notes.txt", "text/plain", 7, NOTES.download_url, 3, NOON),
    ]
    assert service.add_materials("event-1", "lesson-1", [SLIDES, NOTES]) == expected
    assert service.list_materials("event-1", "lesson-1", ALL) == Page([a_material(), *expected], None)


@pytest.mark.parametrize("now", [NOON - 2 * HOUR, NOON, NOON + 2 * HOUR])
def test_uploads_are_allowed_whatever_the_lesson_s_status(
    service: ContentService, clock: StoppedClock, now: datetime
) -> None:
    clock.at = now
    added = service.add_materials("event-1", "lesson-1", [NOTES])
    assert [(each.position, each.created_at) for each in added] == [(2, now)]


def test_a_material_is_deleted_from_its_own_lesson_only(service: ContentService, store: ContentStore) -> None:
    with pytest.raises(MaterialNotFound):
        service.delete_material("event-1", "lesson-1", "material-2")
    with pytest.raises(MaterialNotFound):
        service.delete_material("event-1", "lesson-1", "material-9")
    service.delete_material("event-1", "lesson-1", "material-1")
    assert service.list_materials("event-1", "lesson-1", ALL) == Page([], None)
    assert store.materials.list("lesson-2") == [a_material(id="material-2", lesson_id="lesson-2")]


# Learners


def test_the_catalog_of_a_public_event_needs_no_key(service: ContentService) -> None:
    expected = Catalog(an_event(), [a_lesson()], NOON)
    assert service.catalog("launch", None) == expected
    assert service.catalog("launch", "any key") == expected


def test_an_inactive_event_is_addressable_by_its_slug(service: ContentService, store: ContentStore) -> None:
    idle = an_event(id="event-3", slug="idle", is_active=False)
    store.events.add(idle)
    assert service.catalog("idle", None) == Catalog(idle, [], NOON)


def test_the_catalog_of_a_private_event_opens_with_its_key_and_reveals_nothing_without(
    service: ContentService, store: ContentStore
) -> None:
    lessons = [a_lesson(id="lesson-2", event_id="event-2")]
    assert service.catalog("secret", KEY) == Catalog(store.events.get("event-2"), lessons, NOON)
    for wrong_key in (None, "let-me-out", KEY.upper()):
        with pytest.raises(EventAccessDenied) as refusal:
            service.catalog("secret", wrong_key)
        assert refusal.value.envelope("r") == {
            "error": "EVENT_ACCESS_DENIED",
            "message": "Private event access is required",
            "requestId": "r",
            "status": "blocked_private",
        }


def test_an_unknown_event_is_not_found_by_any_learner(service: ContentService) -> None:
    with pytest.raises(EventNotFound):
        service.catalog("nowhere", None)
    with pytest.raises(EventNotFound):
        service.check_access("nowhere", "first", None)
    with pytest.raises(EventNotFound):
        service.open_lesson("nowhere", "first", None)
    with pytest.raises(EventNotFound):
        service.play("nowhere", "first", None)
    with pytest.raises(EventNotFound):
        service.open_materials("nowhere", "first", None)


def test_an_unknown_lesson_of_an_open_event_is_not_found_by_any_learner(service: ContentService) -> None:
    for slug, key in (("launch", None), ("secret", KEY)):
        with pytest.raises(LessonNotFound):
            service.check_access(slug, "nothing", key)
        with pytest.raises(LessonNotFound):
            service.open_lesson(slug, "nothing", key)
        with pytest.raises(LessonNotFound):
            service.play(slug, "nothing", key)
        with pytest.raises(LessonNotFound):
            service.open_materials(slug, "nothing", key)


@pytest.mark.parametrize("lesson_slug", ["first", "nothing"])
def test_without_the_key_an_unknown_lesson_of_a_private_event_answers_as_a_known_one_does(
    service: ContentService, lesson_slug: str
) -> None:
    assert service.check_access("secret", lesson_slug, None) == Access("blocked_private", None, NOON)
    for use_case in (service.open_lesson, service.play, service.open_materials):
        with pytest.raises(LessonAccessDenied) as refusal:
            use_case("secret", lesson_slug, "let-me-out")
        assert refusal.value.envelope("r") == {
            "error": "LESSON_ACCESS_DENIED",
            "message": "Private event access is required",
            "requestId": "r",
            "status": "blocked_private",
        }


@pytest.mark.parametrize(
    ("now", "status", "message"),
    [
        (NOON - HOUR - MILLISECOND, "locked", "Lesson is not released yet"),
        (NOON + HOUR, "expired", "Lesson access has expired"),
    ],
)
def test_a_lesson_that_is_not_open_gives_nothing_but_its_status(
    service: ContentService, clock: StoppedClock, now: datetime, status: str, message: str
) -> None:
    clock.at = now
    access = service.check_access("launch", "first", None)
    assert (access.status, access.lesson, access.server_time) == (status, a_lesson(), now)
    for use_case in (service.open_lesson, service.play, service.open_materials):
        with pytest.raises(LessonAccessDenied) as refusal:
            use_case("launch", "first", None)
        assert refusal.value.envelope("r") == {
            "error": "LESSON_ACCESS_DENIED",
            "message": message,
            "requestId": "r",
            "status": status,
        }


@pytest.mark.parametrize("now", [NOON - HOUR, NOON, NOON + HOUR - MILLISECOND])
@pytest.mark.parametrize(("slug", "number", "key"), [("launch", 1, None), ("secret", 2, KEY)])
def test_a_lesson_opens_from_its_release_until_before_its_expiry(
    service: ContentService, clock: StoppedClock, now: datetime, slug: str, number: int, key: str | None
) -> None:
    clock.at = now
    lesson = a_lesson(id=f"lesson-{number}", event_id=f"event-{number}")
    material = a_material(id=f"material-{number}", lesson_id=lesson.id)
    assert service.check_access(slug, "first", key) == Access("released", lesson, now)
    assert service.open_lesson(slug, "first", key) == lesson
    assert service.play(slug, "first", key) == Playback(lesson, None, None, now)
    assert service.open_materials(slug, "first", key) == OpenMaterials(lesson, [material])


def test_a_lesson_plays_between_its_neighbours_of_the_same_event(service: ContentService, store: ContentStore) -> None:
    previous = a_lesson(id="lesson-0", slug="zero", release_at=NOON - 2 * HOUR)
    following = a_lesson(id="lesson-3", slug="third", release_at=NOON + HOUR, expires_at=None)
    far = a_lesson(id="lesson-4", slug="fourth", release_at=NOON + 2 * HOUR, expires_at=None)
    for lesson in (far, following, previous):
        store.lessons.add(lesson)
    assert service.play("launch", "first", None) == Playback(a_lesson(), previous, following, NOON)
    assert service.play("launch", "zero", None) == Playback(previous, None, a_lesson(), NOON)


@given(st.text(max_size=12) | st.none())
def test_no_guess_opens_a_private_event(guess: str | None) -> None:
    store = InMemoryContentStore()
    store.events.add(an_event(visibility="private", access_key="never-guessed-in-twelve"))
    store.lessons.add(a_lesson())
    service = ContentService(store, SECRET, StoppedClock())
    with pytest.raises(EventAccessDenied):
        service.catalog("launch", guess)
    assert service.check_access("launch", "first", guess) == Access("blocked_private", None, NOON)


def test_closing_an_event_shuts_out_those_whom_it_let_in_before(service: ContentService) -> None:
    assert service.open_lesson("launch", "first", None) == a_lesson()
    service.update_event("event-1", {"visibility": "private"})
    with pytest.raises(LessonAccessDenied):
        service.open_lesson("launch", "first", None)
    service.update_event("event-1", {"access_key": "new-key"})
    assert service.open_lesson("launch", "first", "new-key") == replace(a_lesson())


# Grants


def grant_for(service: ContentService, event_slug: str, access_key: str | None = None) -> Grant:
    """What a learner gets for the key."""
    access = service.event_access(event_slug, access_key)
    return Grant(access.event_id, access.fingerprint)


def assert_shut_out(service: ContentService, event_slug: str, access_key: str | None, grant: Grant | None) -> None:
    """Every use case refuses the learner in the same words, for a lesson that is there as for none."""
    denied = {"message": "Private event access is required", "requestId": "r", "status": "blocked_private"}
    with pytest.raises(EventAccessDenied) as refusal:
        service.catalog(event_slug, access_key, grant)
    assert refusal.value.envelope("r") == {"error": "EVENT_ACCESS_DENIED", **denied}
    for lesson_slug in ("first", "nothing"):
        access = service.check_access(event_slug, lesson_slug, access_key, grant)
        assert access == Access("blocked_private", None, access.server_time)
        for use_case in (service.open_lesson, service.play, service.open_materials):
            with pytest.raises(LessonAccessDenied) as denial:
                use_case(event_slug, lesson_slug, access_key, grant)
            assert denial.value.envelope("r") == {"error": "LESSON_ACCESS_DENIED", **denied}


def test_the_key_is_exchanged_for_what_a_grant_is_to_say(service: ContentService) -> None:
    access = service.event_access("secret", KEY)
    assert access == EventAccess("event-2", A_FINGERPRINT)
    assert service.event_access("secret", KEY) == access


def test_a_public_event_gives_a_grant_to_everyone_and_opens_without_it(service: ContentService) -> None:
    access = service.event_access("launch", None)
    assert access == EventAccess("event-1", A_FINGERPRINT)
    assert service.event_access("launch", "any key at all") == access
    for grant in (None, grant_for(service, "launch"), Grant("event-2", "f" * 64), Unavailable()):
        assert service.open_lesson("launch", "first", None, grant) == a_lesson()


def test_a_wrong_key_no_key_an_event_without_a_key_and_no_event_are_the_same_refusal(
    service: ContentService, store: ContentStore
) -> None:
    store.events.add(an_event(id="event-3", slug="keyless", visibility="private", access_key=None))
    for slug, key in (
        ("secret", None),
        ("secret", "let-me-out"),
        ("secret", KEY.upper()),
        ("keyless", None),
        ("keyless", KEY),
        ("nowhere", None),
        ("nowhere", KEY),
    ):
        with pytest.raises(EventAccessDenied) as refusal:
            service.event_access(slug, key)
        assert refusal.value.envelope("r") == {
            "error": "EVENT_ACCESS_DENIED",
            "message": "Private event access is required",
            "requestId": "r",
            "status": "blocked_private",
        }


@pytest.mark.parametrize("key", [None, "let-me-out"])
def test_a_grant_opens_its_event_in_place_of_the_key(
    service: ContentService, store: ContentStore, key: str | None
) -> None:
    grant = grant_for(service, "secret", KEY)
    lesson = a_lesson(id="lesson-2", event_id="event-2")
    assert service.catalog("secret", key, grant) == Catalog(store.events.get("event-2"), [lesson], NOON)
    assert service.check_access("secret", "first", key, grant) == Access("released", lesson, NOON)
    assert service.open_lesson("secret", "first", key, grant) == lesson
    assert service.play("secret", "first", key, grant) == Playback(lesson, None, None, NOON)
    material = a_material(id="material-2", lesson_id="lesson-2")
    assert service.open_materials("secret", "first", key, grant) == OpenMaterials(lesson, [material])
    with pytest.raises(LessonNotFound):
        service.open_lesson("secret", "nothing", key, grant)
    with pytest.raises(EventNotFound):
        service.open_lesson("nowhere", "first", key, grant)


@pytest.mark.parametrize(("now", "status"), [(NOON - 2 * HOUR, "locked"), (NOON + HOUR, "expired")])
def test_a_grant_opens_no_lesson_before_or_after_its_time(
    service: ContentService, clock: StoppedClock, now: datetime, status: str
) -> None:
    grant = grant_for(service, "secret", KEY)
    clock.at = now
    assert service.check_access("secret", "first", None, grant).status == status
    with pytest.raises(LessonAccessDenied) as refusal:
        service.open_lesson("secret", "first", None, grant)
    assert refusal.value.extra == {"status": status}


def test_a_grant_dies_when_the_key_changes_and_the_new_key_gives_another(service: ContentService) -> None:
    grant = grant_for(service, "secret", KEY)
    service.update_event("event-2", {"access_key": "another-key"})
    assert_shut_out(service, "secret", None, grant)
    assert_shut_out(service, "secret", KEY, grant)
    assert service.open_lesson("secret", "first", None, grant_for(service, "secret", "another-key")).id == "lesson-2"


def test_a_grant_dies_when_the_key_is_taken_away(service: ContentService) -> None:
    grant = grant_for(service, "secret", KEY)
    service.update_event("event-2", {"access_key": None})
    assert_shut_out(service, "secret", None, grant)


def test_a_grant_outlives_every_other_change_of_its_event(service: ContentService) -> None:
    grant = grant_for(service, "secret", KEY)
    service.update_event("event-2", {"title": "Other", "slug": "renamed", "is_active": False})
    assert service.open_lesson("renamed", "first", None, grant).id == "lesson-2"


def test_a_grant_of_one_event_opens_no_other_not_even_one_of_the_same_key(
    service: ContentService, store: ContentStore
) -> None:
    store.events.add(an_event(id="event-3", slug="twin", visibility="private", access_key=KEY))
    store.lessons.add(a_lesson(id="lesson-3", event_id="event-3"))
    assert_shut_out(service, "twin", None, grant_for(service, "secret", KEY))
    assert_shut_out(service, "secret", None, grant_for(service, "twin", KEY))
    assert_shut_out(service, "secret", None, grant_for(service, "launch"))


def test_a_grant_that_a_public_event_gave_does_not_open_it_when_it_becomes_private(service: ContentService) -> None:
    service.update_event("event-1", {"access_key": KEY})
    grant = grant_for(service, "launch", KEY)
    service.update_event("event-1", {"visibility": "private"})
    assert_shut_out(service, "launch", None, grant)
    assert service.open_lesson("launch", "first", KEY, grant) == a_lesson()


def test_only_who_needs_a_grant_that_cannot_be_verified_now_has_to_come_again(service: ContentService) -> None:
    unread = Unavailable("Sign-in keys are not available; try again shortly")
    assert service.open_lesson("secret", "first", KEY, unread).id == "lesson-2"
    for lesson_slug in ("first", "nothing"):
        for use_case in (service.check_access, service.open_lesson, service.play, service.open_materials):
            with pytest.raises(Unavailable):
                use_case("secret", lesson_slug, "let-me-out", unread)
    with pytest.raises(Unavailable):
        service.catalog("secret", None, unread)


# What is kept beside what is done


CREATIONS: list[Callable[[ContentService, Keep[Any]], Any]] = [
    lambda service, keep: service.create_event(EVENT_FIELDS, keep),
    lambda service, keep: service.create_lesson("event-1", LESSON_FIELDS, keep),
    lambda service, keep: service.add_materials("event-1", "lesson-1", [NOTES, SLIDES], keep),
]


def everything(store: ContentStore) -> tuple[Any, ...]:
    """All that is stored."""
    return store.events.list(), store.lessons.list("event-1"), store.materials.list("lesson-1")


@pytest.mark.parametrize("create", CREATIONS, ids=["event", "lesson", "materials"])
def test_what_creates_gives_its_result_to_be_kept_while_it_can_still_be_undone(
    service: ContentService, store: ContentStore, create: Callable[[ContentService, Keep[Any]], Any]
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
    assert everything(store) != before
