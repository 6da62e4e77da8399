"""Idempotency: the response to a request with an Idempotency-Key is stored with the effect of the request.

See draft-ietf-httpapi-idempotency-key-header. Response and effect are written in one transaction, so that a crash
keeps both or neither. A second request with a key in flight in the same process is refused. In another process its
transaction is refused on PostgreSQL, by an advisory lock that ends with the transaction of the first; on SQLite it
waits for the write lock and then replays the stored response.
"""

import threading
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime, timedelta
from typing import NamedTuple, TypeVar

import peewee
from peewee import IntegerField, TextField

from services.kit.core.errors import ServiceError
from services.kit.core.instants import Clock, now
from services.kit.storage.database import InstantField, at_begin, is_postgresql, lock_rows, transaction
from services.kit.storage.database_errors import is_damage, is_outage
from services.kit.storage.open_files import FilesGone
from services.kit.storage.statements import Insertion, Parameter, Parameters, Statement, Write
from services.kit.web.idempotency import IdempotencyKey, KeyInFlight, KeyReused, StoredResponse

LIFETIME = timedelta(hours=24)
# Storing responses removes at most this many expired ones: more than are stored, so that they do not accumulate.
EXPIRED_AT_ONCE = 100
# After a removal that found none, the next one waits this long.
NONE_EXPIRED = timedelta(seconds=1)
_ID_DIGITS = 64

Result = TypeVar("Result")
Keep = Callable[[Result], object]
"""Stores the response. A use case calls it with its result, inside its last transaction."""
Outcome = StoredResponse | ServiceError | None


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


class NotTogether(Exception):
    """One of several requests failed, and nothing was stored. Run each alone to find out which one."""


class _Row(NamedTuple):
    id: str
    fingerprint: str
    status: int
    body: str
    entity_tag: str | None
    expires_at: datetime


class IdempotentRequests:
    """Requests with a key: one effect and one response for each key, for 24 hours."""

    def __init__(self, database: peewee.Database, clock: Clock = now):
        self._database = database
        self._clock = clock
        self._in_flight: set[str] = set()
        self._in_flight_lock = threading.Lock()
        row = IdempotentResponseRow
        rows = row.select(row.id, row.fingerprint, row.status, row.body, row.entity_tag, row.expires_at)
        in_range = row.id.between(Parameter("first"), Parameter("last"))
        self._rows_between = Statement(database, rows.where(in_range), _Row)
        self._rows_of = Statement(database, rows.where(row.id.in_(Parameters("ids"))), _Row)
        self._insert = Insertion(database, row)
        self._remove = Write(database, row.delete().where(row.id.in_(Parameters("ids"))))
        is_expired = row.expires_at <= Parameter("at")
        oldest = row.select(row.id).where(is_expired).order_by(row.expires_at).limit(EXPIRED_AT_ONCE)
        # Skip the rows that another transaction is deleting.
        unlocked = lock_rows(oldest, database, "FOR UPDATE SKIP LOCKED")
        self._remove_others = Write(database, row.delete().where(row.id.in_(unlocked)))
        self._next_removal = clock()

    def run(
        self,
        key: IdempotencyKey,
        use_case: Callable[[Keep[Result]], Result],
        render: Callable[[Result], StoredResponse],
    ) -> StoredResponse:
        """Return the stored response, or run the use case, which stores one; a failure stores nothing.

        Raise KeyReused, KeyInFlight, and what the use case raises.
        """
        with self.in_flight(key):
            return self.run_in_flight(key, use_case, render)

    def run_in_flight(
        self,
        key: IdempotencyKey,
        use_case: Callable[[Keep[Result]], Result],
        render: Callable[[Result], StoredResponse],
    ) -> StoredResponse:
        """Do what `run` does, for a key that the caller has in flight."""
        return self._stored(key) or self._first(key, use_case, render)

    def run_together(
        self,
        keys: Sequence[IdempotencyKey | None],
        run: Callable[[Sequence[int]], Sequence[Outcome]],
    ) -> list[Outcome]:
        """Run several requests in one transaction, and store the responses to those with a key.

        `run` gets the places of those without a stored response. An outcome is the response to the request or its
        error, or None when it has to run alone. Every id is of full length.
        """
        with self._in_flight_together(keys) as outcomes, transaction(self._database):
            try:
                self._find_stored(keys, outcomes)
                first = [place for place, outcome in enumerate(outcomes) if outcome is None]
                for place, outcome in zip(first, run(first) if first else (), strict=True):
                    outcomes[place] = outcome
                self._store_all([(keys[place], outcomes[place]) for place in first])
            except Exception as error:
                if isinstance(error, FilesGone) or is_outage(error) or is_damage(error):
                    raise
                raise NotTogether from error
        return outcomes

    def replay(self, key: IdempotencyKey) -> StoredResponse | None:
        """Return the stored response, or None. Raise KeyReused, KeyInFlight."""
        with self.in_flight(key):
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

    def _stored(self, key: IdempotencyKey, *, locked: bool = False) -> StoredResponse | None:
        # The id of a group is the beginning of the ids in it, which are hexadecimal and of one length.
        first, last = (key.id.ljust(_ID_DIGITS, digit) for digit in "0f")
        rows = self._live(self._rows_between.all(first=first, last=last), remove_others=locked)
        for row in rows:
            if row.fingerprint == key.fingerprint:
                return _response(row)
        if rows:
            raise KeyReused
        return None if key.former is None else self._stored(key.former, locked=locked)

    def _find_stored(self, keys: Sequence[IdempotencyKey | None], outcomes: list[Outcome]) -> None:
        """Lock the keys and set the stored outcomes; KeyInFlight for a key that another process has locked."""
        asked = {place: key for place, key in enumerate(keys) if key is not None and outcomes[place] is None}
        if not asked:
            return
        refused = self._locked_elsewhere(asked.values())
        locked = [key for key in asked.values() if _lock_number(key) not in refused]
        ids = [each.id for key in locked for each in (key, key.former) if each is not None]
        rows = {row.id: row for row in self._live(self._rows_of.all(ids=ids) if ids else [], remove_others=True)}
        for place, key in asked.items():
            outcomes[place] = KeyInFlight() if _lock_number(key) in refused else _replayed(key, rows)

    def _live(self, rows: list[_Row], *, remove_others: bool) -> list[_Row]:
        """Return the rows that have not expired. To remove the others, their keys must be locked."""
        at = self._clock()
        expired = [row.id for row in rows if row.expires_at <= at]
        if expired and remove_others:
            self._remove.run(ids=expired)
        return [row for row in rows if row.expires_at > at]

    def _store(self, key: IdempotencyKey, response: StoredResponse) -> None:
        self._store_all([(key, response)])

    def _store_all(self, responses: Iterable[tuple[IdempotencyKey | None, Outcome]]) -> None:
        at = self._clock()
        rows = [
            {
                "id": key.id,
                "route": key.route,
                "fingerprint": key.fingerprint,
                "status": response.status,
                "body": response.body.decode(),
                "entity_tag": response.entity_tag,
                "created_at": at,
                "expires_at": at + LIFETIME,
            }
            for key, response in responses
            if key is not None and isinstance(response, StoredResponse)
        ]
        if rows:
            if at >= self._next_removal and not self._remove_others.run(at=at):
                self._next_removal = at + NONE_EXPIRED
            self._insert.run_all(rows)

    def _begin(self, key: IdempotencyKey) -> None:
        """Lock the key until the transaction ends. Raise KeyInFlight, and _Overtaken when there is a response now."""
        if is_postgresql(self._database):
            # Do not wait for the lock: a waiting request would keep one of the few connections of a pooler.
            cursor = self._database.execute_sql("SELECT pg_try_advisory_xact_lock(%s)", (_lock_number(key),))
            if not cursor.fetchone()[0]:
                raise KeyInFlight
        # Read the response in a later statement: the one that locks may see rows as they were before the lock.
        if stored := self._stored(key, locked=True):
            raise _Overtaken(stored)

    def _locked_elsewhere(self, keys: Iterable[IdempotencyKey]) -> set[int]:
        """Lock the keys as `_begin` does; return the numbers of those that another process has locked."""
        if not is_postgresql(self._database):
            return set()
        statement = "SELECT number FROM unnest(%s::bigint[]) AS number WHERE NOT pg_try_advisory_xact_lock(number)"
        cursor = self._database.execute_sql(statement, ([_lock_number(key) for key in keys],))
        return {number for (number,) in cursor.fetchall()}

    @contextmanager
    def _in_flight_together(self, keys: Sequence[IdempotencyKey | None]) -> Iterator[list[Outcome]]:
        """Have the keys in flight; yield an outcome for each, KeyInFlight for one that is already."""
        outcomes: list[Outcome] = [None] * len(keys)
        own: set[str] = set()
        with self._in_flight_lock:
            for place, key in enumerate(keys):
                if key is not None and key.group in self._in_flight | own:
                    outcomes[place] = KeyInFlight()
                elif key is not None:
                    own.add(key.group)
            self._in_flight |= own
        try:
            yield outcomes
        finally:
            self._in_flight -= own

    @contextmanager
    def in_flight(self, key: IdempotencyKey) -> Iterator[None]:
        """Have the key in flight during the block. Raise KeyInFlight when it is already."""
        with self._in_flight_lock:
            if key.group in self._in_flight:
                raise KeyInFlight
            self._in_flight.add(key.group)
        try:
            yield
        finally:
            self._in_flight.discard(key.group)


def _replayed(key: IdempotencyKey, rows: Mapping[str, _Row]) -> Outcome:
    row = rows.get(key.id)
    if row is None:
        return None if key.former is None else _replayed(key.former, rows)
    return _response(row) if row.fingerprint == key.fingerprint else KeyReused()


def _response(row: _Row) -> StoredResponse:
    return StoredResponse(row.status, row.body.encode(), row.entity_tag, replayed=True)


def _lock_number(key: IdempotencyKey) -> int:
    return int.from_bytes(bytes.fromhex(key.group)[:8], "big", signed=True)
