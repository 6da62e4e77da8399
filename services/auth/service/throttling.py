"""Throttling: attempts to sign in are counted before a password is hashed, in the database that all workers share."""

from collections.abc import Sequence
from dataclasses import dataclass

from services.auth.entities import Admin, Throttle
from services.auth.errors import SignInThrottled
from services.auth.repository.contracts import AuthStore
from services.auth.rules import throttles as rules
from services.kit.core.instants import Clock

# Each failure removes more ended windows than an attempt adds, so that they do not pile up.
_REMOVED_AT_ONCE = 10


@dataclass(frozen=True, slots=True)
class Attempt:
    """A counted attempt: its buckets, those in which it counted, and their rows including it."""

    buckets: rules.SignInBuckets
    counted_in: Sequence[rules.Bucket]
    throttles: Sequence[Throttle]


class Throttling:
    """Counts attempts to sign in, also for unknown names, and refuses too many of them."""

    def __init__(self, store: AuthStore, clock: Clock):
        self._store = store
        self._clock = clock

    def check(self, username: str, address: str | None) -> None:
        """Raise SignInThrottled if an attempt would be refused now; neither count nor lock."""
        self._available_buckets(rules.sign_in_buckets(username, address))

    def count(self, username: str, address: str | None) -> Attempt:
        """Count an attempt in a transaction of its own; a refused attempt is not counted. Raise SignInThrottled."""
        buckets, at = rules.sign_in_buckets(username, address), self._clock()
        counted_in = self._available_buckets(buckets)
        with self._store.transaction():
            throttles = self._store.throttles.count([each.id for each in counted_in], at, at + rules.WINDOW)
            # Concurrent attempts may have filled a bucket since.
            _refuse_for(rules.retry_after(counted_in, throttles, self._clock()))
        return Attempt(buckets, counted_in, throttles)

    def record_success(self, attempt: Attempt) -> None:
        """Subtract the attempt, and remember that the account knows the address."""
        throttles, both = self._store.throttles, attempt.buckets.account_and_address
        with self._store.transaction():
            for bucket in attempt.counted_in:
                if bucket != both:
                    throttles.decrement(bucket.id)
            throttles.remove(both.id)
            throttles.extend(attempt.buckets.familiar, self._clock() + rules.FAMILIAR_FOR)

    def record_failure(self, attempt: Attempt, admin: Admin | None) -> None:
        """Restart the window, and add audit entries if the admin exists.

        An unknown name is not stored: it may be a mistyped password. The entry about throttling is added once for each
        window, so that nobody can fill the log with attempts.
        """
        at = self._clock()
        with self._store.transaction():
            self._store.throttles.extend(attempt.buckets.account_and_address.id, at + rules.WINDOW)
            self._store.throttles.remove_ended(at, _REMOVED_AT_ONCE)
            if admin is not None:
                throttled = rules.is_full(attempt.counted_in, attempt.throttles, at)
                actions = ("sign_in.refused", "sign_in.throttled") if throttled else ("sign_in.refused",)
                self._store.audit.append([(action, admin.id) for action in actions])

    def _available_buckets(self, buckets: rules.SignInBuckets) -> Sequence[rules.Bucket]:
        throttles, at = self._store.throttles.find(buckets.ids), self._clock()
        counted_in = buckets.counted(throttles, at)
        _refuse_for(rules.retry_after(counted_in, throttles, at, room=1))
        return counted_in


def _refuse_for(seconds: int | None) -> None:
    if seconds is not None:
        raise SignInThrottled(retry_after=seconds)
