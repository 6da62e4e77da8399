"""services.content.integrity: each planted violation is found by table, id and rule, and nothing else is."""

from dataclasses import replace
from typing import Any

import peewee
import pytest

from services.content import seed
from services.content.config import read_settings
from services.content.entities import Change
from services.content.integrity import Samples, examination
from services.content.migrations import MIGRATIONS
from services.content.models import LessonRow
from services.content.repository.store import PeeweeContentStore
from services.content.service import ContentService
from services.kit.core.instants import now, to_milliseconds
from tests.audit import entries_in
from tests.clock import NOON, StoppedClock
from tests.content.examples import EVENT_FIELDS, LESSON_FIELDS, SECRET, a_lesson, a_material, an_event, with_two_events
from tests.violations import Violation, execute, found, judge, named, repair

EXAMINATION = examination(Samples({}, {}), StoppedClock())
OLD = to_milliseconds(NOON) - 120_000
NEW = to_milliseconds(NOON) - 2_000
FEED_AND_AUDIT = ("changes", "change_feed", "audit_log")


def a_change(sequence: int, occurred_at: int = NEW) -> str:
    """An entry of the feed."""
    return f"INSERT INTO changes VALUES ({sequence}, 'event', 'changed', 'event-1', NULL, NULL, 1, {occurred_at})"


def the_feed(last: int, pruned: int) -> tuple[str, ...]:
    """A feed of that state, and its entries."""
    head = f"INSERT INTO change_feed VALUES (1, 'feed', {last}, {pruned})"
    return (
        "DELETE FROM changes",
        "DELETE FROM change_feed",
        head,
        *(a_change(each) for each in range(pruned + 1, last + 1)),
    )


def told_of(event_id: str, lesson_id: str | None, material_id: str | None) -> str:
    """The id that the audit log has of a change."""
    return material_id or lesson_id or event_id


BREACHES = {
    "a slug that is not normal": Violation(
        ["UPDATE events SET slug = 'The Launch' WHERE id = 'event-1'"], [("events", "event-1", "event_slug_form")]
    ),
    "an empty slug": Violation(
        ["UPDATE events SET slug = '' WHERE id = 'event-1'"], [("events", "event-1", "events_slug_not_empty")]
    ),
    "a visibility that is none": Violation(
        ["UPDATE events SET visibility = 'hidden' WHERE id = 'event-1'"], [("events", "event-1", "events_visibility")]
    ),
    "links that run code": Violation(
        ["UPDATE events SET logo_url = 'javascript:alert(1)', highlight_video_url = 'file:///x' WHERE id = 'event-2'"],
        [("events", "event-2", "event_link"), ("events", "event-2", "event_link")],
    ),
    "an instant that no calendar has": Violation(
        ["UPDATE events SET created_at = 999999999999999999 WHERE id = 'event-1'"], [("events", "event-1", "instant")]
    ),
    "a window that ends before it begins": Violation(
        ["UPDATE lessons SET expires_at = release_at - 1 WHERE id = 'lesson-1'"],
        [("lessons", "lesson-1", "lessons_window")],
    ),
    "a lesson's slug with a slash": Violation(
        ["UPDATE lessons SET slug = 'a/b' WHERE id = 'lesson-1'"], [("lessons", "lesson-1", "lesson_slug_form")]
    ),
    "a lesson's slug in capitals": Violation(
        ["UPDATE lessons SET slug = 'First' WHERE id = 'lesson-1'"], [("lessons", "lesson-1", "lesson_slug_form")]
    ),
    "a video from nowhere": Violation(
        ["UPDATE lessons SET video_provider = 'vhs' WHERE id = 'lesson-1'"],
        [("lessons", "lesson-1", "lessons_video_provider")],
    ),
    "a material that is too big, of a wrong type and at no place": Violation(
        ["UPDATE materials SET size_bytes = 26214401, mime_type = 'text/html', position = 0 WHERE id = 'material-1'"],
        [("materials", "material-1", f"materials_{rule}") for rule in ("size_bytes", "mime_type", "position")],
    ),
    "a download that is no address": Violation(
        ["UPDATE materials SET download_url = 'ftp://files/x' WHERE id = 'material-1'"],
        [("materials", "material-1", "material_link")],
    ),
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


@pytest.mark.parametrize("name", BREACHES)
def test_a_planted_violation_is_found_and_nothing_else_is_found_or_changed(
    content_database: peewee.Database, name: str
) -> None:
    with_two_events(PeeweeContentStore(content_database, StoppedClock()))
    judge(content_database, EXAMINATION, BREACHES[name])


@pytest.mark.parametrize(
    ("orphaning", "told"),
    [
        (
            "DELETE FROM events WHERE id = 'event-2'",
            [
                ("material", "deleted", "event-2", "lesson-2", "material-2", 1),
                ("material", "deleted", "event-2", "lesson-2", "material-3", 1),
                ("lesson", "deleted", "event-2", "lesson-2", None, 3),
            ],
        ),
        (
            "UPDATE materials SET lesson_id = 'nowhere' WHERE id = 'material-2'",
            [("material", "deleted", "", "nowhere", "material-2", 1)],
        ),
    ],
    ids=["a lesson with its materials", "a material"],
)
def test_what_a_repair_deletes_is_told_by_the_feed_and_the_audit_log(
    content_database: peewee.Database, orphaning: str, told: list[Any]
) -> None:
    store = with_two_events(PeeweeContentStore(content_database, StoppedClock()))
    store.materials.add_all([a_material(id="material-3", lesson_id="lesson-2", position=2)])
    store.lessons.save(a_lesson(id="lesson-2", event_id="event-2", version=3))
    entries = entries_in(store.audit)
    execute(content_database, orphaning)

    assert repair(content_database, EXAMINATION)[0] == 0

    assert store.changes.read(8, 100) == [Change(number, *each, NOON) for number, each in enumerate(told, 9)]  # type: ignore[call-arg]
    assert entries_in(store.audit) == [*entries, *((f"{kind}.deleted", told_of(*ids)) for kind, _, *ids, _ in told)]
    assert found(content_database, EXAMINATION) == []


def test_a_repair_that_cannot_be_told_does_not_delete(content_database: peewee.Database) -> None:
    store = with_two_events(PeeweeContentStore(content_database, StoppedClock()))
    # Where the next entry of the feed belongs there is one already.
    execute(content_database, "DELETE FROM events WHERE id = 'event-2'", a_change(7))

    remaining, lines = repair(content_database, EXAMINATION)

    assert remaining == 2
    assert ": not repaired: " in lines[0]
    assert [lesson.id for lesson in store.lessons.list("event-2")] == ["lesson-2"]
    assert [material.id for material in store.materials.list("lesson-2")] == ["material-2"]
    assert store.changes.feed().last_sequence == 6


def test_a_deletion_that_fails_after_it_was_told_was_never_told(content_database: peewee.Database) -> None:
    store = with_two_events(PeeweeContentStore(content_database, StoppedClock()))
    entries = entries_in(store.audit)
    execute(content_database, "DELETE FROM events WHERE id = 'event-2'")

    def tell_and_fail(*removal: Any) -> None:
        assert EXAMINATION.before_removal is not None
        EXAMINATION.before_removal(*removal)
        raise peewee.OperationalError("the disk is full")

    remaining, lines = repair(content_database, replace(EXAMINATION, before_removal=tell_and_fail))

    assert (remaining, [line.rpartition(": ")[2] for line in lines]) == (1, ["the disk is full"])
    assert (store.changes.feed().last_sequence, entries_in(store.audit)) == (6, entries)


def test_what_is_no_orphan_any_more_when_it_is_repaired_stays_and_nothing_is_told(
    content_database: peewee.Database,
) -> None:
    store = with_two_events(PeeweeContentStore(content_database, StoppedClock()))
    execute(content_database, "UPDATE lessons SET event_id = 'nowhere' WHERE id = 'lesson-2'")
    [orphan] = found(content_database, EXAMINATION)
    content_database.execute_sql("UPDATE lessons SET event_id = 'event-2' WHERE id = 'lesson-2'")

    assert orphan.repair is not None
    assert orphan.repair() == "it is no orphan, or not there, any more"

    assert [lesson.id for lesson in store.lessons.list("event-2")] == ["lesson-2"]
    assert store.changes.feed().last_sequence == 6


@pytest.mark.parametrize("content_database", ["sqlite"], indirect=True)
def test_an_orphan_whose_id_is_no_text_is_found_and_stays(content_database: peewee.Database) -> None:
    with_two_events(PeeweeContentStore(content_database, StoppedClock()))
    execute(content_database, "UPDATE materials SET id = x'FF00', lesson_id = 'nowhere' WHERE id = 'material-2'")
    violations = [("materials", "b'\\xff\\x00'", rule) for rule in ("column_type", "foreign_key")]

    remaining, lines = repair(content_database, EXAMINATION)

    assert (remaining, [line.rpartition(" (")[2] for line in lines]) == (
        2,
        ["no repair is the right one for certain)"] * 2,
    )
    assert named(found(content_database, EXAMINATION)) == violations


@pytest.mark.parametrize("content_database", ["sqlite"], indirect=True)
def test_a_value_of_another_type_is_found_and_the_rest_is_checked_all_the_same(
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


def test_a_sample_under_another_event_is_found(content_database: peewee.Database) -> None:
    with_two_events(PeeweeContentStore(content_database, StoppedClock()))
    samples = Samples({"lesson-1": "event-2", "lesson-2": "event-2"}, {"material-1": "lesson-2", "unknown": "x"})

    assert named(found(content_database, examination(samples, StoppedClock()))) == [
        ("lessons", "lesson-1", "sample_place"),
        ("materials", "material-1", "sample_place"),
    ]


def test_what_the_seeds_and_the_service_write_is_never_a_finding(content_database: peewee.Database) -> None:
    seed.seed_database(content_database, read_settings({}), "demo")
    service = ContentService(PeeweeContentStore(content_database), SECRET)
    event = service.create_event({**EVENT_FIELDS, "slug": "a-new-one"})
    lesson = service.create_lesson(event.id, {**LESSON_FIELDS, "slug": "ein käse & más"})
    service.update_lesson(event.id, lesson.id, {"title": "Changed"})
    service.delete_event(event.id)

    assert found(content_database, examination(seed.places(), now)) == []


def test_an_access_key_never_appears_in_a_finding(content_database: peewee.Database) -> None:
    store = PeeweeContentStore(content_database, StoppedClock())
    store.events.add(an_event(access_key="canary-key", visibility="private"))
    store.lessons.add(a_lesson())
    execute(content_database, "UPDATE events SET slug = 'A B', logo_url = 'x', created_at = 999999999999999999")

    assert "canary" not in "".join(finding.line() for finding in found(content_database, EXAMINATION))


def test_more_violations_than_a_batch_are_all_found(content_database: peewee.Database) -> None:
    PeeweeContentStore(content_database, StoppedClock()).events.add(an_event())
    lessons = [a_lesson(id=f"lesson-{number:05}", slug=f"lesson-{number:05}") for number in range(1_050)]
    fields = LessonRow._meta.sorted_fields
    rows = [[getattr(lesson, field.column_name) for field in fields] for lesson in lessons]
    LessonRow.insert_many(rows, fields=fields).execute(content_database)
    execute(content_database, "DELETE FROM events")

    findings = found(content_database, examination(Samples({}, {}), StoppedClock()))

    assert [(each.table, each.id, each.rule) for each in findings] == [
        ("lessons", lesson.id, "foreign_key") for lesson in lessons
    ]


def test_the_examination_is_of_content() -> None:
    assert EXAMINATION.migrations is MIGRATIONS
