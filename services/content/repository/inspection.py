"""The queries of a check: all rows of content, in batches."""

from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Any, NamedTuple

import peewee
from peewee import SQL, fn

from services.content.entities import ChangeFeed, Event, FeedReader, FeedState, Lesson, Material, NewChange
from services.content.models import (
    ChangeFeedRow,
    ChangeRow,
    EventRow,
    FormerEventSlugRow,
    FormerLessonSlugRow,
    LessonRow,
    MaterialRow,
)
from services.content.repository.events import EVENTS
from services.content.repository.feed import FEED, READERS
from services.content.repository.lessons import LESSONS
from services.content.repository.slugs import forms
from services.kit.storage.batches import BATCH_ROWS, Table, batches
from services.kit.storage.database import snapshot, transaction
from services.kit.storage.statements import Statement

NO_FEED = ChangeFeed("", 0, 0)
# The event of a material without a lesson is not known.
UNKNOWN_EVENT = ""


class StoredForms(NamedTuple):
    """A row's title and slug, and the forms that were stored with them. An event has its own id as `event_id`."""

    id: str
    event_id: str
    title: str
    slug: str
    slug_form: str | None
    search_form: str
    version: int


class _Bounds(NamedTuple):
    first: int | None
    last: int | None
    total: int


class _Gap(NamedTuple):
    before: int
    after: int


class ContentInspection:
    """Reads content for a check, in batches."""

    def __init__(self, database: peewee.Database):
        self._database = database

    def count(self) -> int:
        """Return the number of events, lessons and materials."""
        tables: tuple[Any, ...] = (EventRow, LessonRow, MaterialRow)
        return sum(table.select().count(self._database) for table in tables)

    def events(self) -> Iterator[list[Event]]:
        """Yield all events, in batches."""
        return batches(self._database, EVENTS, (EventRow.id,), Event)

    def lessons(self) -> Iterator[list[Lesson]]:
        """Yield all lessons, in batches."""
        return batches(self._database, LESSONS, (LessonRow.id,), Lesson)

    def materials(self) -> Iterator[list[Material]]:
        """Yield all materials, in batches."""
        return batches(self._database, MaterialRow.select(), (MaterialRow.id,), Material)

    def stale_forms(self, table: type[EventRow | LessonRow]) -> Iterator[tuple[StoredForms, list[str]]]:
        """Yield the rows of events or lessons with wrong stored forms, and the names of the wrong columns."""
        event_id = EventRow.id.alias("event_id") if table is EventRow else LessonRow.event
        query = table.select(
            table.id, event_id, table.title, table.slug, table.slug_form, table.search_form, table.version
        )
        for batch in batches(self._database, query, (table.id,), StoredForms):
            # The check of rows names a title or slug that is no text.
            for row in (each for each in batch if isinstance(each.title, str) and isinstance(each.slug, str)):
                expected, stored = forms(table, row.title, row.slug), row._asdict()
                if stale := [name for name, form in expected.items() if form != stored[name]]:
                    yield row, stale

    def renew_forms(self, table: type[EventRow | LessonRow], row: StoredForms) -> Sequence[NewChange]:
        """Store the forms and return the change; no change when the row has changed since it was read."""
        is_unchanged = (table.id == row.id) & (table.version == row.version)
        if not table.update(forms(table, row.title, row.slug)).where(is_unchanged).execute(self._database):
            return []
        if table is EventRow:
            return [NewChange("event", "changed", row.event_id, None, None, row.version)]
        return [NewChange("lesson", "changed", row.event_id, row.id, None, row.version)]

    def taken_former_slugs(self, table: type[FormerEventSlugRow | FormerLessonSlugRow]) -> Iterator[str]:
        """Yield the ids of former slugs whose form an event, or a lesson of the event, has now."""
        for batch in batches(self._database, table.select(table.id).where(_is_taken(table)), (table.id,), str):
            yield from batch

    def remove_taken_former_slug(self, table: type[FormerEventSlugRow | FormerLessonSlugRow], row_id: str) -> None:
        """Delete the former slug, unless no other record has its form any more."""
        table.delete().where((table.id == row_id) & _is_taken(table)).execute(self._database)

    def feed(self) -> FeedState:
        """Return the bookkeeping of the feed, from one snapshot."""
        with snapshot(self._database):
            feed = Statement(self._database, FEED, ChangeFeed).first() or NO_FEED
            bounds = self._bounds()
            expected = feed.last_sequence - feed.pruned_through
            is_complete = bounds == (feed.pruned_through + 1, feed.last_sequence, expected)
            gaps = [] if is_complete or bounds.total == expected == 0 else self._gaps(feed)
            return FeedState(feed, bounds.first, bounds.last, gaps, list(self._readers()))

    def prune_leftovers(self) -> int:
        """Delete the changes that the feed calls pruned, and return their number."""
        with transaction(self._database):
            pruned = ChangeFeedRow.select(ChangeFeedRow.pruned_through)
            return int(ChangeRow.delete().where(ChangeRow.sequence <= pruned).execute(self._database))

    def removal(self, table: Table, row_id: str) -> Sequence[NewChange]:
        """Return the changes for the deletion of an orphaned lesson, with its materials, or of an orphaned material.

        Only the ids and the version are read: the rest of the row may be broken as well. A former slug changes nothing:
        without its event or lesson it finds nothing.
        """
        if table in (FormerEventSlugRow, FormerLessonSlugRow):
            return []
        if table is MaterialRow:
            material = MaterialRow.select(MaterialRow.lesson).where(MaterialRow.id == row_id)
            return [
                NewChange("material", "deleted", UNKNOWN_EVENT, lesson_id, row_id, 1)
                for (lesson_id,) in material.tuples().execute(self._database)
            ]
        changes: list[NewChange] = []
        lesson = LessonRow.select(LessonRow.event, LessonRow.version.cast("INTEGER")).where(LessonRow.id == row_id)
        for event_id, version in lesson.tuples().execute(self._database):
            of_lesson = MaterialRow.select(MaterialRow.id).where(MaterialRow.lesson == row_id)
            for (material_id,) in of_lesson.order_by(MaterialRow.position).tuples().execute(self._database):
                changes.append(NewChange("material", "deleted", event_id, row_id, material_id, 1))
            changes.append(NewChange("lesson", "deleted", event_id, row_id, None, version))
        return changes

    def _bounds(self) -> _Bounds:
        first, last = fn.MIN(ChangeRow.sequence), fn.MAX(ChangeRow.sequence)
        query = ChangeRow.select(first.alias("first"), last.alias("last"), fn.COUNT(SQL("*")).alias("total"))
        [bounds] = Statement(self._database, query, _Bounds).all()
        return bounds

    def _gaps(self, feed: ChangeFeed) -> Sequence[tuple[int, int]]:
        """Return the gaps before, between and after the stored changes."""
        inside = (ChangeRow.sequence > feed.pruned_through) & (ChangeRow.sequence <= feed.last_sequence)
        before = fn.LAG(ChangeRow.sequence, 1, feed.pruned_through).over(order_by=[ChangeRow.sequence])
        steps = ChangeRow.select(before.alias("before"), ChangeRow.sequence.alias("after")).where(inside)
        jumps = peewee.Select(columns=[steps.c.before.alias("before"), steps.c.after.alias("after")], from_list=[steps])
        query = jumps.where(steps.c.after > steps.c.before + 1).order_by(steps.c.after).limit(BATCH_ROWS)
        gaps = [(gap.before + 1, gap.after - 1) for gap in Statement(self._database, query, _Gap).all()]
        last = ChangeRow.select(fn.MAX(ChangeRow.sequence)).where(inside).scalar(self._database)
        end = feed.pruned_through if last is None else last
        return gaps if end == feed.last_sequence else [*gaps, (end + 1, feed.last_sequence)]

    def _readers(self) -> Iterator[tuple[FeedReader, datetime | None]]:
        for reader in Statement(self._database, READERS, FeedReader).all():
            unread = ChangeRow.select(ChangeRow.occurred_at).where(ChangeRow.sequence > reader.position)
            query = unread.order_by(ChangeRow.sequence).limit(1)
            yield reader, Statement(self._database, query, _occurred_at).first()


def _is_taken(table: type[FormerEventSlugRow | FormerLessonSlugRow]) -> Any:
    if table is FormerEventSlugRow:
        return fn.EXISTS(EventRow.select(SQL("1")).where(EventRow.slug_form == table.slug_form))
    same_event = LessonRow.event == table.event
    return fn.EXISTS(LessonRow.select(SQL("1")).where(same_event, LessonRow.slug_form == table.slug_form))


def _occurred_at(occurred_at: datetime) -> datetime:
    return occurred_at
