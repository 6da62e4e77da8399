"""The contracts of content's repositories. Nothing here commits: the service does.

Adding, saving or removing a record also appends the change to the feed and to the audit log, in the same transaction.
"""

from collections.abc import Iterable, Mapping, Sequence
from contextlib import AbstractContextManager
from datetime import datetime
from typing import Any, Protocol

from services.content.entities import (
    Change,
    ChangeFeed,
    Event,
    EventFilter,
    FeedReader,
    Lesson,
    LessonFilter,
    LessonReference,
    Material,
    NewChange,
    StatusCounts,
)
from services.kit.core.instants import to_milliseconds
from services.kit.core.texts import search_form
from services.kit.storage.audit.log import AuditTrail
from services.kit.web.pages import KeyOrders, Orders, PageRequest, SortKey

ALL = PageRequest()
ANY_EVENT, ANY_LESSON = EventFilter(), LessonFilter()


class EventRepository(Protocol):
    """Events, in order of creation; of the same instant, in the order in which they were stored.

    A slug is taken when another event's has the same normal form. The slug that an event had before still finds it,
    until another event takes it: then it is no former slug any more, whatever becomes of that other event.
    """

    def add(self, event: Event, *, keeps_slug: bool = False) -> None:
        """Store a new event. Raise EventSlugTaken.

        `keeps_slug` is for events of old installations, where only the same spelling is taken.
        """

    def get(self, event_id: str, *, for_update: bool = False) -> Event:
        """Return the event; `for_update` locks it until the transaction ends. Raise EventNotFound."""

    def get_by_slug(self, slug: str, *, at_once: bool = False) -> Event:
        """Return the event of this spelling, else the oldest of its normal form, else the one that had it before.

        Without `at_once` former slugs cost a second statement, which unknown ones cost, too. Raise EventNotFound.
        """

    def save(self, event: Event) -> None:
        """Replace the stored event of that id. Raise EventNotFound, EventSlugTaken for another slug than it had."""

    def remove(self, event_id: str) -> None:
        """Delete the event with its lessons and their materials. Raise EventNotFound."""

    def list(self, request: PageRequest = ALL, which: EventFilter = ANY_EVENT) -> Sequence[Event]:
        """Return the events that match, in one of EVENT_ORDERS."""

    def count(self) -> int:
        """Return the number of events."""

    def find(self, event_ids: Iterable[str], slugs: Iterable[str]) -> Sequence[Event]:
        """Return the events with one of the ids or one of the slugs, in any order."""


class LessonRepository(Protocol):
    """Lessons of an event, in order of release.

    A slug is taken when that of another lesson of the event has the same normal form. Former slugs are as those of
    events, within the event.
    """

    def add(self, lesson: Lesson, *, keeps_slug: bool = False) -> None:
        """Store a new lesson. Raise EventNotFound, LessonSlugTaken, InvalidWindow.

        `keeps_slug` is for lessons of old installations, where only the same spelling is taken.
        """

    def get(self, event_id: str, lesson_id: str, *, for_update: bool = False) -> Lesson:
        """Return the lesson; `for_update` locks it. Raise LessonNotFound, also for a lesson of another event."""

    def get_by_slug(self, event_id: str, slug: str) -> Lesson:
        """Return the lesson of this spelling, else the oldest of its normal form, else the one that had it before.

        Raise LessonNotFound.
        """

    def save(self, lesson: Lesson) -> None:
        """Replace the stored lesson of that id.

        Raise LessonNotFound, InvalidWindow, and LessonSlugTaken for another slug than it had.
        """

    def remove(self, event_id: str, lesson_id: str) -> None:
        """Delete the lesson with its materials. Raise LessonNotFound."""

    def list(self, event_id: str, request: PageRequest = ALL, which: LessonFilter = ANY_LESSON) -> Sequence[Lesson]:
        """Return the event's lessons that match, in one of LESSON_ORDERS."""

    def count_by_status(self, now: datetime) -> StatusCounts:
        """Count the lessons of all events."""

    def existing(self, references: Sequence[LessonReference]) -> Sequence[LessonReference]:
        """Return the references that name a lesson of that event."""

    def find(self, lesson_ids: Iterable[str], event_ids: Iterable[str], slugs: Iterable[str]) -> Sequence[Lesson]:
        """Return the lessons with one of the ids, or with one of the slugs in one of the events, in any order."""


class MaterialRepository(Protocol):
    """Materials of a lesson, in order of upload."""

    def add_all(self, materials: Sequence[Material]) -> None:
        """Store new materials: all of them, or none."""

    def last_position(self, lesson_id: str) -> int:
        """Return the highest position of the lesson's materials, 0 when it has none."""

    def last_positions(self, lesson_ids: Iterable[str]) -> Mapping[str, int]:
        """Return the highest position of each of the lessons that has a material."""

    def find(self, material_ids: Iterable[str]) -> Sequence[Material]:
        """Return the materials with one of the ids, in any order."""

    def remove(self, lesson_id: str, material_id: str) -> None:
        """Delete the material. Raise MaterialNotFound, also for a material of another lesson."""

    def list(self, lesson_id: str, request: PageRequest = ALL) -> Sequence[Material]:
        """Return the lesson's materials in order of upload."""


class ReplacedKeys(Protocol):
    """Keyed digests of replaced access keys."""

    def add(self, digest: str, at: datetime) -> None:
        """Store that the key with this digest was replaced now; a key may be replaced again."""

    def has(self, digest: str, since: datetime) -> bool:
        """Return whether the key with this digest was replaced after that instant."""

    def prune(self, through: datetime) -> None:
        """Delete the digests of keys that were replaced at that instant or before."""


class ChangeLog(Protocol):
    """The change feed: numbered changes in the order of their commits, and the position of each reader."""

    def append(self, changes: Sequence[NewChange]) -> None:
        """Append changes with the next numbers and the present time, and the same to the audit log."""

    def feed(self) -> ChangeFeed:
        """Return the id and the extent of the feed."""

    def read(self, after: int, limit: int) -> Sequence[Change]:
        """Return at most `limit` changes after that number, in order. No later change gets a lower number."""

    def readers(self) -> Sequence[FeedReader]:
        """Return the readers, by name."""

    def acknowledge(self, reader: str, position: int, *, register: bool = True) -> bool:
        """Record that the reader has processed everything up to `position`; return whether that is new.

        Without `register` only a reader that is registered already is recorded.
        """

    def first_since(self, instant: datetime) -> int | None:
        """Return the lowest number of a change at that instant or later."""

    def prune(self, through: int) -> None:
        """Delete the changes up to that number."""


class ContentStore(Protocol):
    """All repositories of content, and the transaction around them."""

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
    def replaced_keys(self) -> ReplacedKeys:
        """The replaced access keys."""

    @property
    def changes(self) -> ChangeLog:
        """The change feed."""

    @property
    def audit(self) -> AuditTrail:
        """The audit log."""

    def transaction(self) -> AbstractContextManager[Any]:
        """Commit everything that is written inside, or nothing."""


def event_key(event: Event) -> SortKey:
    """Return the sort key of the event by creation; of the same instant, as they were stored."""
    return (to_milliseconds(event.created_at), event.position, event.id)


def material_key(material: Material) -> SortKey:
    """Return the sort key of the material in order of upload."""
    return (material.position,)


def title_key(record: Event | Lesson) -> SortKey:
    """Return the sort key by title, then slug, by the numbers of their characters in lower case."""
    return (search_form(record.title, record.slug), record.id)


EVENT_ORDERS: KeyOrders[Event] = Orders("createdAt", {"createdAt": event_key, "title": title_key})
LESSON_ORDERS: KeyOrders[Lesson] = Orders(
    "releaseAt", {"releaseAt": lambda lesson: lesson.release_order, "title": title_key}
)
MATERIAL_ORDERS: KeyOrders[Material] = Orders("position", {"position": material_key})
