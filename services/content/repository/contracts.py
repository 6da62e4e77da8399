"""What every repository of content promises, whatever keeps the records. Nothing here commits: the service does.

Whatever adds, saves or removes a record also appends that change to the feed and to the audit log, in the same
transaction.
"""

from collections.abc import Iterable, Mapping, Sequence
from contextlib import AbstractContextManager
from datetime import datetime
from typing import Any, Protocol

from services.content.entities import (
    Change,
    ChangeFeed,
    Event,
    FeedReader,
    Lesson,
    LessonReference,
    Material,
    NewChange,
    StatusCounts,
)
from services.kit.core.instants import to_milliseconds
from services.kit.storage.audit.log import AuditTrail
from services.kit.web.pages import PageRequest, SortKey

ALL = PageRequest()


class EventRepository(Protocol):
    """Events, in order of creation."""

    def add(self, event: Event) -> None:
        """Raises EventSlugTaken."""

    def get(self, event_id: str, *, for_update: bool = False) -> Event:
        """Raises EventNotFound; `for_update` holds it against other writers until the transaction ends."""

    def get_by_slug(self, slug: str) -> Event:
        """Raises EventNotFound."""

    def save(self, event: Event) -> None:
        """Replace the stored event of that id; raises EventNotFound, EventSlugTaken."""

    def remove(self, event_id: str) -> None:
        """Delete it with its lessons and their materials; raises EventNotFound."""

    def list(self, request: PageRequest = ALL, *, listed_only: bool = False) -> Sequence[Event]:
        """Events by creation, oldest first; `listed_only` leaves out private and inactive ones."""

    def count(self) -> int:
        """How many there are."""

    def find(self, event_ids: Iterable[str], slugs: Iterable[str]) -> Sequence[Event]:
        """Those that have one of the ids or one of the slugs, in no order."""


class LessonRepository(Protocol):
    """Lessons of an event, in order of release."""

    def add(self, lesson: Lesson) -> None:
        """Raises EventNotFound, LessonSlugTaken, InvalidWindow."""

    def get(self, event_id: str, lesson_id: str, *, for_update: bool = False) -> Lesson:
        """Raises LessonNotFound, also for another event's lesson."""

    def get_by_slug(self, event_id: str, slug: str) -> Lesson:
        """Raises LessonNotFound."""

    def save(self, lesson: Lesson) -> None:
        """Replace the stored lesson of that id; raises LessonNotFound, LessonSlugTaken, InvalidWindow."""

    def remove(self, event_id: str, lesson_id: str) -> None:
        """Delete it with its materials; raises LessonNotFound."""

    def list(self, event_id: str, request: PageRequest = ALL) -> Sequence[Lesson]:
        """The event's lessons by release, then creation, then id."""

    def count_by_status(self, now: datetime) -> StatusCounts:
        """Over all events."""

    def existing(self, references: Sequence[LessonReference]) -> Sequence[LessonReference]:
        """Those of them that name a lesson of that event."""

    def find(self, lesson_ids: Iterable[str], event_ids: Iterable[str], slugs: Iterable[str]) -> Sequence[Lesson]:
        """Those that have one of the ids, or one of the slugs in one of the events, in no order."""


class MaterialRepository(Protocol):
    """Materials of a lesson, in order of upload."""

    def add_all(self, materials: Sequence[Material]) -> None:
        """All of them or, where one cannot be stored, none."""

    def last_position(self, lesson_id: str) -> int:
        """The highest position so far, 0 when there is none."""

    def last_positions(self, lesson_ids: Iterable[str]) -> Mapping[str, int]:
        """The highest position so far of each lesson that has a material."""

    def find(self, material_ids: Iterable[str]) -> Sequence[Material]:
        """Those that have one of the ids, in no order."""

    def remove(self, lesson_id: str, material_id: str) -> None:
        """Raises MaterialNotFound, also for another lesson's material."""

    def list(self, lesson_id: str, request: PageRequest = ALL) -> Sequence[Material]:
        """The lesson's materials in order of upload."""


class ChangeLog(Protocol):
    """The change feed: numbered changes in the order of their commits, and how far each reader has come."""

    def append(self, changes: Sequence[NewChange]) -> None:
        """Behind what is there, with the next numbers, as of now; what changed is an entry for the audit log, too."""

    def feed(self) -> ChangeFeed:
        """Which feed this is, and how far it goes."""

    def read(self, after: int, limit: int) -> Sequence[Change]:
        """At most so many behind the number `after`, in order. None that comes later has a lower number."""

    def readers(self) -> Sequence[FeedReader]:
        """Who follows, by name."""

    def acknowledge(self, reader: str, position: int) -> bool:
        """Keep that the reader has taken in everything up to `position`; whether that is news."""

    def first_since(self, instant: datetime) -> int | None:
        """The lowest number of a change at that instant or later."""

    def prune(self, through: int) -> None:
        """Forget the changes up to that number."""


class ContentStore(Protocol):
    """All of content's records and the transaction around them."""

    @property
    def events(self) -> EventRepository:
        """The events."""

    @property
    def lessons(self) -> LessonRepository:
        """The lessons."""

    @property
    def materials(self) -> MaterialRepository:
        """The materials."""

    @property
    def changes(self) -> ChangeLog:
        """The change feed."""

    @property
    def audit(self) -> AuditTrail:
        """The audit log."""

    def transaction(self) -> AbstractContextManager[Any]:
        """All that is written inside is kept, or nothing is."""


def event_key(event: Event) -> SortKey:
    """The event's place in the order of its list."""
    return (to_milliseconds(event.created_at), event.id)


def lesson_key(lesson: Lesson) -> SortKey:
    """The lesson's place in the order of its list."""
    return (to_milliseconds(lesson.release_at), to_milliseconds(lesson.created_at), lesson.id)


def material_key(material: Material) -> SortKey:
    """The material's place in the order of its list."""
    return (material.position,)
