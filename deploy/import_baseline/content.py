"""Import events, lessons and materials with their ids and instants.

Old rows must satisfy content's rules and tables, not the stricter schemas of the API for new rows: a title of two
letters was accepted once, and public responses must stay as they were. Where a row breaks a rule it gets the smallest
change that makes it legal, the same in every import (docs/contract/BEHAVIOUR.md, "Moving an old installation over").
"""

import mimetypes
import re
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from functools import partial
from itertools import count
from typing import get_args
from urllib.parse import urlsplit

import peewee

from deploy.import_baseline.import_pass import Candidate, Importer, ImportPass
from deploy.import_baseline.old_row import OldRow, without_white_space
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
from services.content.repository.contracts import ContentStore
from services.content.repository.store import PeeweeContentStore
from services.content.schemas.events import DEFAULT_VISUAL_STYLE
from services.content.schemas.lessons import DEFAULT_PROVIDER
from services.content.videos import Video, embeds_nothing, read_video
from services.kit.core.instants import LAST_MILLISECOND, format_instant, from_milliseconds
from services.kit.core.texts import is_web_address, slug_form

SLUG_TAKEN = "slug is taken by another event of this installation"
LESSON_SLUG_TAKEN = "slug is taken by another lesson of the event in this installation"
# An address that leads nowhere (RFC 2606), of a file whose own was none.
NO_ADDRESS = "https://missing.invalid/"

_EVENT_SLUGS = "slugs of events"
_LESSON_SLUGS = "slugs of lessons"
# No valid id or slug contains it.
_SEPARATOR = "\0"
# An index entry of PostgreSQL has at most 2704 bytes, an id up to 800 of them; a number may follow the slug.
_SLUG_BYTES = 1500
_COLOR = re.compile(r"#[0-9a-fA-F]{6}")
_UNADDRESSABLE = re.compile(r"[/\t\r\n]+")
_LAST = from_milliseconds(LAST_MILLISECOND)


def import_rows(database: peewee.Database, one_pass: ImportPass) -> None:
    """Process events, lessons and materials."""
    for kind in (_EVENT_SLUGS, _LESSON_SLUGS):
        one_pass.old.forget(kind)
    store = PeeweeContentStore(database)
    one_pass.process("events", partial(_event, one_pass), partial(_compare_events, store), partial(_add_events, store))
    one_pass.process(
        "lessons",
        partial(_lesson, one_pass),
        partial(_compare_lessons, store),
        partial(_add_lessons, store),
        note=lambda lesson: lesson.event_id,
    )
    one_pass.process(
        "materials", partial(_material, one_pass), partial(_compare_materials, store), partial(_add_materials, store)
    )


IMPORTER = Importer(("events", "lessons", "materials"), import_rows)


def _event(one_pass: ImportPass, row: OldRow) -> Event:
    descriptions = rules.descriptions(
        row.optional_text("description"), row.optional_text("short_description"), row.optional_text("long_description")
    )
    created_at = row.instant("created_at")
    return Event(
        id=row.identifier(),
        title=row.text("title"),
        slug=_event_slug(one_pass, row),
        short_description=descriptions.short,
        long_description=descriptions.long,
        is_active=row.flag("is_active"),
        visibility=row.choice("visibility", get_args(Visibility), "private"),
        access_key=row.optional_text("access_key"),
        hero_title=row.text_or("hero_title", ""),
        hero_subtitle=row.text_or("hero_subtitle", ""),
        hero_cta_text=row.text_or("hero_cta_text", ""),
        background_color=_color(row, "background_color"),
        text_color=_color(row, "text_color"),
        accent_color=_color(row, "accent_color"),
        logo_url=row.web_address("logo_url"),
        highlight_video_url=row.web_address("highlight_video_url"),
        branding_provider=row.optional_text("branding_provider"),
        branding_prompt_version=row.optional_text("branding_prompt_version"),
        branding_generated_at=row.optional_instant("branding_generated_at"),
        created_at=created_at,
        updated_at=row.instant("updated_at", created_at),
    )


def _event_slug(one_pass: ImportPass, row: OldRow) -> str:
    slug = row.text("slug")
    if not rules.may_be_event_slug(slug):
        slug = slug_form(slug) or slug_form(row.id or "") or "event"
    return _free_slug(one_pass, row, slug, None)


def _free_slug(one_pass: ImportPass, row: OldRow, slug: str, event_id: str | None) -> str:
    """Return the slug, or one with a number that no row of the old file has: the first row with a slug keeps it."""
    slug = slug.encode()[:_SLUG_BYTES].decode(errors="ignore")
    kind, scope = (_EVENT_SLUGS, "") if event_id is None else (_LESSON_SLUGS, event_id + _SEPARATOR)
    for number in count(1):
        free = slug if number == 1 else f"{slug}-{number}"
        is_own = free == row.stored("slug")
        if (is_own or not one_pass.old.has_slug(row.table, free, event_id)) and one_pass.old.claim(kind, scope + free):
            break
    row.change("slug", free)
    return free


def _color(row: OldRow, column: str) -> str:
    default: str = getattr(DEFAULT_VISUAL_STYLE, column)
    color = row.text_or(column, default)
    if _COLOR.fullmatch(color):
        return color
    row.change(column, default)
    return default


def _compare_events(store: ContentStore, candidates: Sequence[Candidate[Event]]) -> None:
    events = [each.record for each in candidates]
    stored = store.events.find([each.id for each in events], [each.slug for each in events])
    by_id = {each.id: replace(each, version=1) for each in stored}
    by_slug = {each.slug: each.id for each in stored}
    for candidate in candidates:
        event = candidate.record
        candidate.compare(by_id.get(event.id))
        if by_slug.get(event.slug, event.id) != event.id:
            candidate.row.reject(SLUG_TAKEN)


def _add_events(store: ContentStore, events: Sequence[Event]) -> None:
    for event in events:
        store.events.add(event, keeps_slug=True)


def _lesson(one_pass: ImportPass, row: OldRow) -> Lesson:
    event_id = one_pass.parent_id(row, "event_id", "events")
    slug = _lesson_slug(one_pass, row, event_id)
    provider, video_id = _video(row, slug)
    release_at, expires_at = _window(row)
    created_at = row.instant("created_at")
    return Lesson(
        id=row.identifier(),
        event_id=event_id,
        title=row.text("title"),
        description=row.text_or("description", ""),
        slug=slug,
        video_provider=provider,
        video_id=video_id,
        release_at=release_at,
        expires_at=expires_at,
        created_at=created_at,
        updated_at=row.instant("updated_at", created_at),
    )


def _lesson_slug(one_pass: ImportPass, row: OldRow, event_id: str) -> str:
    slug = _addressable(row.text("slug")) or _addressable(row.id or "") or "lesson"
    return _free_slug(one_pass, row, slug, event_id)


def _addressable(text: str) -> str:
    if rules.may_be_lesson_slug(text):
        return text
    return _UNADDRESSABLE.sub("-", text.strip("/ \t\r\n")).strip().lower()


def _video(row: OldRow, slug: str) -> tuple[VideoProvider, str]:
    """Return the provider and its id. An address becomes an id; what embeds no video becomes the slug, the default."""
    provider: VideoProvider = row.choice("video_provider", get_args(VideoProvider), DEFAULT_PROVIDER)
    video_id = row.text("video_id")
    if not embeds_nothing(video_id):
        return provider, video_id
    video = _pasted_video(video_id) or Video(slug if not embeds_nothing(slug) else str(row.id))
    row.change("video_id", video.id)
    if video.provider not in (None, provider):
        row.change("video_provider", video.provider)
    return video.provider or provider, video.id


def _pasted_video(text: str) -> Video | None:
    try:
        video = read_video(text.strip())
    except ValueError:
        return None
    return None if embeds_nothing(video.id) else video


def _window(row: OldRow) -> tuple[datetime, datetime | None]:
    """Return release and expiry. A lesson without a release stays locked; one that never opened opens for 1 ms."""
    release_at = row.instant("release_at", _LAST)
    expires_at = row.optional_instant("expires_at")
    if expires_at is None or expires_at > release_at:
        return release_at, expires_at
    expires_at = release_at + timedelta(milliseconds=1) if release_at < _LAST else None
    row.change("expires_at", None if expires_at is None else format_instant(expires_at))
    return release_at, expires_at


def _compare_lessons(store: ContentStore, candidates: Sequence[Candidate[Lesson]]) -> None:
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


def _add_lessons(store: ContentStore, lessons: Sequence[Lesson]) -> None:
    for lesson in lessons:
        store.lessons.add(lesson, keeps_slug=True)


def _material(one_pass: ImportPass, row: OldRow) -> Material:
    """Read a material; its position is set when it is written."""
    lesson_id = one_pass.parent_id(row, "lesson_id", "lessons")
    one_pass.event_id_of_lesson(row, lesson_id)
    file_name = row.text("file_name")
    return Material(
        id=row.identifier(),
        lesson_id=lesson_id,
        file_name=file_name,
        mime_type=_mime_type(row, file_name),
        size_bytes=row.integer("size_bytes", 1, MAXIMUM_MATERIAL_BYTES, 1),
        download_url=_download_url(row),
        position=0,
        created_at=row.instant("created_at"),
    )


def _mime_type(row: OldRow, file_name: str) -> MimeType:
    by_name = mimetypes.guess_type(file_name)[0] or ""
    mime_types = get_args(MimeType)
    mime_type: MimeType = row.choice("mime_type", mime_types, by_name if by_name in mime_types else "text/plain")
    return mime_type


def _download_url(row: OldRow) -> str:
    address = row.web_address("download_url") or _over_https(row.text("download_url")) or NO_ADDRESS
    if address != row.stored("download_url"):
        row.change("download_url", address)
    return address


def _over_https(address: str) -> str | None:
    """Return the address of a file at another kind of server, such as ftp://, as an https address."""
    try:
        parts = urlsplit(without_white_space(address))
        # An ftp server's own port is no port of an https server.
        place = parts.netloc.removesuffix(":21") if parts.scheme == "ftp" else parts.netloc
        over_https = parts._replace(scheme="https", netloc=place).geturl()
    except ValueError:
        return None
    return over_https if is_web_address(over_https) else None


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
