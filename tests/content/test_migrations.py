"""The migrations of content on rows that earlier releases have stored."""

from dataclasses import replace
from typing import Any

import peewee

from services.content.migrations import MIGRATIONS
from services.content.repository.store import PeeweeContentStore
from services.content.service.content import ContentService
from services.content.service.learners import Visitor
from services.kit.storage.database import is_postgresql
from services.kit.web.pages import PageRequest
from tests.clock import StoppedClock
from tests.content.examples import SECRET, a_lesson, an_event, with_two_events
from tests.content.test_integrity import EXAMINATION
from tests.violations import found, named

SLUG_FORMS = "006_slug_forms"
FORMER_SLUGS = "009_former_slugs"
# Stored in this order, at one instant.
OLD_EVENTS = {"zoo": "launch---march", "Event 1": "launch-march", "b": "---", "a": "plain"}
OLD_LESSONS = {"lesson-1": "café", "lesson-2": "cafe\u0301", "lesson-3": "first lesson"}


def before(database: peewee.Database, migration: str) -> None:
    """Bring the database to the schema of the release before this migration."""
    MIGRATIONS.up(database)
    while MIGRATIONS.down(database, accept_losses=True) != migration:
        pass


def stored(database: peewee.Database, table: str) -> list[tuple[Any, ...]]:
    """Return ids, slugs and normal forms, by id."""
    return sorted(database.execute_sql(f"SELECT id, slug, slug_form FROM {table}").fetchall())


def insert(database: peewee.Database, table: str, row: dict[str, Any]) -> None:
    """Insert a row as the release before did: it knows neither forms nor positions."""
    peewee.Table(table, row.keys()).insert(row).execute(database)


def test_old_slugs_and_the_order_of_storing_are_kept(database: peewee.Database) -> None:
    before(database, SLUG_FORMS)
    service = ContentService(PeeweeContentStore(database), SECRET, StoppedClock())
    for event_id, slug in OLD_EVENTS.items():
        insert(database, "events", old_event(event_id, slug))
    for lesson_id, slug in OLD_LESSONS.items():
        insert(database, "lessons", old_lesson(lesson_id, slug))

    MIGRATIONS.up(database)

    forms = {"zoo": "launch-march", "Event 1": "launch-march", "b": None, "a": "plain"}
    assert stored(database, "events") == sorted((each, OLD_EVENTS[each], forms[each]) for each in forms)
    forms = {"lesson-1": "café", "lesson-2": "café", "lesson-3": "first lesson"}
    assert stored(database, "lessons") == [(each, OLD_LESSONS[each], forms[each]) for each in forms]
    # PostgreSQL has not noted the order: it stays that of the ids, as the release before listed it.
    order = sorted(OLD_EVENTS) if is_postgresql(database) else list(OLD_EVENTS)
    assert [each.id for each in service.events.list(PageRequest()).items] == order
    assert [each.position for each in service.events.list(PageRequest()).items] == [1, 2, 3, 4]
    assert service.learners.catalog("Launch_March", Visitor()).event.id == (
        "Event 1" if is_postgresql(database) else "zoo"
    )
    assert service.learners.catalog("launch---march", Visitor()).event.id == "zoo"
    assert ("events", "b", "slug_form") not in named(found(database, EXAMINATION))


def test_code_of_the_release_before_goes_on_writing(database: peewee.Database) -> None:
    MIGRATIONS.up(database)
    insert(database, "events", old_event("event-1", "launch---march"))
    insert(database, "lessons", old_lesson("lesson-1", "cafe\u0301") | {"event_id": "event-1"})
    store = PeeweeContentStore(database)
    assert store.events.get_by_slug("launch---march").position == 0
    assert store.lessons.get_by_slug("event-1", "cafe\u0301").id == "lesson-1"
    assert [each[2] for each in named(found(database, EXAMINATION))] == ["slug_form", "slug_form"]


def test_former_slugs_come_back_after_a_rollback(database: peewee.Database) -> None:
    MIGRATIONS.up(database)
    store = with_two_events(PeeweeContentStore(database))
    store.events.save(an_event(slug="renamed"))
    store.events.save(replace(store.events.get("event-2"), slug="other"))
    store.lessons.save(a_lesson(slug="renamed"))
    before(database, FORMER_SLUGS)
    # The release before takes one of them.
    insert(database, "events", old_event("event-3", "secret") | {"slug_form": "secret"})

    MIGRATIONS.up(database)

    assert (store.events.get_by_slug("launch").id, store.events.get_by_slug("secret").id) == ("event-1", "event-3")
    assert store.lessons.get_by_slug("event-1", "first").id == "lesson-1"
    assert [each[2] for each in named(found(database, EXAMINATION))] == [
        *("rolled_back", "search_form", "former_slug_taken"),
    ]


def old_event(event_id: str, slug: str) -> dict[str, Any]:
    """Return the columns of an event, of the release before this migration."""
    event = an_event(id=event_id, slug=slug)
    columns = [
        *("id", "title", "slug", "short_description", "long_description", "is_active", "visibility"),
        *("hero_title", "hero_subtitle", "hero_cta_text", "background_color", "text_color", "accent_color"),
    ]
    return {name: getattr(event, name) for name in columns} | {"created_at": 1, "updated_at": 1}


def old_lesson(lesson_id: str, slug: str) -> dict[str, Any]:
    """Return the columns of a lesson, of the release before this migration."""
    lesson = a_lesson(id=lesson_id, slug=slug)
    columns = {
        name: getattr(lesson, name) for name in ("id", "title", "description", "slug", "video_provider", "video_id")
    }
    return columns | {"event_id": "zoo", "release_at": 1, "created_at": 1, "updated_at": 1}
