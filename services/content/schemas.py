"""Content on the wire: what comes in is named New... or ...Patch, what goes out is listed field by field."""

from collections.abc import Sequence
from typing import Annotated, Any

from pydantic import AfterValidator, ConfigDict, Field, StringConstraints

from services.content import rules
from services.content.entities import (
    MAXIMUM_MATERIAL_BYTES,
    Access,
    Catalog,
    Event,
    Lesson,
    Material,
    MimeType,
    Playback,
    Snapshot,
    Upload,
    VideoProvider,
    Visibility,
)
from services.kit.instants import format_instant
from services.kit.schemas import Instant, Integer, Patch, Schema, Text, WebAddress


def _event_slug(text: str) -> str:
    slug = rules.event_slug(text)
    if not slug:
        raise ValueError("must contain a letter from a to z or a digit")
    return slug


Title = Annotated[Text, Field(min_length=3)]
# PostgreSQL cannot index a text of more than 2704 bytes, and no server reads an address of that length.
SlugText = Annotated[Text, Field(min_length=3, max_length=400)]
EventSlug = Annotated[SlugText, AfterValidator(_event_slug)]
LessonSlug = Annotated[SlugText, AfterValidator(rules.lesson_slug)]
AccessKey = Annotated[Text, Field(min_length=6, max_length=64)]
HexColor = Annotated[str, StringConstraints(pattern=r"^#[0-9a-fA-F]{6}$")]
Address = Annotated[WebAddress, Field(max_length=400)]
VideoId = Annotated[Text, Field(min_length=3, max_length=120)]

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


class NewMaterial(Schema):
    """One of the files of POST .../materials."""

    file_name: Annotated[Text, Field(min_length=1, max_length=200)]
    mime_type: MimeType
    size_bytes: Annotated[Integer, Field(ge=1, le=MAXIMUM_MATERIAL_BYTES)]
    download_url: WebAddress


class NewMaterials(Schema):
    """POST .../materials."""

    files: Annotated[list[NewMaterial], Field(min_length=1, max_length=20)]

    def uploads(self) -> list[Upload]:
        """As the service takes them."""
        return [Upload(file.file_name, file.mime_type, file.size_bytes, file.download_url) for file in self.files]


class AccessRequest(Schema):
    """What a learner sends to open an event."""

    event_access_key: AccessKey = _ABSENT


def event_view(event: Event) -> dict[str, Any]:
    """The contract's Event."""
    return {
        "id": event.id,
        "title": event.title,
        "slug": event.slug,
        "description": event.short_description,
        "shortDescription": event.short_description,
        "longDescription": event.long_description,
        "isActive": event.is_active,
        "visibility": event.visibility,
        "accessKey": event.access_key,
        "hero": _hero_view(event),
        "visualStyle": _visual_style_view(event),
        "logoUrl": event.logo_url,
        "highlightVideoUrl": event.highlight_video_url,
        "brandingProvider": event.branding_provider,
        "brandingPromptVersion": event.branding_prompt_version,
        "brandingGeneratedAt": event.branding_generated_at and format_instant(event.branding_generated_at),
        "createdAt": format_instant(event.created_at),
        "updatedAt": format_instant(event.updated_at),
    }


def public_event_view(event: Event) -> dict[str, Any]:
    """The event as a learner sees it: no key, nothing of its administration."""
    return {
        "id": event.id,
        "slug": event.slug,
        "title": event.title,
        "description": event.short_description,
        "shortDescription": event.short_description,
        "longDescription": event.long_description,
        "visibility": event.visibility,
        "logoUrl": event.logo_url,
        "highlightVideoUrl": event.highlight_video_url,
        "hero": _hero_view(event),
        "visualStyle": _visual_style_view(event),
    }


def lesson_view(lesson: Lesson) -> dict[str, Any]:
    """The contract's Lesson."""
    return {
        "id": lesson.id,
        "eventId": lesson.event_id,
        "title": lesson.title,
        "description": lesson.description,
        "slug": lesson.slug,
        "videoProvider": lesson.video_provider,
        "videoId": lesson.video_id,
        "releaseAt": format_instant(lesson.release_at),
        "expiresAt": lesson.expires_at and format_instant(lesson.expires_at),
        "createdAt": format_instant(lesson.created_at),
        "updatedAt": format_instant(lesson.updated_at),
    }


def material_view(material: Material, event_id: str) -> dict[str, Any]:
    """The contract's Material."""
    return {
        "id": material.id,
        "eventId": event_id,
        "lessonId": material.lesson_id,
        "fileName": material.file_name,
        "mimeType": material.mime_type,
        "sizeBytes": material.size_bytes,
        "downloadUrl": material.download_url,
        "createdAt": format_instant(material.created_at),
    }


def snapshot_view(snapshot: Snapshot) -> dict[str, Any]:
    """The dashboard's counts; it calls the three states upcoming, available and expired."""
    lessons = snapshot.lessons
    return {
        "totals": {"events": snapshot.events, "lessons": lessons.locked + lessons.released + lessons.expired},
        "lessonReleaseStatus": {
            "upcoming": lessons.locked,
            "available": lessons.released,
            "expired": lessons.expired,
        },
    }


def catalog_view(catalog: Catalog) -> dict[str, Any]:
    """The contract's Catalog; a lesson that is not released keeps its video to itself."""
    items = [_catalog_item(lesson, rules.lesson_status(lesson, catalog.server_time)) for lesson in catalog.lessons]
    return {
        "event": public_event_view(catalog.event),
        "catalog": {"items": items, "isEmpty": not items},
        "serverTime": format_instant(catalog.server_time),
    }


def access_view(access: Access) -> dict[str, Any]:
    """The answer of access-check; of a private event's lesson it gives no times without the key."""
    server_time = format_instant(access.server_time)
    lesson = access.lesson
    return {
        "authorized": access.authorized,
        "status": access.status,
        "message": rules.ACCESS_MESSAGES[access.status],
        "serverTime": server_time,
        "timing": {
            "releaseAt": lesson and format_instant(lesson.release_at),
            "expiresAt": lesson and lesson.expires_at and format_instant(lesson.expires_at),
            "unlocksInSeconds": lesson and rules.seconds_until(lesson.release_at, access.server_time),
            "serverTime": server_time,
        },
    }


def playback_view(playback: Playback, allowed_domains: Sequence[str]) -> dict[str, Any]:
    """What a player needs."""
    lesson = playback.lesson
    return {
        "player": {
            "provider": lesson.video_provider,
            "videoId": lesson.video_id,
            "embedUrl": rules.embed_url(lesson.video_provider, lesson.video_id),
            "constraints": {
                "allowedDomains": list(allowed_domains),
                "disableDownload": True,
                "disablePictureInPicture": False,
                "referrerPolicy": "strict-origin-when-cross-origin",
            },
        },
        "lesson": {
            "id": lesson.id,
            "slug": lesson.slug,
            "title": lesson.title,
            "videoProvider": lesson.video_provider,
            "videoId": lesson.video_id,
            "releaseAt": format_instant(lesson.release_at),
            "expiresAt": lesson.expires_at and format_instant(lesson.expires_at),
        },
        "navigation": {
            "previous": _navigation_view(playback.previous, playback),
            "next": _navigation_view(playback.next, playback),
        },
    }


def _hero_view(event: Event) -> dict[str, str]:
    return {"title": event.hero_title, "subtitle": event.hero_subtitle, "ctaText": event.hero_cta_text}


def _visual_style_view(event: Event) -> dict[str, str]:
    return {
        "backgroundColor": event.background_color,
        "textColor": event.text_color,
        "accentColor": event.accent_color,
    }


def _catalog_item(lesson: Lesson, status: str) -> dict[str, Any]:
    return {
        "id": lesson.id,
        "slug": lesson.slug,
        "title": lesson.title,
        "description": lesson.description,
        "videoProvider": lesson.video_provider,
        "videoId": lesson.video_id if status == "released" else None,
        "releaseAt": format_instant(lesson.release_at),
        "expiresAt": lesson.expires_at and format_instant(lesson.expires_at),
        "status": status,
    }


def _navigation_view(lesson: Lesson | None, playback: Playback) -> dict[str, str] | None:
    if lesson is None:
        return None
    status = rules.lesson_status(lesson, playback.server_time)
    return {"slug": lesson.slug, "title": lesson.title, "status": status}
