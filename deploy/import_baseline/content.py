"""Import events, lessons and materials with their ids and instants.

Old rows must satisfy content's rules and tables, not the stricter schemas of the API for new rows: a title of two
letters was accepted once, and public responses must stay as they were.
"""

import re
from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from typing import get_args

import peewee

from deploy.import_baseline.import_pass import Candidate, Importer, ImportPass
from deploy.import_baseline.old_row import OldRow
from services.content import rules
from services.content.entities import (
    MAXIMUM_MATERIAL_BYTES,
    Event,
    Lesson,
    Material,
    MimeType,
    VideoProvider,
    Visibility,
)
from services.content.errors import InvalidWindow
from services.content.repository.contracts import ContentStore
from services.content.repository.store import PeeweeContentStore
from services.content.schemas.events import DEFAULT_VISUAL_STYLE

SLUG_REPEATED = "slug is that of an earlier event"
SLUG_TAKEN = "slug is taken by another event of this installation"
LESSON_SLUG_REPEATED = "slug is that of an earlier lesson of the event"
LESSON_SLUG_TAKEN = "slug is taken by another lesson of the event in this installation"

_EVENT_SLUGS = "slugs of events"
_LESSON_SLUGS = "slugs of lessons"
# No valid id or slug contains it.
_SEPARATOR = "\0"
_COLOR = re.compile(r"#[0-9a-fA-F]{6}")


def import_rows(database: peewee.Database, one_pass: ImportPass) -> None:
    """Process events, lessons and materials."""
    for kind in (_EVENT_SLUGS, _LESSON_SLUGS):
        one_pass.old.forget(kind)
    store = PeeweeContentStore(database)
    one_pass.process("events", _event, partial(_compare_events, store, one_pass), partial(_add_events, store))
    one_pass.process(
        "lessons",
        partial(_lesson, one_pass),
        partial(_compare_lessons, store, one_pass),
        partial(_add_lessons, store),
        note=lambda lesson: lesson.event_id,
    )
    one_pass.process(
        "materials", partial(_material, one_pass), partial(_compare_materials, store), partial(_add_materials, store)
    )


IMPORTER = Importer(("events", "lessons", "materials"), import_rows)


def _event(row: OldRow) -> Event:
    slug = row.indexed_text("slug")
    if slug and not rules.may_be_event_slug(slug):
        row.reject("slug is not of letters from a to z, digits and hyphens between them")
    descriptions = rules.descriptions(
        row.optional_text("description"), row.optional_text("short_description"), row.optional_text("long_description")
    )
    return Event(
        id=row.identifier(),
        title=row.text("title"),
        slug=slug,
        short_description=descriptions.short,
        long_description=descriptions.long,
        is_active=row.flag("is_active"),
        visibility=row.choice("visibility", get_args(Visibility)),
        access_key=row.optional_text("access_key"),
        hero_title=row.text_or("hero_title", ""),
        hero_subtitle=row.text_or("hero_subtitle", ""),
        hero_cta_text=row.text_or("hero_cta_text", ""),
        background_color=_color(row, "background_color"),
        text_color=_color(row, "text_color"),
        accent_color=_color(row, "accent_color"),
        logo_url=row.optional_web_address("logo_url"),
        highlight_video_url=row.optional_web_address("highlight_video_url"),
        branding_provider=row.optional_text("branding_provider"),
        branding_prompt_version=row.optional_text("branding_prompt_version"),
        branding_generated_at=row.optional_instant("branding_generated_at"),
        created_at=row.instant("created_at"),
        updated_at=row.instant("updated_at"),
    )


def _color(row: OldRow, column: str) -> str:
    color = row.text_or(column, getattr(DEFAULT_VISUAL_STYLE, column))
    if not _COLOR.fullmatch(color):
        row.reject(f"{column} is not a colour such as #e50914")
    return color


def _compare_events(store: ContentStore, one_pass: ImportPass, candidates: Sequence[Candidate[Event]]) -> None:
    events = [each.record for each in candidates]
    stored = store.events.find([each.id for each in events], [each.slug for each in events])
    by_id = {each.id: replace(each, version=1) for each in stored}
    by_slug = {each.slug: each.id for each in stored}
    for candidate in candidates:
        event = candidate.record
        candidate.compare(by_id.get(event.id))
        if by_slug.get(event.slug, event.id) != event.id:
            candidate.row.reject(SLUG_TAKEN)
        if candidate.row.is_valid and not one_pass.old.claim(_EVENT_SLUGS, event.slug):
            candidate.row.reject(SLUG_REPEATED)


def _add_events(store: ContentStore, events: Sequence[Event]) -> None:
    for event in events:
        store.events.add(event, keeps_slug=True)


def _lesson(one_pass: ImportPass, row: OldRow) -> Lesson:
    slug = row.indexed_text("slug")
    if slug != slug.strip().lower():
        row.reject("slug is not trimmed and in lower case")
    lesson = Lesson(
        id=row.identifier(),
        event_id=one_pass.parent_id(row, "event_id", "events"),
        title=row.text("title"),
        description=row.text_or("description", ""),
        slug=slug,
        video_provider=row.choice("video_provider", get_args(VideoProvider)),
        video_id=row.text("video_id"),
        release_at=row.instant("release_at"),
        expires_at=row.optional_instant("expires_at"),
        created_at=row.instant("created_at"),
        updated_at=row.instant("updated_at"),
    )
    if row.is_valid:
        _check_window(row, lesson)
    return lesson


def _check_window(row: OldRow, lesson: Lesson) -> None:
    try:
        rules.check_window(lesson.release_at, lesson.expires_at)
    except InvalidWindow:
        row.reject("expires_at is not later than release_at")


def _compare_lessons(store: ContentStore, one_pass: ImportPass, candidates: Sequence[Candidate[Lesson]]) -> None:
    lessons = [each.record for each in candidates]
    stored = store.lessons.find(
        [each.id for each in lessons], {each.event_id for each in lessons}, {each.slug for each in lessons}
    )
    by_id = {each.id: replace(each, version=1) for each in stored}
    by_slug = {(each.event_id, each.slug): each.id for each in stored}
    for candidate in candidates:
        lesson = candidate.record
        candidate.compare(by_id.get(lesson.id))
        if by_slug.get((lesson.event_id, lesson.slug), lesson.id) != lesson.id:
            candidate.row.reject(LESSON_SLUG_TAKEN)
        if candidate.row.is_valid and not one_pass.old.claim(
            _LESSON_SLUGS, f"{lesson.event_id}{_SEPARATOR}{lesson.slug}"
        ):
            candidate.row.reject(LESSON_SLUG_REPEATED)


def _add_lessons(store: ContentStore, lessons: Sequence[Lesson]) -> None:
    for lesson in lessons:
        store.lessons.add(lesson, keeps_slug=True)


def _material(one_pass: ImportPass, row: OldRow) -> Material:
    """Read a material; its position is set when it is written."""
    lesson_id = one_pass.parent_id(row, "lesson_id", "lessons")
    event_id = row.identifier("event_id")
    if row.is_valid and one_pass.old.noted("lessons", lesson_id) != event_id:
        row.reject("event_id is not that of its lesson")
    return Material(
        id=row.identifier(),
        lesson_id=lesson_id,
        file_name=row.text("file_name"),
        mime_type=row.choice("mime_type", get_args(MimeType)),
        size_bytes=row.integer("size_bytes", 1, MAXIMUM_MATERIAL_BYTES),
        download_url=row.web_address("download_url"),
        position=0,
        created_at=row.instant("created_at"),
    )


def _compare_materials(store: ContentStore, candidates: Sequence[Candidate[Material]]) -> None:
    stored = store.materials.find([each.record.id for each in candidates])
    by_id = {each.id: replace(each, position=0) for each in stored}
    for candidate in candidates:
        candidate.compare(by_id.get(candidate.record.id))


def _add_materials(store: ContentStore, materials: Sequence[Material]) -> None:
    # Instants may be equal, so the order of upload is the order of the rows.
    positions = dict(store.materials.last_positions({each.lesson_id for each in materials}))
    placed = []
    for material in materials:
        positions[material.lesson_id] = positions.get(material.lesson_id, 0) + 1
        placed.append(replace(material, position=positions[material.lesson_id]))
    store.materials.add_all(placed)
