"""The change feed in SQLite or PostgreSQL. It is written in the transaction of the change."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

import peewee
from peewee import fn

from services.content.entities import (
    Change,
    ChangeAction,
    ChangeFeed,
    Event,
    FeedReader,
    Lesson,
    Material,
    NewChange,
)
from services.content.models import ChangeFeedRow, ChangeRow, FeedReaderRow
from services.kit.core.ids import new_id
from services.kit.core.instants import Clock
from services.kit.core.records import values_of
from services.kit.storage.audit.log import AuditTrail
from services.kit.storage.database import transaction, within_transaction
from services.kit.storage.statements import Insertion, Parameter, Statement

FEED = ChangeFeedRow.select(ChangeFeedRow.feed_id, ChangeFeedRow.last_sequence, ChangeFeedRow.pruned_through)
READERS = FeedReaderRow.select().order_by(FeedReaderRow.name)

_ROWS_IN_ONE_STATEMENT = 500


def event_change(action: ChangeAction, event: Event) -> NewChange:
    """Return the change of an event."""
    return NewChange("event", action, event.id, None, None, event.version)


def lesson_change(action: ChangeAction, lesson: Lesson) -> NewChange:
    """Return the change of a lesson."""
    return NewChange("lesson", action, lesson.event_id, lesson.id, None, lesson.version)


def material_change(action: ChangeAction, material: Material, event_id: str) -> NewChange:
    """Return the change of a material; materials have no versions."""
    return NewChange("material", action, event_id, material.lesson_id, material.id, 1)


def _last_sequence(last_sequence: int) -> int:
    return last_sequence


class PeeweeChanges:
    """ChangeLog over the tables `changes`, `change_feed` and `feed_readers`."""

    def __init__(self, database: peewee.Database, clock: Clock, audit: AuditTrail):
        self._database = database
        self._clock = clock
        self._audit = audit
        after = ChangeRow.select().where(ChangeRow.sequence > Parameter("after")).order_by(ChangeRow.sequence)
        self._insertion = Insertion(database, ChangeRow)
        counted = {ChangeFeedRow.last_sequence: ChangeFeedRow.last_sequence + Parameter("count")}
        counting_up = ChangeFeedRow.update(counted).returning(ChangeFeedRow.last_sequence)
        self._counting_up = Statement(database, counting_up, _last_sequence)
        self._after = Statement(database, after.limit(Parameter("limit")), Change)
        self._feed = Statement(database, FEED, ChangeFeed)
        known = FeedReaderRow.select().where(FeedReaderRow.name == Parameter("reader"))
        self._known = Statement(database, known, FeedReader)

    def append(self, changes: Sequence[NewChange]) -> None:
        """Append changes to the feed and the audit log; other transactions wait to append until this one ends."""
        with within_transaction(self._database):
            first = self._count_up(len(changes)) - len(changes) + 1
            at = self._clock()
            rows = [
                {"sequence": sequence, **values_of(change), "occurred_at": at}
                for sequence, change in enumerate(changes, first)
            ]
            for start in range(0, len(rows), _ROWS_IN_ONE_STATEMENT):
                self._insertion.run_all(rows[start : start + _ROWS_IN_ONE_STATEMENT])
            self._audit.append(change.entry for change in changes)

    def feed(self) -> ChangeFeed:
        """Return the id and the extent of the feed; create it when there is none yet."""
        feed = self._feed.first()
        if feed is None:
            self._begin()
            return self.feed()
        return feed

    def read(self, after: int, limit: int) -> Sequence[Change]:
        """Return at most `limit` changes after that number, in order."""
        return self._after.all(after=after, limit=limit)

    def readers(self) -> Sequence[FeedReader]:
        """Return the readers, by name."""
        return Statement(self._database, READERS, FeedReader).all()

    def acknowledge(self, reader: str, position: int, *, register: bool = True) -> bool:
        """Record that the reader has processed everything up to `position`; return whether that is new.

        Without `register` only a reader that is registered already is recorded.
        """
        known = self._known.first(reader=reader)
        if known is None and not register:
            return False
        if known is not None and known.position == position:
            return False
        row = {FeedReaderRow.name: reader, FeedReaderRow.position: position, FeedReaderRow.seen_at: self._clock()}
        query: Any = FeedReaderRow.insert(row)
        changed = [FeedReaderRow.position, FeedReaderRow.seen_at]
        query.on_conflict(conflict_target=[FeedReaderRow.name], preserve=changed).execute(self._database)
        return True

    def first_since(self, instant: datetime) -> int | None:
        """Return the lowest number of a change at that instant or later."""
        query = ChangeRow.select(fn.MIN(ChangeRow.sequence)).where(ChangeRow.occurred_at >= instant)
        lowest: int | None = query.scalar(self._database)
        return lowest

    def prune(self, through: int) -> None:
        """Delete the changes up to that number."""
        with transaction(self._database):
            pruned = {ChangeFeedRow.pruned_through: through}
            ChangeFeedRow.update(pruned).where(ChangeFeedRow.pruned_through < through).execute(self._database)
            ChangeRow.delete().where(ChangeRow.sequence <= through).execute(self._database)

    def _count_up(self, count: int) -> int:
        # Numbers of a PostgreSQL sequence could become visible in another order: a reader that has seen 8 would miss 7.
        # The lock of this row makes the order of the numbers the order of the commits.
        for last_sequence in self._counting_up.all(count=count):
            return last_sequence
        self._begin()
        return self._count_up(count)

    def _begin(self) -> None:
        row = {"id": 1, "feed_id": new_id(), "last_sequence": 0, "pruned_through": 0}
        query: Any = ChangeFeedRow.insert(row)
        query.on_conflict_ignore().execute(self._database)
