"""The number of statements of each use case: as in the table, for one row as for thirty."""

from collections.abc import Callable, Sequence
from contextlib import suppress
from functools import partial
from typing import Any

import peewee
import pytest

from services.content.branding.rules import Brief, fallback_branding
from services.content.entities import EventFilter, LessonFilter, LessonReference, Upload
from services.content.repository.store import PeeweeContentStore
from services.content.service.content import ContentService
from services.content.service.learners import Visitor
from services.kit.core.errors import Forbidden, NotFound
from services.kit.storage.database import is_postgresql
from services.kit.web.pages import PageRequest
from services.kit.web.tokens.grants import Grant
from tests.clock import HOUR, NOON, StoppedClock
from tests.content.examples import (
    SECRET,
    a_lesson,
    a_material,
    an_event,
    event_changes,
    event_fields,
    lesson_changes,
    lesson_fields,
    some_events,
    some_lessons,
    some_materials,
)
from tests.content.memory import InMemoryContentStore
from tests.query_counts import Cost, counted, split, use_cases

UPLOAD = Upload("notes.txt", "text/plain", 1, "https://files.flix.app/notes.txt")


LOOK = fallback_branding(an_event(), Brief("a calm blue", None))
BY_TITLE = PageRequest(20, sort="title")
LESSON = LessonReference("event-1", "lesson-1")

# A savepoint and its release are two statements; every write makes one savepoint. Three statements number the changes
# and append them to the feed and to the audit log, for any number of changes. Deleted records are read before.
COSTS: list[Cost[ContentService]] = [
    Cost("events.list", lambda service: service.events.list(PageRequest()), 1),
    Cost("events.list, a page", lambda service: service.events.list(PageRequest(20)), 1),
    Cost("events.list, filtered", lambda service: service.events.list(BY_TITLE, EventFilter(is_active=True, q="a")), 1),
    Cost("events.list_public, filtered", lambda service: service.events.list_public(BY_TITLE, "a"), 1),
    Cost("events.list_public", lambda service: service.events.list_public(PageRequest()), 1),
    Cost("events.get", lambda service: service.events.get("event-1"), 1),
    Cost("events.create", lambda service: service.events.create(event_fields()), 5, 2),
    Cost("events.update", lambda service: service.events.update("event-1", event_changes(title="Other")), 6, 2),
    Cost("events.update, its slug", lambda service: service.events.update("event-1", event_changes(slug="b")), 9, 2),
    Cost("events.update, its key", lambda service: service.events.update("keyed", event_changes(access_key="b")), 8, 2),
    Cost("events.brand", lambda service: service.events.brand(service.events.get("event-1"), LOOK), 7, 2),
    Cost("events.delete", lambda service: service.events.delete("event-1"), 8, 2),
    Cost("events.preview_access", lambda service: service.events.preview_access("event-1"), 2),
    Cost("lessons.list", lambda service: service.lessons.list("event-1", PageRequest()), 2),
    Cost("lessons.list, a page", lambda service: service.lessons.list("event-1", PageRequest(20)), 2),
    Cost("lessons.list, filtered", lambda service: service.lessons.list("event-1", BY_TITLE, LessonFilter(q="a")), 2),
    Cost("lessons.get", lambda service: service.lessons.get("event-1", "lesson-1"), 2),
    Cost("lessons.create", lambda service: service.lessons.create("event-1", lesson_fields()), 6, 2),
    Cost(
        "lessons.update",
        lambda service: service.lessons.update("event-1", "lesson-1", lesson_changes(title="Other")),
        7,
        2,
    ),
    Cost("lessons.delete", lambda service: service.lessons.delete("event-1", "lesson-1"), 8, 2),
    Cost("snapshot", lambda service: service.snapshot(), 2),
    Cost("materials.list", lambda service: service.materials.list("event-1", "lesson-1", PageRequest()), 3),
    Cost("materials.list, a page", lambda service: service.materials.list("event-1", "lesson-1", PageRequest(20)), 3),
    Cost("materials.add, one", lambda service: service.materials.add("event-1", "lesson-1", [UPLOAD]), 8, 2),
    Cost("materials.add, twenty", lambda service: service.materials.add("event-1", "lesson-1", [UPLOAD] * 20), 8, 2),
    Cost("materials.delete", lambda service: service.materials.delete("event-1", "lesson-1", "material-1"), 8, 2),
    Cost("learners.event_access", lambda service: service.learners.event_access("launch", None), 1),
    Cost("learners.catalog", lambda service: service.learners.catalog("launch", Visitor()), 3),
    Cost("learners.calendar", lambda service: service.learners.calendar("launch"), 3),
    Cost("learners.check_access", lambda service: service.learners.check_access("launch", "first", Visitor()), 3),
    Cost("learners.open_lesson", lambda service: service.learners.open_lesson("launch", "first", Visitor()), 3),
    Cost("learners.play", lambda service: service.learners.play("launch", "first", Visitor()), 4),
    Cost("learners.open_materials", lambda service: service.learners.open_materials("launch", "first", Visitor()), 4),
    Cost("learners.version", lambda service: service.learners.version(), 1),
    Cost("followers.feed", lambda service: service.followers.feed(), 2),
    Cost(
        "followers.read_changes, again from there",
        lambda service: service.followers.read_changes("known", None, 0, 1000),
        3,
    ),
    # Recording the position, and finding the prunable changes.
    Cost(
        "followers.read_changes, further on", lambda service: service.followers.read_changes("known", None, 1, 1000), 6
    ),
    Cost("followers.missing_lessons", lambda service: service.followers.missing_lessons([LESSON] * 500), 1),
    Cost("followers.present", lambda service: service.followers.present(["event-1"] * 500, ["lesson-1"] * 500), 2),
]


def stocked(database: peewee.Database, rows: int) -> ContentService:
    """Return a service with so many more events, lessons and materials beside the one of each that is read."""
    store = PeeweeContentStore(database)
    with store.transaction():
        for event in (an_event(), an_event(id="keyed", slug="keyed", access_key="a"), *some_events(rows)):
            store.events.add(event)
        for lesson in (a_lesson(), *some_lessons(rows)):
            store.lessons.add(lesson)
        store.materials.add_all(
            [a_material(), *(a_material(id=m.id, position=m.position + 1) for m in some_materials(rows))]
        )
    store.changes.acknowledge("known", 0)
    return ContentService(store, SECRET, StoppedClock())


def stocked_private(database: peewee.Database, **changes: Any) -> ContentService:
    """Return such a service, whose event that is read is private."""
    service = stocked(database, 29)
    service.events.update("event-1", event_changes(visibility="private", access_key="let-me-in", **changes))
    return service


@pytest.mark.parametrize("cost", COSTS, ids=[cost.name for cost in COSTS])
@pytest.mark.parametrize("rows", [0, 29], ids=["one row", "thirty rows"])
def test_a_use_case_sends_as_many_statements_as_the_table_says(
    content_database: peewee.Database, cost: Cost[ContentService], rows: int
) -> None:
    service = stocked(content_database, rows)
    with counted(content_database) as statements:
        cost.use_case(service)
    assert split(statements) == (cost.queries, cost.savepoints), "\n".join(statements)


def test_the_table_names_every_use_case() -> None:
    assert {cost.name.partition(",")[0] for cost in COSTS} == use_cases(ContentService(InMemoryContentStore(), SECRET))


def test_a_query_for_each_row_is_counted(content_database: peewee.Database) -> None:
    service = stocked(content_database, 29)
    with counted(content_database) as statements:
        for lesson in service.lessons.list("event-1", PageRequest()).items:
            service.lessons.get("event-1", lesson.id)
    assert split(statements) == (2 + 30 * 2, 0)


OUTSIDERS: list[tuple[str | None, Grant | None]] = [
    (None, None),
    ("let-me-out", None),
    (None, Grant("event-1", "f" * 64)),
    ("let-me-out", Grant("event-1", "f" * 64)),
]


@pytest.mark.parametrize(("key", "grant"), OUTSIDERS)
@pytest.mark.parametrize("lesson_slug", ["first", "nothing"])
def test_any_lesson_of_a_private_event_costs_outsiders_the_same_statements(
    content_database: peewee.Database, key: str | None, grant: Grant | None, lesson_slug: str
) -> None:
    learners = stocked_private(content_database).learners
    expected = statements_of(content_database, lambda: learners.check_access("launch", "unheard-of", Visitor(key)))
    # The version and the event; a wrong key is looked up among those that were replaced.
    assert split(expected) == (2 if key is None else 3, 0)
    for use_case in (learners.check_access, learners.open_lesson, learners.play, learners.open_materials):
        assert (
            statements_of(content_database, partial(use_case, "launch", lesson_slug, Visitor(key, grant))) == expected
        )
    assert statements_of(content_database, lambda: learners.catalog("launch", Visitor(key, grant))) == expected


@pytest.mark.parametrize("key", [None, "let-me-out"])
def test_a_failed_exchange_causes_the_same_statements_without_an_event(
    content_database: peewee.Database, key: str | None
) -> None:
    learners = stocked_private(content_database).learners
    known, unknown = (
        statements_of(content_database, partial(learners.event_access, slug, key)) for slug in ("launch", "nowhere")
    )
    assert known == unknown


@pytest.mark.parametrize("key", [None, "let-me-out"])
def test_a_former_slug_of_a_private_event_costs_outsiders_the_same_statements(
    content_database: peewee.Database, key: str | None
) -> None:
    learners = stocked_private(content_database, slug="renamed").learners
    for use_case in (
        lambda slug: learners.catalog(slug, Visitor(key)),
        lambda slug: learners.play(slug, "first", Visitor(key)),
        lambda slug: learners.check_access(slug, "first", Visitor(key)),
        lambda slug: learners.event_access(slug, key),
    ):
        former, unknown = (statements_of(content_database, partial(use_case, slug)) for slug in ("launch", "nowhere"))
        assert former == unknown


def test_a_former_slug_costs_one_statement_more(content_database: peewee.Database) -> None:
    service = stocked(content_database, 0)
    service.events.update("event-1", event_changes(slug="renamed"))
    service.lessons.update("event-1", "lesson-1", lesson_changes(slug="renamed"))
    costs = [
        split(statements_of(content_database, partial(service.learners.play, *slugs, Visitor())))[0]
        for slugs in (("renamed", "renamed"), ("launch", "renamed"), ("renamed", "first"), ("launch", "first"))
    ]
    assert costs == [4, 5, 5, 6]


def statements_of(database: peewee.Database, use_case: Callable[[], object]) -> Sequence[str]:
    """Return the statements of the use case, which may refuse afterwards."""
    with counted(database) as statements, suppress(Forbidden, NotFound):
        use_case()
    return list(statements)


def test_only_records_that_change_are_locked(content_database: peewee.Database) -> None:
    service = stocked(content_database, 0)
    with counted(content_database) as statements:
        service.events.update("event-1", event_changes(title="Other"))
        service.lessons.update("event-1", "lesson-1", lesson_changes(expires_at=NOON + 2 * HOUR))
        service.materials.add("event-1", "lesson-1", [UPLOAD])
    locking = [each for each in statements if each.startswith("SELECT") and each.endswith("FOR UPDATE")]
    tables = [each.partition(' FROM "')[2].partition('"')[0] for each in locking]
    # SQLite locks the whole database when the transaction begins.
    assert tables == (["events", "lessons", "lessons"] if is_postgresql(content_database) else [])
