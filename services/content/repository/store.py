"""The records in SQLite or PostgreSQL, through Peewee. Every query of content is here."""

from collections.abc import Iterable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import asdict
from datetime import datetime
from typing import Any

import peewee
from peewee import fn

from services.content.entities import ChangeAction, Event, Lesson, LessonReference, Material, StatusCounts
from services.content.errors import (
    EventNotFound,
    EventSlugTaken,
    InvalidWindow,
    LessonNotFound,
    LessonSlugTaken,
    MaterialNotFound,
)
from services.content.models import EventRow, LessonRow, MaterialRow
from services.content.repository.contracts import ALL
from services.content.repository.feed import PeeweeChanges, event_change, lesson_change, material_change
from services.kit.core.instants import Clock, now
from services.kit.storage.audit.log import AuditLog
from services.kit.storage.database import lock_rows, transaction
from services.kit.storage.database_errors import is_foreign_key_violation, violates_constraint
from services.kit.storage.pages import paged
from services.kit.storage.statements import Parameter, Statement
from services.kit.web.pages import PageRequest


class PeeweeContentStore:
    """Content in SQLite or PostgreSQL."""

    def __init__(self, database: peewee.Database, clock: Clock = now):
        self._database = database
        self.audit = AuditLog(database, clock)
        self.changes = PeeweeChanges(database, clock, self.audit)
        self.materials = PeeweeMaterials(database, self.changes)
        self.lessons = PeeweeLessons(database, self.changes)
        self.events = PeeweeEvents(database, self.changes)

    def transaction(self) -> AbstractContextManager[Any]:
        """All that is written inside is kept, or nothing is."""
        return transaction(self._database)


class PeeweeEvents:
    """EventRepository over the table `events`."""

    def __init__(self, database: peewee.Database, changes: PeeweeChanges):
        self._database = database
        self._changes = changes
        by_id = EventRow.select().where(EventRow.id == Parameter("event_id"))
        by_slug = EventRow.select().where(EventRow.slug == Parameter("slug"))
        self._by_id = Statement(database, by_id, Event)
        self._by_id_for_update = Statement(database, lock_rows(by_id, database), Event)
        self._by_slug = Statement(database, by_slug, Event)
        self._listed = Statement(database, paged(_LISTED_EVENTS, _EVENT_ORDER, ALL), Event)

    def add(self, event: Event) -> None:
        """Raises EventSlugTaken."""
        self._write(EventRow.insert(asdict(event)), event, "created")

    def get(self, event_id: str, *, for_update: bool = False) -> Event:
        """Raises EventNotFound."""
        event = (self._by_id_for_update if for_update else self._by_id).first(event_id=event_id)
        if event is None:
            raise EventNotFound
        return event

    def get_by_slug(self, slug: str) -> Event:
        """Raises EventNotFound."""
        event = self._by_slug.first(slug=slug)
        if event is None:
            raise EventNotFound
        return event

    def save(self, event: Event) -> None:
        """Raises EventNotFound, EventSlugTaken."""
        columns = asdict(event)
        self._write(EventRow.update(columns).where(EventRow.id == columns.pop("id")), event, "changed")

    def remove(self, event_id: str) -> None:
        """Raises EventNotFound."""
        with transaction(self._database):
            event = self.get(event_id, for_update=True)
            # Held, so that nothing is added to what goes, and everything that goes is told.
            lessons = Statement(
                self._database,
                lock_rows(LessonRow.select().where(LessonRow.event == event_id).order_by(LessonRow.id), self._database),
                Lesson,
            ).all()
            materials = _materials_of(self._database, lessons)
            EventRow.delete().where(EventRow.id == event_id).execute(self._database)
            self._changes.append(
                [
                    *(material_change("deleted", each, event_id) for each in materials),
                    *(lesson_change("deleted", each) for each in lessons),
                    event_change("deleted", event),
                ]
            )

    def list(self, request: PageRequest = ALL, *, listed_only: bool = False) -> Sequence[Event]:
        """Events by creation, oldest first."""
        if listed_only and request == ALL:
            return self._listed.all()
        query = paged(_LISTED_EVENTS if listed_only else EventRow.select(), _EVENT_ORDER, request)
        return Statement(self._database, query, Event).all()

    def count(self) -> int:
        """How many there are."""
        return int(EventRow.select(fn.COUNT(peewee.SQL("*"))).scalar(self._database))

    def find(self, event_ids: Iterable[str], slugs: Iterable[str]) -> Sequence[Event]:
        """Those that have one of the ids or one of the slugs, in no order."""
        query = EventRow.select().where(EventRow.id.in_([*event_ids]) | EventRow.slug.in_([*slugs]))
        return Statement(self._database, query, Event).all()

    def _write(self, query: Any, event: Event, action: ChangeAction) -> None:
        try:
            # A savepoint: PostgreSQL refuses every further statement of a transaction in which one has failed.
            with transaction(self._database):
                if not query.execute(self._database):
                    raise EventNotFound
                self._changes.append([event_change(action, event)])
        except peewee.IntegrityError as error:
            if violates_constraint(error, "events_slug", ["events.slug"]):
                raise EventSlugTaken(event.slug) from None
            raise


class PeeweeLessons:
    """LessonRepository over the table `lessons`."""

    def __init__(self, database: peewee.Database, changes: PeeweeChanges):
        self._database = database
        self._changes = changes
        of_event = LessonRow.select().where(LessonRow.event == Parameter("event_id"))
        by_id = of_event.where(LessonRow.id == Parameter("lesson_id"))
        by_slug = of_event.where(LessonRow.slug == Parameter("slug"))
        self._by_id = Statement(database, by_id, Lesson)
        self._by_id_for_update = Statement(database, lock_rows(by_id, database), Lesson)
        self._by_slug = Statement(database, by_slug, Lesson)
        self._of_event = Statement(database, paged(of_event, _LESSON_ORDER, ALL), Lesson)

    def add(self, lesson: Lesson) -> None:
        """Raises EventNotFound, LessonSlugTaken, InvalidWindow."""
        self._write(LessonRow.insert(_lesson_columns(lesson)), lesson, "created")

    def get(self, event_id: str, lesson_id: str, *, for_update: bool = False) -> Lesson:
        """Raises LessonNotFound."""
        statement = self._by_id_for_update if for_update else self._by_id
        lesson = statement.first(event_id=event_id, lesson_id=lesson_id)
        if lesson is None:
            raise LessonNotFound
        return lesson

    def get_by_slug(self, event_id: str, slug: str) -> Lesson:
        """Raises LessonNotFound."""
        lesson = self._by_slug.first(event_id=event_id, slug=slug)
        if lesson is None:
            raise LessonNotFound
        return lesson

    def save(self, lesson: Lesson) -> None:
        """Raises LessonNotFound, LessonSlugTaken, InvalidWindow."""
        columns = _lesson_columns(lesson)
        query = LessonRow.update(columns).where(
            LessonRow.id == columns.pop("id"), LessonRow.event == columns.pop("event")
        )
        self._write(query, lesson, "changed")

    def remove(self, event_id: str, lesson_id: str) -> None:
        """Raises LessonNotFound."""
        with transaction(self._database):
            lesson = self.get(event_id, lesson_id, for_update=True)
            materials = _materials_of(self._database, [lesson])
            LessonRow.delete().where(LessonRow.id == lesson_id).execute(self._database)
            gone = [material_change("deleted", each, event_id) for each in materials]
            self._changes.append([*gone, lesson_change("deleted", lesson)])

    def list(self, event_id: str, request: PageRequest = ALL) -> Sequence[Lesson]:
        """The event's lessons by release, then creation, then id."""
        if request == ALL:
            return self._of_event.all(event_id=event_id)
        query = paged(LessonRow.select().where(LessonRow.event == event_id), _LESSON_ORDER, request)
        return Statement(self._database, query, Lesson).all()

    def count_by_status(self, now: datetime) -> StatusCounts:
        """Over all events, in one statement."""
        locked_ones = LessonRow.release_at > now
        expired = ~locked_ones & LessonRow.expires_at.is_null(False) & (LessonRow.expires_at <= now)
        counts = [fn.COUNT(peewee.Case(None, [(each, 1)])) for each in (locked_ones, expired)]
        statement = Statement(self._database, LessonRow.select(fn.COUNT(peewee.SQL("*")), *counts), tuple)
        total, upcoming, over = statement.all()[0]
        return StatusCounts(locked=upcoming, released=total - upcoming - over, expired=over)

    def find(self, lesson_ids: Iterable[str], event_ids: Iterable[str], slugs: Iterable[str]) -> Sequence[Lesson]:
        """Those that have one of the ids, or one of the slugs in one of the events, in no order."""
        by_slug = LessonRow.event.in_([*event_ids]) & LessonRow.slug.in_([*slugs])
        query = LessonRow.select().where(LessonRow.id.in_([*lesson_ids]) | by_slug)
        return Statement(self._database, query, Lesson).all()

    def existing(self, references: Sequence[LessonReference]) -> Sequence[LessonReference]:
        """Those of them that name a lesson of that event, in one statement."""
        query = LessonRow.select(LessonRow.event, LessonRow.id).where(
            LessonRow.id.in_([reference.lesson_id for reference in references])
        )
        there = set(Statement(self._database, query, LessonReference).all())
        return [reference for reference in references if reference in there]

    def _write(self, query: Any, lesson: Lesson, action: ChangeAction) -> None:
        try:
            with transaction(self._database):
                if not query.execute(self._database):
                    raise LessonNotFound
                self._changes.append([lesson_change(action, lesson)])
        except peewee.IntegrityError as error:
            if violates_constraint(error, "lessons_window", []):
                raise InvalidWindow from None
            if violates_constraint(error, "lessons_event_id_slug", ["lessons.event_id", "lessons.slug"]):
                raise LessonSlugTaken(lesson.slug) from None
            if is_foreign_key_violation(error):
                raise EventNotFound from None
            raise


class PeeweeMaterials:
    """MaterialRepository over the table `materials`."""

    def __init__(self, database: peewee.Database, changes: PeeweeChanges):
        self._database = database
        self._changes = changes
        of_lesson = MaterialRow.select().where(MaterialRow.lesson == Parameter("lesson_id"))
        self._of_lesson = Statement(database, paged(of_lesson, (MaterialRow.position,), ALL), Material)

    def add_all(self, materials: Sequence[Material]) -> None:
        """All in one statement."""
        with transaction(self._database):
            MaterialRow.insert_many([_material_columns(material) for material in materials]).execute(self._database)
            event_ids = _event_ids(self._database, {material.lesson_id for material in materials})
            self._changes.append([material_change("created", each, event_ids[each.lesson_id]) for each in materials])

    def last_position(self, lesson_id: str) -> int:
        """The highest position so far, 0 when there is none."""
        query = MaterialRow.select(fn.MAX(MaterialRow.position)).where(MaterialRow.lesson == lesson_id)
        return query.scalar(self._database) or 0

    def last_positions(self, lesson_ids: Iterable[str]) -> Mapping[str, int]:
        """The highest position so far of each lesson that has a material."""
        of_lessons = MaterialRow.select(MaterialRow.lesson, fn.MAX(MaterialRow.position))
        query = of_lessons.where(MaterialRow.lesson.in_([*lesson_ids])).group_by(MaterialRow.lesson)
        return dict(Statement(self._database, query, tuple).all())

    def find(self, material_ids: Iterable[str]) -> Sequence[Material]:
        """Those that have one of the ids, in no order."""
        query = MaterialRow.select().where(MaterialRow.id.in_([*material_ids]))
        return Statement(self._database, query, Material).all()

    def remove(self, lesson_id: str, material_id: str) -> None:
        """Raises MaterialNotFound."""
        of_lesson = (MaterialRow.id == material_id) & (MaterialRow.lesson == lesson_id)
        with transaction(self._database):
            material = Statement(
                self._database, lock_rows(MaterialRow.select().where(of_lesson), self._database), Material
            ).first()
            if material is None:
                raise MaterialNotFound
            MaterialRow.delete().where(of_lesson).execute(self._database)
            event_ids = _event_ids(self._database, {lesson_id})
            self._changes.append([material_change("deleted", material, event_ids[lesson_id])])

    def list(self, lesson_id: str, request: PageRequest = ALL) -> Sequence[Material]:
        """The lesson's materials in order of upload."""
        if request == ALL:
            return self._of_lesson.all(lesson_id=lesson_id)
        query = paged(MaterialRow.select().where(MaterialRow.lesson == lesson_id), (MaterialRow.position,), request)
        return Statement(self._database, query, Material).all()


def _materials_of(database: peewee.Database, lessons: Sequence[Lesson]) -> Sequence[Material]:
    query = MaterialRow.select().where(MaterialRow.lesson.in_([lesson.id for lesson in lessons]))
    return Statement(database, query.order_by(MaterialRow.lesson, MaterialRow.position), Material).all()


def _event_ids(database: peewee.Database, lesson_ids: Iterable[str]) -> dict[str, str]:
    query = LessonRow.select(LessonRow.id, LessonRow.event).where(LessonRow.id.in_(list(lesson_ids)))
    return dict(query.tuples().execute(database))


_EVENT_ORDER = (EventRow.created_at, EventRow.id)
_LISTED_EVENTS = EventRow.select().where(EventRow.is_active, EventRow.visibility == "public")
_LESSON_ORDER = (LessonRow.release_at, LessonRow.created_at, LessonRow.id)


def _lesson_columns(lesson: Lesson) -> dict[str, Any]:
    return _renamed(asdict(lesson), "event_id", "event")


def _material_columns(material: Material) -> dict[str, Any]:
    return _renamed(asdict(material), "lesson_id", "lesson")


def _renamed(columns: dict[str, Any], name: str, new_name: str) -> dict[str, Any]:
    return {new_name if key == name else key: value for key, value in columns.items()}
