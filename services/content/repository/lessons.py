"""Lessons in SQLite or PostgreSQL."""

from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from typing import Any, NamedTuple

import peewee
from peewee import fn

from services.content.entities import Lesson, LessonFilter, LessonReference, StatusCounts
from services.content.errors import EventNotFound, InvalidWindow, LessonNotFound, LessonSlugTaken
from services.content.models import FormerLessonSlugRow, LessonRow
from services.content.repository.contracts import ALL, ANY_LESSON
from services.content.repository.feed import PeeweeChanges, lesson_change, material_change
from services.content.repository.materials import materials_of
from services.content.repository.slugs import SlugForms, by_slug, columns, forms, spellings, stored_form
from services.kit.core.records import values_of
from services.kit.storage.database import lock_rows, transaction
from services.kit.storage.database_errors import is_foreign_key_violation, violates_constraint
from services.kit.storage.pages import contains, paged
from services.kit.storage.statements import Parameter, Statement
from services.kit.web.pages import Orders, PageRequest

LESSONS = LessonRow.select(*columns(LessonRow))

_ORDERS = Orders(
    "releaseAt",
    {
        "releaseAt": (LessonRow.release_at, LessonRow.created_at, LessonRow.id),
        "title": (LessonRow.search_form, LessonRow.id),
    },
)


class _Counts(NamedTuple):
    total: int
    locked: int
    expired: int


class PeeweeLessons:
    """LessonRepository over the table `lessons`."""

    def __init__(self, database: peewee.Database, changes: PeeweeChanges):
        self._database = database
        self._changes = changes
        of_event = LESSONS.where(LessonRow.event == Parameter("event_id"))
        by_id = of_event.where(LessonRow.id == Parameter("lesson_id"))
        others = LessonRow.select(LessonRow.id).where(
            LessonRow.event == Parameter("event"), LessonRow.id != Parameter("lesson")
        )
        self._by_id = Statement(database, by_id, Lesson)
        self._by_id_for_update = Statement(database, lock_rows(by_id, database), Lesson)
        age = (LessonRow.created_at, LessonRow.id)
        former = FormerLessonSlugRow.select(FormerLessonSlugRow.lesson).where(
            FormerLessonSlugRow.event == Parameter("event_id"), FormerLessonSlugRow.slug_form == Parameter("form")
        )
        self._by_slug = Statement(database, by_slug(of_event, LessonRow, *age), Lesson)
        self._by_any_slug = Statement(database, by_slug(of_event, LessonRow, *age, former_owner=former), Lesson)
        with_form = others.where(LessonRow.slug_form == Parameter("slug_form"))
        self._forms = SlugForms(database, with_form, FormerLessonSlugRow, FormerLessonSlugRow.event)
        self._of_event = Statement(database, paged(of_event, _ORDERS, ALL), Lesson)

    def add(self, lesson: Lesson, *, keeps_slug: bool = False) -> None:
        """Store a new lesson. Raise EventNotFound, LessonSlugTaken, InvalidWindow."""
        self._write(LessonRow.insert(_columns(lesson)), lesson, None, keeps_slug=keeps_slug)

    def get(self, event_id: str, lesson_id: str, *, for_update: bool = False) -> Lesson:
        """Return the lesson. Raise LessonNotFound."""
        statement = self._by_id_for_update if for_update else self._by_id
        lesson = statement.first(event_id=event_id, lesson_id=lesson_id)
        if lesson is None:
            raise LessonNotFound
        return lesson

    def get_by_slug(self, event_id: str, slug: str) -> Lesson:
        """Return the lesson. Raise LessonNotFound."""
        typed = spellings(LessonRow, slug)
        # Look at the present slugs again: since then the former slug may have become a present one.
        lesson = self._by_slug.first(event_id=event_id, **typed) or self._by_any_slug.first(event_id=event_id, **typed)
        if lesson is None:
            raise LessonNotFound
        return lesson

    def save(self, lesson: Lesson) -> None:
        """Replace the stored lesson of that id. Raise LessonNotFound, LessonSlugTaken, InvalidWindow."""
        columns = _columns(lesson)
        its_row = (LessonRow.id == columns.pop("id")) & (LessonRow.event == columns.pop("event"))
        before = self.get(lesson.event_id, lesson.id)
        self._write(LessonRow.update(columns).where(its_row), lesson, before)

    def remove(self, event_id: str, lesson_id: str) -> None:
        """Delete the lesson with its materials. Raise LessonNotFound."""
        with transaction(self._database):
            lesson = self.get(event_id, lesson_id, for_update=True)
            materials = materials_of(self._database, [lesson])
            LessonRow.delete().where(LessonRow.id == lesson_id).execute(self._database)
            deletions = [material_change("deleted", each, event_id) for each in materials]
            self._changes.append([*deletions, lesson_change("deleted", lesson)])

    def list(self, event_id: str, request: PageRequest = ALL, which: LessonFilter = ANY_LESSON) -> Sequence[Lesson]:
        """Return the event's lessons that match, in one of LESSON_ORDERS."""
        if request == ALL and which == ANY_LESSON:
            return self._of_event.all(event_id=event_id)
        matching = LESSONS.where(LessonRow.event == event_id, *self._conditions(which))
        query = paged(matching, _ORDERS, request)
        return Statement(self._database, query, Lesson).all()

    def count_by_status(self, now: datetime) -> StatusCounts:
        """Count the lessons of all events, in one statement."""
        is_locked = LessonRow.release_at > now
        is_expired = ~is_locked & LessonRow.expires_at.is_null(False) & (LessonRow.expires_at <= now)
        query = LessonRow.select(
            fn.COUNT(peewee.SQL("*")).alias("total"),
            fn.COUNT(peewee.Case(None, [(is_locked, 1)])).alias("locked"),
            fn.COUNT(peewee.Case(None, [(is_expired, 1)])).alias("expired"),
        )
        [counts] = Statement(self._database, query, _Counts).all()
        released = counts.total - counts.locked - counts.expired
        return StatusCounts(locked=counts.locked, released=released, expired=counts.expired)

    def find(self, lesson_ids: Iterable[str], event_ids: Iterable[str], slugs: Iterable[str]) -> Sequence[Lesson]:
        """Return the lessons with one of the ids, or with one of the slugs in one of the events, in any order."""
        by_slug = LessonRow.event.in_([*event_ids]) & LessonRow.slug.in_([*slugs])
        query = LESSONS.where(LessonRow.id.in_([*lesson_ids]) | by_slug)
        return Statement(self._database, query, Lesson).all()

    def existing(self, references: Sequence[LessonReference]) -> Sequence[LessonReference]:
        """Return the references that name a lesson of that event, from one statement."""
        named = LessonRow.id.in_([reference.lesson_id for reference in references])
        query = LessonRow.select(LessonRow.event, LessonRow.id.alias("lesson_id")).where(named)
        existing = set(Statement(self._database, query, LessonReference).all())
        return [reference for reference in references if reference in existing]

    def _conditions(self, which: LessonFilter) -> Iterator[Any]:
        if which.q is not None:
            yield contains(self._database, LessonRow.search_form, which.q)
        if which.since is not None:
            yield LessonRow.release_at >= which.since
        if which.until is not None:
            yield LessonRow.release_at < which.until

    def _write(self, query: Any, lesson: Lesson, before: Lesson | None, *, keeps_slug: bool = False) -> None:
        try:
            with transaction(self._database):
                if not query.execute(self._database):
                    raise LessonNotFound
                self._changes.append([lesson_change("created" if before is None else "changed", lesson)])
                # The feed is locked now: of two transactions that claim one form the second one sees the first.
                self._change_slug(before, lesson, keeps_slug=keeps_slug)
        except peewee.IntegrityError as error:
            if violates_constraint(error, "lessons_window", []):
                raise InvalidWindow from None
            if violates_constraint(error, "lessons_event_id_slug", ["lessons.event_id", "lessons.slug"]):
                raise LessonSlugTaken(lesson.slug) from None
            if is_foreign_key_violation(error):
                raise EventNotFound from None
            raise

    def _change_slug(self, before: Lesson | None, lesson: Lesson, *, keeps_slug: bool) -> None:
        if before is not None and before.slug == lesson.slug:
            return
        taken, owner = stored_form(LessonRow, lesson.slug), {"event": lesson.event_id, "lesson": lesson.id}
        if not self._forms.take(taken, **owner) and not keeps_slug:
            raise LessonSlugTaken(lesson.slug)
        left = None if before is None else stored_form(LessonRow, before.slug)
        if left is not None and left != taken:
            self._forms.leave(left, **owner)


def _columns(lesson: Lesson) -> dict[str, Any]:
    columns = {**values_of(lesson), **forms(LessonRow, lesson.title, lesson.slug)}
    columns["event"] = columns.pop("event_id")
    return columns
