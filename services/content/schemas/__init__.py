"""Content on the wire: what comes in and what goes out."""

from services.content.schemas.incoming import (
    AccessRequest,
    ChangesQuery,
    EventPatch,
    LessonPatch,
    NewEvent,
    NewLesson,
    NewMaterials,
    References,
)
from services.content.schemas.views import (
    access_view,
    catalog_view,
    changes_view,
    event_access_view,
    event_view,
    feed_view,
    lesson_view,
    material_view,
    playback_view,
    public_event_view,
    references_view,
    snapshot_view,
)

__all__ = [
    "AccessRequest",
    "ChangesQuery",
    "EventPatch",
    "LessonPatch",
    "NewEvent",
    "NewLesson",
    "NewMaterials",
    "References",
    "access_view",
    "catalog_view",
    "changes_view",
    "event_access_view",
    "event_view",
    "feed_view",
    "lesson_view",
    "material_view",
    "playback_view",
    "public_event_view",
    "references_view",
    "snapshot_view",
]
