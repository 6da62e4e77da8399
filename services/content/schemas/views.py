"""What goes out, listed field by field."""

from collections.abc import Sequence
from typing import Any

from services.content import rules
from services.content.entities import (
    Access,
    Catalog,
    Change,
    ChangeFeed,
    ChangePage,
    Event,
    EventAccess,
    FeedReader,
    Lesson,
    LessonReference,
    Material,
    Playback,
    Snapshot,
)
from services.kit.core.instants import format_instant


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


def changes_view(page: ChangePage) -> dict[str, Any]:
    """The changes as CloudEvents 1.0 (JSON format, with the extension `sequence`), and the feed they are of."""
    return {"items": [_cloud_event(page.feed, change) for change in page.changes], "feed": _feed_head(page.feed)}


def feed_view(feed: ChangeFeed, readers: Sequence[FeedReader]) -> dict[str, Any]:
    """How far the feed goes, and how many changes each reader is behind."""
    return {
        "item": {
            **_feed_head(feed),
            "readers": [
                {
                    "name": reader.name,
                    "position": reader.position,
                    "lag": feed.last_sequence - reader.position,
                    "seenAt": format_instant(reader.seen_at),
                }
                for reader in readers
            ],
        }
    }


def references_view(missing: Sequence[LessonReference]) -> dict[str, Any]:
    """The references that name nothing."""
    return {"missing": [{"eventId": each.event_id, "lessonId": each.lesson_id} for each in missing]}


def presence_view(events: set[str], lessons: set[str]) -> dict[str, Any]:
    """The ids of those that are there."""
    return {"events": sorted(events), "lessons": sorted(lessons)}


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


def event_access_view(access: EventAccess) -> dict[str, Any]:
    """What auth is asked to sign."""
    return {"eventId": access.event_id, "fingerprint": access.fingerprint}


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


def _feed_head(feed: ChangeFeed) -> dict[str, Any]:
    return {"id": feed.feed_id, "lastSequence": feed.last_sequence, "prunedThrough": feed.pruned_through}


def _cloud_event(feed: ChangeFeed, change: Change) -> dict[str, Any]:
    return {
        "specversion": "1.0",
        "id": str(change.sequence),
        "source": f"/flix/content/{feed.feed_id}",
        "type": f"app.flix.{change.kind}.{change.action}",
        "subject": change.subject_id,
        "time": format_instant(change.occurred_at),
        "sequence": str(change.sequence),
        "sequencetype": "Integer",
        "datacontenttype": "application/json",
        "data": {
            "eventId": change.event_id,
            "lessonId": change.lesson_id,
            "materialId": change.material_id,
            "version": change.version,
        },
    }
