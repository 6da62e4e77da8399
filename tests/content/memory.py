"""The in-memory twin of ContentStore: its methods are those of repository/contracts.py."""

import copy
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field, replace
from datetime import datetime
from typing import Any, TypeVar

import peewee
import uuid_utils

from services.content import rules
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
from services.content.errors import EventNotFound, EventSlugTaken, LessonNotFound, LessonSlugTaken, MaterialNotFound
from services.content.repository.contracts import (
    ALL,
    ANY_EVENT,
    ANY_LESSON,
    EVENT_ORDERS,
    LESSON_ORDERS,
    MATERIAL_ORDERS,
    event_key,
)
from services.content.repository.feed import event_change, lesson_change, material_change
from services.kit.core.instants import Clock, now
from services.kit.core.texts import lower_form, search_form, slug_form
from services.kit.storage.audit.model import AuditRecord
from services.kit.web.pages import PageRequest
from tests.audit import InMemoryAudit
from tests.stores import paged

Item = TypeVar("Item")


@dataclass
class _Rows:
    """Every record by its id."""

    events: dict[str, Event] = field(default_factory=dict)
    lessons: dict[str, Lesson] = field(default_factory=dict)
    materials: dict[str, Material] = field(default_factory=dict)
    replaced_keys: dict[str, datetime] = field(default_factory=dict)
    # The ids of events and lessons by the normal forms of slugs that they had before; those of lessons with the event.
    former_events: dict[str, str] = field(default_factory=dict)
    former_lessons: dict[tuple[str, str], str] = field(default_factory=dict)
    changes: tuple[Change, ...] = ()
    feed: ChangeFeed = field(default_factory=lambda: ChangeFeed(str(uuid_utils.uuid7()), 0, 0))
    readers: dict[str, FeedReader] = field(default_factory=dict)
    entries: tuple[AuditRecord, ...] = ()


class InMemoryContentStore:
    """Content in dictionaries."""

    def __init__(self, clock: Clock = now) -> None:
        self._rows = _Rows()
        self.audit = InMemoryAudit(self._rows, clock)
        self.changes = InMemoryChanges(self._rows, clock, self.audit)
        self.events = InMemoryEvents(self._rows, self.changes)
        self.lessons = InMemoryLessons(self._rows, self.changes)
        self.materials = InMemoryMaterials(self._rows, self.changes)
        self.replaced_keys = InMemoryReplacedKeys(self._rows)

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """Restore the state of the beginning when an exception passes through."""
        rows = self._rows
        before = {name: copy.copy(value) for name, value in vars(rows).items()}
        try:
            yield
        except BaseException:
            vars(rows).update(before)
            raise


class InMemoryChanges:
    """ChangeLog over a tuple."""

    def __init__(self, rows: _Rows, clock: Clock, audit: InMemoryAudit):
        self._rows = rows
        self._clock = clock
        self._audit = audit

    def append(self, changes: Sequence[NewChange]) -> None:
        for change in changes:
            last = self._rows.feed.last_sequence + 1
            self._rows.feed = replace(self._rows.feed, last_sequence=last)
            self._rows.changes += (Change(last, **asdict(change), occurred_at=self._clock()),)
        self._audit.append(change.entry for change in changes)

    def feed(self) -> ChangeFeed:
        return self._rows.feed

    def read(self, after: int, limit: int) -> Sequence[Change]:
        return [each for each in self._rows.changes if each.sequence > after][:limit]

    def readers(self) -> Sequence[FeedReader]:
        return sorted(self._rows.readers.values(), key=lambda reader: reader.name)

    def acknowledge(self, reader: str, position: int, *, register: bool = True) -> bool:
        known = self._rows.readers.get(reader)
        if known is None and not register:
            return False
        if known is not None and known.position == position:
            return False
        self._rows.readers[reader] = FeedReader(reader, position, self._clock())
        return True

    def first_since(self, instant: datetime) -> int | None:
        return min((each.sequence for each in self._rows.changes if each.occurred_at >= instant), default=None)

    def prune(self, through: int) -> None:
        self._rows.feed = replace(self._rows.feed, pruned_through=max(through, self._rows.feed.pruned_through))
        self._rows.changes = tuple(each for each in self._rows.changes if each.sequence > through)


class InMemoryEvents:
    """EventRepository over a dictionary."""

    def __init__(self, rows: _Rows, changes: InMemoryChanges):
        self._rows = rows
        self._changes = changes

    def add(self, event: Event, *, keeps_slug: bool = False) -> None:
        _refuse_known(event.id, self._rows.events)
        last = max((each.position for each in self._all() if each.created_at == event.created_at), default=0)
        self._put(replace(event, position=last + 1), claims_slug=not keeps_slug)
        self._changes.append([event_change("created", event)])

    def get(self, event_id: str, *, for_update: bool = False) -> Event:
        return _first((each for each in self._all() if each.id == event_id), EventNotFound)

    def get_by_slug(self, slug: str, *, at_once: bool = False) -> Event:
        former = (each for each in self._all() if each.id == self._rows.former_events.get(slug_form(slug)))
        return _first([*_by_slug(sorted(self._all(), key=event_key), slug, slug_form), *former], EventNotFound)

    def save(self, event: Event) -> None:
        stored = self.get(event.id)
        self._put(replace(event, position=stored.position), claims_slug=stored.slug != event.slug)
        present = {slug_form(each.slug) for each in self._all()}
        if slug_form(stored.slug) not in present:
            self._rows.former_events[slug_form(stored.slug)] = event.id
        self._changes.append([event_change("changed", event)])

    def remove(self, event_id: str) -> None:
        event = self.get(event_id)
        del self._rows.events[event_id]
        former = self._rows.former_events
        self._rows.former_events = {form: owner for form, owner in former.items() if owner != event_id}
        orphans = [each for each in self._rows.lessons.values() if each.event_id == event_id]
        deletions = _remove_lessons(self._rows, orphans)
        self._changes.append([*deletions, event_change("deleted", event)])

    def list(self, request: PageRequest = ALL, which: EventFilter = ANY_EVENT) -> Sequence[Event]:
        return paged((each for each in self._all() if _is_among_events(each, which)), EVENT_ORDERS, request)

    def count(self) -> int:
        return len(self._rows.events)

    def find(self, event_ids: Iterable[str], slugs: Iterable[str]) -> Sequence[Event]:
        ids, taken = set(event_ids), set(slugs)
        return [each for each in self._all() if each.id in ids or each.slug in taken]

    def _all(self) -> Iterable[Event]:
        return self._rows.events.values()

    def _put(self, event: Event, *, claims_slug: bool) -> None:
        others = (each.slug for each in self._all() if each.id != event.id)
        if _is_taken(event.slug, others, slug_form, claims_slug=claims_slug):
            raise EventSlugTaken(event.slug)
        self._rows.events[event.id] = event
        self._rows.former_events.pop(slug_form(event.slug), None)


class InMemoryLessons:
    """LessonRepository over a dictionary."""

    def __init__(self, rows: _Rows, changes: InMemoryChanges):
        self._rows = rows
        self._changes = changes

    def add(self, lesson: Lesson, *, keeps_slug: bool = False) -> None:
        _refuse_known(lesson.id, self._rows.lessons)
        if lesson.event_id not in self._rows.events:
            raise EventNotFound
        self._put(lesson, claims_slug=not keeps_slug)
        self._changes.append([lesson_change("created", lesson)])

    def get(self, event_id: str, lesson_id: str, *, for_update: bool = False) -> Lesson:
        return _first((each for each in self._of(event_id) if each.id == lesson_id), LessonNotFound)

    def get_by_slug(self, event_id: str, slug: str) -> Lesson:
        by_age = sorted(self._of(event_id), key=lambda lesson: (lesson.created_at, lesson.id))
        former_id = self._rows.former_lessons.get((event_id, lower_form(slug)))
        former = (each for each in by_age if each.id == former_id)
        return _first([*_by_slug(by_age, slug, lower_form), *former], LessonNotFound)

    def save(self, lesson: Lesson) -> None:
        stored = self.get(lesson.event_id, lesson.id)
        self._put(lesson, claims_slug=stored.slug != lesson.slug)
        present = {lower_form(each.slug) for each in self._of(lesson.event_id)}
        if lower_form(stored.slug) not in present:
            self._rows.former_lessons[lesson.event_id, lower_form(stored.slug)] = lesson.id
        self._changes.append([lesson_change("changed", lesson)])

    def remove(self, event_id: str, lesson_id: str) -> None:
        lesson = self.get(event_id, lesson_id)
        self._changes.append(_remove_lessons(self._rows, [lesson]))

    def list(self, event_id: str, request: PageRequest = ALL, which: LessonFilter = ANY_LESSON) -> Sequence[Lesson]:
        found = (each for each in self._of(event_id) if _is_among_lessons(each, which))
        return paged(found, LESSON_ORDERS, request)

    def count_by_status(self, now: datetime) -> StatusCounts:
        statuses = [rules.lesson_status(each, now) for each in self._rows.lessons.values()]
        return StatusCounts(statuses.count("locked"), statuses.count("released"), statuses.count("expired"))

    def existing(self, references: Sequence[LessonReference]) -> Sequence[LessonReference]:
        existing = {LessonReference(each.event_id, each.id) for each in self._rows.lessons.values()}
        return [each for each in references if each in existing]

    def find(self, lesson_ids: Iterable[str], event_ids: Iterable[str], slugs: Iterable[str]) -> Sequence[Lesson]:
        ids, events, taken = set(lesson_ids), set(event_ids), set(slugs)
        lessons = self._rows.lessons.values()
        return [each for each in lessons if each.id in ids or (each.event_id in events and each.slug in taken)]

    def _of(self, event_id: str) -> Iterator[Lesson]:
        return (each for each in self._rows.lessons.values() if each.event_id == event_id)

    def _put(self, lesson: Lesson, *, claims_slug: bool) -> None:
        rules.check_window(lesson.release_at, lesson.expires_at)
        others = (each.slug for each in self._of(lesson.event_id) if each.id != lesson.id)
        if _is_taken(lesson.slug, others, lower_form, claims_slug=claims_slug):
            raise LessonSlugTaken(lesson.slug)
        self._rows.lessons[lesson.id] = lesson
        self._rows.former_lessons.pop((lesson.event_id, lower_form(lesson.slug)), None)


class InMemoryMaterials:
    """MaterialRepository over a dictionary."""

    def __init__(self, rows: _Rows, changes: InMemoryChanges):
        self._rows = rows
        self._changes = changes

    def add_all(self, materials: Sequence[Material]) -> None:
        kept = dict(self._rows.materials)
        for material in materials:
            _refuse_known(material.id, kept)
            if material.lesson_id not in self._rows.lessons:
                raise peewee.IntegrityError("no such lesson")
            if any(
                (each.lesson_id, each.position) == (material.lesson_id, material.position) for each in kept.values()
            ):
                raise peewee.IntegrityError("the position is taken")
            kept[material.id] = material
        self._rows.materials = kept
        self._changes.append([material_change("created", each, self._event_id(each)) for each in materials])

    def last_position(self, lesson_id: str) -> int:
        return max((each.position for each in self._of(lesson_id)), default=0)

    def last_positions(self, lesson_ids: Iterable[str]) -> Mapping[str, int]:
        positions = {lesson_id: self.last_position(lesson_id) for lesson_id in lesson_ids}
        return {lesson_id: position for lesson_id, position in positions.items() if position}

    def find(self, material_ids: Iterable[str]) -> Sequence[Material]:
        ids = set(material_ids)
        return [each for each in self._rows.materials.values() if each.id in ids]

    def remove(self, lesson_id: str, material_id: str) -> None:
        material = _first((each for each in self._of(lesson_id) if each.id == material_id), MaterialNotFound)
        del self._rows.materials[material_id]
        self._changes.append([material_change("deleted", material, self._event_id(material))])

    def list(self, lesson_id: str, request: PageRequest = ALL) -> Sequence[Material]:
        return paged(self._of(lesson_id), MATERIAL_ORDERS, request)

    def _event_id(self, material: Material) -> str:
        return self._rows.lessons[material.lesson_id].event_id

    def _of(self, lesson_id: str) -> Iterator[Material]:
        return (each for each in self._rows.materials.values() if each.lesson_id == lesson_id)


class InMemoryReplacedKeys:
    """ReplacedKeys over a dictionary."""

    def __init__(self, rows: _Rows):
        self._rows = rows

    def add(self, digest: str, at: datetime) -> None:
        self._rows.replaced_keys[digest] = at

    def has(self, digest: str, since: datetime) -> bool:
        return digest in self._rows.replaced_keys and self._rows.replaced_keys[digest] > since

    def prune(self, through: datetime) -> None:
        self._rows.replaced_keys = {digest: at for digest, at in self._rows.replaced_keys.items() if at > through}


def _by_slug(by_age: Iterable[Item], slug: str, form_of: Callable[[str], str]) -> list[Item]:
    """Return the records that the slug names: those of this spelling first, then the oldest of its form."""
    records: list[Any] = list(by_age)
    spellings = [each for text in (slug, slug.strip().lower()) for each in records if each.slug == text]
    return [*spellings, *(each for each in records if form_of(each.slug) == form_of(slug) != "")]


def _is_taken(slug: str, others: Iterable[str], form_of: Callable[[str], str], *, claims_slug: bool) -> bool:
    return any(each == slug or (claims_slug and form_of(each) == form_of(slug) != "") for each in others)


def _first(items: Iterable[Item], otherwise: type[Exception]) -> Item:
    for item in items:
        return item
    raise otherwise


def _refuse_known(new_id: str, known: Iterable[str]) -> None:
    if new_id in known:
        raise peewee.IntegrityError("the id is taken")


def _is_among_events(event: Event, which: EventFilter) -> bool:
    return (
        which.is_active in (None, event.is_active)
        and which.visibility in (None, event.visibility)
        and _contains(event, which.q)
    )


def _is_among_lessons(lesson: Lesson, which: LessonFilter) -> bool:
    return (
        (which.since is None or lesson.release_at >= which.since)
        and (which.until is None or lesson.release_at < which.until)
        and _contains(lesson, which.q)
    )


def _contains(record: Event | Lesson, q: str | None) -> bool:
    return q is None or search_form(q) in search_form(record.title, record.slug)


def _remove_lessons(rows: _Rows, lessons: Iterable[Lesson]) -> list[NewChange]:
    """Remove the lessons; return the changes: first all materials, then the lessons, each by lesson id."""
    gone = {each.id: each for each in sorted(lessons, key=lambda lesson: lesson.id)}
    lost = [each for each in rows.materials.values() if each.lesson_id in gone]
    rows.lessons = {each.id: each for each in rows.lessons.values() if each.id not in gone}
    rows.former_lessons = {form: owner for form, owner in rows.former_lessons.items() if owner not in gone}
    rows.materials = {each.id: each for each in rows.materials.values() if each.lesson_id not in gone}
    materials = sorted(lost, key=lambda each: (each.lesson_id, each.position))
    return [
        *(material_change("deleted", each, gone[each.lesson_id].event_id) for each in materials),
        *(lesson_change("deleted", each) for each in gone.values()),
    ]
