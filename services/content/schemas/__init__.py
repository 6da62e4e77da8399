"""Content on the wire: what comes in and what goes out."""

from services.content.schemas.incoming import AccessRequest, EventPatch, LessonPatch, NewEvent, NewLesson, NewMaterials
from services.content.schemas.views import (
    access_view,
    catalog_view,
    event_view,
    lesson_view,
    material_view,
    playback_view,
    public_event_view,
    snapshot_view,
)

__all__ = [
    "AccessRequest",
    "EventPatch",
    "LessonPatch",
    "NewEvent",
    "NewLesson",
    "NewMaterials",
    "access_view",
    "catalog_view",
    "event_view",
    "lesson_view",
    "material_view",
    "playback_view",
    "public_event_view",
    "snapshot_view",
]
