"""Events in SQLite or PostgreSQL."""

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import peewee
from peewee import fn

from services.content.entities import Event, EventFilter, Lesson
from services.content.errors import EventNotFound, EventSlugTaken
from services.content.models import EventRow, FormerEventSlugRow, LessonRow
from services.content.repository.contracts import ALL, ANY_EVENT
from services.content.repository.feed import PeeweeChanges, event_change, lesson_change, material_change
from services.content.repository.lessons import LESSONS
from services.content.repository.materials import materials_of
from services.content.repository.slugs import SlugForms, by_slug, columns, forms, spellings, stored_form
from services.kit.core.records import values_of
from services.kit.storage.database import lock_rows, transaction
from services.kit.storage.database_errors import violates_constraint
from services.kit.storage.pages import ANY_ROW, contains, paged
from services.kit.storage.statements import Parameter, Statement, Write
from services.kit.web.pages import Orders, PageRequest

EVENTS = EventRow.select(*columns(EventRow))

_BY_AGE = (EventRow.created_at, EventRow.position, EventRow.id)
_ORDERS = Orders("createdAt", {"createdAt": _BY_AGE, "title": (EventRow.search_form, EventRow.id)})


class PeeweeEvents:
    """EventRepository over the table `events`."""

    def __init__(self, database: peewee.Database, changes: PeeweeChanges):
        self._database = database
        self._changes = changes
        by_id = EVENTS.where(EventRow.id == Parameter("event_id"))
        lessons = LESSONS.where(LessonRow.event == Parameter("event_id")).order_by(LessonRow.id)
        others = EventRow.select(EventRow.id).where(EventRow.id != Parameter("event"))
        self._by_id = Statement(database, by_id, Event)
        self._by_id_for_update = Statement(database, lock_rows(by_id, database), Event)
        self._insert = Write(database, _insert())
        self._by_slug = Statement(database, by_slug(EVENTS, EventRow, *_BY_AGE), Event)
        former = FormerEventSlugRow.select(FormerEventSlugRow.event).where(
            FormerEventSlugRow.slug_form == Parameter("form")
        )
        self._by_any_slug = Statement(database, by_slug(EVENTS, EventRow, *_BY_AGE, former_owner=former), Event)
        with_form = others.where(EventRow.slug_form == Parameter("slug_form"))
        self._forms = SlugForms(database, with_form, FormerEventSlugRow)
        self._lessons_for_update = Statement(database, lock_rows(lessons, database), Lesson)

    def add(self, event: Event, *, keeps_slug: bool = False) -> None:
        """Store a new event. Raise EventSlugTaken."""
        with self._written(event, None, keeps_slug=keeps_slug):
            self._insert.run(**_columns(event))

    def get(self, event_id: str, *, for_update: bool = False) -> Event:
        """Return the event. Raise EventNotFound."""
        event = (self._by_id_for_update if for_update else self._by_id).first(event_id=event_id)
        if event is None:
            raise EventNotFound
        return event

    def get_by_slug(self, slug: str, *, at_once: bool = False) -> Event:
        """Return the event. Raise EventNotFound."""
        typed = spellings(EventRow, slug)
        event = None if at_once else self._by_slug.first(**typed)
        if event is None:
            # Look at the present slugs again: since then the former slug may have become a present one.
            event = self._by_any_slug.first(**typed)
        if event is None:
            raise EventNotFound
        return event

    def save(self, event: Event) -> None:
        """Replace the stored event of that id. Raise EventNotFound, EventSlugTaken."""
        columns = _columns(event)
        del columns["position"]
        query = EventRow.update(columns).where(EventRow.id == columns.pop("id"))
        with self._written(event, self.get(event.id)):
            if not query.execute(self._database):
                raise EventNotFound

    def remove(self, event_id: str) -> None:
        """Delete the event with its lessons and their materials. Raise EventNotFound."""
        with transaction(self._database):
            event = self.get(event_id, for_update=True)
            # Lock the lessons: nothing may be added to what is deleted, and each deletion needs its change.
            lessons = self._lessons_for_update.all(event_id=event_id)
            materials = materials_of(self._database, lessons)
            EventRow.delete().where(EventRow.id == event_id).execute(self._database)
            self._changes.append(
                [
                    *(material_change("deleted", each, event_id) for each in materials),
                    *(lesson_change("deleted", each) for each in lessons),
                    event_change("deleted", event),
                ]
            )

    def list(self, request: PageRequest = ALL, which: EventFilter = ANY_EVENT) -> Sequence[Event]:
        """Return the events that match, in one of EVENT_ORDERS."""
        query = paged(EVENTS.where(ANY_ROW, *self._conditions(which)), _ORDERS, request)
        return Statement(self._database, query, Event).all()

    def count(self) -> int:
        """Return the number of events."""
        return int(EventRow.select(fn.COUNT(peewee.SQL("*"))).scalar(self._database))

    def find(self, event_ids: Iterable[str], slugs: Iterable[str]) -> Sequence[Event]:
        """Return the events with one of the ids or one of the slugs, in any order."""
        query = EVENTS.where(EventRow.id.in_([*event_ids]) | EventRow.slug.in_([*slugs]))
        return Statement(self._database, query, Event).all()

    def _conditions(self, which: EventFilter) -> Iterator[Any]:
        if which.is_active is not None:
            yield EventRow.is_active == which.is_active
        if which.visibility is not None:
            yield EventRow.visibility == which.visibility
        if which.q is not None:
            yield contains(self._database, EventRow.search_form, which.q)

    @contextmanager
    def _written(self, event: Event, before: Event | None, *, keeps_slug: bool = False) -> Iterator[None]:
        """Append the change after the block has written the event, which was `before`. Raise EventSlugTaken."""
        try:
            # A savepoint: PostgreSQL refuses every further statement of a transaction in which one has failed.
            with transaction(self._database):
                yield
                self._changes.append([event_change("created" if before is None else "changed", event)])
                # The feed is locked now: of two transactions that claim one form the second one sees the first.
                self._change_slug(before, event, keeps_slug=keeps_slug)
        except peewee.IntegrityError as error:
            if violates_constraint(error, "events_slug", ["events.slug"]):
                raise EventSlugTaken(event.slug) from None
            raise

    def _change_slug(self, before: Event | None, event: Event, *, keeps_slug: bool) -> None:
        if before is not None and before.slug == event.slug:
            return
        taken = stored_form(EventRow, event.slug)
        if not self._forms.take(taken, event=event.id) and not keeps_slug:
            raise EventSlugTaken(event.slug)
        left = None if before is None else stored_form(EventRow, before.slug)
        if left is not None and left != taken:
            self._forms.leave(left, event=event.id)


def _insert() -> Any:
    """Return the insert of an event after those of the same instant."""
    at = EventRow.created_at == Parameter("created_at")
    position = EventRow.select(fn.COALESCE(fn.MAX(EventRow.position), 0) + 1).where(at)
    parameters = {field: Parameter(field.name) for field in EventRow._meta.sorted_fields}
    return EventRow.insert({**parameters, EventRow.position: position})


def _columns(event: Event) -> dict[str, Any]:
    return {**values_of(event), **forms(EventRow, event.title, event.slug)}
