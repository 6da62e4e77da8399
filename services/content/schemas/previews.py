"""The preview of what learners would meet at an instant."""

from typing import Annotated

from pydantic import Field
from typing_extensions import TypedDict

from services.content import rules
from services.content.entities import (
    AccessPreview,
    Lesson,
    LessonStatus,
    ScheduleWarning,
    ScheduleWarningCode,
    Visibility,
)
from services.content.schemas.texts import optional_instant
from services.kit.core.instants import format_instant
from services.kit.web.schemas import Instant, InstantText, Schema


class PreviewQuery(Schema, extra="forbid"):
    """The query of a preview."""

    at: Annotated[Instant | None, Field(description="the instant to look at; now without one")] = None


class PreviewedLessonView(TypedDict):
    """What the access check of a lesson would say to a learner whom the event admits."""

    id: str
    slug: str
    title: str
    status: LessonStatus
    authorized: bool
    message: str
    releaseAt: InstantText
    expiresAt: InstantText | None
    unlocksInSeconds: int


class ScheduleWarningView(TypedDict):
    """What looks wrong in the schedule; `since` and `until` are null where it is about no time."""

    code: ScheduleWarningCode
    message: str
    lessonIds: list[str]
    since: InstantText | None
    until: InstantText | None


class AccessPreviewView(TypedDict):
    """What a learner whom the event admits would meet at that instant, lesson by lesson in order of release."""

    eventId: str
    visibility: Visibility
    at: InstantText
    lessons: list[PreviewedLessonView]
    warnings: list[ScheduleWarningView]


def access_preview_view(preview: AccessPreview) -> AccessPreviewView:
    """Return the preview of an event."""
    return {
        "eventId": preview.event.id,
        "visibility": preview.event.visibility,
        "at": format_instant(preview.at),
        "lessons": [_lesson_view(lesson, preview) for lesson in preview.lessons],
        "warnings": [_warning_view(each) for each in preview.warnings],
    }


def _lesson_view(lesson: Lesson, preview: AccessPreview) -> PreviewedLessonView:
    status = rules.lesson_status(lesson, preview.at)
    return {
        "id": lesson.id,
        "slug": lesson.slug,
        "title": lesson.title,
        "status": status,
        "authorized": status == "released",
        "message": rules.ACCESS_MESSAGES[status],
        "releaseAt": format_instant(lesson.release_at),
        "expiresAt": optional_instant(lesson.expires_at),
        "unlocksInSeconds": rules.seconds_until(lesson.release_at, preview.at),
    }


def _warning_view(warning: ScheduleWarning) -> ScheduleWarningView:
    return {
        "code": warning.code,
        "message": warning.message,
        "lessonIds": [*warning.lesson_ids],
        "since": optional_instant(warning.since),
        "until": optional_instant(warning.until),
    }
