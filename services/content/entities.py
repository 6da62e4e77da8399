"""The records of content, the same from every repository. Their fields are the columns of the tables.

A new field of events or lessons belongs in their ...Fields and ...Changes: mypy then names every other place. Where
older rows, samples and imports have no value for it, the record itself gives a default.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal

from services.kit.core.instants import to_milliseconds
from services.kit.core.unset import Unset
from services.kit.storage.audit.model import AuditEntry

Visibility = Literal["public", "private"]
VideoProvider = Literal["youtube", "vimeo", "gemini_stream"]
LessonStatus = Literal["released", "locked", "expired"]
MimeType = Literal["application/pdf", "application/zip", "image/png", "image/jpeg", "text/plain"]
AccessStatus = Literal["released", "locked", "expired", "blocked_private"]
BrandingStrategy = Literal["provider", "fallback"]
ChangedKind = Literal["event", "lesson", "material"]
ChangeAction = Literal["created", "changed", "deleted"]
ScheduleWarningCode = Literal["no_lessons", "nothing_open", "closes_before_opening", "gap", "overlap"]

MAXIMUM_MATERIAL_BYTES = 25 * 1024 * 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class EventFields:
    """The fields of an event that an editor decides."""

    title: str
    slug: str
    short_description: str
    long_description: str
    is_active: bool
    visibility: Visibility
    access_key: str | None
    hero_title: str
    hero_subtitle: str
    hero_cta_text: str
    background_color: str
    text_color: str
    accent_color: str
    logo_url: str | None
    highlight_video_url: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class EventChanges:
    """A partial update of an event."""

    title: str | Unset
    slug: str | Unset
    short_description: str | Unset
    long_description: str | Unset
    is_active: bool | Unset
    visibility: Visibility | Unset
    access_key: str | Unset | None
    hero_title: str | Unset
    hero_subtitle: str | Unset
    hero_cta_text: str | Unset
    background_color: str | Unset
    text_color: str | Unset
    accent_color: str | Unset
    logo_url: str | Unset | None
    highlight_video_url: str | Unset | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Event(EventFields):
    """A launch: its page and branding, open to everyone or behind an access key.

    `position` is its place among the events of the same `created_at`, which the repository gives it.
    """

    id: str
    branding_provider: str | None
    branding_prompt_version: str | None
    branding_generated_at: datetime | None
    created_at: datetime
    updated_at: datetime
    version: int = 1
    position: int = field(default=0, compare=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class EventFilter:
    """A filter of events; None means any. `q` is in the title or the slug, in any case."""

    is_active: bool | None = None
    visibility: Visibility | None = None
    q: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Branding:
    """A generated look of an event's page, and what made it."""

    hero_title: str
    hero_subtitle: str
    hero_cta_text: str
    background_color: str
    text_color: str
    accent_color: str
    logo_url: str | None
    branding_provider: str
    branding_prompt_version: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Generation:
    """A look and how it was made; `fallback_reason` is None for a provider's look."""

    branding: Branding
    strategy: BrandingStrategy
    attempts: int
    duration_ms: int
    fallback_reason: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class LessonFields:
    """The fields of a lesson that an editor decides."""

    title: str
    description: str
    slug: str
    video_provider: VideoProvider
    video_id: str
    release_at: datetime
    expires_at: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class LessonChanges:
    """A partial update of a lesson."""

    title: str | Unset
    description: str | Unset
    slug: str | Unset
    video_provider: VideoProvider | Unset
    video_id: str | Unset
    release_at: datetime | Unset
    expires_at: datetime | Unset | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Lesson(LessonFields):
    """A video of an event, open from `release_at` until before `expires_at`."""

    id: str
    event_id: str
    created_at: datetime
    updated_at: datetime
    version: int = 1

    @property
    def release_order(self) -> tuple[int, int, str]:
        """The sort key of lessons: release, then creation, then id."""
        return to_milliseconds(self.release_at), to_milliseconds(self.created_at), self.id


@dataclass(frozen=True, slots=True, kw_only=True)
class LessonFilter:
    """A filter of lessons; None means any. `q` is in the title or the slug, in any case.

    `since` is included, `until` is not; both are about `release_at`.
    """

    q: str | None = None
    since: datetime | None = None
    until: datetime | None = None


@dataclass(frozen=True, slots=True)
class Material:
    """A file to download with a lesson; `position` counts from 1 in the order of upload."""

    id: str
    lesson_id: str
    file_name: str
    mime_type: str
    size_bytes: int
    download_url: str
    position: int
    created_at: datetime


@dataclass(frozen=True, slots=True)
class Upload:
    """A material before it has an id."""

    file_name: str
    mime_type: str
    size_bytes: int
    download_url: str


@dataclass(frozen=True, slots=True)
class NewChange:
    """A change before it has a number in the feed; `version` is the record's version after it."""

    kind: ChangedKind
    action: ChangeAction
    event_id: str
    lesson_id: str | None
    material_id: str | None
    version: int

    @property
    def entry(self) -> AuditEntry:
        """The entry of the audit log for this change."""
        return f"{self.kind}.{self.action}", self.material_id or self.lesson_id or self.event_id


@dataclass(frozen=True, slots=True)
class Change:
    """A change of one record; the sequence numbers are in the order of the commits."""

    sequence: int
    kind: ChangedKind
    action: ChangeAction
    event_id: str
    lesson_id: str | None
    material_id: str | None
    version: int
    occurred_at: datetime

    @property
    def subject_id(self) -> str:
        """The id of the record that changed."""
        return self.material_id or self.lesson_id or self.event_id


@dataclass(frozen=True, slots=True)
class ChangeFeed:
    """A feed's id and extent: it holds the changes after `pruned_through` and up to `last_sequence`."""

    feed_id: str
    last_sequence: int
    pruned_through: int


@dataclass(frozen=True, slots=True)
class FeedReader:
    """A service that follows the feed and has processed everything up to `position`."""

    name: str
    position: int
    seen_at: datetime


@dataclass(frozen=True, slots=True)
class FeedState:
    """The bookkeeping of the feed and the changes that are stored, at one moment.

    `gaps` are the first and last number of each stretch of missing changes, at most a thousand; each reader comes with
    the time of the next change that it has to process.
    """

    feed: ChangeFeed
    first_change: int | None
    last_change: int | None
    gaps: Sequence[tuple[int, int]]
    readers: Sequence[tuple[FeedReader, datetime | None]]


@dataclass(frozen=True, slots=True)
class ChangePage:
    """Consecutive changes of a feed."""

    feed: ChangeFeed
    changes: Sequence[Change]


@dataclass(frozen=True, slots=True)
class LessonReference:
    """The ids by which other services name a lesson."""

    event_id: str
    lesson_id: str


@dataclass(frozen=True, slots=True)
class StatusCounts:
    """The number of lessons in each status."""

    locked: int
    released: int
    expired: int


@dataclass(frozen=True, slots=True)
class Access:
    """The decision on one request for a lesson at `server_time`; `lesson` is None where it must stay unknown."""

    status: AccessStatus
    lesson: Lesson | None
    server_time: datetime

    @property
    def authorized(self) -> bool:
        """Whether the lesson opens."""
        return self.status == "released"


@dataclass(frozen=True, slots=True)
class EventAccess:
    """The content of a learner grant: the event that was opened, and the fingerprint of its key."""

    event_id: str
    fingerprint: str


@dataclass(frozen=True, slots=True)
class Catalog:
    """An event with its lessons at `server_time`."""

    event: Event
    lessons: Sequence[Lesson]
    server_time: datetime


@dataclass(frozen=True, slots=True)
class ScheduleWarning:
    """What looks wrong in a schedule: with which lessons, and from `since` until `until` where it is about a time."""

    code: ScheduleWarningCode
    message: str
    lesson_ids: tuple[str, ...]
    since: datetime | None = None
    until: datetime | None = None


@dataclass(frozen=True, slots=True)
class AccessPreview:
    """What a learner whom the event admits would meet at the instant `at`."""

    event: Event
    lessons: Sequence[Lesson]
    warnings: Sequence[ScheduleWarning]
    at: datetime


@dataclass(frozen=True, slots=True)
class Playback:
    """A lesson that plays now, between its neighbours."""

    lesson: Lesson
    previous: Lesson | None
    next: Lesson | None
    server_time: datetime


@dataclass(frozen=True, slots=True)
class Snapshot:
    """The counts of the whole installation."""

    events: int
    lessons: StatusCounts


@dataclass(frozen=True, slots=True)
class OpenMaterials:
    """The materials of an open lesson, in order of upload."""

    lesson: Lesson
    materials: Sequence[Material]
