"""Events, lessons and materials: what they become, and which rows are rejected."""

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import peewee
import pytest

from deploy.import_baseline.old_file import BaselineError
from services.content.entities import Event, Lesson, Material
from services.content.repository.contracts import ALL
from services.content.repository.store import PeeweeContentStore
from tests.audit import EVERYTHING, entries_in
from tests.content.examples import a_lesson, a_material, an_event
from tests.deploy.import_baseline.examples import Row, an_installation, old, together
from tests.deploy.import_baseline.importing import Import

MADE = datetime(2025, 11, 3, 9, 30, tzinfo=UTC)
EVENT = an_event(logo_url=None, created_at=MADE, updated_at=MADE)
LESSON = a_lesson(release_at=datetime(2025, 12, 1, 10, tzinfo=UTC), expires_at=None, created_at=MADE, updated_at=MADE)
MATERIAL = a_material(created_at=MADE)


@pytest.fixture
def store(content_database: peewee.Database) -> PeeweeContentStore:
    """Return the store that is imported into."""
    return PeeweeContentStore(content_database)


def stored(store: PeeweeContentStore) -> list[Event | Lesson | Material]:
    """Return everything in the store, in the order of its lists."""
    events = store.events.list(ALL)
    lessons = [lesson for event in events for lesson in store.lessons.list(event.id, ALL)]
    materials = [material for lesson in lessons for material in store.materials.list(lesson.id, ALL)]
    return [*events, *lessons, *materials]


def event(**changes: Any) -> dict[str, list[Row]]:
    """Return the rows of one event."""
    return {"events": [old("events", "event-1", **changes)]}


def lesson(**changes: Any) -> dict[str, list[Row]]:
    """Return the rows of one lesson and its event."""
    return {**event(), "lessons": [old("lessons", "lesson-1", **changes)]}


def material(**changes: Any) -> dict[str, list[Row]]:
    """Return the rows of one material with its lesson and event."""
    return {**lesson(), "materials": [old("materials", "material-1", **changes)]}


# What is imported


def test_rows_are_imported_with_ids_and_instants_and_only_once(
    content_import: Import, store: PeeweeContentStore
) -> None:
    new = {"events": (2, 2, 0, 0), "lessons": (3, 3, 0, 0), "materials": (2, 2, 0, 0)}
    assert content_import.run(an_installation(), dry_run=True) == (True, [], new)
    assert stored(store) == []

    assert content_import.run(an_installation()) == (True, [], new)
    private_event = replace(
        EVENT,
        id="event-2",
        slug="secret",
        visibility="private",
        access_key="let-me-in",
        short_description="Only for you",
        long_description="Only for you",
        created_at=datetime(2025, 11, 4, 8, tzinfo=UTC),
    )
    expected = [
        EVENT,
        private_event,
        LESSON,
        replace(LESSON, id="lesson-2", slug="second", release_at=datetime(2025, 12, 2, 10, tzinfo=UTC)),
        replace(LESSON, id="lesson-3", event_id="event-2", expires_at=datetime(2099, 1, 1, tzinfo=UTC)),
        MATERIAL,
        replace(MATERIAL, id="material-2", file_name="notes.txt", mime_type="text/plain", position=2),
    ]
    assert stored(store) == expected

    present = {"events": (2, 0, 2, 0), "lessons": (3, 0, 3, 0), "materials": (2, 0, 2, 0)}
    assert content_import.run(an_installation()) == (True, [], present)
    assert stored(store) == expected
    assert entries_in(store.audit) == [
        *(("event.created", f"event-{number}") for number in (1, 2)),
        *(("lesson.created", f"lesson-{number}") for number in (1, 2, 3)),
        *(("material.created", f"material-{number}") for number in (1, 2)),
    ]
    assert {each.actor_id for each in store.audit.list(EVERYTHING, ALL)} == {None}


def test_an_import_that_fails_half_way_leaves_nothing(
    content_import: Import, store: PeeweeContentStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        assert len(stored(store)) == 5
        raise BaselineError("the file is gone")

    monkeypatch.setattr("deploy.import_baseline.content._add_materials", fail)
    with pytest.raises(BaselineError):
        content_import.run(an_installation())
    assert (stored(store), entries_in(store.audit)) == ([], [])


def test_columns_that_were_never_set_become_the_old_defaults(content_import: Import, store: PeeweeContentStore) -> None:
    texts = ("description", "short_description", "long_description", "hero_title", "hero_subtitle", "hero_cta_text")
    colors: dict[str, Any] = {"background_color": "#111111", "text_color": "#f5f5f5", "accent_color": "#e50914"}
    rows = event(**dict.fromkeys((*texts, *colors)))
    assert content_import.run({**rows, "lessons": [old("lessons", "lesson-1", description=None)]}).done
    empty: dict[str, Any] = dict.fromkeys(texts[1:], "")
    assert stored(store) == [replace(EVENT, **empty, **colors), replace(LESSON, description="")]


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        (("D", None, None), ("D", "D")),
        (("D", "S", None), ("S", "S")),
        (("D", None, "L"), ("D", "L")),
        (("D", "", None), ("", "")),
    ],
)
def test_descriptions_fall_back_as_before(
    content_import: Import, store: PeeweeContentStore, given: tuple[Any, Any, Any], expected: tuple[str, str]
) -> None:
    description, short, long = given
    content_import.run(event(description=description, short_description=short, long_description=long))
    kept = store.events.get("event-1")
    assert (kept.short_description, kept.long_description) == expected


def test_rows_that_only_the_old_api_accepted_are_imported_unchanged(
    content_import: Import, store: PeeweeContentStore
) -> None:
    odd: dict[str, Any] = {
        "title": " a\tb\x07 ",
        "slug": "x",
        "access_key": "no",
        "hero_title": "h" * 500,
        "logo_url": "http://f/a b",
    }
    odd_lesson: dict[str, Any] = {"title": "", "slug": "a/b", "video_id": "v"}
    rows = {
        **event(**odd),
        "lessons": [old("lessons", "lesson-1", **odd_lesson)],
        "materials": [old("materials", "material-1", file_name="f" * 300)],
    }
    assert content_import.run(rows).findings == []
    expected_event = replace(EVENT, **odd)
    assert stored(store) == [expected_event, replace(LESSON, **odd_lesson), replace(MATERIAL, file_name="f" * 300)]


def test_more_rows_than_a_batch_keep_their_order_whatever_their_instants(
    content_import: Import, store: PeeweeContentStore
) -> None:
    def uploaded(number: int) -> Row:
        made = f"2025-11-03T09:{59 - number % 60:02}:00Z"
        return old("materials", f"m-{number:03}", lesson_id=f"lesson-{number % 2}", created_at=made)

    rows = {
        **event(),
        "lessons": [old("lessons", f"lesson-{number}", slug=f"l-{number}") for number in range(120)],
        "materials": [uploaded(number) for number in range(250)],
    }
    numbers = {"events": (1, 1, 0, 0), "lessons": (120, 120, 0, 0), "materials": (250, 250, 0, 0)}
    assert content_import.run(rows) == (True, [], numbers)
    kept = store.materials.list("lesson-1", ALL)
    assert [(each.id, each.position) for each in kept] == [(f"m-{2 * n + 1:03}", n + 1) for n in range(125)]


# What is rejected

COLOR = "is not a colour such as #e50914"
INSTANT = "is not an instant such as 2026-03-01T12:00:00.000Z"
EVENT_SLUG = "slug is not of letters from a to z, digits and hyphens between them"
SIZE = "size_bytes is not a whole number from 1 to 26214400"
MIME_TYPE = "mime_type is not one of application/pdf, application/zip, image/png, image/jpeg, text/plain"

INVALID_EVENTS: list[tuple[dict[str, Any], list[str]]] = [
    ({"title": None}, ["title is missing"]),
    ({"title": "a\0b"}, ["title contains a NUL character"]),
    ({"slug": ""}, ["slug is not of 1 to 1600 bytes"]),
    ({"slug": "a" * 1601}, ["slug is not of 1 to 1600 bytes"]),
    ({"slug": "Launch!"}, [EVENT_SLUG]),
    ({"slug": "-launch-"}, [EVENT_SLUG]),
    ({"visibility": "secret"}, ["visibility is not one of public, private"]),
    ({"is_active": "yes"}, ["is_active is not 0 or 1"]),
    ({"access_key": b"key"}, ["access_key is not text"]),
    ({"accent_color": "red"}, [f"accent_color {COLOR}"]),
    ({"text_color": ""}, [f"text_color {COLOR}"]),
    ({"logo_url": "javascript:alert(1)"}, ["logo_url is not an http or https address"]),
    ({"branding_generated_at": "once"}, [f"branding_generated_at {INSTANT}"]),
    ({"created_at": None, "updated_at": "2026-13-01T00:00:00Z"}, ["created_at is missing", f"updated_at {INSTANT}"]),
]
INVALID_LESSONS: list[tuple[dict[str, Any], list[str]]] = [
    ({"event_id": "event-9"}, ["event_id is of no row in events that is moved"]),
    ({"event_id": None}, ["event_id is missing"]),
    ({"slug": " Spaced "}, ["slug is not trimmed and in lower case"]),
    ({"video_provider": "betamax"}, ["video_provider is not one of youtube, vimeo, gemini_stream"]),
    ({"video_id": None}, ["video_id is missing"]),
    ({"release_at": "soon"}, [f"release_at {INSTANT}"]),
    ({"expires_at": "2025-12-01T10:00:00Z"}, ["expires_at is not later than release_at"]),
    ({"expires_at": "2025-12-01T10:30:00+01:00"}, ["expires_at is not later than release_at"]),
]
INVALID_MATERIALS: list[tuple[dict[str, Any], list[str]]] = [
    ({"lesson_id": "lesson-9"}, ["lesson_id is of no row in lessons that is moved"]),
    ({"event_id": "event-9"}, ["event_id is not that of its lesson"]),
    ({"mime_type": "text/html"}, [MIME_TYPE]),
    ({"size_bytes": 0}, [SIZE]),
    ({"size_bytes": 26214401}, [SIZE]),
    ({"size_bytes": "big"}, [SIZE]),
    ({"download_url": "file:///etc/passwd"}, ["download_url is not an http or https address"]),
]


@pytest.mark.parametrize(
    ("rows", "row", "rules"),
    [
        *((event(**changes), "events: event-1", rules) for changes, rules in INVALID_EVENTS),
        *((lesson(**changes), "lessons: lesson-1", rules) for changes, rules in INVALID_LESSONS),
        *((material(**changes), "materials: material-1", rules) for changes, rules in INVALID_MATERIALS),
    ],
)
def test_an_invalid_row_is_reported_and_nothing_is_imported(
    content_import: Import, store: PeeweeContentStore, rows: Any, row: str, rules: list[str]
) -> None:
    assert content_import.run(rows)[:2] == (False, [f"{row}: {rule}" for rule in rules])
    assert stored(store) == []


HOSTILE = together(
    an_installation(),
    {
        "events": [
            old("events", "event-1", slug="again"),
            old("events", "event-3", slug="launch"),
            old("events", "event-4", slug="UPPER"),
            old("events", None, slug="nameless"),
            old("events", b"\x00", slug="bytes"),
        ],
        "lessons": [
            old("lessons", "lesson-4"),
            old("lessons", "lesson-5", event_id="event-4", slug="of-a-rejected-event"),
            old("lessons", "lesson-1", slug="again"),
        ],
        "materials": [
            old("materials", "material-3", lesson_id="lesson-5", event_id="event-4"),
            old("materials", "material-1"),
        ],
    },
)
HOSTILE_FINDINGS = [
    "events: event-1: id is that of an earlier row",
    "events: event-3: slug is that of an earlier event",
    f"events: event-4: {EVENT_SLUG}",
    "events: row 6: id is missing",
    "events: row 7: id is not text",
    "lessons: lesson-1: id is that of an earlier row",
    "lessons: lesson-4: slug is that of an earlier lesson of the event",
    "lessons: lesson-5: event_id is of no row in events that is moved",
    "materials: material-1: id is that of an earlier row",
    "materials: material-3: lesson_id is of no row in lessons that is moved",
]


def test_all_invalid_rows_are_reported_and_the_others_can_be_imported(
    content_import: Import, store: PeeweeContentStore
) -> None:
    new = {"events": (7, 2, 0, 5), "lessons": (6, 3, 0, 3), "materials": (4, 2, 0, 2)}
    present = {"events": (7, 0, 2, 5), "lessons": (6, 0, 3, 3), "materials": (4, 0, 2, 2)}
    for skip_invalid, count in ((False, 0), (True, 7)):
        done, findings, numbers = content_import.run(HOSTILE, skip_invalid=skip_invalid)
        assert (done, sorted(findings), numbers) == (skip_invalid, sorted(HOSTILE_FINDINGS), new)
        assert len(stored(store)) == count
    assert (content_import.run(HOSTILE, skip_invalid=True).numbers, len(stored(store))) == (present, 7)


# Rows of this installation


def test_events_that_take_an_id_or_slug_stay_as_they_are(content_import: Import, store: PeeweeContentStore) -> None:
    store.events.add(an_event(title="Ours"))
    store.events.add(an_event(id="ours", slug="secret"))
    store.lessons.add(a_lesson(id="lesson-3", event_id="ours", slug="first"))
    before = stored(store)
    rows = together(an_installation(), {"events": [old("events", "event-3", slug="third")]})

    assert content_import.run(rows, skip_invalid=True) == (
        True,
        [
            "events: event-1: id is taken by another row of this installation",
            "events: event-2: slug is taken by another event of this installation",
            *(f"lessons: lesson-{number}: event_id is of no row in events that is moved" for number in (1, 2, 3)),
            *(f"materials: material-{number}: lesson_id is of no row in lessons that is moved" for number in (1, 2)),
        ],
        {"events": (3, 1, 0, 2), "lessons": (3, 0, 0, 3), "materials": (2, 0, 0, 2)},
    )
    after = stored(store)
    assert [each for each in after if each.id != "event-3"] == before
    assert store.events.get("event-3") == replace(EVENT, id="event-3", slug="third")


def test_lessons_and_materials_that_take_an_id_or_slug_are_reported(
    content_import: Import, store: PeeweeContentStore
) -> None:
    store.events.add(EVENT)
    store.events.add(an_event(id="ours", slug="ours"))
    store.lessons.add(a_lesson(id="lesson-1", event_id="ours"))
    store.lessons.add(a_lesson(id="ours", slug="second"))
    store.materials.add_all([a_material(id="material-1", lesson_id="ours")])
    slugs = {"lesson-1": "first", "lesson-2": "second", "lesson-4": "fourth"}
    rows = {
        **event(),
        "lessons": [old("lessons", lesson_id, slug=slug) for lesson_id, slug in slugs.items()],
        "materials": [old("materials", "material-1", lesson_id="lesson-4")],
    }
    assert content_import.run(rows) == (
        False,
        [
            "lessons: lesson-1: id is taken by another row of this installation",
            "lessons: lesson-2: slug is taken by another lesson of the event in this installation",
            "materials: material-1: id is taken by another row of this installation",
        ],
        {"events": (1, 0, 1, 0), "lessons": (3, 1, 0, 2), "materials": (1, 0, 0, 1)},
    )


def test_missing_materials_are_added_after_those_of_this_installation(
    content_import: Import, store: PeeweeContentStore
) -> None:
    content_import.run(an_installation())
    store.materials.add_all([a_material(id="new", position=3)])
    store.materials.remove("lesson-1", "material-1")
    assert content_import.run(an_installation()).numbers["materials"] == (2, 1, 1, 0)
    assert [each.id for each in store.materials.list("lesson-1", ALL)] == ["material-2", "new", "material-1"]
