"""Throttling: who tries to sign in is counted before anything is hashed, in the database that all workers share."""

from collections.abc import Sequence
from dataclasses import dataclass

from services.auth import rules
from services.auth.entities import Admin, Throttle
from services.auth.errors import SignInThrottled
from services.auth.repository.contracts import AuthStore
from services.kit.core.instants import Clock

# With each refusal at most so many go whose windows are over: more than one attempt makes, so that none pile up.
_ENDED_AT_ONCE = 10


@dataclass(frozen=True, slots=True)
class Attempt:
    """A counted attempt: where it might belong, where it was counted, and how many there are with it."""

    buckets: rules.SignInBuckets
    counted_in: Sequence[rules.Bucket]
    throttles: Sequence[Throttle]


class Throttling:
    """Counts attempts to sign in, for names that nobody has as for others, and refuses those that are too many."""

    def __init__(self, store: AuthStore, clock: Clock):
        self._store = store
        self._clock = clock

    def require_room(self, username: str, address: str | None) -> None:
        """Raises SignInThrottled when an attempt would be refused now; counts nothing, and holds nothing."""
        self._require_room(rules.sign_in_buckets(username, address))

    def count(self, username: str, address: str | None) -> Attempt:
        """Count an attempt, for good, whatever comes of it; one that is refused counts nowhere.

        Raises SignInThrottled.
        """
        buckets, at = rules.sign_in_buckets(username, address), self._clock()
        counting = self._require_room(buckets)
        with self._store.transaction():
            throttles = self._store.throttles.count([each.id for each in counting], at, at + rules.WINDOW)
            # Others may have been counted since.
            _refuse_for(rules.retry_after(counting, throttles, self._clock()))
        return Attempt(buckets, counting, throttles)

    def forgive(self, attempt: Attempt) -> None:
        """The attempt was right: it counts no longer, and from now on the address is familiar."""
        throttles, both = self._store.throttles, attempt.buckets.account_and_address
        with self._store.transaction():
            for bucket in attempt.counted_in:
                if bucket != both:
                    throttles.give_back(bucket.id)
            throttles.forget(both.id)
            throttles.prolong(attempt.buckets.familiar, self._clock() + rules.FAMILIAR_FOR)

    def note_refusal(self, attempt: Attempt, admin: Admin | None) -> None:
        """The attempt was wrong: its window lasts from now on, and what concerns an admin goes into the audit log.

        A name that nobody has costs as much but for one row, and is written nowhere: it may be a mistyped password.
        What is throttled is told once for each window, so that nobody can fill the log by trying on.
        """
        at = self._clock()
        with self._store.transaction():
            self._store.throttles.prolong(attempt.buckets.account_and_address.id, at + rules.WINDOW)
            self._store.throttles.remove_ended(at, _ENDED_AT_ONCE)
            if admin is not None:
                throttled = rules.is_full(attempt.counted_in, attempt.throttles, at)
                actions = ("sign_in.refused", "sign_in.throttled") if throttled else ("sign_in.refused",)
                self._store.audit.append([(action, admin.id) for action in actions])

    def _require_room(self, buckets: rules.SignInBuckets) -> Sequence[rules.Bucket]:
        throttles, at = self._store.throttles.get(buckets.ids), self._clock()
        counting = buckets.counting(throttles, at)
        _refuse_for(rules.retry_after(counting, throttles, at, room=1))
        return counting


def _refuse_for(seconds: int | None) -> None:
    if seconds is not None:
        raise SignInThrottled(retry_after=seconds)
