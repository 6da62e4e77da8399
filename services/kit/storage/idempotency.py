"""Exactly once: the answer to a request with an Idempotency-Key is kept beside what the request has done.

draft-ietf-httpapi-idempotency-key-header. Answer and effect are of one transaction, so that no crash can part them,
and the primary key lets only one request commit. While one is under way, others with its key are told so: on
PostgreSQL by a lock that every worker and replica sees and that ends with its connection; on SQLite within the
process, and a worker of another process waits for the write lock instead, and then gives the kept answer.
"""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from typing import Any, TypeVar

import peewee
from peewee import IntegerField, TextField

from services.kit.core.errors import ServiceError
from services.kit.core.instants import Clock, now
from services.kit.storage.database import InstantField, is_postgresql, lock_rows
from services.kit.storage.statements import Parameter, Statement
from services.kit.web.idempotency import IdempotencyKey, KeyInFlight, KeyReused, StoredResponse

LIFETIME = timedelta(hours=24)
# With each answer that is kept at most so many go whose time is over: more than one, so that none pile up.
EXPIRED_AT_ONCE = 100

Result = TypeVar("Result")
Keep = Callable[[Result], object]
"""What a use case calls with its result, inside its transaction."""


class IdempotentAnswerRow(peewee.Model):
    """An answer to give again; `id` is the SHA-256 of route, caller and key."""

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


def not_kept(_result: object) -> None:
    """What a use case calls when there is no key."""


class Once:
    """Lets each key have one effect and one answer, for 24 hours."""

    def __init__(self, database: peewee.Database, clock: Clock = now):
        self._database = database
        self._clock = clock
        self._in_flight: set[str] = set()
        self._registering = threading.Lock()
        row = IdempotentAnswerRow
        live = (row.id == Parameter("id")) & (row.expires_at > Parameter("at"))
        query = row.select(row.fingerprint, row.status, row.body, row.entity_tag).where(live)
        self._live: Statement[tuple[Any, ...]] = Statement(database, query, tuple)

    def run(
        self,
        key: IdempotencyKey,
        use_case: Callable[[Keep[Result]], Result],
        render: Callable[[Result], StoredResponse],
    ) -> StoredResponse:
        """The kept reply, or that of the use case, which keeps it; what fails keeps nothing.

        Raises KeyReused, KeyInFlight, and what the use case raises.
        """
        with self._alone(key):
            kept = self._kept(key)
            return kept or self._first(key, use_case, render)

    def replay(self, key: IdempotencyKey) -> StoredResponse | None:
        """The kept reply, if there is one; raises KeyReused, KeyInFlight."""
        with self._alone(key):
            return self._kept(key)

    def _first(
        self,
        key: IdempotencyKey,
        use_case: Callable[[Keep[Result]], Result],
        render: Callable[[Result], StoredResponse],
    ) -> StoredResponse:
        try:
            return render(use_case(lambda result: self._keep(key, render(result))))
        except (ServiceError, peewee.IntegrityError):
            # Another process may have been first: then this was refused for what that one has done.
            kept = self._kept(key)
            if kept is None:
                raise
            return kept

    def _kept(self, key: IdempotencyKey) -> StoredResponse | None:
        found = self._live.first(id=key.id, at=self._clock())
        if found is None:
            return None
        fingerprint, status, body, entity_tag = found
        if fingerprint != key.fingerprint:
            raise KeyReused
        return StoredResponse(status, body.encode(), entity_tag, replayed=True)

    def _keep(self, key: IdempotencyKey, reply: StoredResponse) -> None:
        at = self._clock()
        self._forget_expired(key, at)
        columns = {
            "id": key.id,
            "route": key.route,
            "fingerprint": key.fingerprint,
            "status": reply.status,
            "body": reply.body.decode(),
            "entity_tag": reply.entity_tag,
            "created_at": at,
            "expires_at": at + LIFETIME,
        }
        IdempotentAnswerRow.insert(columns).execute(self._database)

    def _forget_expired(self, key: IdempotencyKey, at: datetime) -> None:
        row = IdempotentAnswerRow
        row.delete().where(row.id == key.id, row.expires_at <= at).execute(self._database)
        expired = row.select(row.id).where(row.expires_at <= at).order_by(row.expires_at).limit(EXPIRED_AT_ONCE)
        # Those that another transaction is deleting are left to it.
        others = lock_rows(expired, self._database, "FOR UPDATE SKIP LOCKED")
        row.delete().where(row.id.in_(others)).execute(self._database)

    @contextmanager
    def _alone(self, key: IdempotencyKey) -> Iterator[None]:
        begin, end = (self._lock, self._unlock) if is_postgresql(self._database) else (self._register, self._release)
        if not begin(key):
            raise KeyInFlight
        try:
            yield
        finally:
            end(key)

    def _register(self, key: IdempotencyKey) -> bool:
        with self._registering:
            is_free = key.id not in self._in_flight
            self._in_flight.add(key.id)
        return is_free

    def _release(self, key: IdempotencyKey) -> None:
        self._in_flight.discard(key.id)

    def _lock(self, key: IdempotencyKey) -> bool:
        # The session's, not the transaction's: it must also cover what comes before and after.
        cursor = self._database.execute_sql("SELECT pg_try_advisory_lock(%s)", (_lock_number(key),))
        return bool(cursor.fetchone()[0])

    def _unlock(self, key: IdempotencyKey) -> None:
        try:
            self._database.execute_sql("SELECT pg_advisory_unlock(%s)", (_lock_number(key),))
        except peewee.DatabaseError:
            # With the connection the lock ends for certain.
            self._database.close()


def _lock_number(key: IdempotencyKey) -> int:
    return int.from_bytes(bytes.fromhex(key.id)[:8], "big", signed=True)
