"""Throttling: attempts to sign in are counted before a password is hashed, in the database that all workers share."""

from collections.abc import Sequence
from dataclasses import dataclass

from services.auth.entities import Admin, Throttle
from services.auth.errors import SignInThrottled
from services.auth.repository.contracts import AuthStore
from services.auth.rules import throttles as rules
from services.kit.core.errors import Limit
from services.kit.core.instants import Clock

# Of the two bounds that of an account is what people meet.
LIMIT = Limit("sign-in", rules.ATTEMPTS_OF_ACCOUNT_AND_ADDRESS, int(rules.WINDOW.total_seconds()))
# Each failure removes more ended windows than an attempt adds, so that they do not pile up.
_REMOVED_AT_ONCE = 10


@dataclass(frozen=True, slots=True)
class Attempt:
    """A counted attempt: its buckets, and their rows including it."""

    buckets: rules.SignInBuckets
    throttles: Sequence[Throttle]


class Throttling:
    """Counts attempts to sign in, also for unknown names, and refuses too many of them."""

    def __init__(self, store: AuthStore, clock: Clock):
        self._store = store
        self._clock = clock

    def check(self, username: str, address: str | None) -> bool:
        """Return whether wrong passwords from the address are counted; neither count nor lock.

        Raise SignInThrottled if an attempt would be refused now.
        """
        buckets, at = rules.sign_in_buckets(username, address), self._clock()
        throttles = self._store.throttles.find(buckets.ids)
        _refuse_for(rules.retry_after(buckets.limiting, throttles, at, room=1))
        return rules.has_failed(buckets.address, throttles, at)

    def count(self, username: str, address: str | None) -> Attempt:
        """Count an attempt in a transaction of its own; a refused attempt is not counted. Raise SignInThrottled."""
        self.check(username, address)
        buckets, at = rules.sign_in_buckets(username, address), self._clock()
        with self._store.transaction():
            throttles = self._store.throttles.count(buckets.ids, at, at + rules.WINDOW)
            # Concurrent attempts may have filled a bucket since.
            _refuse_for(rules.retry_after(buckets.limiting, throttles, self._clock()))
        return Attempt(buckets, throttles)

    def record_success(self, attempt: Attempt) -> None:
        """Subtract the attempt, and forget the wrong passwords for the account from the address."""
        throttles, buckets = self._store.throttles, attempt.buckets
        with self._store.transaction():
            for each in (buckets.address.id, buckets.account):
                throttles.decrement(each)
            throttles.remove(buckets.account_and_address.id)

    def record_failure(self, attempt: Attempt, admin: Admin | None) -> None:
        """Restart the window, and add audit entries if the admin exists.

        An unknown name is not stored: it may be a mistyped password.
        """
        at = self._clock()
        with self._store.transaction():
            self._store.throttles.extend(attempt.buckets.account_and_address.id, at + rules.WINDOW)
            self._store.throttles.remove_ended(at, _REMOVED_AT_ONCE)
            if admin is not None:
                actions = rules.refusal_actions(attempt.buckets, attempt.throttles, at)
                self._store.audit.append([(action, admin.id) for action in actions])


def _refuse_for(seconds: int | None) -> None:
    if seconds is not None:
        raise SignInThrottled(retry_after=seconds, limit=LIMIT)
