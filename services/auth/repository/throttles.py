"""Attempts to sign in, counted in SQLite or PostgreSQL: over every worker and replica, and over restarts."""

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

    def get(self, ids: Sequence[str]) -> Sequence[Throttle]:
        """Those that are there, in no order."""
        # Prepared: it is all that those cost who are refused.
        if len(ids) not in self._several:
            query = Row.select().where(Row.id.in_([Parameter(f"id_{place}") for place in range(len(ids))]))
            self._several[len(ids)] = Statement(self._database, query, Throttle)
        return self._several[len(ids)].all(**{f"id_{place}": each for place, each in enumerate(ids)})

    def count(self, ids: Sequence[str], now: datetime, window_ends_at: datetime) -> Sequence[Throttle]:
        """As they are with one attempt more in each; where the window is over, another one begins.

        One statement, so that no attempt is lost between reading and writing, however many there are at once.
        """
        first = [{Row.id: each, Row.attempts: 1, Row.window_ends_at: window_ends_at} for each in ids]
        is_over = Row.window_ends_at <= now
        again = {
            Row.attempts: peewee.Case(None, [(is_over, 1)], Row.attempts + 1),
            Row.window_ends_at: peewee.Case(None, [(is_over, peewee.EXCLUDED.window_ends_at)], Row.window_ends_at),
        }
        counted = Row.insert_many(first).on_conflict(conflict_target=[Row.id], update=again).returning(Row)
        return [Throttle(each.id, each.attempts, each.window_ends_at) for each in counted.execute(self._database)]

    def give_back(self, throttle_id: str) -> None:
        """One attempt fewer, where there is one."""
        counted = (Row.id == throttle_id) & (Row.attempts > 0)
        Row.update({Row.attempts: Row.attempts - 1}).where(counted).execute(self._database)

    def prolong(self, throttle_id: str, window_ends_at: datetime) -> None:
        """Let its window, which may hold no attempt yet, end then."""
        columns = {Row.id: throttle_id, Row.attempts: 0, Row.window_ends_at: window_ends_at}
        prolonged = Row.insert(columns).on_conflict(conflict_target=[Row.id], preserve=[Row.window_ends_at])
        prolonged.execute(self._database)

    def forget(self, throttle_id: str) -> None:
        """Forget it with its attempts."""
        Row.delete().where(Row.id == throttle_id).execute(self._database)

    def remove_ended(self, now: datetime, at_most: int) -> int:
        """Forget so many of those whose windows are over, the oldest first; how many there were."""
        ended = Row.select(Row.id).where(Row.window_ends_at <= now).order_by(Row.window_ends_at).limit(at_most)
        # Those that another transaction holds are left to it: it counts in them, or forgets them.
        others = lock_rows(ended, self._database, "FOR UPDATE SKIP LOCKED")
        return int(Row.delete().where(Row.id.in_(others)).execute(self._database))
