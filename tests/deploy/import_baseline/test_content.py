"""Events, lessons and materials: what they become, and which rows are changed or cannot be moved."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import peewee
import pytest

from deploy.import_baseline.old_file import BaselineError
from services.content.entities import Event, Lesson, Material
from services.content.integrity import examination
from services.content.repository.contracts import ALL
from services.content.repository.store import PeeweeContentStore
from tests.audit import EVERYTHING, entries_in
from tests.content.examples import a_lesson, a_material, an_event
from tests.deploy.import_baseline.examples import Row, an_installation, old, together
from tests.deploy.import_baseline.importing import Import
from tests.violations import found

EXAMINATION = examination()
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
        "slug": "x---y",
        "access_key": "no",
        "short_description": "\u200b\u202e e\u0301\n" * 300,
        "hero_title": "h" * 500,
        "logo_url": "http://f/a%20b",
    }
    odd_lesson: dict[str, Any] = {"title": "", "slug": "m\u00e4rz?", "video_id": "v"}
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


# Rows that the old API let through and ours refuses

COLOR = {"accent_color": "#e50914"}
LOCKED = datetime(9999, 12, 31, 23, 59, 59, 999000, UTC)
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)

# The columns of the old row, the fields of the record that differ, and the changes in the report.
CHANGED_EVENTS: list[tuple[dict[str, Any], dict[str, Any], list[str]]] = [
    ({"logo_url": "/logo.png"}, {}, ["logo_url '/logo.png' became null"]),
    ({"logo_url": "data:image/png;base64,QQ=="}, {}, ["logo_url 'data:image/png;base64,QQ==' became null"]),
    ({"logo_url": "ftp://f.app/a.png"}, {}, ["logo_url 'ftp://f.app/a.png' became null"]),
    ({"logo_url": "javascript:alert(1)"}, {}, ["logo_url 'javascript:alert(1)' became null"]),
    ({"logo_url": ""}, {}, ["logo_url '' became null"]),
    ({"logo_url": "d" * 90}, {}, [f"logo_url '{'d' * 80}...' became null"]),
    (
        {"highlight_video_url": " https://f.app/a\tb \u00e9.mp4\n"},
        {"highlight_video_url": "https://f.app/ab%20\u00e9.mp4"},
        ["highlight_video_url ' https://f.app/a\\tb \u00e9.mp4\\n' became 'https://f.app/ab%20\u00e9.mp4'"],
    ),
    ({"slug": ""}, {"slug": "event-1"}, ["slug '' became 'event-1'"]),
    ({"slug": "Launch_March!"}, {"slug": "launch-march"}, ["slug 'Launch_March!' became 'launch-march'"]),
    ({"slug": "-launch-"}, {"slug": "launch"}, ["slug '-launch-' became 'launch'"]),
    ({"slug": "a" * 1601}, {"slug": "a" * 1500}, [f"slug '{'a' * 80}...' became '{'a' * 80}...'"]),
    ({"title": "a\0b"}, {"title": "ab"}, ["title 'a\\x00b' became 'ab'"]),
    ({"title": None}, {"title": ""}, ["title null became ''"]),
    ({"title": b"caf\xe9"}, {"title": "caf\ufffd"}, ["title b'caf\\xe9' became 'caf\ufffd'"]),
    ({"access_key": "let\0me-in"}, {"access_key": "letme-in"}, ["access_key lost what cannot be stored"]),
    ({"visibility": "secret"}, {"visibility": "private"}, ["visibility 'secret' became 'private'"]),
    ({"is_active": "yes"}, {"is_active": False}, ["is_active 'yes' became 0"]),
    ({"accent_color": "red"}, COLOR, ["accent_color 'red' became '#e50914'"]),
    ({"accent_color": ""}, COLOR, ["accent_color '' became '#e50914'"]),
    (
        {"created_at": "2026-03-01 14:00:00.1234567891+0200"},
        {"created_at": datetime(2026, 3, 1, 12, 0, 0, 123000, UTC)},
        [],
    ),
    ({"branding_generated_at": "once"}, {}, ["branding_generated_at 'once' became null"]),
    (
        {"created_at": None, "updated_at": "2026-13-01T00:00:00Z"},
        {"created_at": EPOCH, "updated_at": EPOCH},
        [
            "created_at null became '1970-01-01T00:00:00.000Z'",
            "updated_at '2026-13-01T00:00:00Z' became '1970-01-01T00:00:00.000Z'",
        ],
    ),
]
CHANGED_LESSONS: list[tuple[dict[str, Any], dict[str, Any], list[str]]] = [
    ({"slug": "part/one"}, {"slug": "part-one"}, ["slug 'part/one' became 'part-one'"]),
    ({"slug": "/part\r\none/"}, {"slug": "part-one"}, ["slug '/part\\r\\none/' became 'part-one'"]),
    ({"slug": " Spaced Out "}, {"slug": "spaced out"}, ["slug ' Spaced Out ' became 'spaced out'"]),
    ({"slug": "/"}, {"slug": "lesson-1"}, ["slug '/' became 'lesson-1'"]),
    (
        {"video_provider": "betamax"},
        {"video_provider": "youtube"},
        ["video_provider 'betamax' became 'youtube'"],
    ),
    (
        {"video_id": "https://vimeo.com/76979871"},
        {"video_id": "76979871", "video_provider": "vimeo"},
        ["video_id 'https://vimeo.com/76979871' became '76979871'", "video_provider 'youtube' became 'vimeo'"],
    ),
    (
        {"video_id": "https://youtu.be/dQw4w9WgXcQ?t=3"},
        {"video_id": "dQw4w9WgXcQ"},
        ["video_id 'https://youtu.be/dQw4w9WgXcQ?t=3' became 'dQw4w9WgXcQ'"],
    ),
    ({"video_id": "../../x"}, {"video_id": "first"}, ["video_id '../../x' became 'first'"]),
    (
        {"video_id": "https://tube.example/1"},
        {"video_id": "first"},
        ["video_id 'https://tube.example/1' became 'first'"],
    ),
    (
        {"video_id": "https://tube.example/1", "slug": "youtu.be"},
        {"video_id": "lesson-1", "slug": "youtu.be"},
        ["video_id 'https://tube.example/1' became 'lesson-1'"],
    ),
    # It never opened, and does not open now.
    (
        {"expires_at": "2025-12-01T10:30:00+01:00"},
        {"expires_at": LESSON.release_at + timedelta(milliseconds=1)},
        ["expires_at '2025-12-01T10:30:00+01:00' became '2025-12-01T10:00:00.001Z'"],
    ),
    ({"expires_at": "never"}, {}, ["expires_at 'never' became null"]),
    (
        {"release_at": "2025-12-01T10:00"},
        {},
        ["release_at '2025-12-01T10:00' became '2025-12-01T10:00:00.000Z'"],
    ),
    (
        {"release_at": "soon", "expires_at": "2026-01-01T00:00:00Z"},
        {"release_at": LOCKED},
        [
            "release_at 'soon' became '9999-12-31T23:59:59.999Z'",
            "expires_at '2026-01-01T00:00:00Z' became null",
        ],
    ),
]
CHANGED_MATERIALS: list[tuple[dict[str, Any], dict[str, Any], list[str]]] = [
    (
        {"download_url": "https://f.app/my slides.pdf"},
        {"download_url": "https://f.app/my%20slides.pdf"},
        ["download_url 'https://f.app/my slides.pdf' became 'https://f.app/my%20slides.pdf'"],
    ),
    (
        {"download_url": "ftp://f.app/a.pdf"},
        {"download_url": "https://f.app/a.pdf"},
        ["download_url 'ftp://f.app/a.pdf' became 'https://f.app/a.pdf'"],
    ),
    (
        {"download_url": "ftp://f.app:21/a b.pdf"},
        {"download_url": "https://f.app/a%20b.pdf"},
        ["download_url 'ftp://f.app:21/a b.pdf' became 'https://f.app/a%20b.pdf'"],
    ),
    (
        {"download_url": "file:///etc/passwd"},
        {"download_url": "https://missing.invalid/"},
        ["download_url 'file:///etc/passwd' became 'https://missing.invalid/'"],
    ),
    ({"event_id": "event-9"}, {}, ["event_id 'event-9' became 'event-1'"]),
    ({"mime_type": "text/html"}, {}, ["mime_type 'text/html' became 'application/pdf'"]),
    (
        {"mime_type": "image/gif", "file_name": "a.gif"},
        {"mime_type": "text/plain", "file_name": "a.gif"},
        ["mime_type 'image/gif' became 'text/plain'"],
    ),
    ({"size_bytes": 0}, {"size_bytes": 1}, ["size_bytes 0 became 1"]),
    ({"size_bytes": 26214401}, {"size_bytes": 26214400}, ["size_bytes 26214401 became 26214400"]),
    ({"size_bytes": "big"}, {"size_bytes": 1}, ["size_bytes 'big' became 1"]),
]


@pytest.mark.parametrize(
    ("rows", "row", "expected", "changes"),
    [
        *((event(**old), "events: event-1", replace(EVENT, **new), changes) for old, new, changes in CHANGED_EVENTS),
        *((lesson(**old), "lessons: lesson-1", replace(LESSON, **new), lines) for old, new, lines in CHANGED_LESSONS),
        *(
            (material(**old), "materials: material-1", replace(MATERIAL, **new), lines)
            for old, new, lines in CHANGED_MATERIALS
        ),
    ],
)
def test_a_row_that_the_old_api_let_through_moves_with_the_smallest_change(
    content_import: Import,
    content_database: peewee.Database,
    store: PeeweeContentStore,
    rows: Any,
    row: str,
    expected: Event | Lesson | Material,
    changes: list[str],
) -> None:
    outcome = content_import.run(rows)
    assert outcome[:2] == (True, [f"{row}: changed: {change}" for change in changes])
    assert stored(store)[-1] == expected
    assert found(content_database, EXAMINATION) == []
    # The same change again: the row is found.
    again = content_import.run(rows)
    assert (again.done, again.findings) == (True, [])
    assert all(present == number for number, _, present, _ in again.numbers.values())


def test_slugs_that_are_one_after_the_change_get_numbers(content_import: Import, store: PeeweeContentStore) -> None:
    rows = {
        "events": [
            old("events", "event-1", slug="Launch"),
            old("events", "event-2", slug="launch"),
            old("events", "event-3", slug="launch-2"),
            old("events", "event-4", slug="spring---launch"),
            old("events", "event-5", slug="spring-launch"),
            old("events", "event-6", slug="LAUNCH"),
        ],
        "lessons": [
            old("lessons", "lesson-1", slug="first"),
            old("lessons", "lesson-2", slug="first"),
            old("lessons", "lesson-3", slug="a/b"),
            old("lessons", "lesson-4", slug="a-b"),
            old("lessons", "lesson-5", slug="a/b", event_id="event-2"),
        ],
    }
    assert content_import.run(rows)[:2] == (
        True,
        [
            "events: event-1: changed: slug 'Launch' became 'launch-3'",
            "events: event-6: changed: slug 'LAUNCH' became 'launch-4'",
            "lessons: lesson-2: changed: slug 'first' became 'first-2'",
            "lessons: lesson-3: changed: slug 'a/b' became 'a-b-2'",
            "lessons: lesson-5: changed: slug 'a/b' became 'a-b'",
        ],
    )
    slugs = {each.id: each.slug for each in stored(store) if not isinstance(each, Material)}
    assert [slugs[f"event-{number}"] for number in (2, 3, 4, 5)] == [
        "launch",
        "launch-2",
        "spring---launch",
        "spring-launch",
    ]
    assert (slugs["lesson-1"], slugs["lesson-4"]) == ("first", "a-b")


# What cannot be moved


@pytest.mark.parametrize(
    ("rows", "line"),
    [
        (lesson(event_id="event-9"), "lessons: lesson-1: not moved: event_id is of no row in events that is moved"),
        (lesson(event_id=None), "lessons: lesson-1: not moved: event_id is missing"),
        (
            material(lesson_id="lesson-9"),
            "materials: material-1: not moved: lesson_id is of no row in lessons that is moved",
        ),
    ],
)
def test_a_row_without_its_event_or_lesson_is_reported_and_nothing_is_imported(
    content_import: Import, store: PeeweeContentStore, rows: Any, line: str
) -> None:
    assert content_import.run(rows)[:2] == (False, [line])
    assert stored(store) == []


HOSTILE = together(
    an_installation(),
    {
        "events": [
            old("events", "event-1", slug="again"),
            old("events", "i" * 201, slug="long"),
            old("events", None, slug="nameless"),
            old("events", b"\x00", slug="bytes"),
        ],
        "lessons": [
            old("lessons", "lesson-5", event_id="i" * 201, slug="of-a-rejected-event"),
            old("lessons", "lesson-1", slug="again"),
        ],
        "materials": [
            old("materials", "material-3", lesson_id="lesson-5"),
            old("materials", "material-1"),
        ],
    },
)
HOSTILE_FINDINGS = [
    "events: event-1: not moved: id is that of an earlier row",
    f"events: {'i' * 80}...: not moved: id is not of 1 to 200 characters",
    "events: row 5: not moved: id is missing",
    "events: row 6: not moved: id is not text",
    "lessons: lesson-1: not moved: id is that of an earlier row",
    "lessons: lesson-5: not moved: event_id is not of 1 to 200 characters",
    "materials: material-1: not moved: id is that of an earlier row",
    "materials: material-3: not moved: lesson_id is of no row in lessons that is moved",
]


def test_all_invalid_rows_are_reported_and_the_others_can_be_imported(
    content_import: Import, store: PeeweeContentStore
) -> None:
    new = {"events": (6, 2, 0, 4), "lessons": (5, 3, 0, 2), "materials": (4, 2, 0, 2)}
    present = {"events": (6, 0, 2, 4), "lessons": (5, 0, 3, 2), "materials": (4, 0, 2, 2)}
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
            "events: event-1: not moved: id is taken by another row of this installation",
            "events: event-2: not moved: slug is taken by another event of this installation",
            *(
                f"lessons: lesson-{number}: not moved: event_id is of no row in events that is moved"
                for number in (1, 2, 3)
            ),
            *(
                f"materials: material-{number}: not moved: lesson_id is of no row in lessons that is moved"
                for number in (1, 2)
            ),
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
            "lessons: lesson-1: not moved: id is taken by another row of this installation",
            "lessons: lesson-2: not moved: slug is taken by another lesson of the event in this installation",
            "materials: material-1: not moved: id is taken by another row of this installation",
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
