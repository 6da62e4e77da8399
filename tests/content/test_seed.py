"""services.content.seed on both engines: the rows of each set, and the safety of people's rows."""

from collections import Counter
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta
from typing import Any

import peewee
import pytest

from services.content import rules
from services.content.config import Settings, read_settings
from services.content.entities import NewChange, StatusCounts
from services.content.errors import InvalidWindow, LessonAccessDenied
from services.content.migrations import MIGRATIONS
from services.content.models import TABLES, ChangeFeedRow, ChangeRow, EventRow
from services.content.repository.store import PeeweeContentStore
from services.content.schemas.events import NewEvent, event_view
from services.content.schemas.lessons import NewLesson, NewMaterials, lesson_view, material_view
from services.content.seed import SAMPLES, SETS, seed_database, seed_store
from services.content.seed.demo import SEASON
from services.content.service.content import ContentService
from services.content.service.learners import Visitor
from services.kit.storage.audit.log import AuditFilter
from services.kit.storage.database import delete_all_rows
from services.kit.web.pages import PageRequest
from services.kit.web.schemas import validated
from tests.audit import entries_in
from tests.clock import NOON
from tests.content.examples import SECRET, an_event, event_changes, lesson_changes
from tests.databases import forget_entries

ALL = PageRequest()
KEY = "growth2026"
SETTINGS: Settings = read_settings({"SERVICE_SECRET": "0123456789abcdef0123456789abcdef"})


@pytest.fixture
def store(content_database: peewee.Database) -> PeeweeContentStore:
    """Return an empty store."""
    return PeeweeContentStore(content_database)


@pytest.fixture
def service(store: PeeweeContentStore) -> ContentService:
    """Return the service at noon."""
    return ContentService(store, SECRET, lambda: NOON)


def rows(database: peewee.Database) -> dict[str, list[Any]]:
    """Return every column of every row."""
    return {table.__name__: sorted(table.select().tuples().execute(database), key=repr) for table in TABLES}


def records(database: peewee.Database) -> dict[str, list[Any]]:
    """Return the rows without the feed, which begins again after a deletion, and without the audit log."""
    of_tables = rows(database)
    return {table: of_tables[table] for table in of_tables if not table.startswith(("Change", "Audit"))}


def test_minimal_has_an_open_public_and_a_private_event(store: PeeweeContentStore, service: ContentService) -> None:
    added = seed_store(store, SAMPLES["minimal"], NOON)
    events = service.events.list(ALL).items
    public = service.learners.open_materials("flix-mvp-launch-event", "kickoff-do-mvp", Visitor())
    private = service.learners.open_materials("flix-growth-intensive", "growth-playbook", Visitor(KEY))
    assert added == {"events": 2, "lessons": 2, "materials": 1}
    assert [(event.id, event.slug, event.visibility, event.access_key, event.is_active) for event in events] == [
        ("event-public-1", "flix-mvp-launch-event", "public", None, True),
        ("event-private-1", "flix-growth-intensive", "private", KEY, True),
    ]
    assert (public.lesson.id, private.lesson.id) == ("lesson-public-1", "lesson-private-1")
    assert [material.id for material in public.materials] == ["material-public-1"]
    assert private.materials == []
    with pytest.raises(LessonAccessDenied):
        service.learners.open_lesson("flix-growth-intensive", "growth-playbook", Visitor("growth2025"))
    assert service.snapshot().lessons == StatusCounts(locked=0, released=2, expired=0)


def test_demo_has_events_in_every_state(store: PeeweeContentStore, service: ContentService) -> None:
    added = seed_store(store, SAMPLES["demo"], NOON)
    listed = [event.id for event in service.events.list_public(ALL).items]
    everything = [(event.id, event.visibility, event.is_active) for event in service.events.list(ALL).items]
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


def test_the_lessons_of_the_demo_are_in_every_state(store: PeeweeContentStore, service: ContentService) -> None:
    seed_store(store, SAMPLES["demo"], NOON)
    states = {
        event.id: [rules.lesson_status(lesson, NOON) for lesson in service.lessons.list(event.id, ALL).items]
        for event in SEASON
    }
    assert states == {
        "event-over-1": ["expired"] * 6,
        "event-live-1": ["expired", *["released"] * 4, "locked", "locked"],
        "event-private-2": ["expired", "released", "released", "locked", "locked", "locked"],
        "event-opening-1": ["locked"] * 6,
        "event-draft-1": ["locked"] * 4,
    }
    assert service.lessons.list("event-opening-1", ALL).items[0].release_at == NOON + timedelta(minutes=5)
    for lesson in (each for event in SAMPLES["demo"] for each in service.lessons.list(event.id, ALL).items):
        assert service.events.get(lesson.event_id).created_at < lesson.created_at < min(NOON, lesson.release_at)


def test_every_sample_is_a_valid_request(store: PeeweeContentStore, service: ContentService) -> None:
    seed_store(store, SAMPLES["demo"], NOON)
    for event in service.events.list(ALL).items:
        assert validated(NewEvent, _document(event_view(event))).slug == event.slug
        for lesson in service.lessons.list(event.id, ALL).items:
            assert validated(NewLesson, _document(lesson_view(lesson))).slug == lesson.slug
            materials = service.materials.list(event.id, lesson.id, ALL).items
            files = [_document(material_view(material, event.id)) for material in materials]
            assert not files or len(validated(NewMaterials, {"files": files}).uploads()) == len(files)


def add(database: peewee.Database, name: str, *, anew: bool = False) -> int:
    """Seed, and return the number of added rows."""
    return sum(seed_database(database, SETTINGS, name, anew=anew).values())


@pytest.mark.parametrize("again", SETS)
def test_an_edited_sample_stays_and_a_second_seeding_adds_nothing(
    content_database: peewee.Database, service: ContentService, again: str
) -> None:
    assert add(content_database, "minimal") == 5
    service.events.update("event-public-1", event_changes(slug="my-own-launch", is_active=False, title="Mine"))
    service.lessons.update("event-public-1", "lesson-public-1", lesson_changes(slug="renamed", expires_at=None))
    before = rows(content_database)
    assert add(content_database, again) == 0
    assert rows(content_database) == before


def test_samples_that_an_admin_deleted_stay_deleted(content_database: peewee.Database, service: ContentService) -> None:
    add(content_database, "demo")
    for event in service.events.list(ALL).items:
        service.events.delete(event.id)
    # Everything that could tell of it is archived or pruned but the mark.
    forget_entries(content_database)
    for table in (ChangeRow, ChangeFeedRow):
        table.delete().execute(content_database)
    assert add(content_database, "demo") == 0
    assert list(service.events.list(ALL).items) == []
    assert add(content_database, "demo", anew=True) == 57


# A database of the release before has no mark.
SIGNS_OF_USE = {
    "an event": lambda store: store.events.add(an_event()),
    "an audit entry": lambda store: store.audit.append([("event.deleted", "event-1")]),
    "a change": lambda store: store.changes.append([NewChange("event", "deleted", "event-1", None, None, 1)]),
}


@pytest.mark.parametrize("use", SIGNS_OF_USE.values(), ids=SIGNS_OF_USE.keys())
def test_a_database_in_use_counts_as_seeded_for_ever(
    content_database: peewee.Database, store: PeeweeContentStore, use: Callable[[PeeweeContentStore], None]
) -> None:
    use(store)
    assert add(content_database, "minimal") == 0
    for table in (EventRow, ChangeRow, ChangeFeedRow):
        table.delete().execute(content_database)
    forget_entries(content_database)
    assert add(content_database, "minimal") == 0


def test_the_follower_may_read_the_feed_before_the_first_seeding(
    content_database: peewee.Database, store: PeeweeContentStore
) -> None:
    store.changes.feed()
    store.changes.acknowledge("quiz", 0)
    assert add(content_database, "minimal") == 5


def test_a_failed_seeding_leaves_nothing_and_may_be_repeated(
    content_database: peewee.Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    event = SAMPLES["minimal"][1]
    broken = replace(event, lessons=(replace(event.lessons[0], closes=timedelta(days=-8)),))
    with monkeypatch.context() as patch:
        patch.setitem(SAMPLES, "minimal", [SAMPLES["minimal"][0], broken])
        with pytest.raises(InvalidWindow):
            add(content_database, "minimal")
    assert not any(rows(content_database).values())
    assert add(content_database, "minimal") == 5


def test_concurrent_seedings_add_every_row_once(database: peewee.Database) -> None:
    MIGRATIONS.up(database)
    with ThreadPoolExecutor(4) as pool:
        added = list(pool.map(lambda name: add(database, name), ["demo"] * 4))
    assert sorted(added) == [0, 0, 0, 57]


def test_clearing_and_seeding_bring_back_the_same_rows(
    content_database: peewee.Database, store: PeeweeContentStore
) -> None:
    seed_store(store, SAMPLES["demo"], NOON)
    before, entries = records(content_database), entries_in(store.audit)
    delete_all_rows(content_database, TABLES)
    assert not any(records(content_database).values())
    assert entries_in(store.audit) == entries
    seed_store(store, SAMPLES["demo"], NOON)
    assert records(content_database) == before
    assert entries_in(store.audit) == entries * 2


def test_the_feed_and_the_audit_log_record_every_added_row(store: PeeweeContentStore) -> None:
    added = seed_store(store, SAMPLES["demo"], NOON)
    changes = store.changes.read(0, 1000)
    assert [change.sequence for change in changes] == list(range(1, sum(added.values()) + 1))
    assert Counter(f"{change.kind}s" for change in changes if change.action == "created") == added
    assert entries_in(store.audit) == [(f"{each.kind}.{each.action}", each.subject_id) for each in changes]
    records = store.audit.list(AuditFilter(), ALL)
    actors = {(each.actor_id, each.actor_name, each.actor_role, each.address, each.request_id) for each in records}
    assert actors == {(None,) * 5}


def _document(view: Mapping[str, Any]) -> dict[str, Any]:
    # Null is no value in a new record; the other members of a view are ignored.
    return {name: value for name, value in view.items() if value is not None}
