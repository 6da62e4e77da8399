"""The position in content's feed in SQLite or PostgreSQL, and the tombstones of what content has deleted."""

from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Any

import peewee

from services.kit.core.instants import from_milliseconds
from services.kit.storage.batches import batches
from services.kit.storage.database import lock_rows
from services.kit.storage.statements import Parameter, Statement
from services.quiz.entities import ContentKey, FeedPosition
from services.quiz.errors import EventNotFound, LessonNotFound
from services.quiz.models import FeedPositionRow, TombstoneRow

_NEVER_FOLLOWED = {"id": 1, "feed_id": "", "position": 0, "followed_at": from_milliseconds(0)}


class PeeweeFollowing:
    """Following over the tables `feed_position` and `tombstones`."""

    def __init__(self, database: peewee.Database):
        self._database = database
        position = FeedPositionRow.select(FeedPositionRow.feed_id, FeedPositionRow.position.alias("sequence"))
        self._position = Statement(database, position, FeedPosition)
        self._position_for_update = Statement(database, lock_rows(position, database), FeedPosition)
        self._position_for_share = Statement(database, lock_rows(position, database, "FOR SHARE"), FeedPosition)
        event = (TombstoneRow.kind == "event") & (TombstoneRow.content_id == Parameter("event_id"))
        lesson = (TombstoneRow.kind == "lesson") & (TombstoneRow.content_id == Parameter("lesson_id"))
        kinds = TombstoneRow.select(TombstoneRow.kind).where(event | lesson).order_by(TombstoneRow.kind)
        self._tombstone_kinds = Statement(database, kinds, str)

    def position(self, *, for_update: bool = False) -> FeedPosition | None:
        """Return the position, None before the first."""
        position = self._locked(self._position_for_update) if for_update else self._position.first()
        return position if position is not None and position.feed_id else None

    def move(self, position: FeedPosition, now: datetime) -> None:
        """Store the position."""
        columns = {
            FeedPositionRow.feed_id: position.feed_id,
            FeedPositionRow.position: position.sequence,
            FeedPositionRow.followed_at: now,
        }
        FeedPositionRow.update(columns).execute(self._database)

    def add_tombstones(self, keys: Sequence[ContentKey], now: datetime) -> None:
        """Add tombstones: no quiz may be made for these events and lessons. Repeating it is harmless."""
        for each in keys:
            row = {"kind": each.kind, "content_id": each.id, "deleted_at": now}
            query: Any = TombstoneRow.insert(row)
            query.on_conflict_ignore().execute(self._database)

    def tombstones(self, at_once: int) -> Iterator[Sequence[ContentKey]]:
        """Yield all tombstones, at most `at_once` at a time."""
        query = TombstoneRow.select(TombstoneRow.kind, TombstoneRow.content_id.alias("id"))
        return batches(self._database, query, (TombstoneRow.kind, TombstoneRow.content_id), ContentKey, at_once)

    def remove_tombstones(self, keys: Sequence[ContentKey]) -> None:
        """Remove the tombstones: quizzes for these events and lessons are allowed again."""
        for each in keys:
            tombstone = (TombstoneRow.kind == each.kind) & (TombstoneRow.content_id == each.id)
            TombstoneRow.delete().where(tombstone).execute(self._database)

    def require_alive(self, event_id: str, lesson_id: str) -> None:
        """Raise EventNotFound or LessonNotFound."""
        # The lock makes a follower that has just read of the deletion wait until it can see and remove the new quiz.
        self._locked(self._position_for_share)
        match self._tombstone_kinds.first(event_id=event_id, lesson_id=lesson_id):
            case "event":
                raise EventNotFound
            case "lesson":
                raise LessonNotFound

    def _locked(self, statement: Statement[FeedPosition]) -> FeedPosition:
        position = statement.first()
        if position is None:
            query: Any = FeedPositionRow.insert(_NEVER_FOLLOWED)
            query.on_conflict_ignore().execute(self._database)
            return self._locked(statement)
        return position
