"""services.content.integrity: each violation is found by table, id and rule, and nothing else is."""

from dataclasses import asdict, replace
from typing import Any

import peewee
import pytest

from services.content import seed
from services.content.config import read_settings
from services.content.entities import Change, EventFilter, NewChange
from services.content.integrity import examination
from services.content.models import LessonRow
from services.content.repository.slugs import forms
from services.content.repository.store import PeeweeContentStore
from services.content.service.content import ContentService
from services.kit.core.instants import now, to_milliseconds
from services.kit.core.texts import search_form
from tests.audit import entries_in
from tests.clock import NOON, StoppedClock
from tests.content.examples import (
    SECRET,
    a_lesson,
    a_material,
    an_event,
    event_fields,
    lesson_changes,
    lesson_fields,
    with_two_events,
)
from tests.violations import Violation, execute, found, judge, named, repair

EXAMINATION = examination(StoppedClock())
OLD = to_milliseconds(NOON) - 120_000
NEW = to_milliseconds(NOON) - 2_000
FEED_AND_AUDIT = ("changes", "change_feed", "audit_log")


def a_change(sequence: int, occurred_at: int = NEW) -> str:
    """Return the statement that adds a change to the feed."""
    return f"INSERT INTO changes VALUES ({sequence}, 'event', 'changed', 'event-1', NULL, NULL, 1, {occurred_at})"


def the_feed(last: int, pruned: int) -> tuple[str, ...]:
    """Return the statements that make a feed of that extent, with its changes."""
    head = f"INSERT INTO change_feed VALUES (1, 'feed', {last}, {pruned})"
    return (
        "DELETE FROM changes",
        "DELETE FROM change_feed",
        head,
        *(a_change(each) for each in range(pruned + 1, last + 1)),
    )


def broken(table: str, row_id: str, values: str, *rules: str) -> Violation:
    """Return the violation of these rules by one row that gets these values."""
    return Violation([f"UPDATE {table} SET {values} WHERE id = '{row_id}'"], [(table, row_id, rule) for rule in rules])


VIOLATIONS = {
    "a slug that is not normal": broken(
        "events",
        "event-1",
        f"slug = 'The Launch', slug_form = 'the-launch', search_form = '{search_form(an_event().title, 'The Launch')}'",
        "event_slug_form",
    ),
    "an empty slug": broken(
        "events",
        "event-1",
        f"slug = '', slug_form = NULL, search_form = '{search_form(an_event().title, '')}'",
        "events_slug_not_empty",
    ),
    "a visibility that is none": broken("events", "event-1", "visibility = 'hidden'", "events_visibility"),
    "a link that runs code": broken("events", "event-2", "logo_url = 'javascript:alert(1)'", "event_link"),
    "a link to a file": broken("events", "event-2", "highlight_video_url = 'file:///x'", "event_link"),
    "an instant that no calendar has": broken("events", "event-1", "created_at = 999999999999999999", "instant"),
    "a window that ends too early": broken("lessons", "lesson-1", "expires_at = release_at - 1", "lessons_window"),
    "a lesson's slug with a slash": broken(
        "lessons",
        "lesson-1",
        f"slug = 'a/b', slug_form = 'a/b', search_form = '{search_form(a_lesson().title, 'a/b')}'",
        "lesson_slug_form",
    ),
    "a lesson's slug in capitals": broken(
        "lessons", "lesson-1", "slug = 'First', slug_form = 'first'", "lesson_slug_form"
    ),
    "a video from nowhere": broken("lessons", "lesson-1", "video_provider = 'vhs'", "lessons_video_provider"),
    "a material that is too big": broken("materials", "material-1", "size_bytes = 26214401", "materials_size_bytes"),
    "a material of a wrong type": broken("materials", "material-1", "mime_type = 'text/html'", "materials_mime_type"),
    "a material at no place": broken("materials", "material-1", "position = 0", "materials_position"),
    "a download that is no address": broken("materials", "material-1", "download_url = 'ftp://x/y'", "material_link"),
    "a lesson without its event": Violation(
        ["DELETE FROM events WHERE id = 'event-2'"],
        [("lessons", "lesson-2", "foreign_key")],
        repaired=True,
        gone=[("lessons", "lesson-2"), ("materials", "material-2")],
        tells=FEED_AND_AUDIT,
    ),
    "a material without its lesson": Violation(
        ["UPDATE materials SET lesson_id = 'nowhere' WHERE id = 'material-2'"],
        [("materials", "material-2", "foreign_key")],
        repaired=True,
        gone=[("materials", "material-2")],
        tells=FEED_AND_AUDIT,
    ),
    "an event's former slug that is present": Violation(
        ["INSERT INTO former_event_slugs VALUES ('former-1', 'event-2', 'launch')"],
        [("former_event_slugs", "former-1", "former_slug_taken")],
        repaired=True,
        gone=[("former_event_slugs", "former-1")],
    ),
    "a lesson's former slug that is present": Violation(
        ["INSERT INTO former_lesson_slugs VALUES ('former-1', 'event-1', 'lesson-1', 'first')"],
        [("former_lesson_slugs", "former-1", "former_slug_taken")],
        repaired=True,
        gone=[("former_lesson_slugs", "former-1")],
    ),
    "a former slug of no event": Violation(
        ["INSERT INTO former_event_slugs VALUES ('former-1', 'nowhere', 'once')"],
        [("former_event_slugs", "former-1", "foreign_key")],
        repaired=True,
        gone=[("former_event_slugs", "former-1")],
    ),
    "changes that are missing": Violation(
        [*the_feed(9, 2), "DELETE FROM changes WHERE sequence IN (3, 5, 6, 9)"],
        [("changes", each, "feed_gap") for each in ("3", "5", "9")],
    ),
    "all changes missing": Violation([*the_feed(9, 2), "DELETE FROM changes"], [("changes", "3", "feed_gap")]),
    "a change behind the feed's end": Violation([*the_feed(4, 0), a_change(6)], [("changes", "6", "feed_end")]),
    "changes of no feed": Violation(
        ["DELETE FROM change_feed", "DELETE FROM changes", a_change(1)], [("changes", "1", "feed_end")]
    ),
    "changes that are pruned and there": Violation(
        [*the_feed(5, 3), a_change(2), a_change(3)],
        [("changes", "2", "feed_pruned")],
        repaired=True,
        gone=[("changes", "2"), ("changes", "3")],
    ),
    "a reader ahead of the feed": Violation(
        [*the_feed(5, 3), f"INSERT INTO feed_readers VALUES ('quiz', 6, {NEW})"],
        [("feed_readers", "quiz", "reader_position")],
    ),
    "a reader behind what is pruned": Violation(
        [*the_feed(5, 3), f"INSERT INTO feed_readers VALUES ('quiz', 2, {NEW})"],
        [("feed_readers", "quiz", "reader_position")],
    ),
    "a reader that has not read for two minutes": Violation(
        [
            *the_feed(5, 3),
            a_change(6, OLD),
            "UPDATE change_feed SET last_sequence = 6",
            f"INSERT INTO feed_readers VALUES ('quiz', 5, {NEW})",
        ],
        [("feed_readers", "quiz", "feed_lag")],
    ),
}


@pytest.mark.parametrize("name", VIOLATIONS)
def test_a_violation_is_found_and_nothing_else(content_database: peewee.Database, name: str) -> None:
    with_two_events(PeeweeContentStore(content_database, StoppedClock()))
    judge(content_database, EXAMINATION, VIOLATIONS[name])


def test_a_repair_stores_the_slug_forms_of_the_release_before(
    content_database: peewee.Database,
) -> None:
    store = with_two_events(PeeweeContentStore(content_database, StoppedClock()))
    original = store.events.list(), store.lessons.list("event-1")
    execute(content_database, "UPDATE events SET slug_form = NULL", "UPDATE lessons SET slug_form = 'other'")
    execute(content_database, "UPDATE events SET search_form = ''")
    changes = store.changes.feed().last_sequence

    forms = [(each.table, each.id) for each in found(content_database, EXAMINATION) if each.rule == "slug_form"]

    assert forms == [
        (table, f"{kind}-{number}") for table, kind in (("events", "event"), ("lessons", "lesson")) for number in (1, 2)
    ]
    assert repair(content_database, EXAMINATION)[0] == 0
    assert store.events.get_by_slug("LAUNCH").id == "event-1"
    assert [each.id for each in store.events.list(which=EventFilter(q="LAUNCH"))] == ["event-1", "event-2"]
    assert store.lessons.get_by_slug("event-1", "FIRST").id == "lesson-1"
    assert (store.events.list(), store.lessons.list("event-1")) == original
    # So the gateway's memory of 404 ends.
    assert store.changes.feed().last_sequence == changes + len(forms)


@pytest.mark.parametrize(
    ("orphaning", "changes"),
    [
        (
            "DELETE FROM events WHERE id = 'event-2'",
            [
                NewChange("material", "deleted", "event-2", "lesson-2", "material-2", 1),
                NewChange("material", "deleted", "event-2", "lesson-2", "material-3", 1),
                NewChange("lesson", "deleted", "event-2", "lesson-2", None, 3),
            ],
        ),
        (
            "UPDATE materials SET lesson_id = 'nowhere' WHERE id = 'material-2'",
            [NewChange("material", "deleted", "", "nowhere", "material-2", 1)],
        ),
    ],
    ids=["a lesson with its materials", "a material"],
)
def test_a_repair_records_its_deletions_in_feed_and_audit_log(
    content_database: peewee.Database, orphaning: str, changes: list[NewChange]
) -> None:
    store = with_two_events(PeeweeContentStore(content_database, StoppedClock()))
    store.materials.add_all([a_material(id="material-3", lesson_id="lesson-2", position=2)])
    store.lessons.save(a_lesson(id="lesson-2", event_id="event-2", version=3))
    entries = entries_in(store.audit)
    execute(content_database, orphaning)

    assert repair(content_database, EXAMINATION)[0] == 0

    assert store.changes.read(8, 100) == [
        Change(number, **asdict(change), occurred_at=NOON) for number, change in enumerate(changes, 9)
    ]
    assert entries_in(store.audit) == [*entries, *(change.entry for change in changes)]
    assert found(content_database, EXAMINATION) == []


def test_a_repair_that_cannot_be_recorded_deletes_nothing(content_database: peewee.Database) -> None:
    store = with_two_events(PeeweeContentStore(content_database, StoppedClock()))
    # The number of the next change is already taken.
    execute(content_database, "DELETE FROM events WHERE id = 'event-2'", a_change(7))

    remaining, lines = repair(content_database, EXAMINATION)

    assert remaining == 2
    assert ": not repaired: " in lines[0]
    assert [lesson.id for lesson in store.lessons.list("event-2")] == ["lesson-2"]
    assert [material.id for material in store.materials.list("lesson-2")] == ["material-2"]
    assert store.changes.feed().last_sequence == 6


def test_a_failed_deletion_leaves_no_record(content_database: peewee.Database) -> None:
    store = with_two_events(PeeweeContentStore(content_database, StoppedClock()))
    entries = entries_in(store.audit)
    execute(content_database, "DELETE FROM events WHERE id = 'event-2'")

    def record_and_fail(*removal: Any) -> None:
        assert EXAMINATION.before_removal is not None
        EXAMINATION.before_removal(*removal)
        raise peewee.OperationalError("the disk is full")

    remaining, lines = repair(content_database, replace(EXAMINATION, before_removal=record_and_fail))

    assert (remaining, [line.rpartition(": ")[2] for line in lines]) == (1, ["the disk is full"])
    assert (store.changes.feed().last_sequence, entries_in(store.audit)) == (6, entries)


def test_a_row_that_is_no_orphan_any_more_stays(
    content_database: peewee.Database,
) -> None:
    store = with_two_events(PeeweeContentStore(content_database, StoppedClock()))
    execute(content_database, "UPDATE lessons SET event_id = 'nowhere' WHERE id = 'lesson-2'")
    [orphan] = found(content_database, EXAMINATION)
    content_database.execute_sql("UPDATE lessons SET event_id = 'event-2' WHERE id = 'lesson-2'")

    assert orphan.repair is not None
    assert orphan.repair() == "it is gone or no longer an orphan"

    assert [lesson.id for lesson in store.lessons.list("event-2")] == ["lesson-2"]
    assert store.changes.feed().last_sequence == 6


@pytest.mark.parametrize("content_database", ["sqlite"], indirect=True)
def test_an_orphan_with_a_binary_id_is_found_and_stays(content_database: peewee.Database) -> None:
    with_two_events(PeeweeContentStore(content_database, StoppedClock()))
    execute(content_database, "UPDATE materials SET id = x'FF00', lesson_id = 'nowhere' WHERE id = 'material-2'")
    violations = [("materials", "b'\\xff\\x00'", rule) for rule in ("column_type", "foreign_key")]

    remaining, lines = repair(content_database, EXAMINATION)

    assert (remaining, [line.rpartition(" (")[2] for line in lines]) == (
        2,
        ["no automatic repair: the right one is not certain)"] * 2,
    )
    assert named(found(content_database, EXAMINATION)) == violations


@pytest.mark.parametrize("content_database", ["sqlite"], indirect=True)
def test_a_value_of_another_type_does_not_stop_the_check(
    content_database: peewee.Database,
) -> None:
    with_two_events(PeeweeContentStore(content_database, StoppedClock()))
    execute(
        content_database,
        "UPDATE lessons SET created_at = 'yesterday' WHERE id = 'lesson-1'",
        "UPDATE lessons SET slug = 'A/B' WHERE id = 'lesson-2'",
    )

    assert ("lessons", "lesson-1", "column_type") in named(found(content_database, EXAMINATION))
    assert ("lessons", "lesson-2", "lesson_slug_form") in named(found(content_database, EXAMINATION))


def test_nothing_that_seeds_and_service_write_is_a_finding(content_database: peewee.Database) -> None:
    seed.seed_database(content_database, read_settings({}), "demo")
    service = ContentService(PeeweeContentStore(content_database), SECRET)
    event = service.events.create(event_fields(slug="a-new-one"))
    lesson = service.lessons.create(event.id, lesson_fields(slug="ein käse & más"))
    service.lessons.update(event.id, lesson.id, lesson_changes(title="Changed"))
    service.events.delete(event.id)

    assert found(content_database, examination(now)) == []


def test_an_access_key_never_appears_in_a_finding(content_database: peewee.Database) -> None:
    store = PeeweeContentStore(content_database, StoppedClock())
    store.events.add(an_event(access_key="canary-key", visibility="private"))
    store.lessons.add(a_lesson())
    execute(
        content_database,
        "UPDATE events SET slug = 'A B', slug_form = NULL, logo_url = 'x', created_at = 999999999999999999",
    )

    assert "canary" not in "".join(finding.line() for finding in found(content_database, EXAMINATION))


def test_more_violations_than_a_batch_are_all_found(content_database: peewee.Database) -> None:
    PeeweeContentStore(content_database, StoppedClock()).events.add(an_event())
    lessons = [a_lesson(id=f"lesson-{number:05}", slug=f"lesson-{number:05}") for number in range(1_050)]
    fields = LessonRow._meta.sorted_fields
    rows = [
        [{**asdict(lesson), **forms(LessonRow, lesson.title, lesson.slug)}[field.column_name] for field in fields]
        for lesson in lessons
    ]
    LessonRow.insert_many(rows, fields=fields).execute(content_database)
    execute(content_database, "DELETE FROM events")

    findings = found(content_database, examination(StoppedClock()))

    assert [(each.table, each.id, each.rule) for each in findings] == [
        ("lessons", lesson.id, "foreign_key") for lesson in lessons
    ]
