"""The form of a sample: a row whose times are relative to the moment of seeding."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from services.content.entities import Event, Lesson, Material, MimeType, VideoProvider, Visibility

FILES = "https://files.flix.app"
MIME_TYPES: Mapping[str, MimeType] = {
    "pdf": "application/pdf",
    "zip": "application/zip",
    "png": "image/png",
    "jpg": "image/jpeg",
    "txt": "text/plain",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class SampleMaterial:
    """A file; its address and type follow from its name."""

    id: str
    file_name: str
    kibibytes: int

    def at(self, lesson: Lesson, position: int) -> Material:
        """Return the row at that position, uploaded when the lesson was created."""
        return Material(
            id=self.id,
            lesson_id=lesson.id,
            file_name=self.file_name,
            mime_type=MIME_TYPES[self.file_name.rpartition(".")[2]],
            size_bytes=self.kibibytes * 1024,
            download_url=f"{FILES}/{lesson.event_id}/{self.file_name}",
            position=position,
            created_at=lesson.created_at,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class SampleLesson:
    """A lesson; `opens` and `closes` are relative to the seeding, negative before it."""

    id: str
    title: str
    slug: str
    description: str
    opens: timedelta
    closes: timedelta | None = None
    video: tuple[VideoProvider, str]
    materials: tuple[SampleMaterial, ...] = ()

    def at(self, event_id: str, created_at: datetime, moment: datetime) -> Lesson:
        """Return the row of a seeding at `moment`."""
        provider, video_id = self.video
        return Lesson(
            id=self.id,
            event_id=event_id,
            title=self.title,
            description=self.description,
            slug=self.slug,
            video_provider=provider,
            video_id=video_id,
            release_at=moment + self.opens,
            expires_at=None if self.closes is None else moment + self.closes,
            created_at=created_at,
            updated_at=created_at,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class SampleEvent:
    """An event with its lessons; `hero` is title, subtitle and button, `colors` background, text and accent."""

    id: str
    title: str
    slug: str
    summary: str
    story: str
    visibility: Visibility
    access_key: str | None = None
    is_active: bool = True
    announced: timedelta
    hero: tuple[str, str, str]
    colors: tuple[str, str, str]
    lessons: tuple[SampleLesson, ...]

    def at(self, moment: datetime) -> Event:
        """Return the row of a seeding at `moment`."""
        hero_title, hero_subtitle, hero_cta_text = self.hero
        background_color, text_color, accent_color = self.colors
        return Event(
            id=self.id,
            title=self.title,
            slug=self.slug,
            short_description=self.summary,
            long_description=self.story,
            is_active=self.is_active,
            visibility=self.visibility,
            access_key=self.access_key,
            hero_title=hero_title,
            hero_subtitle=hero_subtitle,
            hero_cta_text=hero_cta_text,
            background_color=background_color,
            text_color=text_color,
            accent_color=accent_color,
            logo_url=f"{FILES}/{self.id}/logo.png",
            highlight_video_url=None,
            branding_provider=None,
            branding_prompt_version=None,
            branding_generated_at=None,
            created_at=moment + self.announced,
            updated_at=moment + self.announced,
        )
