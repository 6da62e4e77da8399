"""services.content.baseline on both engines: what is moved and as what, what is refused and why."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import peewee
import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.content.baseline import IMPORTER
from services.content.entities import Event, Lesson, Material
from services.content.migrations import MIGRATIONS
from services.content.repository.contracts import ALL
from services.content.repository.store import PeeweeContentStore
from services.kit.core.instants import format_instant, truncated
from services.kit.storage.database import delete_all_rows
from tests.baseline_file import an_installation, old, together
from tests.content.examples import a_lesson, a_material, an_event
from tests.moving import Import
from tests.stores import over_one_store

MADE = datetime(2025, 11, 3, 9, 30, tzinfo=UTC)
EVENT = an_event(logo_url=None, created_at=MADE, updated_at=MADE)
LESSON = a_lesson(release_at=datetime(2025, 12, 1, 10, tzinfo=UTC), expires_at=None, created_at=MADE, updated_at=MADE)
MATERIAL = a_material(created_at=MADE)


@pytest.fixture
def moved(content_database: peewee.Database, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Import:
    """Imports into an empty database."""
    return Import(IMPORTER, content_database, tmp_path, capsys)


@pytest.fixture
def store(content_database: peewee.Database) -> PeeweeContentStore:
    """What is there after them."""
    return PeeweeContentStore(content_database)


def everything(store: PeeweeContentStore) -> list[Event | Lesson | Material]:
    """All that content holds, in the order of its lists."""
    events = store.events.list(ALL)
    lessons = [lesson for event in events for lesson in store.lessons.list(event.id, ALL)]
    materials = [material for lesson in lessons for material in store.materials.list(lesson.id, ALL)]
    return [*events, *lessons, *materials]


def event(**changes: Any) -> dict[str, list[dict[str, Any]]]:
    """The rows of one event."""
    return {"events": [old("events", "event-1", **changes)]}


def lesson(**changes: Any) -> dict[str, list[Any]]:
    """The rows of one lesson and its event."""
    return {**event(), "lessons": [old("lessons", "lesson-1", **changes)]}


def material(**changes: Any) -> dict[str, list[Any]]:
    """The rows of one material with its lesson and event."""
    return {**lesson(), "materials": [old("materials", "material-1", **changes)]}


# What moves


def test_an_installation_moves_with_its_ids_and_instants(moved: Import, store: PeeweeContentStore) -> None:
    done = moved.run(an_installation())

    assert done == (True, [], {"events": (2, 2, 0, 0), "lessons": (3, 3, 0, 0), "materials": (2, 2, 0, 0)})
    assert everything(store) == [
        EVENT,
        replace(
            EVENT,
            id="event-2",
            slug="secret",
            visibility="private",
            access_key="let-me-in",
            short_description="Only for you",
            long_description="Only for you",
            created_at=datetime(2025, 11, 4, 8, tzinfo=UTC),
        ),
        LESSON,
        replace(LESSON, id="lesson-2", slug="second", release_at=datetime(2025, 12, 2, 10, tzinfo=UTC)),
        replace(LESSON, id="lesson-3", event_id="event-2", expires_at=datetime(2099, 1, 1, tzinfo=UTC)),
        MATERIAL,
        replace(MATERIAL, id="material-2", file_name="notes.txt", mime_type="text/plain", position=2),
    ]


def test_a_second_import_finds_everything_there_and_changes_nothing(moved: Import, store: PeeweeContentStore) -> None:
    moved.run(an_installation())
    before = everything(store)
    done = moved.run(an_installation())
    assert done == (True, [], {"events": (2, 0, 2, 0), "lessons": (3, 0, 3, 0), "materials": (2, 0, 2, 0)})
    assert everything(store) == before


def test_a_dry_run_says_the_same_and_moves_nothing(moved: Import, store: PeeweeContentStore) -> None:
    done = moved.run(an_installation(), dry_run=True)
    assert done == (True, [], {"events": (2, 2, 0, 0), "lessons": (3, 3, 0, 0), "materials": (2, 2, 0, 0)})
    assert everything(store) == []


def test_what_was_never_set_is_what_the_old_answers_gave(moved: Import, store: PeeweeContentStore) -> None:
    columns = ("description", "short_description", "long_description", "hero_title", "hero_subtitle", "hero_cta_text")
    colors = ("background_color", "text_color", "accent_color")
    rows = together(
        event(**dict.fromkeys((*columns, *colors))), {"lessons": [old("lessons", "lesson-1", description=None)]}
    )
    assert moved.run(rows)[0]
    empty: dict[str, Any] = dict.fromkeys(columns[1:], "")
    default: dict[str, Any] = {"background_color": "#111111", "text_color": "#f5f5f5", "accent_color": "#e50914"}
    assert everything(store) == [replace(EVENT, **empty, **default), replace(LESSON, description="")]


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ((None, None, None), ("", "")),
        (("D", None, None), ("D", "D")),
        (("D", "S", None), ("S", "S")),
        (("D", None, "L"), ("D", "L")),
        (("D", "", None), ("", "")),
    ],
)
def test_descriptions_fall_back_as_they_did(
    moved: Import, store: PeeweeContentStore, given: tuple[Any, Any, Any], expected: tuple[str, str]
) -> None:
    description, short, long = given
    moved.run(event(description=description, short_description=short, long_description=long))
    kept = store.events.get("event-1")
    assert (kept.short_description, kept.long_description) == expected


def test_materials_keep_the_order_in_which_they_were_uploaded_whatever_their_clock_said(
    moved: Import, store: PeeweeContentStore
) -> None:
    times = ["2025-11-03T09:30:00Z", "2025-11-03T09:29:59Z", "2025-11-03T09:30:00Z"]
    some = [old("materials", f"m-{id}", created_at=time) for id, time in zip("bca", times, strict=True)]
    moved.run({**lesson(), "materials": some})
    assert [each.id for each in store.materials.list("lesson-1", ALL)] == ["m-b", "m-c", "m-a"]


def test_what_the_old_api_took_and_the_new_one_would_not_is_moved_as_it_was(
    moved: Import, store: PeeweeContentStore
) -> None:
    rows = together(
        event(title=" a\tb\x07 ", slug="x", access_key="no", hero_title="h" * 500, logo_url="http://files/a b.png"),
        {"lessons": [old("lessons", "lesson-1", title="", slug="a/b", video_id="v")]},
        {"materials": [old("materials", "material-1", file_name="f" * 300)]},
    )
    assert moved.run(rows)[1] == []
    assert everything(store) == [
        replace(
            EVENT,
            title=" a\tb\x07 ",
            slug="x",
            access_key="no",
            hero_title="h" * 500,
            logo_url="http://files/a b.png",
        ),
        replace(LESSON, title="", slug="a/b", video_id="v"),
        replace(MATERIAL, file_name="f" * 300),
    ]


def test_more_rows_than_a_batch_move_with_their_order(moved: Import, store: PeeweeContentStore) -> None:
    rows = {
        **event(),
        "lessons": [old("lessons", f"lesson-{number}", slug=f"l-{number}") for number in range(120)],
        "materials": [old("materials", f"m-{number:03}", lesson_id=f"lesson-{number % 2}") for number in range(250)],
    }
    assert moved.run(rows)[2] == {
        "events": (1, 1, 0, 0),
        "lessons": (120, 120, 0, 0),
        "materials": (250, 250, 0, 0),
    }
    kept = store.materials.list("lesson-1", ALL)
    assert [(each.id, each.position) for each in kept] == [(f"m-{2 * n + 1:03}", n + 1) for n in range(125)]


# Characters of every kind but NUL, and half a surrogate pair, which is no text.
ANY_TEXTS = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=20)
SLUGS = st.from_regex(r"[a-z0-9]([a-z0-9-]{0,20}[a-z0-9])?", fullmatch=True)
INSTANTS = st.datetimes(datetime(1970, 1, 1), datetime(2200, 1, 1), timezones=st.just(UTC)).map(truncated)
OFFSETS = st.integers(-14 * 60, 14 * 60).map(lambda minutes: timezone(timedelta(minutes=minutes)))


def forms(instant: datetime, offset: timezone) -> list[str]:
    """The instant in the forms that the old server wrote, or took from a client."""
    local = instant.astimezone(offset).isoformat(timespec="milliseconds")
    plain = instant.isoformat(sep=" ", timespec="milliseconds").removesuffix("+00:00")
    return [format_instant(instant), local, local.replace("T", " "), plain]


@over_one_store
@given(data=st.data())
def test_every_valid_old_file_survives_the_move(
    content_database: peewee.Database, moved: Import, store: PeeweeContentStore, data: st.DataObject
) -> None:
    delete_all_rows(content_database, MIGRATIONS.tables)
    slugs = data.draw(st.lists(SLUGS, min_size=1, max_size=4, unique=True))
    expected: list[Any] = []
    rows: dict[str, list[Any]] = {"events": [], "lessons": [], "materials": []}

    def drawn(kind: str, record: Any, *instants: str, **more: Any) -> None:
        texts = {name: data.draw(ANY_TEXTS) for name in TEXTS_OF[kind]}
        times = {name: data.draw(INSTANTS) for name in instants}
        written = {name: data.draw(st.sampled_from(forms(time, data.draw(OFFSETS)))) for name, time in times.items()}
        expected.append(replace(record, **texts, **times, **more))
        columns = {name: value for name, value in more.items() if name not in ("id", "position")}
        rows[kind].append(old(kind, more["id"], **texts, **written, **columns))

    for number, slug in enumerate(slugs):
        event_id = f"event-{number}"
        drawn("events", EVENT, "created_at", "updated_at", id=event_id, slug=slug)
        drawn(
            "lessons", LESSON, "release_at", "created_at", "updated_at", id=f"l-{number}", event_id=event_id, slug=slug
        )
        drawn("materials", MATERIAL, "created_at", id=f"m-{number}", lesson_id=f"l-{number}", position=1)
        rows["materials"][-1]["event_id"] = event_id

    assert moved.run(rows)[:2] == (True, [])
    assert sorted(everything(store), key=lambda each: each.id) == sorted(expected, key=lambda each: each.id)


TEXTS_OF = {
    "events": ("title", "short_description", "long_description", "hero_title", "access_key"),
    "lessons": ("title", "description", "video_id"),
    "materials": ("file_name",),
}


# What is refused

COLOR = "is not a colour such as #e50914"
INSTANT = "is not an instant such as 2026-03-01T12:00:00.000Z"
EVENT_SLUG = "slug is not of letters from a to z, digits and hyphens between them"
SIZE = "size_bytes is not a whole number from 1 to 26214400"
MIME_TYPE = "mime_type is not one of application/pdf, application/zip, image/png, image/jpeg, text/plain"

BROKEN_EVENTS: list[tuple[dict[str, Any], list[str]]] = [
    ({"title": None}, ["title is missing"]),
    ({"title": "a\0b"}, ["title contains a NUL character"]),
    ({"title": b"bytes"}, ["title is not text"]),
    ({"title": "x" * 2_000_000}, ["title is longer than 1 MiB"]),
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
BROKEN_LESSONS: list[tuple[dict[str, Any], list[str]]] = [
    ({"event_id": "event-9"}, ["event_id is of no row in events that is moved"]),
    ({"event_id": None}, ["event_id is missing"]),
    ({"slug": " Spaced "}, ["slug is not trimmed and in lower case"]),
    ({"video_provider": "betamax"}, ["video_provider is not one of youtube, vimeo, gemini_stream"]),
    ({"video_id": None}, ["video_id is missing"]),
    ({"release_at": "soon"}, [f"release_at {INSTANT}"]),
    ({"expires_at": "2025-12-01T10:00:00Z"}, ["expires_at is not later than release_at"]),
    ({"expires_at": "2025-12-01T10:30:00+01:00"}, ["expires_at is not later than release_at"]),
]
BROKEN_MATERIALS: list[tuple[dict[str, Any], list[str]]] = [
    ({"lesson_id": "lesson-9"}, ["lesson_id is of no row in lessons that is moved"]),
    ({"event_id": "event-9"}, ["event_id is not that of its lesson"]),
    ({"mime_type": "text/html"}, [MIME_TYPE]),
    ({"size_bytes": 0}, [SIZE]),
    ({"size_bytes": 26214401}, [SIZE]),
    ({"size_bytes": "big"}, [SIZE]),
    ({"download_url": "file:///etc/passwd"}, ["download_url is not an http or https address"]),
]


@pytest.mark.parametrize(
    ("rows", "table", "row_id", "rules"),
    [
        *((event(**changes), "events", "event-1", rules) for changes, rules in BROKEN_EVENTS),
        *((lesson(**changes), "lessons", "lesson-1", rules) for changes, rules in BROKEN_LESSONS),
        *((material(**changes), "materials", "material-1", rules) for changes, rules in BROKEN_MATERIALS),
    ],
)
def test_a_row_that_breaks_a_rule_is_listed_and_nothing_is_moved(
    moved: Import, store: PeeweeContentStore, rows: Any, table: str, row_id: str, rules: list[str]
) -> None:
    assert moved.findings(rows) == [f"{table}: {row_id}: {rule}" for rule in rules]
    assert everything(store) == []


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
            old("lessons", "lesson-5", event_id="event-4", slug="of-a-refused-event"),
            old("lessons", "lesson-6", event_id=None, slug="of-none"),
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
    "lessons: lesson-6: event_id is missing",
    "materials: material-1: id is that of an earlier row",
    "materials: material-3: lesson_id is of no row in lessons that is moved",
]


def test_a_hostile_file_is_listed_whole_and_moves_nothing(moved: Import, store: PeeweeContentStore) -> None:
    done, findings, numbers = moved.run(HOSTILE)
    assert (done, sorted(findings)) == (False, sorted(HOSTILE_FINDINGS))
    assert numbers == {"events": (7, 2, 0, 5), "lessons": (7, 3, 0, 4), "materials": (4, 2, 0, 2)}
    assert everything(store) == []


def test_with_skip_invalid_the_rest_of_it_moves(moved: Import, store: PeeweeContentStore) -> None:
    done, findings, _ = moved.run(HOSTILE, skip_invalid=True)
    kept = everything(store)
    assert (done, sorted(findings), len(kept)) == (True, sorted(HOSTILE_FINDINGS), 7)
    assert moved.run(HOSTILE, skip_invalid=True)[2] == {
        "events": (7, 0, 2, 5),
        "lessons": (7, 0, 3, 4),
        "materials": (4, 0, 2, 2),
    }
    assert everything(store) == kept


# What is there already


def test_ids_and_slugs_that_others_have_here_are_refused_and_left_as_they_are(
    moved: Import, store: PeeweeContentStore
) -> None:
    store.events.add(an_event(title="Ours"))
    store.events.add(an_event(id="ours", slug="secret"))
    store.lessons.add(a_lesson(id="ours", slug="second"))
    store.lessons.add(a_lesson(id="lesson-3", event_id="ours", slug="first"))
    store.materials.add_all([a_material(id="material-2", lesson_id="ours")])
    before = everything(store)
    rows = together(an_installation(), {"events": [old("events", "event-3", slug="third")]})

    done, findings, numbers = moved.run(rows, skip_invalid=True)

    assert (done, findings) == (
        True,
        [
            "events: event-1: id is taken by another row of this installation",
            "events: event-2: slug is taken by another event of this installation",
            "lessons: lesson-1: event_id is of no row in events that is moved",
            "lessons: lesson-2: event_id is of no row in events that is moved",
            "lessons: lesson-3: event_id is of no row in events that is moved",
            "materials: material-1: lesson_id is of no row in lessons that is moved",
            "materials: material-2: lesson_id is of no row in lessons that is moved",
        ],
    )
    assert numbers == {"events": (3, 1, 0, 2), "lessons": (3, 0, 0, 3), "materials": (2, 0, 0, 2)}
    after = everything(store)
    assert [each for each in after if each.id != "event-3"] == before
    assert store.events.get("event-3") == replace(EVENT, id="event-3", slug="third")


def test_lessons_and_materials_that_others_have_here_are_refused(moved: Import, store: PeeweeContentStore) -> None:
    store.events.add(EVENT)
    store.events.add(an_event(id="ours", slug="ours"))
    store.lessons.add(a_lesson(id="lesson-1", event_id="ours"))
    store.lessons.add(a_lesson(id="ours", slug="second"))
    store.materials.add_all([a_material(id="material-1", lesson_id="ours")])
    rows = {
        **event(),
        "lessons": [
            old("lessons", "lesson-1"),
            old("lessons", "lesson-2", slug="second"),
            old("lessons", "lesson-4", slug="fourth"),
        ],
        "materials": [old("materials", "material-1", lesson_id="lesson-4")],
    }
    done, findings, numbers = moved.run(rows)
    assert (done, findings) == (
        False,
        [
            "lessons: lesson-1: id is taken by another row of this installation",
            "lessons: lesson-2: slug is taken by another lesson of the event in this installation",
            "materials: material-1: id is taken by another row of this installation",
        ],
    )
    assert numbers == {"events": (1, 0, 1, 0), "lessons": (3, 1, 0, 2), "materials": (1, 0, 0, 1)}


def test_what_people_have_added_since_stays_and_what_is_missing_goes_behind_it(
    moved: Import, store: PeeweeContentStore
) -> None:
    moved.run(an_installation())
    store.materials.add_all([a_material(id="new", position=3)])
    store.materials.remove("lesson-1", "material-1")
    assert moved.run(an_installation())[2]["materials"] == (2, 1, 1, 0)
    assert [each.id for each in store.materials.list("lesson-1", ALL)] == ["material-2", "new", "material-1"]
