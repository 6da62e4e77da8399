"""services.content.seed on both engines: what each set holds, and that people's rows are safe from it."""

from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta
from typing import Any

import peewee
import pytest
from services.content.schemas.incoming import NewEvent, NewLesson, NewMaterials

from services.content import rules
from services.content.config import Settings, read_settings
from services.content.entities import Event, Lesson, StatusCounts, Upload
from services.content.errors import InvalidWindow, LessonAccessDenied
from services.content.migrations import MIGRATIONS
from services.content.models import TABLES
from services.content.repository.store import PeeweeContentStore
from services.content.seed import SAMPLES, SETS, seed_database, seed_store
from services.content.service import ContentService
from services.kit.core.instants import format_instant
from services.kit.storage.audit.log import AuditFilter
from services.kit.storage.database import delete_all_rows
from services.kit.web.pages import PageRequest
from services.kit.web.schemas import validated
from tests.audit import entries_in
from tests.clock import NOON
from tests.content.examples import SECRET

ALL = PageRequest()
KEY = "growth2026"
SETTINGS: Settings = read_settings({"SERVICE_SECRET": "0123456789abcdef0123456789abcdef"})


@pytest.fixture
def store(content_database: peewee.Database) -> PeeweeContentStore:
    """An empty store, migrated."""
    return PeeweeContentStore(content_database)


@pytest.fixture
def service(store: PeeweeContentStore) -> ContentService:
    """Content at noon."""
    return ContentService(store, SECRET, lambda: NOON)


def rows(database: peewee.Database) -> dict[str, list[Any]]:
    """Every column of every row."""
    return {table.__name__: sorted(table.select().tuples().execute(database), key=repr) for table in TABLES}


def records(database: peewee.Database) -> dict[str, list[Any]]:
    """The same without the feed, which is another one after everything was deleted, and without the audit log."""
    of_tables = rows(database)
    return {table: of_tables[table] for table in of_tables if not table.startswith(("Change", "Audit"))}


def lessons_of(service: ContentService, name: str) -> list[Lesson]:
    """Of all events of the set, each event's in order of release."""
    return [lesson for event in SAMPLES[name] for lesson in service.list_lessons(event.id, ALL).items]


def test_minimal_is_what_the_issue_says(store: PeeweeContentStore, service: ContentService) -> None:
    added = seed_store(store, SAMPLES["minimal"], NOON)
    events = service.list_events(ALL).items
    public = service.open_materials("flix-mvp-launch-event", "kickoff-do-mvp", None)
    private = service.open_materials("flix-growth-intensive", "growth-playbook", KEY)
    assert added == {"events": 2, "lessons": 2, "materials": 1}
    assert [(event.id, event.slug, event.visibility, event.access_key, event.is_active) for event in events] == [
        ("event-public-1", "flix-mvp-launch-event", "public", None, True),
        ("event-private-1", "flix-growth-intensive", "private", KEY, True),
    ]
    assert (public.lesson.id, private.lesson.id) == ("lesson-public-1", "lesson-private-1")
    assert [material.id for material in public.materials] == ["material-public-1"]
    assert private.materials == []
    assert service.snapshot().lessons == StatusCounts(locked=0, released=2, expired=0)


def test_the_private_event_stays_closed_without_its_key(store: PeeweeContentStore, service: ContentService) -> None:
    seed_store(store, SAMPLES["minimal"], NOON)
    with pytest.raises(LessonAccessDenied):
        service.open_lesson("flix-growth-intensive", "growth-playbook", "growth2025")


def test_demo_is_a_season_in_full_swing(store: PeeweeContentStore, service: ContentService) -> None:
    added = seed_store(store, SAMPLES["demo"], NOON)
    listed = [event.id for event in service.list_public_events(ALL).items]
    everything = [(event.id, event.visibility, event.is_active) for event in service.list_events(ALL).items]
    assert added == {"events": 7, "lessons": 31, "materials": 19}
    assert everything == [
        ("event-public-1", "public", True),
        ("event-private-1", "private", True),
        ("event-over-1", "public", True),
        ("event-live-1", "public", True),
        ("event-private-2", "private", True),
        ("event-opening-1", "public", True),
        ("event-draft-1", "public", False),
    ]
    assert listed == ["event-public-1", "event-over-1", "event-live-1", "event-opening-1"]
    assert service.snapshot().lessons == StatusCounts(locked=15, released=8, expired=8)


def test_each_event_of_the_season_is_in_the_state_that_its_id_tells(
    store: PeeweeContentStore, service: ContentService
) -> None:
    seed_store(store, SAMPLES["demo"], NOON)

    def states(event_id: str) -> list[str]:
        return [rules.lesson_status(lesson, NOON) for lesson in service.list_lessons(event_id, ALL).items]

    assert states("event-over-1") == ["expired"] * 6
    assert states("event-live-1") == ["expired", *["released"] * 4, "locked", "locked"]
    assert states("event-private-2") == ["expired", "released", "released", "locked", "locked", "locked"]
    assert states("event-opening-1") == ["locked"] * 6
    assert states("event-draft-1") == ["locked"] * 4


def test_the_next_event_opens_five_minutes_after_the_seeding(
    store: PeeweeContentStore, service: ContentService
) -> None:
    seed_store(store, SAMPLES["demo"], NOON)
    first = service.list_lessons("event-opening-1", ALL).items[0]
    assert first.release_at == NOON + timedelta(minutes=5)


def test_nothing_is_made_after_the_seeding_or_after_it_opens(
    store: PeeweeContentStore, service: ContentService
) -> None:
    seed_store(store, SAMPLES["demo"], NOON)
    for lesson in lessons_of(service, "demo"):
        assert service.get_event(lesson.event_id).created_at < lesson.created_at < min(NOON, lesson.release_at)


def test_every_sample_is_one_that_a_person_could_have_made(store: PeeweeContentStore, service: ContentService) -> None:
    seed_store(store, SAMPLES["demo"], NOON)
    for event in service.list_events(ALL).items:
        assert validated(NewEvent, _event_document(event)).slug == event.slug
        for lesson in service.list_lessons(event.id, ALL).items:
            assert validated(NewLesson, _lesson_document(lesson)).slug == lesson.slug
            files = _files(service, lesson)
            assert not files or len(validated(NewMaterials, {"files": files}).uploads()) == len(files)


@pytest.mark.parametrize("name", SETS)
def test_a_second_seeding_adds_nothing_and_changes_nothing(
    content_database: peewee.Database, store: PeeweeContentStore, name: str
) -> None:
    seed_database(content_database, SETTINGS, name)
    before = rows(content_database)
    again = seed_store(store, SAMPLES[name], NOON)
    assert again == {"events": 0, "lessons": 0, "materials": 0}
    assert rows(content_database) == before


def test_demo_after_minimal_adds_only_the_rest(content_database: peewee.Database, store: PeeweeContentStore) -> None:
    seed_store(store, SAMPLES["minimal"], NOON)
    before = records(content_database)
    added = seed_store(store, SAMPLES["demo"], NOON + timedelta(days=1))
    after = rows(content_database)
    assert added == {"events": 5, "lessons": 29, "materials": 18}
    assert all(row in after[table] for table, of_table in before.items() for row in of_table)


def test_what_a_person_has_changed_stays(
    content_database: peewee.Database, store: PeeweeContentStore, service: ContentService
) -> None:
    seed_store(store, SAMPLES["demo"], NOON)
    service.update_event("event-public-1", {"slug": "my-own-launch", "is_active": False, "title": "Mine"})
    service.update_lesson("event-public-1", "lesson-public-1", {"slug": "renamed", "expires_at": None})
    service.update_event("event-private-1", {"access_key": None})
    before = rows(content_database)
    added = seed_store(store, SAMPLES["demo"], NOON)
    assert added == {"events": 0, "lessons": 0, "materials": 0}
    assert rows(content_database) == before


def test_what_a_person_has_deleted_comes_back_and_the_rest_stays(
    store: PeeweeContentStore, service: ContentService
) -> None:
    seed_store(store, SAMPLES["demo"], NOON)
    service.delete_material("event-live-1", "lesson-live-4", "material-live-3")
    service.delete_lesson("event-live-1", "lesson-live-1")
    service.delete_event("event-draft-1")
    added = seed_store(store, SAMPLES["demo"], NOON)
    materials = service.list_materials("event-live-1", "lesson-live-4", ALL).items
    assert added == {"events": 1, "lessons": 5, "materials": 3}
    assert [material.id for material in materials] == ["material-live-4", "material-live-3"]


def test_an_event_whose_slug_a_person_has_taken_is_left_out_with_all_that_is_in_it(
    store: PeeweeContentStore, service: ContentService
) -> None:
    store.events.add(replace(SAMPLES["minimal"][0].at(NOON), id="mine"))
    added = seed_store(store, SAMPLES["minimal"], NOON)
    assert added == {"events": 1, "lessons": 1, "materials": 0}
    assert {event.id for event in service.list_events(ALL).items} == {"mine", "event-private-1"}
    assert service.list_lessons("mine", ALL).items == []


def test_a_lesson_whose_slug_a_person_has_taken_is_left_out_with_its_materials(
    store: PeeweeContentStore, service: ContentService
) -> None:
    event = SAMPLES["minimal"][0]
    store.events.add(event.at(NOON))
    mine = replace(event.lessons[0].at(event.id, NOON, NOON), id="mine")
    store.lessons.add(mine)
    added = seed_store(store, SAMPLES["minimal"], NOON)
    assert added == {"events": 1, "lessons": 1, "materials": 0}
    assert service.list_lessons("event-public-1", ALL).items == [mine]


def test_a_material_goes_behind_what_people_have_uploaded(store: PeeweeContentStore, service: ContentService) -> None:
    seed_store(store, SAMPLES["minimal"], NOON)
    service.delete_material("event-public-1", "lesson-public-1", "material-public-1")
    upload = Upload("notes.txt", "text/plain", 12, "https://files.example/notes.txt")
    (mine,) = service.add_materials("event-public-1", "lesson-public-1", [upload])
    seed_store(store, SAMPLES["minimal"], NOON)
    materials = service.list_materials("event-public-1", "lesson-public-1", ALL).items
    assert [material.id for material in materials] == [mine.id, "material-public-1"]


def test_a_lesson_whose_id_another_event_has_is_left_out(store: PeeweeContentStore, service: ContentService) -> None:
    event = SAMPLES["minimal"][0]
    store.events.add(replace(event.at(NOON), id="mine", slug="mine"))
    store.lessons.add(event.lessons[0].at("mine", NOON, NOON))
    added = seed_store(store, SAMPLES["minimal"], NOON)
    assert added == {"events": 2, "lessons": 1, "materials": 0}
    assert service.list_lessons("event-public-1", ALL).items == []


def test_a_seeding_that_breaks_off_leaves_nothing(content_database: peewee.Database, store: PeeweeContentStore) -> None:
    event = SAMPLES["minimal"][1]
    broken = replace(event, lessons=(replace(event.lessons[0], closes=timedelta(days=-8)),))
    with pytest.raises(InvalidWindow):
        seed_store(store, [SAMPLES["minimal"][0], broken], NOON)
    assert not any(rows(content_database).values())


def test_seedings_at_the_same_time_add_every_row_once(database: peewee.Database) -> None:
    # The connections of all threads are closed with this one's.
    MIGRATIONS.up(database)
    store = PeeweeContentStore(database)
    with ThreadPoolExecutor(4) as pool:
        added = list(pool.map(lambda _: Counter(seed_store(store, SAMPLES["demo"], NOON)), range(4)))
    assert sum(added, Counter()) == {"events": 7, "lessons": 31, "materials": 19}


def test_clear_and_plant_bring_back_the_same_rows(content_database: peewee.Database, store: PeeweeContentStore) -> None:
    seed_store(store, SAMPLES["demo"], NOON)
    before, entries = records(content_database), entries_in(store.audit)
    delete_all_rows(content_database, TABLES)
    assert not any(records(content_database).values())
    assert entries_in(store.audit) == entries
    seed_store(store, SAMPLES["demo"], NOON)
    assert records(content_database) == before
    assert entries_in(store.audit) == entries * 2


def test_the_feed_tells_of_every_row_that_was_added(
    content_database: peewee.Database, store: PeeweeContentStore
) -> None:
    added = seed_store(store, SAMPLES["demo"], NOON)
    told = store.changes.read(0, 1000)
    assert [change.sequence for change in told] == list(range(1, sum(added.values()) + 1))
    assert Counter(f"{change.kind}s" for change in told if change.action == "created") == added


def test_the_audit_log_says_of_every_row_that_nobody_who_signs_in_has_added_it(store: PeeweeContentStore) -> None:
    seed_store(store, SAMPLES["demo"], NOON)
    told = [(f"{change.kind}.{change.action}", change.subject_id) for change in store.changes.read(0, 1000)]
    assert entries_in(store.audit) == told
    said = {
        (each.actor_id, each.actor_name, each.actor_role, each.address, each.request_id)
        for each in store.audit.list(AuditFilter(), ALL)
    }
    assert said == {(None,) * 5}


def _event_document(event: Event) -> dict[str, Any]:
    document: dict[str, Any] = {
        "title": event.title,
        "slug": event.slug,
        "shortDescription": event.short_description,
        "longDescription": event.long_description,
        "visibility": event.visibility,
        "hero": {"title": event.hero_title, "subtitle": event.hero_subtitle, "ctaText": event.hero_cta_text},
        "visualStyle": {
            "backgroundColor": event.background_color,
            "textColor": event.text_color,
            "accentColor": event.accent_color,
        },
        "logoUrl": event.logo_url,
    }
    return document if event.access_key is None else {**document, "accessKey": event.access_key}


def _lesson_document(lesson: Lesson) -> dict[str, Any]:
    return {
        "title": lesson.title,
        "slug": lesson.slug,
        "description": lesson.description,
        "releaseAt": format_instant(lesson.release_at),
        "videoProvider": lesson.video_provider,
        "videoId": lesson.video_id,
    }


def _files(service: ContentService, lesson: Lesson) -> list[dict[str, Any]]:
    return [
        {
            "fileName": material.file_name,
            "mimeType": material.mime_type,
            "sizeBytes": material.size_bytes,
            "downloadUrl": material.download_url,
        }
        for material in service.list_materials(lesson.event_id, lesson.id, ALL).items
    ]
