"""What content speaks of: plain records, the same from every repository. Their fields are the tables' columns."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from services.kit.storage.audit.model import AuditEntry

Visibility = Literal["public", "private"]
VideoProvider = Literal["youtube", "vimeo", "gemini_stream"]
LessonStatus = Literal["released", "locked", "expired"]
MimeType = Literal["application/pdf", "application/zip", "image/png", "image/jpeg", "text/plain"]
AccessStatus = Literal["released", "locked", "expired", "blocked_private"]
ChangedKind = Literal["event", "lesson", "material"]
ChangeAction = Literal["created", "changed", "deleted"]

MAXIMUM_MATERIAL_BYTES = 25 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class Event:
    """A launch: its page and branding, open to all or behind an access key."""

    id: str
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
    branding_provider: str | None
    branding_prompt_version: str | None
    branding_generated_at: datetime | None
    created_at: datetime
    updated_at: datetime
    version: int = 1


@dataclass(frozen=True, slots=True)
class Lesson:
    """A video of an event, open from `release_at` until before `expires_at`."""

    id: str
    event_id: str
    title: str
    description: str
    slug: str
    video_provider: VideoProvider
    video_id: str
    release_at: datetime
    expires_at: datetime | None
    created_at: datetime
    updated_at: datetime
    version: int = 1


@dataclass(frozen=True, slots=True)
class Material:
    """A file to download with a lesson; `position` is its place in the order of upload."""

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
    """A material before it has an identity."""

    file_name: str
    mime_type: str
    size_bytes: int
    download_url: str


@dataclass(frozen=True, slots=True)
class NewChange:
    """What happens to one record, before it has its place in the feed; `version` is the record's after it."""

    kind: ChangedKind
    action: ChangeAction
    event_id: str
    lesson_id: str | None
    material_id: str | None
    version: int

    @property
    def entry(self) -> AuditEntry:
        """What the audit log says of it."""
        return f"{self.kind}.{self.action}", self.material_id or self.lesson_id or self.event_id


@dataclass(frozen=True, slots=True)
class Change:
    """What happened to one record; the numbers are in the order of the commits."""

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
    """Which feed this is and how far it goes: changes after `pruned_through` and up to `last_sequence` are there."""

    feed_id: str
    last_sequence: int
    pruned_through: int


@dataclass(frozen=True, slots=True)
class FeedReader:
    """A service that follows the feed; everything up to `position` it has taken in."""

    name: str
    position: int
    seen_at: datetime


@dataclass(frozen=True, slots=True)
class FeedState:
    """The feed's bookkeeping at one moment: what should be there, and what is.

    `gaps` are the first and last number of stretches of changes that are missing, at most a thousand; `readers` come
    with the time of the change that each has to take in next.
    """

    feed: ChangeFeed
    first_change: int | None
    last_change: int | None
    gaps: Sequence[tuple[int, int]]
    readers: Sequence[tuple[FeedReader, datetime | None]]


@dataclass(frozen=True, slots=True)
class ChangePage:
    """Some changes, in order, of that feed."""

    feed: ChangeFeed
    changes: Sequence[Change]


@dataclass(frozen=True, slots=True)
class LessonReference:
    """How others name a lesson."""

    event_id: str
    lesson_id: str


@dataclass(frozen=True, slots=True)
class StatusCounts:
    """How many lessons are in each state."""

    locked: int
    released: int
    expired: int


@dataclass(frozen=True, slots=True)
class Access:
    """The judgement on one request for a lesson, at `server_time`; `lesson` is None when it must stay unknown."""

    status: AccessStatus
    lesson: Lesson | None
    server_time: datetime

    @property
    def authorized(self) -> bool:
        """Whether the lesson opens."""
        return self.status == "released"


@dataclass(frozen=True, slots=True)
class EventAccess:
    """What a learner grant is to say: which event was opened, by a key of which fingerprint."""

    event_id: str
    fingerprint: str


@dataclass(frozen=True, slots=True)
class Catalog:
    """An event with its lessons, as they were at `server_time`."""

    event: Event
    lessons: Sequence[Lesson]
    server_time: datetime


@dataclass(frozen=True, slots=True)
class Playback:
    """A lesson that plays now, between its neighbours."""

    lesson: Lesson
    previous: Lesson | None
    next: Lesson | None
    server_time: datetime


@dataclass(frozen=True, slots=True)
class Snapshot:
    """What the whole installation holds."""

    events: int
    lessons: StatusCounts


@dataclass(frozen=True, slots=True)
class OpenMaterials:
    """The materials of a lesson that is open now, in order of upload."""

    lesson: Lesson
    materials: Sequence[Material]
