"""Events and lessons for learners."""

from collections.abc import Sequence
from typing import Annotated

from pydantic import Field, with_config
from typing_extensions import TypedDict

from services.content import rules
from services.content.entities import (
    Access,
    AccessStatus,
    Catalog,
    Event,
    EventAccess,
    Lesson,
    LessonStatus,
    Playback,
    VideoProvider,
    Visibility,
)
from services.content.schemas.events import HeroView, VisualStyleView, hero_view, visual_style_view
from services.content.schemas.texts import TypedKey, optional_instant
from services.content.videos import embed_url
from services.kit.core.instants import format_instant
from services.kit.web.schemas import InstantText, Schema, absent


class AccessRequest(Schema):
    """The body with which a learner opens an event."""

    event_access_key: TypedKey = absent()


@with_config(extra="forbid")
class PublicEventView(TypedDict):
    """The event as a learner sees it: without its access key and the fields of its administration."""

    id: str
    slug: str
    title: str
    description: str
    shortDescription: str
    longDescription: str
    visibility: Visibility
    logoUrl: str | None
    highlightVideoUrl: str | None
    hero: HeroView
    visualStyle: VisualStyleView


ListedEventView = Annotated[
    PublicEventView, Field(json_schema_extra={"properties": {"visibility": {"enum": ["public"]}}})
]


def public_event_view(event: Event) -> PublicEventView:
    """Return the event as a learner sees it."""
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
        "hero": hero_view(event),
        "visualStyle": visual_style_view(event),
    }


class CatalogLessonView(TypedDict):
    """A lesson of a catalog."""

    id: str
    slug: str
    title: str
    description: str
    videoProvider: VideoProvider
    videoId: Annotated[str | None, Field(description="null unless the lesson is released")]
    releaseAt: InstantText
    expiresAt: InstantText | None
    status: LessonStatus


class CatalogListView(TypedDict):
    """The lessons of a catalog, in order of release."""

    items: list[CatalogLessonView]
    isEmpty: bool


class CatalogView(TypedDict):
    """An event with its lessons."""

    event: PublicEventView
    catalog: CatalogListView
    serverTime: InstantText


class ReadCatalogView(TypedDict):
    """An event with its lessons, without a time."""

    event: PublicEventView
    catalog: CatalogListView


def catalog_view(catalog: Catalog) -> CatalogView:
    """Return an event with its lessons; only a released lesson shows its video."""
    items = [
        _catalog_lesson_view(lesson, rules.lesson_status(lesson, catalog.server_time)) for lesson in catalog.lessons
    ]
    return {
        "event": public_event_view(catalog.event),
        "catalog": {"items": items, "isEmpty": not items},
        "serverTime": format_instant(catalog.server_time),
    }


def _catalog_lesson_view(lesson: Lesson, status: LessonStatus) -> CatalogLessonView:
    return {
        "id": lesson.id,
        "slug": lesson.slug,
        "title": lesson.title,
        "description": lesson.description,
        "videoProvider": lesson.video_provider,
        "videoId": lesson.video_id if status == "released" else None,
        "releaseAt": format_instant(lesson.release_at),
        "expiresAt": optional_instant(lesson.expires_at),
        "status": status,
    }


class CalendarView(TypedDict):
    """The lessons of an event as an iCalendar."""

    calendar: str


class TimingView(TypedDict):
    """The times of a lesson; null when the event is not open to the learner."""

    releaseAt: InstantText | None
    expiresAt: InstantText | None
    unlocksInSeconds: Annotated[int, Field(ge=0)] | None
    serverTime: InstantText


class AccessView(TypedDict):
    """Whether a lesson opens now, and when."""

    authorized: bool
    status: AccessStatus
    message: str
    serverTime: InstantText
    timing: TimingView


def access_view(access: Access) -> AccessView:
    """Return whether a lesson opens now; a private event without its key shows no times."""
    server_time = format_instant(access.server_time)
    lesson = access.lesson
    return {
        "authorized": access.authorized,
        "status": access.status,
        "message": rules.ACCESS_MESSAGES[access.status],
        "serverTime": server_time,
        "timing": {
            "releaseAt": optional_instant(lesson.release_at) if lesson else None,
            "expiresAt": optional_instant(lesson.expires_at) if lesson else None,
            "unlocksInSeconds": rules.seconds_until(lesson.release_at, access.server_time) if lesson else None,
            "serverTime": server_time,
        },
    }


class EventAccessView(TypedDict):
    """The content of a learner grant, which auth signs."""

    eventId: str
    fingerprint: str


def event_access_view(access: EventAccess) -> EventAccessView:
    """Return the content of a learner grant."""
    return {"eventId": access.event_id, "fingerprint": access.fingerprint}


class ConstraintsView(TypedDict):
    """The limits of a player."""

    allowedDomains: list[str]
    disableDownload: bool
    disablePictureInPicture: bool
    referrerPolicy: str


class PlayerView(TypedDict):
    """The video to load."""

    provider: VideoProvider
    videoId: str
    embedUrl: Annotated[str, Field(json_schema_extra={"format": "uri"})]
    constraints: ConstraintsView


class PlayedLessonView(TypedDict):
    """The lesson that plays."""

    id: str
    slug: str
    title: str
    videoProvider: VideoProvider
    videoId: str
    releaseAt: InstantText
    expiresAt: InstantText | None


class NavigationLessonView(TypedDict):
    """The lesson before or after the one that plays."""

    slug: str
    title: str
    status: LessonStatus


class NavigationView(TypedDict):
    """The lessons before and after the one that plays, in order of release."""

    previous: NavigationLessonView | None
    next: NavigationLessonView | None


class PlaybackView(TypedDict):
    """The video, the lesson and its neighbours, for a player."""

    player: PlayerView
    lesson: PlayedLessonView
    navigation: NavigationView


def playback_view(playback: Playback, allowed_domains: Sequence[str]) -> PlaybackView:
    """Return the video, the lesson and its neighbours, for a player."""
    lesson = playback.lesson
    return {
        "player": {
            "provider": lesson.video_provider,
            "videoId": lesson.video_id,
            "embedUrl": embed_url(lesson.video_provider, lesson.video_id),
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
            "expiresAt": optional_instant(lesson.expires_at),
        },
        "navigation": {
            "previous": _navigation_lesson_view(playback.previous, playback),
            "next": _navigation_lesson_view(playback.next, playback),
        },
    }


def _navigation_lesson_view(lesson: Lesson | None, playback: Playback) -> NavigationLessonView | None:
    if lesson is None:
        return None
    status = rules.lesson_status(lesson, playback.server_time)
    return {"slug": lesson.slug, "title": lesson.title, "status": status}
