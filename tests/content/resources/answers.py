"""The addresses of content, and the views of the records of the fixture `store`."""

from collections.abc import Mapping, Sequence
from typing import Any

from services.content.entities import Event, Lesson, Material
from tests.content.examples import KEY
from tests.content.memory import InMemoryContentStore
from tests.matching import Matching
from tests.refusals import Response, refusal

EVENTS = "/api/events"
EVENT = "/api/events/event-1"
PREVIEW = EVENT + "/access-preview"
LESSONS = EVENT + "/lessons"
LESSON = LESSONS + "/lesson-1"
MATERIALS = LESSON + "/materials"
SNAPSHOT = "/api/admin/dashboard/operational-snapshot"
PUBLIC = "/internal/public/events"
MEBIBYTE = 1024 * 1024

SOME_TEXT = Matching(".+")

EVENT_VIEW: Mapping[str, Any] = {
    "id": "event-1",
    "title": "The launch",
    "slug": "launch",
    "description": "Short",
    "shortDescription": "Short",
    "longDescription": "Long",
    "isActive": True,
    "visibility": "public",
    "accessKey": None,
    "hero": {"title": "Learn", "subtitle": "In four lessons", "ctaText": "Begin"},
    "visualStyle": {"backgroundColor": "#000000", "textColor": "#ffffff", "accentColor": "#ff0000"},
    "logoUrl": "https://flix.app/logo.png",
    "highlightVideoUrl": None,
    "brandingProvider": None,
    "brandingPromptVersion": None,
    "brandingGeneratedAt": None,
    "createdAt": "2026-02-28T12:00:00.000Z",
    "updatedAt": "2026-02-28T12:00:00.000Z",
}
SECRET_EVENT_VIEW = {
    **EVENT_VIEW,
    "id": "event-2",
    "slug": "secret",
    "visibility": "private",
    "accessKey": KEY,
    "createdAt": "2026-03-01T12:00:00.000Z",
}
_ADMINS_ALONE = ("isActive", "accessKey", "createdAt", "updatedAt")
PUBLIC_EVENT_VIEW = {
    name: value for name, value in EVENT_VIEW.items() if name not in _ADMINS_ALONE and not name.startswith("branding")
}
LESSON_VIEW: Mapping[str, Any] = {
    "id": "lesson-1",
    "eventId": "event-1",
    "title": "The first lesson",
    "description": "How to begin",
    "slug": "first",
    "videoProvider": "youtube",
    "videoId": "dQw4w9WgXcQ",
    "releaseAt": "2026-03-01T11:00:00.000Z",
    "expiresAt": "2026-03-01T13:00:00.000Z",
    "createdAt": "2026-03-01T00:00:00.000Z",
    "updatedAt": "2026-03-01T00:00:00.000Z",
}
MATERIAL_VIEW: Mapping[str, Any] = {
    "id": "material-1",
    "eventId": "event-1",
    "lessonId": "lesson-1",
    "fileName": "slides.pdf",
    "mimeType": "application/pdf",
    "sizeBytes": 1024,
    "downloadUrl": "https://files.flix.app/slides.pdf",
    "createdAt": "2026-03-01T06:00:00.000Z",
}
NEW_EVENT: Mapping[str, Any] = {"title": "New", "slug": "brand-new"}
NEW_LESSON: Mapping[str, Any] = {"title": "New", "slug": "brand-new", "releaseAt": "2026-03-01T12:00:00.000Z"}
NEW_FILE: Mapping[str, Any] = {
    "fileName": "notes.txt",
    "mimeType": "text/plain",
    "sizeBytes": 7,
    "downloadUrl": "https://files.flix.app/notes.txt",
}


MATERIAL_NOT_FOUND = refusal(404, "MATERIAL_NOT_FOUND", "Material not found")
NO_BODY = Response(204, None)


Everything = tuple[Sequence[Event], Sequence[Sequence[Lesson]], Sequence[Sequence[Material]]]


def everything(store: InMemoryContentStore) -> Everything:
    """Return all records of the fixture's store."""
    events = ("event-1", "event-2")
    lessons = ("lesson-1", "lesson-2")
    return (
        store.events.list(),
        [store.lessons.list(each) for each in events],
        [store.materials.list(each) for each in lessons],
    )
