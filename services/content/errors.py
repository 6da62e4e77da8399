"""The named errors of content.

NotFound:  EventNotFound, LessonNotFound, MaterialNotFound
Conflict:  EventSlugTaken, EventChanged, LessonSlugTaken
Invalid:   InvalidWindow, BrandingProviderInvalid
Forbidden: EventAccessDenied, LessonAccessDenied
Gone:      FeedPositionLost
502:       BrandingProviderFailed
"""

from collections.abc import Iterable, Sequence
from typing import ClassVar, Literal

# Before Python 3.12 pydantic does not support the standard library's TypedDict.
from typing_extensions import TypedDict

from services.kit.core.errors import (
    Conflict,
    Forbidden,
    Gone,
    Invalid,
    NotFound,
    PreconditionFailed,
    ServiceError,
    ValidationFailed,
)


class EventNotFound(NotFound):
    """No event has this id or slug."""

    code = "EVENT_NOT_FOUND"
    message = "Event not found"


class LessonNotFound(NotFound):
    """The event has no lesson with this id or slug."""

    code = "LESSON_NOT_FOUND"
    message = "Lesson not found"


class MaterialNotFound(NotFound):
    """The lesson has no material with this id."""

    code = "MATERIAL_NOT_FOUND"
    message = "Material not found"


class EventSlugTaken(Conflict):
    """Another event has this slug."""

    code = "EVENT_SLUG_CONFLICT"

    def __init__(self, slug: str):
        super().__init__(f"Another event already has the slug {slug}")


class EventChanged(Conflict):
    """The event has changed since the generation of its look began; nothing was written."""

    code = PreconditionFailed.code
    message = PreconditionFailed.message


class BrandingProviderInvalid(ValidationFailed):
    """There is no provider of looks of this name."""

    code = "BRANDING_PROVIDER_INVALID"
    message = "There is no such provider of looks"

    def __init__(self, known: Iterable[str]):
        super().__init__({"provider": [f"must be one of {', '.join(sorted(known))}"]})


class BrandingErrors(TypedDict):
    """An error for each time that the provider was asked."""

    errors: list[str]


class BrandingFailedMembers(TypedDict):
    """The further member of a BRANDING_PROVIDER_FAILED."""

    details: BrandingErrors


class BrandingProviderFailed(ServiceError):
    """The provider gave no look, and the request wants no fallback."""

    status: ClassVar[int] = 502
    code = "BRANDING_PROVIDER_FAILED"
    message = "The provider gave no look; nothing was changed"
    members = BrandingFailedMembers

    def __init__(self, errors: Sequence[str]):
        super().__init__(extra={"details": {"errors": [*errors]}})


class LessonSlugTaken(Conflict):
    """Another lesson of the event has this slug."""

    code = "LESSON_SLUG_CONFLICT"

    def __init__(self, slug: str):
        super().__init__(f"Another lesson of this event already has the slug {slug}")


class InvalidWindow(Invalid):
    """The lesson would close before it opens."""

    code = "LESSON_INVALID_WINDOW"
    message = "expiresAt must be later than releaseAt"


class DeniedMembers(TypedDict):
    """The further member of the errors below."""

    status: Literal["released", "locked", "expired", "blocked_private"]


class EventAccessDenied(Forbidden):
    """The event is private and neither the key nor the grant opens it."""

    code = "EVENT_ACCESS_DENIED"
    members = DeniedMembers

    def __init__(self, status: str, message: str):
        super().__init__(message, extra={"status": status})


class LessonAccessDenied(Forbidden):
    """The lesson does not open now for this learner; `status` says why."""

    code = "LESSON_ACCESS_DENIED"
    members = DeniedMembers

    def __init__(self, status: str, message: str):
        super().__init__(message, extra={"status": status})


class FeedPositionLost(Gone):
    """The feed cannot be read from that position: it is another feed, a shorter one, or pruned beyond it."""

    code = "FEED_POSITION_LOST"
    message = "The feed cannot be read on from there: compare everything, then go on from its lastSequence"
