"""Records, fields and changes for tests."""

from collections.abc import Callable, Sequence
from dataclasses import fields, replace
from typing import Any, TypeVar

from services.content.entities import (
    Event,
    EventChanges,
    EventFields,
    Lesson,
    LessonChanges,
    LessonFields,
    Material,
)
from services.content.repository.contracts import ContentStore
from services.kit.core.unset import UNSET
from tests.clock import HOUR, NOON, SECOND

Store = TypeVar("Store", bound=ContentStore)

KEY = "let-me-in"
# The secret of fingerprints.
SECRET = "a secret that only these tests know, long enough"

_EVENT = Event(
    id="event-1",
    title="The launch",
    slug="launch",
    short_description="Short",
    long_description="Long",
    is_active=True,
    visibility="public",
    access_key=None,
    hero_title="Learn",
    hero_subtitle="In four lessons",
    hero_cta_text="Begin",
    background_color="#000000",
    text_color="#ffffff",
    accent_color="#ff0000",
    logo_url="https://flix.app/logo.png",
    highlight_video_url=None,
    branding_provider=None,
    branding_prompt_version=None,
    branding_generated_at=None,
    created_at=NOON - 24 * HOUR,
    updated_at=NOON - 24 * HOUR,
)
_LESSON = Lesson(
    id="lesson-1",
    event_id="event-1",
    title="The first lesson",
    description="How to begin",
    slug="first",
    video_provider="youtube",
    video_id="dQw4w9WgXcQ",
    release_at=NOON - HOUR,
    expires_at=NOON + HOUR,
    created_at=NOON - 12 * HOUR,
    updated_at=NOON - 12 * HOUR,
)
_MATERIAL = Material(
    id="material-1",
    lesson_id="lesson-1",
    file_name="slides.pdf",
    mime_type="application/pdf",
    size_bytes=1024,
    download_url="https://files.flix.app/slides.pdf",
    position=1,
    created_at=NOON - 6 * HOUR,
)


def event_fields(**changes: Any) -> EventFields:
    """Return the fields of a new event with the slug `new`, but for the changes."""
    values = {field.name: getattr(_EVENT, field.name) for field in fields(EventFields)}
    return EventFields(**{**values, "title": "New", "slug": "new", **changes})


def lesson_fields(**changes: Any) -> LessonFields:
    """Return the fields of a new lesson with the slug `new`, open from noon on, but for the changes."""
    values = {field.name: getattr(_LESSON, field.name) for field in fields(LessonFields)}
    new = {"title": "New", "slug": "new", "release_at": NOON, "expires_at": None}
    return LessonFields(**{**values, **new, **changes})


def event_changes(**changes: Any) -> Callable[[object], EventChanges]:
    """Return a partial update of an event, the same whatever is stored."""
    unset = dict.fromkeys((field.name for field in fields(EventChanges)), UNSET)
    return lambda stored: EventChanges(**{**unset, **changes})


def lesson_changes(**changes: Any) -> Callable[[object], LessonChanges]:
    """Return a partial update of a lesson, the same whatever is stored."""
    unset = dict.fromkeys((field.name for field in fields(LessonChanges)), UNSET)
    return lambda stored: LessonChanges(**{**unset, **changes})


def a_look() -> dict[str, Any]:
    """Return a look as a provider says it."""
    return {
        "logoUrl": "https://flix.app/loaf.png",
        "hero": {"title": "Bread", "subtitle": "In a week", "ctaText": "Bake"},
        "visualStyle": {"backgroundColor": "#101010", "textColor": "#FAFAFA", "accentColor": "#c0ffee"},
    }


def an_event(**changes: Any) -> Event:
    """Return an active public event, but for the changes."""
    return replace(_EVENT, **changes)


def a_lesson(**changes: Any) -> Lesson:
    """Return a lesson of that event, open at noon, but for the changes."""
    return replace(_LESSON, **changes)


def a_material(**changes: Any) -> Material:
    """Return a material of that lesson, but for the changes."""
    return replace(_MATERIAL, **changes)


def some_events(count: int) -> Sequence[Event]:
    """Return events in the order of their list."""
    return [
        an_event(id=f"event-{number:03}", slug=f"launch-{number:03}", created_at=NOON + number * SECOND)
        for number in range(1, count + 1)
    ]


def some_lessons(count: int) -> Sequence[Lesson]:
    """Return lessons of the one event in the order of their list."""
    return [
        a_lesson(
            id=f"lesson-{number:03}",
            slug=f"lesson-{number:03}",
            release_at=NOON - 2 * HOUR + number * SECOND,
            created_at=NOON - 12 * HOUR,
        )
        for number in range(1, count + 1)
    ]


def some_materials(count: int) -> Sequence[Material]:
    """Return materials of the one lesson in the order of their list."""
    return [a_material(id=f"material-{number:03}", position=number) for number in range(1, count + 1)]


def with_two_events(store: Store) -> Store:
    """Add a public event, whose open lesson has a material, and a private event, `secret`, with the same."""
    store.events.add(an_event())
    store.events.add(an_event(id="event-2", slug="secret", visibility="private", access_key=KEY, created_at=NOON))
    store.lessons.add(a_lesson())
    store.lessons.add(a_lesson(id="lesson-2", event_id="event-2"))
    store.materials.add_all([a_material(), a_material(id="material-2", lesson_id="lesson-2")])
    return store
