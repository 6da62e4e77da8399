"""What a check asks of content's tables: everything, a batch at a time."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from itertools import islice
from typing import Any

import peewee
from peewee import SQL, fn

from services.content.entities import ChangeFeed, Event, FeedReader, FeedState, Lesson, Material, NewChange
from services.content.models import ChangeFeedRow, ChangeRow, EventRow, FeedReaderRow, LessonRow, MaterialRow
from services.kit.storage.batches import BATCH_ROWS, Table, batches
from services.kit.storage.database import snapshot, transaction
from services.kit.storage.statements import Statement

NO_FEED = ChangeFeed("", 0, 0)
# A material whose lesson is gone does not say of which event that was.
UNKNOWN_EVENT = ""


class ContentInspection:
    """Reads all of content without holding it."""

    def __init__(self, database: peewee.Database):
        self._database = database

    def count(self) -> int:
        """How many events, lessons and materials there are."""
        tables: tuple[Any, ...] = (EventRow, LessonRow, MaterialRow)
        return sum(table.select().count(self._database) for table in tables)

    def events(self) -> Iterator[list[Event]]:
        """All, in batches."""
        return batches(self._database, EventRow.select(), (EventRow.id,), Event)

    def lessons(self) -> Iterator[list[Lesson]]:
        """All, in batches."""
        return batches(self._database, LessonRow.select(), (LessonRow.id,), Lesson)

    def materials(self) -> Iterator[list[Material]]:
        """All, in batches."""
        return batches(self._database, MaterialRow.select(), (MaterialRow.id,), Material)

    def events_of(self, lesson_ids: Iterable[str]) -> Mapping[str, str]:
        """The event of each of these lessons that is there."""
        return self._parents(LessonRow.id, LessonRow.event, lesson_ids)

    def lessons_of(self, material_ids: Iterable[str]) -> Mapping[str, str]:
        """The lesson of each of these materials that is there."""
        return self._parents(MaterialRow.id, MaterialRow.lesson, material_ids)

    def feed(self) -> FeedState:
        """The feed's bookkeeping, all of one moment."""
        with snapshot(self._database):
            feed = self._only_feed()
            first, last, count = self._bounds()
            wanted = (feed.pruned_through + 1, feed.last_sequence, feed.last_sequence - feed.pruned_through)
            is_whole = (first, last, count) == wanted or count == wanted[2] == 0
            gaps = [] if is_whole else self._gaps(feed)
            return FeedState(feed, first, last, gaps, list(self._readers()))

    def prune_leftovers(self) -> int:
        """Delete the changes that the feed says are pruned; how many there were."""
        with transaction(self._database):
            pruned = ChangeFeedRow.select(ChangeFeedRow.pruned_through)
            return int(ChangeRow.delete().where(ChangeRow.sequence <= pruned).execute(self._database))

    def removal(self, table: Table, row_id: str) -> Sequence[NewChange]:
        """What the feed tells when that lesson or material goes; of a lesson's materials, too, which go with it.

        Of an orphan no more is read than its ids and version: the rest of the row may be broken as well.
        """
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

    def _parents(self, key: Any, parent: Any, ids: Iterable[str]) -> Mapping[str, str]:
        found: dict[str, str] = {}
        wanted = iter(ids)
        while batch := list(islice(wanted, BATCH_ROWS)):
            query = key.model.select(key, parent).where(key.in_(batch))
            found.update(Statement(self._database, query, _pair).all())
        return found

    def _only_feed(self) -> ChangeFeed:
        columns = (ChangeFeedRow.feed_id, ChangeFeedRow.last_sequence, ChangeFeedRow.pruned_through)
        return Statement(self._database, ChangeFeedRow.select(*columns), ChangeFeed).first() or NO_FEED

    def _bounds(self) -> tuple[int | None, int | None, int]:
        columns = (fn.MIN(ChangeRow.sequence), fn.MAX(ChangeRow.sequence), fn.COUNT(SQL("*")))
        bounds: tuple[int | None, int | None, int]
        [bounds] = Statement(self._database, ChangeRow.select(*columns), tuple).all()
        return bounds

    def _gaps(self, feed: ChangeFeed) -> Sequence[tuple[int, int]]:
        """Between the changes that are there, and before the first and behind the last."""
        inside = (ChangeRow.sequence > feed.pruned_through) & (ChangeRow.sequence <= feed.last_sequence)
        before = fn.LAG(ChangeRow.sequence, 1, feed.pruned_through).over(order_by=[ChangeRow.sequence])
        steps = ChangeRow.select(before.alias("before"), ChangeRow.sequence.alias("here")).where(inside)
        jumps = peewee.Select(columns=[steps.c.before, steps.c.here], from_list=[steps])
        query = jumps.where(steps.c.here > steps.c.before + 1).order_by(steps.c.here).limit(BATCH_ROWS)
        sql, values = self._database.get_sql_context().sql(query).query()
        rows = self._database.execute_sql(sql, values).fetchall()
        gaps = [(before + 1, here - 1) for before, here in rows]
        last = ChangeRow.select(fn.MAX(ChangeRow.sequence)).where(inside).scalar(self._database)
        end = feed.pruned_through if last is None else last
        return gaps if end == feed.last_sequence else [*gaps, (end + 1, feed.last_sequence)]

    def _readers(self) -> Iterator[tuple[FeedReader, datetime | None]]:
        readers = Statement(self._database, FeedReaderRow.select().order_by(FeedReaderRow.name), FeedReader).all()
        for reader in readers:
            ahead = ChangeRow.select(ChangeRow.occurred_at).where(ChangeRow.sequence > reader.position)
            query = ahead.order_by(ChangeRow.sequence).limit(1)
            yield reader, Statement(self._database, query, _instant).first()


def _pair(key: str, parent: str) -> tuple[str, str]:
    return key, parent


def _instant(instant: datetime) -> datetime:
    return instant
