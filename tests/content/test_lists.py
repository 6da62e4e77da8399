"""The lists of content on a large installation: each page comes from an index, in one statement."""

from collections.abc import Callable
from datetime import timedelta
from functools import partial

import peewee

from services.content.entities import EventFilter, LessonFilter
from services.content.models import EventRow, LessonRow
from services.content.repository.events import _columns as event_columns
from services.content.repository.lessons import _columns as lesson_columns
from services.content.repository.store import PeeweeContentStore
from services.kit.web.pages import PageRequest
from tests.clock import NOON, SECOND
from tests.content.examples import a_lesson, an_event
from tests.query_plans import plans, reads_whole

PAGE = 50
Read = Callable[[PeeweeContentStore], object]

# What is read, and the index that it comes from.
PAGES: dict[str, tuple[Read, str]] = {
    "events": (lambda store: store.events.list(PageRequest(PAGE)), "events_created_at_position_id"),
    "events, newest first": (
        lambda store: store.events.list(PageRequest(PAGE, (0, 1, "e"), "-createdAt")),
        "events_created_at_position_id",
    ),
    "events by title": (lambda store: store.events.list(PageRequest(PAGE, sort="title")), "events_search_form_id"),
    "events by title, further on": (
        lambda store: store.events.list(PageRequest(PAGE, ("the launch 5", "e"), "-title")),
        "events_search_form_id",
    ),
    "events that match": (
        lambda store: store.events.list(PageRequest(PAGE), EventFilter(is_active=True, visibility="public", q="1")),
        "events_created_at_position_id",
    ),
    "lessons": (
        lambda store: store.lessons.list("event-1", PageRequest(PAGE)),
        "lessons_event_id_release_at_created_at_id",
    ),
    "lessons of a time": (
        lambda store: store.lessons.list(
            "event-1", PageRequest(PAGE), LessonFilter(since=NOON, until=NOON + 9 * SECOND)
        ),
        "lessons_event_id_release_at_created_at_id",
    ),
    "lessons by title": (
        lambda store: store.lessons.list("event-1", PageRequest(PAGE, sort="-title"), LessonFilter(q="les")),
        "lessons_event_id_search_form_id",
    ),
}


def test_every_page_comes_from_an_index_and_sorts_nothing(content_database: peewee.Database) -> None:
    database = content_database
    events = [
        an_event(id=f"e{n}", slug=f"s{n}", title=f"The launch {n}", created_at=NOON + timedelta(seconds=n))
        for n in range(1, 1000)
    ]
    lessons = [
        a_lesson(id=f"l{n}", slug=f"s{n}", release_at=NOON + timedelta(seconds=n), expires_at=None) for n in range(1000)
    ]
    with database.atomic():
        EventRow.insert_many([event_columns(each) for each in (an_event(), *events)]).execute(database)
        for start in (0, 500):
            rows = [lesson_columns(each) for each in lessons[start : start + 500]]
            LessonRow.insert_many(rows).execute(database)
    database.execute_sql("ANALYZE")
    store = PeeweeContentStore(database)
    for name, (read, index) in PAGES.items():
        plan = plans(database, partial(read, store))
        assert index in plan, (name, plan)
        assert "Sort" not in plan and "TEMP B-TREE" not in plan, (name, plan)
        assert not reads_whole("events", plan) and not reads_whole("lessons", plan), (name, plan)
