"""Idempotency: the response to a request with an Idempotency-Key is stored with the effect of the request.

See draft-ietf-httpapi-idempotency-key-header. Response and effect are written in one transaction, so that a crash
keeps both or neither. A second request with a key in flight in the same process is refused. In another process its
transaction is refused on PostgreSQL, by an advisory lock that ends with the transaction of the first; on SQLite it
waits for the write lock and then replays the stored response.
"""

import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from datetime import datetime, timedelta
from typing import NamedTuple, TypeVar

import peewee
from peewee import IntegerField, TextField

from services.kit.core.errors import ServiceError
from services.kit.core.instants import Clock, now
from services.kit.storage.database import InstantField, at_begin, is_postgresql, lock_rows
from services.kit.storage.statements import Parameter, Statement, Write, insertion
from services.kit.web.idempotency import IdempotencyKey, KeyInFlight, KeyReused, StoredResponse

LIFETIME = timedelta(hours=24)
# Each stored response removes at most this many expired ones; more than one, so that they do not accumulate.
EXPIRED_AT_ONCE = 100
_ID_DIGITS = 64

Result = TypeVar("Result")
Keep = Callable[[Result], object]
"""Stores the response. A use case calls it with its result, inside its last transaction."""


class IdempotentResponseRow(peewee.Model):
    """A stored response; `id` is the SHA-256 of route, caller and key."""

    id = TextField(primary_key=True)
    route = TextField()
    fingerprint = TextField()
    status = IntegerField()
    body = TextField()
    entity_tag = TextField(null=True)
    created_at = InstantField()
    expires_at = InstantField(index=True)

    class Meta:
        table_name = "idempotent_answers"
        legacy_table_names = False


class _Overtaken(Exception):
    """The request in another process has committed since this one began; rolls back what this one did."""

    def __init__(self, stored: StoredResponse):
        super().__init__()
        self.stored = stored


def keep_nothing(_result: object) -> None:
    """Store no response, for a request without a key."""


class _LiveRow(NamedTuple):
    fingerprint: str
    status: int
    body: str
    entity_tag: str | None


class IdempotentRequests:
    """Requests with a key: one effect and one response for each key, for 24 hours."""

    def __init__(self, database: peewee.Database, clock: Clock = now):
        self._database = database
        self._clock = clock
        self._in_flight: set[str] = set()
        self._in_flight_lock = threading.Lock()
        row = IdempotentResponseRow
        live = row.id.between(Parameter("first"), Parameter("last")) & (row.expires_at > Parameter("at"))
        query = row.select(row.fingerprint, row.status, row.body, row.entity_tag).where(live)
        self._live = Statement(database, query, _LiveRow)
        self._insert = insertion(database, row)
        is_expired = row.expires_at <= Parameter("at")
        self._remove_own = Write(database, row.delete().where(row.id == Parameter("id"), is_expired))
        oldest = row.select(row.id).where(is_expired).order_by(row.expires_at).limit(EXPIRED_AT_ONCE)
        # Skip the rows that another transaction is deleting.
        unlocked = lock_rows(oldest, database, "FOR UPDATE SKIP LOCKED")
        self._remove_others = Write(database, row.delete().where(row.id.in_(unlocked)))

    def run(
        self,
        key: IdempotencyKey,
        use_case: Callable[[Keep[Result]], Result],
        render: Callable[[Result], StoredResponse],
    ) -> StoredResponse:
        """Return the stored response, or run the use case, which stores one; a failure stores nothing.

        Raise KeyReused, KeyInFlight, and what the use case raises.
        """
        with self._exclusive(key):
            return self._stored(key) or self._first(key, use_case, render)

    def run_within(
        self,
        key: IdempotencyKey,
        use_case: Callable[[Keep[Result]], Result],
        render: Callable[[Result], StoredResponse],
        transaction: ExitStack,
    ) -> StoredResponse:
        """Do so in a transaction that has the write lock; `transaction` ends after its commit, and until then the key
        is in flight."""
        transaction.enter_context(self._exclusive(key))
        return self._stored(key) or self._first(key, use_case, render)

    def replay(self, key: IdempotencyKey) -> StoredResponse | None:
        """Return the stored response, or None. Raise KeyReused, KeyInFlight."""
        with self._exclusive(key):
            return self._stored(key)

    def _first(
        self,
        key: IdempotencyKey,
        use_case: Callable[[Keep[Result]], Result],
        render: Callable[[Result], StoredResponse],
    ) -> StoredResponse:
        kept: list[StoredResponse] = []

        def keep(result: Result) -> None:
            kept.append(render(result))
            self._store(key, kept[-1])

        try:
            with at_begin(lambda: self._begin(key)):
                result = use_case(keep)
                return kept[-1] if kept else render(result)
        except _Overtaken as overtaken:
            return overtaken.stored
        except (ServiceError, peewee.IntegrityError):
            # The same request in another process may have committed first and be the reason of this error.
            stored = self._stored(key)
            if stored is None:
                raise
            return stored

    def _stored(self, key: IdempotencyKey) -> StoredResponse | None:
        # An id of a group alone is the beginning of its ids, which are hexadecimal and of one length.
        first, last = (key.id.ljust(_ID_DIGITS, digit) for digit in "0f")
        rows = self._live.all(first=first, last=last, at=self._clock())
        for row in rows:
            if row.fingerprint == key.fingerprint:
                return StoredResponse(row.status, row.body.encode(), row.entity_tag, replayed=True)
        if rows:
            raise KeyReused
        return None if key.former is None else self._stored(key.former)

    def _store(self, key: IdempotencyKey, response: StoredResponse) -> None:
        at = self._clock()
        self._remove_expired(key, at)
        columns = {
            "id": key.id,
            "route": key.route,
            "fingerprint": key.fingerprint,
            "status": response.status,
            "body": response.body.decode(),
            "entity_tag": response.entity_tag,
            "created_at": at,
            "expires_at": at + LIFETIME,
        }
        self._insert.run(**columns)

    def _remove_expired(self, key: IdempotencyKey, at: datetime) -> None:
        self._remove_own.run(id=key.id, at=at)
        self._remove_others.run(at=at)

    def _begin(self, key: IdempotencyKey) -> None:
        """Lock the key until the transaction ends. Raise KeyInFlight, and _Overtaken when there is a response now."""
        if is_postgresql(self._database):
            # Do not wait for the lock: a waiting request would keep one of the few connections of a pooler.
            cursor = self._database.execute_sql("SELECT pg_try_advisory_xact_lock(%s)", (_lock_number(key),))
            if not cursor.fetchone()[0]:
                raise KeyInFlight
        # Read it in a statement after the lock: the one that took it may see the rows of before.
        if stored := self._stored(key):
            raise _Overtaken(stored)

    @contextmanager
    def _exclusive(self, key: IdempotencyKey) -> Iterator[None]:
        with self._in_flight_lock:
            if key.group in self._in_flight:
                raise KeyInFlight
            self._in_flight.add(key.group)
        try:
            yield
        finally:
            self._in_flight.discard(key.group)


def _lock_number(key: IdempotencyKey) -> int:
    return int.from_bytes(bytes.fromhex(key.group)[:8], "big", signed=True)
