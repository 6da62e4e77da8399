"""Sign-in attempts, counted in SQLite or PostgreSQL for all workers and replicas."""

from collections.abc import Sequence
from datetime import datetime

import peewee

from services.auth.entities import Throttle
from services.auth.models import SignInThrottleRow as Row
from services.kit.storage.database import lock_rows
from services.kit.storage.statements import Parameter, Statement


class PeeweeThrottles:
    """ThrottleRepository over the table `sign_in_throttles`."""

    def __init__(self, database: peewee.Database):
        self._database = database
        self._several: dict[int, Statement[Throttle]] = {}

    def find(self, ids: Sequence[str]) -> Sequence[Throttle]:
        """Return the rows that exist, in any order."""
        # Prepared, because a throttled attempt costs only this query.
        if len(ids) not in self._several:
            query = Row.select().where(Row.id.in_([Parameter(f"id_{place}") for place in range(len(ids))]))
            self._several[len(ids)] = Statement(self._database, query, Throttle)
        return self._several[len(ids)].all(**{f"id_{place}": each for place, each in enumerate(ids)})

    def count(self, ids: Sequence[str], now: datetime, window_ends_at: datetime) -> Sequence[Throttle]:
        """Add one attempt to each row and return the rows; where the window has ended, begin another one.

        It is one statement, so that concurrent attempts are not lost between reading and writing.
        """
        first = [{Row.id: each, Row.attempts: 1, Row.window_ends_at: window_ends_at} for each in ids]
        has_ended = Row.window_ends_at <= now
        update = {
            Row.attempts: peewee.Case(None, [(has_ended, 1)], Row.attempts + 1),
            Row.window_ends_at: peewee.Case(None, [(has_ended, peewee.EXCLUDED.window_ends_at)], Row.window_ends_at),
        }
        counted = Row.insert_many(first).on_conflict(conflict_target=[Row.id], update=update).returning(Row)
        return [Throttle(each.id, each.attempts, each.window_ends_at) for each in counted.execute(self._database)]

    def decrement(self, throttle_id: str) -> None:
        """Subtract one attempt, not below zero."""
        counted = (Row.id == throttle_id) & (Row.attempts > 0)
        Row.update({Row.attempts: Row.attempts - 1}).where(counted).execute(self._database)

    def extend(self, throttle_id: str, window_ends_at: datetime) -> None:
        """Set the end of the window; add a row without attempts if there is none."""
        columns = {Row.id: throttle_id, Row.attempts: 0, Row.window_ends_at: window_ends_at}
        prolonged = Row.insert(columns).on_conflict(conflict_target=[Row.id], preserve=[Row.window_ends_at])
        prolonged.execute(self._database)

    def remove(self, throttle_id: str) -> None:
        """Delete the row if it exists."""
        Row.delete().where(Row.id == throttle_id).execute(self._database)

    def remove_ended(self, now: datetime, at_most: int) -> int:
        """Delete at most `at_most` rows whose windows have ended, oldest first, and return their number."""
        ended = Row.select(Row.id).where(Row.window_ends_at <= now).order_by(Row.window_ends_at).limit(at_most)
        # Skip the rows that another transaction has locked: it counts in them or deletes them.
        unlocked = lock_rows(ended, self._database, "FOR UPDATE SKIP LOCKED")
        return int(Row.delete().where(Row.id.in_(unlocked)).execute(self._database))
