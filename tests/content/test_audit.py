"""The audit log of content: every change is in it once, and a failed request is not."""

import subprocess
import sys
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import peewee
import pytest

from deploy.stack import ROOT
from services.content.entities import Upload
from services.content.errors import EventSlugTaken, InvalidWindow, LessonSlugTaken
from services.content.migrations import MIGRATIONS
from services.content.repository.contracts import ContentStore
from services.content.repository.store import PeeweeContentStore
from services.content.service import ContentService
from services.kit.core.errors import NotFound, PreconditionFailed
from services.kit.storage.audit.model import AuditEntry
from tests.audit import entries_in
from tests.clock import HOUR, NOON, StoppedClock
from tests.content.examples import EVENT_FIELDS, LESSON_FIELDS, SECRET, an_event, with_two_events
from tests.parallel import at_once
from tests.stores import Undo

UseCase = Callable[[ContentService], Any]
NO_STATE = frozenset({'"0-0"'})
UPLOADS = [Upload(f"notes-{number}.txt", "text/plain", 1, "https://files.flix.app/notes.txt") for number in (1, 2)]


@pytest.fixture
def service(store: ContentStore) -> ContentService:
    """The service over two events, each with a lesson that has a material."""
    with store.transaction():
        with_two_events(store)
    return ContentService(store, SECRET, StoppedClock())


def test_every_record_that_a_repository_adds_is_an_entry(store: ContentStore) -> None:
    with_two_events(store)
    assert entries_in(store.audit) == [
        *(("event.created", "event-1"), ("event.created", "event-2")),
        *(("lesson.created", "lesson-1"), ("lesson.created", "lesson-2")),
        *(("material.created", "material-1"), ("material.created", "material-2")),
    ]


@pytest.mark.parametrize(
    ("use_case", "entries"),
    [
        (lambda service: [("event.created", service.create_event(EVENT_FIELDS).id)], None),
        (lambda service: [("lesson.created", service.create_lesson("event-1", LESSON_FIELDS).id)], None),
        (
            lambda service: [
                ("material.created", each.id) for each in service.add_materials("event-1", "lesson-1", UPLOADS)
            ],
            None,
        ),
        (lambda service: service.update_event("event-1", {"title": "Other"}), [("event.changed", "event-1")]),
        (
            lambda service: service.update_lesson("event-1", "lesson-1", {"title": "Other"}),
            [("lesson.changed", "lesson-1")],
        ),
        (
            lambda service: service.delete_material("event-1", "lesson-1", "material-1"),
            [("material.deleted", "material-1")],
        ),
        (
            lambda service: service.delete_lesson("event-1", "lesson-1"),
            [("material.deleted", "material-1"), ("lesson.deleted", "lesson-1")],
        ),
        (
            lambda service: service.delete_event("event-1"),
            [("material.deleted", "material-1"), ("lesson.deleted", "lesson-1"), ("event.deleted", "event-1")],
        ),
    ],
    ids=[
        *("create event", "create lesson", "add materials", "update event", "update lesson"),
        *("delete material", "delete lesson", "delete event"),
    ],
)
def test_a_use_case_is_the_entries_that_it_does(
    service: ContentService, store: ContentStore, use_case: UseCase, entries: list[AuditEntry] | None
) -> None:
    before = entries_in(store.audit)
    result = use_case(service)
    assert entries_in(store.audit) == [*before, *(result if entries is None else entries)]


@pytest.mark.parametrize(
    ("use_case", "error"),
    [
        (lambda service: service.create_event({**EVENT_FIELDS, "slug": "launch"}), EventSlugTaken),
        (lambda service: service.update_event("event-1", {"slug": "secret"}), EventSlugTaken),
        (lambda service: service.update_event("event-1", {"title": "Other"}, NO_STATE), PreconditionFailed),
        (lambda service: service.update_event("nothing", {"title": "Other"}), NotFound),
        (lambda service: service.delete_event("event-1", NO_STATE), PreconditionFailed),
        (lambda service: service.delete_event("nothing"), NotFound),
        (lambda service: service.create_lesson("event-1", {**LESSON_FIELDS, "slug": "first"}), LessonSlugTaken),
        (lambda service: service.create_lesson("nothing", LESSON_FIELDS), NotFound),
        (lambda service: service.update_lesson("event-1", "lesson-1", {"expires_at": NOON - HOUR}), InvalidWindow),
        (lambda service: service.delete_lesson("event-2", "lesson-1"), NotFound),
        (lambda service: service.add_materials("event-2", "lesson-1", UPLOADS), NotFound),
        (lambda service: service.delete_material("event-1", "lesson-1", "material-2"), NotFound),
    ],
)
def test_what_is_refused_is_no_entry(
    service: ContentService, store: ContentStore, use_case: UseCase, error: type[Exception]
) -> None:
    before = entries_in(store.audit)
    with pytest.raises(error):
        use_case(service)
    assert entries_in(store.audit) == before


def test_what_reads_is_no_entry(service: ContentService, store: ContentStore) -> None:
    before = entries_in(store.audit)
    service.catalog("launch", None)
    service.play("launch", "first", None)
    service.snapshot()
    service.read_changes("quiz", None, 0, 100)
    assert entries_in(store.audit) == before


def test_an_entry_whose_change_is_undone_was_never_done(service: ContentService, store: ContentStore) -> None:
    before = entries_in(store.audit)

    def fail(_result: object) -> None:
        raise Undo

    with suppress(Undo):
        service.create_event(EVENT_FIELDS, fail)
    with suppress(Undo), store.transaction():
        service.update_event("event-1", {"title": "Other"})
        service.delete_event("event-2")
        raise Undo
    assert entries_in(store.audit) == before


def test_a_material_that_cannot_be_stored_takes_the_entries_of_the_others_with_it(
    service: ContentService, store: ContentStore
) -> None:
    before = entries_in(store.audit)
    taken = store.materials.list("lesson-1")
    with pytest.raises(peewee.IntegrityError), store.transaction():
        store.materials.add_all(taken)
    assert entries_in(store.audit) == before


def test_the_log_says_what_the_feed_tells(service: ContentService, store: ContentStore) -> None:
    service.update_event("event-1", {"title": "Other"})
    service.delete_event("event-2")
    told = store.changes.read(0, 1000)
    assert entries_in(store.audit) == [(f"{each.kind}.{each.action}", each.subject_id) for each in told]


KILLED = """
import os, signal, sys
from services.content.repository import PeeweeContentStore
from services.kit.storage.database import open_database
from tests.content.examples import an_event

store = PeeweeContentStore(open_database(sys.argv[1]))
store.events.add(an_event(id="kept", slug="kept"))
with store.transaction():
    store.events.add(an_event(id="lost", slug="lost"))
    store.events.remove("kept")
    os.kill(os.getpid(), signal.SIGKILL)
"""


def test_a_process_that_is_killed_before_the_commit_leaves_neither_the_change_nor_the_entry(
    database: peewee.Database, database_url: str
) -> None:
    MIGRATIONS.up(database)
    killed = subprocess.run([sys.executable, "-c", KILLED, database_url], cwd=ROOT, check=False)
    assert killed.returncode == -9

    store = PeeweeContentStore(database)
    assert [event.id for event in store.events.list()] == ["kept"]
    assert entries_in(store.audit) == [("event.created", "kept")]


def test_every_change_at_the_same_time_that_was_acknowledged_is_one_entry(database: peewee.Database) -> None:
    MIGRATIONS.up(database)
    store = PeeweeContentStore(database)
    store.events.add(an_event())
    service = ContentService(store, SECRET, StoppedClock())

    created = at_once(*[lambda: service.create_event(EVENT_FIELDS)] * 6)
    changed = at_once(*[lambda: service.update_event("event-1", {"title": "Other"})] * 6)
    deleted = at_once(*[lambda: service.delete_event("event-1")] * 6)

    new = [each.id for each in created if not isinstance(each, Exception)]
    assert (len(new), len([each for each in deleted if each is None])) == (1, 1)
    assert sorted(each.version for each in changed if not isinstance(each, Exception)) == [2, 3, 4, 5, 6, 7]
    assert entries_in(store.audit) == [
        ("event.created", "event-1"),
        ("event.created", new[0]),
        *[("event.changed", "event-1")] * 6,
        ("event.deleted", "event-1"),
    ]
