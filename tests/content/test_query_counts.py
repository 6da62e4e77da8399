"""The number of statements of each use case: as in the table, for one row as for thirty."""

from collections.abc import Callable, Sequence
from contextlib import suppress
from functools import partial

import peewee
import pytest

from services.content.branding.rules import Brief, fallback_branding
from services.content.entities import EventFilter, LessonFilter, LessonReference, Upload
from services.content.repository.store import PeeweeContentStore
from services.content.service import ContentService
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
from tests.query_counts import Cost, counted, split

UPLOAD = Upload("notes.txt", "text/plain", 1, "https://files.flix.app/notes.txt")


LOOK = fallback_branding(an_event(), Brief("a calm blue", None))
BY_TITLE = PageRequest(20, sort="title")
LESSON = LessonReference("event-1", "lesson-1")

# A savepoint and its release are two statements; every write makes one savepoint. Three statements number the changes
# and append them to the feed and to the audit log, for any number of changes. Deleted records are read before.
COSTS: list[Cost[ContentService]] = [
    Cost("list_events", lambda service: service.list_events(PageRequest()), 1),
    Cost("list_events, a page", lambda service: service.list_events(PageRequest(20)), 1),
    Cost("list_events, filtered", lambda service: service.list_events(BY_TITLE, EventFilter(is_active=True, q="a")), 1),
    Cost("list_public_events, filtered", lambda service: service.list_public_events(BY_TITLE, "a"), 1),
    Cost("list_public_events", lambda service: service.list_public_events(PageRequest()), 1),
    Cost("get_event", lambda service: service.get_event("event-1"), 1),
    Cost("create_event", lambda service: service.create_event(event_fields()), 5, 2),
    Cost("update_event", lambda service: service.update_event("event-1", event_changes(title="Other")), 6, 2),
    Cost("update_event, its slug", lambda service: service.update_event("event-1", event_changes(slug="b")), 9, 2),
    Cost("update_event, its key", lambda service: service.update_event("keyed", event_changes(access_key="b")), 8, 2),
    Cost("brand_event", lambda service: service.brand_event(service.get_event("event-1"), LOOK), 7, 2),
    Cost("delete_event", lambda service: service.delete_event("event-1"), 8, 2),
    Cost("preview_access", lambda service: service.preview_access("event-1"), 2),
    Cost("list_lessons", lambda service: service.list_lessons("event-1", PageRequest()), 2),
    Cost("list_lessons, a page", lambda service: service.list_lessons("event-1", PageRequest(20)), 2),
    Cost("list_lessons, filtered", lambda service: service.list_lessons("event-1", BY_TITLE, LessonFilter(q="a")), 2),
    Cost("get_lesson", lambda service: service.get_lesson("event-1", "lesson-1"), 2),
    Cost("create_lesson", lambda service: service.create_lesson("event-1", lesson_fields()), 6, 2),
    Cost(
        "update_lesson",
        lambda service: service.update_lesson("event-1", "lesson-1", lesson_changes(title="Other")),
        7,
        2,
    ),
    Cost("delete_lesson", lambda service: service.delete_lesson("event-1", "lesson-1"), 8, 2),
    Cost("snapshot", lambda service: service.snapshot(), 2),
    Cost("list_materials", lambda service: service.list_materials("event-1", "lesson-1", PageRequest()), 3),
    Cost("list_materials, a page", lambda service: service.list_materials("event-1", "lesson-1", PageRequest(20)), 3),
    Cost("add_materials, one", lambda service: service.add_materials("event-1", "lesson-1", [UPLOAD]), 8, 2),
    Cost("add_materials, twenty", lambda service: service.add_materials("event-1", "lesson-1", [UPLOAD] * 20), 8, 2),
    Cost("delete_material", lambda service: service.delete_material("event-1", "lesson-1", "material-1"), 8, 2),
    Cost("event_access", lambda service: service.event_access("launch", None), 1),
    Cost("catalog", lambda service: service.catalog("launch", None), 3),
    Cost("calendar", lambda service: service.calendar("launch"), 3),
    Cost("check_access", lambda service: service.check_access("launch", "first", None), 3),
    Cost("open_lesson", lambda service: service.open_lesson("launch", "first", None), 3),
    Cost("play", lambda service: service.play("launch", "first", None), 4),
    Cost("open_materials", lambda service: service.open_materials("launch", "first", None), 4),
    Cost("version", lambda service: service.version(), 1),
    Cost("feed", lambda service: service.feed(), 2),
    Cost("read_changes, again from there", lambda service: service.read_changes("known", None, 0, 1000), 3),
    # Recording the position, and finding the prunable changes.
    Cost("read_changes, further on", lambda service: service.read_changes("known", None, 1, 1000), 6),
    Cost("missing_lessons", lambda service: service.missing_lessons([LESSON] * 500), 1),
    Cost("present", lambda service: service.present(["event-1"] * 500, ["lesson-1"] * 500), 2),
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
    public = {name for name in vars(ContentService) if not name.startswith("_")}
    assert {cost.name.partition(",")[0] for cost in COSTS} == public


def test_a_query_for_each_row_is_counted(content_database: peewee.Database) -> None:
    service = stocked(content_database, 29)
    with counted(content_database) as statements:
        for lesson in service.list_lessons("event-1", PageRequest()).items:
            service.get_lesson("event-1", lesson.id)
    assert split(statements) == (2 + 30 * 2, 0)


OUTSIDERS: list[tuple[str | None, Grant | None]] = [
    (None, None),
    ("let-me-out", None),
    (None, Grant("event-1", "f" * 64)),
    ("let-me-out", Grant("event-1", "f" * 64)),
]


@pytest.mark.parametrize(("key", "grant"), OUTSIDERS)
@pytest.mark.parametrize("lesson_slug", ["first", "nothing"])
def test_an_outsider_of_a_private_event_causes_the_same_statements_for_any_lesson(
    content_database: peewee.Database, key: str | None, grant: Grant | None, lesson_slug: str
) -> None:
    service = stocked(content_database, 29)
    service.update_event("event-1", event_changes(visibility="private", access_key="let-me-in"))
    expected = statements_of(content_database, lambda: service.check_access("launch", "unheard-of", key))
    # The version and the event; a wrong key is looked up among those that were replaced.
    assert split(expected) == (2 if key is None else 3, 0)
    for use_case in (service.check_access, service.open_lesson, service.play, service.open_materials):
        assert statements_of(content_database, partial(use_case, "launch", lesson_slug, key, grant)) == expected
    assert statements_of(content_database, lambda: service.catalog("launch", key, grant)) == expected


@pytest.mark.parametrize("key", [None, "let-me-out"])
def test_a_failed_exchange_causes_the_same_statements_without_an_event(
    content_database: peewee.Database, key: str | None
) -> None:
    service = stocked(content_database, 0)
    service.update_event("event-1", event_changes(visibility="private", access_key="let-me-in"))
    known, unknown = (
        statements_of(content_database, partial(service.event_access, slug, key)) for slug in ("launch", "nowhere")
    )
    assert known == unknown


@pytest.mark.parametrize("key", [None, "let-me-out"])
def test_an_outsider_of_a_private_event_causes_the_same_statements_under_its_former_slug_as_without_it(
    content_database: peewee.Database, key: str | None
) -> None:
    service = stocked(content_database, 0)
    service.update_event("event-1", event_changes(visibility="private", access_key="let-me-in", slug="renamed"))
    for use_case in (
        *(lambda slug: service.catalog(slug, key), lambda slug: service.play(slug, "first", key)),
        *(lambda slug: service.check_access(slug, "first", key), lambda slug: service.event_access(slug, key)),
    ):
        former, unknown = (statements_of(content_database, partial(use_case, slug)) for slug in ("launch", "nowhere"))
        assert former == unknown


def test_a_former_slug_costs_one_statement_more(content_database: peewee.Database) -> None:
    service = stocked(content_database, 0)
    service.update_event("event-1", event_changes(slug="renamed"))
    service.update_lesson("event-1", "lesson-1", lesson_changes(slug="renamed"))
    costs = [
        split(statements_of(content_database, partial(service.play, *slugs, None)))[0]
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
        service.update_event("event-1", event_changes(title="Other"))
        service.update_lesson("event-1", "lesson-1", lesson_changes(expires_at=NOON + 2 * HOUR))
        service.add_materials("event-1", "lesson-1", [UPLOAD])
    locking = [each for each in statements if each.startswith("SELECT") and each.endswith("FOR UPDATE")]
    tables = [each.partition(' FROM "')[2].partition('"')[0] for each in locking]
    # SQLite locks the whole database when the transaction begins.
    assert tables == (["events", "lessons", "lessons"] if is_postgresql(content_database) else [])
