"""What comes in: New... and ...Patch, strict about every field."""

import re
from typing import Annotated, Any

from pydantic import AfterValidator, BeforeValidator, ConfigDict, Field, StringConstraints, ValidationInfo

from services.content import addresses, rules
from services.content.entities import (
    MAXIMUM_MATERIAL_BYTES,
    LessonReference,
    MimeType,
    Upload,
    VideoProvider,
    Visibility,
)
from services.kit.web.schemas import Instant, Integer, Patch, Schema, Text, WebAddress


def _event_slug(text: str) -> str:
    slug = rules.event_slug(text)
    if not slug:
        raise ValueError("must contain a letter from a to z or a digit")
    return slug


Title = Annotated[Text, Field(min_length=3)]
# PostgreSQL cannot index a text of more than 2704 bytes, and no server reads an address of that length.
SlugText = Annotated[Text, Field(min_length=3, max_length=400)]
EventSlug = Annotated[SlugText, AfterValidator(_event_slug)]


def _addressable(slug: str) -> str:
    if not rules.is_addressable(slug):
        raise ValueError("must not contain a slash or a line break: no address could name it")
    return slug


LessonSlug = Annotated[SlugText, AfterValidator(rules.lesson_slug), AfterValidator(_addressable)]
AccessKey = Annotated[Text, Field(min_length=6, max_length=64)]
HexColor = Annotated[str, StringConstraints(pattern=r"^#[0-9a-fA-F]{6}$")]
Address = Annotated[WebAddress, Field(max_length=400)]
VideoId = Annotated[Text, Field(min_length=3, max_length=120)]


def _digits(value: object) -> object:
    return int(value) if isinstance(value, str) and re.fullmatch(r"\d{1,19}", value, re.ASCII) else value


Digits = Annotated[int, BeforeValidator(_digits)]

# A default of a patch is never read: only the fields that were sent are (Patch.changes).
_ABSENT: Any = None


class Hero(Schema):
    """The head of an event's page; unknown members are refused."""

    model_config = ConfigDict(extra="forbid")

    title: Annotated[Text, Field(min_length=1, max_length=120)]
    subtitle: Annotated[Text, Field(min_length=1, max_length=220)]
    cta_text: Annotated[Text, Field(min_length=1, max_length=40)]

    def columns(self) -> dict[str, Any]:
        """By the names of entities.Event."""
        return {"hero_title": self.title, "hero_subtitle": self.subtitle, "hero_cta_text": self.cta_text}


class VisualStyle(Schema):
    """The colours of an event's page; unknown members are refused."""

    model_config = ConfigDict(extra="forbid")

    background_color: HexColor
    text_color: HexColor
    accent_color: HexColor

    def columns(self) -> dict[str, Any]:
        """By the names of entities.Event."""
        return {
            "background_color": self.background_color,
            "text_color": self.text_color,
            "accent_color": self.accent_color,
        }


DEFAULT_VISUAL_STYLE = VisualStyle.model_validate(
    {"backgroundColor": "#111111", "textColor": "#f5f5f5", "accentColor": "#e50914"}
)


class NewEvent(Schema):
    """POST /api/events."""

    title: Title
    slug: EventSlug
    description: Annotated[Text, Field(max_length=500)] = _ABSENT
    short_description: Annotated[Text, Field(max_length=220)] = _ABSENT
    long_description: Annotated[Text, Field(max_length=4000)] = _ABSENT
    is_active: bool = False
    visibility: Visibility = "private"
    access_key: AccessKey = _ABSENT
    hero: Hero = _ABSENT
    visual_style: VisualStyle = DEFAULT_VISUAL_STYLE
    logo_url: Address = _ABSENT
    highlight_video_url: Address = _ABSENT

    def fields(self) -> dict[str, Any]:
        """By the names of entities.Event, with the defaults; the three descriptions as they were sent."""
        fields = dict(self)
        hero, visual_style = fields.pop("hero"), fields.pop("visual_style")
        no_hero = {"hero_title": "", "hero_subtitle": "", "hero_cta_text": ""}
        return {**fields, **(hero.columns() if hero else no_hero), **visual_style.columns()}


class EventPatch(Patch):
    """PUT /api/events/{eventId}; null clears accessKey, logoUrl and highlightVideoUrl."""

    title: Title = _ABSENT
    slug: EventSlug = _ABSENT
    description: Annotated[Text, Field(max_length=500)] = _ABSENT
    short_description: Annotated[Text, Field(max_length=220)] = _ABSENT
    long_description: Annotated[Text, Field(max_length=4000)] = _ABSENT
    is_active: bool = _ABSENT
    visibility: Visibility = _ABSENT
    access_key: AccessKey | None = None
    hero: Hero = _ABSENT
    visual_style: VisualStyle = _ABSENT
    logo_url: Address | None = None
    highlight_video_url: Address | None = None

    def changes(self) -> dict[str, Any]:
        """By the names of entities.Event."""
        changes = super().changes()
        for group in ("hero", "visual_style"):
            if group in changes:
                changes |= changes.pop(group).columns()
        return changes


class NewLesson(Schema):
    """POST /api/events/{eventId}/lessons."""

    title: Title
    slug: LessonSlug
    release_at: Instant
    description: Annotated[Text, Field(max_length=400)] = ""
    video_provider: VideoProvider = "youtube"
    video_id: VideoId = _ABSENT
    expires_at: Instant = _ABSENT

    def fields(self) -> dict[str, Any]:
        """By the names of entities.Lesson, with the defaults."""
        return {**dict(self), "video_id": self.video_id or self.slug}


class LessonPatch(Patch):
    """PUT /api/events/{eventId}/lessons/{lessonId}; null clears expiresAt."""

    title: Title = _ABSENT
    slug: LessonSlug = _ABSENT
    release_at: Instant = _ABSENT
    description: Annotated[Text, Field(max_length=400)] = _ABSENT
    video_provider: VideoProvider = _ABSENT
    video_id: VideoId = _ABSENT
    expires_at: Instant | None = None


def _material_address(address: str, info: ValidationInfo) -> str:
    public_only = (info.context or {}).get("public_only", True)
    flaw = addresses.flaw(address, public_only=public_only)
    if flaw is not None:
        raise ValueError(flaw)
    return address


class NewMaterial(Schema):
    """One of the files of POST .../materials."""

    file_name: Annotated[Text, Field(min_length=1, max_length=200)]
    mime_type: MimeType
    size_bytes: Annotated[Integer, Field(ge=1, le=MAXIMUM_MATERIAL_BYTES)]
    download_url: Annotated[Text, AfterValidator(_material_address)]


class NewMaterials(Schema):
    """POST .../materials; the context says `public_only`, whether files may be at hosts of the public network only."""

    files: Annotated[list[NewMaterial], Field(min_length=1, max_length=20)]

    def uploads(self) -> list[Upload]:
        """As the service takes them."""
        return [Upload(file.file_name, file.mime_type, file.size_bytes, file.download_url) for file in self.files]


class ChangesQuery(Schema):
    """GET /internal/changes: where to read on, how many changes, and how many seconds to wait for the first."""

    feed: str = _ABSENT
    after: Annotated[Digits, Field(le=2**63 - 1)] = 0
    limit: Annotated[Digits, Field(ge=1, le=1000)] = 100
    wait: Annotated[Digits, Field(le=10)] = 0


class Reference(Schema):
    """A lesson that somebody keeps something about."""

    event_id: str
    lesson_id: str


class References(Schema):
    """POST /internal/references."""

    references: Annotated[list[Reference], Field(max_length=500)]

    def lessons(self) -> list[LessonReference]:
        """As the service takes them."""
        return [LessonReference(each.event_id, each.lesson_id) for each in self.references]


class Presence(Schema):
    """POST /internal/presence."""

    events: Annotated[list[str], Field(max_length=500)]
    lessons: Annotated[list[str], Field(max_length=500)]


class AccessRequest(Schema):
    """What a learner sends to open an event."""

    event_access_key: AccessKey = _ABSENT
