"""Lessons and their materials, for admins."""

from typing import Annotated, Any

from pydantic import AfterValidator, Field, ValidationInfo
from typing_extensions import TypedDict

from services.content import addresses
from services.content.entities import (
    MAXIMUM_MATERIAL_BYTES,
    Lesson,
    LessonChanges,
    LessonFields,
    Material,
    MimeType,
    OpenMaterials,
    Upload,
    VideoProvider,
)
from services.content.schemas.texts import FileName, LessonSlug, Title, optional_instant, with_stored_slug
from services.content.videos import MAXIMUM_ID, MINIMUM_ID, Video, read_video
from services.kit.core.instants import format_instant
from services.kit.core.unset import UNSET, only_changes
from services.kit.web.schemas import (
    Creation,
    ExactText,
    Instant,
    InstantText,
    Integer,
    Items,
    Patch,
    Schema,
    Text,
    WebAddress,
    absent,
    length,
    validated,
)

DEFAULT_PROVIDER: VideoProvider = "youtube"

Description = Annotated[Text, length(maximum=400)]


def _video_id(text: str) -> str:
    if len(read_video(text).id) > MAXIMUM_ID:
        raise ValueError(f"must have at most {MAXIMUM_ID} characters")
    return text


def _provider_of_the_address(provider: VideoProvider, info: ValidationInfo) -> VideoProvider:
    """Refuse an address of another provider; the schemas declare `video_id` first, so that it is known here."""
    pasted = info.data.get("video_id")
    named = read_video(pasted).provider if isinstance(pasted, str) else None
    if named not in (None, provider):
        raise ValueError(f"must be {named}, as in the address in videoId, or absent")
    return provider


VideoId = Annotated[
    ExactText,
    length(MINIMUM_ID, 2000),
    AfterValidator(_video_id),
    Field(description="an id, or an address or iframe snippet of the provider, which becomes the id"),
]
Provider = Annotated[VideoProvider, AfterValidator(_provider_of_the_address)]


class NewLesson(Creation):
    """The body of POST /api/events/{eventId}/lessons."""

    title: Title
    slug: LessonSlug
    release_at: Instant
    description: Description = ""
    video_id: Annotated[VideoId, Field(description="the lesson's slug when absent")] = absent()
    video_provider: Annotated[Provider, Field(json_schema_extra={"default": DEFAULT_PROVIDER})] = absent()
    expires_at: Annotated[Instant | None, Field(description="later than releaseAt")] = absent()

    def fields(self) -> LessonFields:
        """Return the fields with their defaults; the provider follows from an address in `video_id`."""
        video = read_video(self.video_id) if self.video_id else Video(self.slug)
        return LessonFields(
            title=self.title,
            description=self.description,
            slug=self.slug,
            video_provider=self.video_provider or video.provider or DEFAULT_PROVIDER,
            video_id=video.id,
            release_at=self.release_at,
            expires_at=self.expires_at,
        )


class LessonPatch(Patch):
    """The body of PUT /api/events/{eventId}/lessons/{lessonId}. At least one field is required.

    Null clears expiresAt.
    """

    title: Title = absent(UNSET)
    slug: LessonSlug = absent(UNSET)
    release_at: Instant = absent(UNSET)
    description: Description = absent(UNSET)
    video_id: VideoId = absent(UNSET)
    video_provider: Provider = absent(UNSET)
    expires_at: Instant | None = absent(UNSET)

    def changes(self) -> LessonChanges:
        """Return the fields that were sent; the provider follows from an address in `video_id`."""
        video = read_video(self.video_id) if isinstance(self.video_id, str) else None
        # A provider that was sent with an address is that of the address.
        provider = video.provider if video else None
        return LessonChanges(
            title=self.title,
            description=self.description,
            slug=self.slug,
            video_provider=provider or self.video_provider,
            video_id=video.id if video else UNSET,
            release_at=self.release_at,
            expires_at=self.expires_at,
        )


def lesson_changes(document: Any, stored: Lesson) -> LessonChanges:
    """Return the changes that the body of PUT .../lessons/{lessonId} makes to that lesson. Raise ValidationFailed."""
    view: dict[str, Any] = {**lesson_view(stored)}
    # Keep a provider that equals the stored one: it is checked against the address in videoId.
    del view["videoProvider"]
    return validated(LessonPatch, only_changes(with_stored_slug(document, stored.slug), view)).changes()


class LessonView(TypedDict):
    """A lesson as admins see it."""

    id: str
    eventId: str
    title: str
    description: str
    slug: str
    videoProvider: VideoProvider
    videoId: str
    releaseAt: InstantText
    expiresAt: InstantText | None
    createdAt: InstantText
    updatedAt: InstantText


def lesson_view(lesson: Lesson) -> LessonView:
    """Return the lesson as admins see it."""
    return {
        "id": lesson.id,
        "eventId": lesson.event_id,
        "title": lesson.title,
        "description": lesson.description,
        "slug": lesson.slug,
        "videoProvider": lesson.video_provider,
        "videoId": lesson.video_id,
        "releaseAt": format_instant(lesson.release_at),
        "expiresAt": optional_instant(lesson.expires_at),
        "createdAt": format_instant(lesson.created_at),
        "updatedAt": format_instant(lesson.updated_at),
    }


def _material_address(address: str, info: ValidationInfo) -> str:
    public_only = (info.context or {}).get("public_only", True)
    flaw = addresses.flaw(address, public_only=public_only)
    if flaw is not None:
        raise ValueError(flaw)
    return address


class NewMaterial(Schema):
    """One file of POST .../materials."""

    file_name: FileName
    mime_type: MimeType
    size_bytes: Annotated[Integer, Field(ge=1, le=MAXIMUM_MATERIAL_BYTES)]
    download_url: Annotated[WebAddress, AfterValidator(_material_address)]


class NewMaterials(Schema):
    """The body of POST .../materials.

    The validation context `public_only` says whether files must be at hosts of the public network.
    """

    files: Annotated[list[NewMaterial], Field(min_length=1, max_length=20)]

    def uploads(self) -> list[Upload]:
        """Return the files as the service takes them."""
        return [Upload(file.file_name, file.mime_type, file.size_bytes, file.download_url) for file in self.files]


class MaterialView(TypedDict):
    """A file to download with a lesson."""

    id: str
    eventId: str
    lessonId: str
    fileName: str
    mimeType: str
    sizeBytes: int
    downloadUrl: str
    createdAt: InstantText


def material_view(material: Material, event_id: str) -> MaterialView:
    """Return the material of a lesson of that event."""
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


def materials_view(opened: OpenMaterials) -> Items[MaterialView]:
    """Return the materials of a lesson that opens for a learner."""
    return {"items": [material_view(material, opened.lesson.event_id) for material in opened.materials]}
