"""Exactly once: the answer to a request with an Idempotency-Key is kept beside what the request has done.

draft-ietf-httpapi-idempotency-key-header. Answer and effect are of one transaction, so that no crash can part them,
and the primary key lets only one request commit. While one is under way, others with its key are told so: on
PostgreSQL by a lock that every worker and replica sees and that ends with its connection; on SQLite within the
process, and a worker of another process waits for the write lock instead, and then gives the kept answer.
"""

import hashlib
import re
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, ClassVar, TypeVar

import orjson
import peewee
from peewee import IntegerField, TextField

from services.kit.database import InstantField, Parameter, Statement, is_postgresql, locked
from services.kit.errors import Conflict, RequestError, ServiceError, ValidationFailed
from services.kit.instants import Clock, now

KEY_HEADER = "Idempotency-Key"
REPLAYED_HEADER = "Idempotency-Replayed"
LIFETIME = timedelta(hours=24)
# With each answer that is kept at most so many go whose time is over: more than one, so that none pile up.
EXPIRED_AT_ONCE = 100

# A string of RFC 8941 section 3.3.3; clients also send the key as it is.
_QUOTED = re.compile(r'"((?:[\x20-\x21\x23-\x5b\x5d-\x7e]|\\["\\])*)"')
_BARE = re.compile(r"[\x20\x21\x23-\x7e][\x20-\x7e]*")
_MAXIMUM_LENGTH = 255

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


class KeyReused(ServiceError):
    """The key came with another body before."""

    status: ClassVar[int] = 422
    code = "IDEMPOTENCY_KEY_REUSED"
    message = "This Idempotency-Key was sent with another body; send a new key for a new request"


class KeyInFlight(Conflict):
    """A request with this key is under way."""

    code = "IDEMPOTENCY_KEY_IN_FLIGHT"
    message = "A request with this Idempotency-Key is under way; try again shortly"

    def __init__(self) -> None:
        super().__init__(retry_after=1)


@dataclass(frozen=True)
class Key:
    """A request's Idempotency-Key: `id` is what is unique, `fingerprint` tells one body from another."""

    id: str
    route: str
    fingerprint: str


@dataclass(frozen=True)
class Reply:
    """An answer as it is kept; `replayed` when it is given again."""

    status: int
    body: bytes
    entity_tag: str | None = None
    replayed: bool = False


def reply_with(document: object, status: int, entity_tag: str | None = None) -> Reply:
    """A first answer."""
    return Reply(status, orjson.dumps(document), entity_tag)


def not_kept(_result: object) -> None:
    """What a use case calls when there is no key."""


def request_key(header: str | None, route: str, caller: str, document: object) -> Key | None:
    """The key of a request with this header and JSON body; None without the header.

    `route` is the method and the public address, `caller` the admin's id, or empty where nobody signs in. Raises
    ValidationFailed.
    """
    if header is None:
        return None
    key = orjson.dumps([route, caller, _key_text(header)])
    return Key(_sha256(key), route, _sha256(_canonical(document)))


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
        self._live: Statement[tuple[Any, ...]] = Statement(database, query, lambda *columns: columns)

    def run(self, key: Key, use_case: Callable[[Keep[Result]], Result], render: Callable[[Result], Reply]) -> Reply:
        """The kept reply, or that of the use case, which keeps it; what fails keeps nothing.

        Raises KeyReused, KeyInFlight, and what the use case raises.
        """
        with self._alone(key):
            kept = self._kept(key)
            return kept or self._first(key, use_case, render)

    def replay(self, key: Key) -> Reply | None:
        """The kept reply, if there is one; raises KeyReused, KeyInFlight."""
        with self._alone(key):
            return self._kept(key)

    def _first(self, key: Key, use_case: Callable[[Keep[Result]], Result], render: Callable[[Result], Reply]) -> Reply:
        try:
            return render(use_case(lambda result: self._keep(key, render(result))))
        except (ServiceError, peewee.IntegrityError):
            # Another process may have been first: then this was refused for what that one has done.
            kept = self._kept(key)
            if kept is None:
                raise
            return kept

    def _kept(self, key: Key) -> Reply | None:
        found = self._live.first(id=key.id, at=self._clock())
        if found is None:
            return None
        fingerprint, status, body, entity_tag = found
        if fingerprint != key.fingerprint:
            raise KeyReused
        return Reply(status, body.encode(), entity_tag, replayed=True)

    def _keep(self, key: Key, reply: Reply) -> None:
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

    def _forget_expired(self, key: Key, at: datetime) -> None:
        row = IdempotentAnswerRow
        row.delete().where(row.id == key.id, row.expires_at <= at).execute(self._database)
        expired = row.select(row.id).where(row.expires_at <= at).order_by(row.expires_at).limit(EXPIRED_AT_ONCE)
        # Those that another transaction is deleting are left to it.
        others = locked(expired, self._database, "FOR UPDATE SKIP LOCKED")
        row.delete().where(row.id.in_(others)).execute(self._database)

    @contextmanager
    def _alone(self, key: Key) -> Iterator[None]:
        begin, end = (self._lock, self._unlock) if is_postgresql(self._database) else (self._register, self._release)
        if not begin(key):
            raise KeyInFlight
        try:
            yield
        finally:
            end(key)

    def _register(self, key: Key) -> bool:
        with self._registering:
            is_free = key.id not in self._in_flight
            self._in_flight.add(key.id)
        return is_free

    def _release(self, key: Key) -> None:
        self._in_flight.discard(key.id)

    def _lock(self, key: Key) -> bool:
        # The session's, not the transaction's: it must also cover what comes before and after.
        cursor = self._database.execute_sql("SELECT pg_try_advisory_lock(%s)", (_lock_number(key),))
        return bool(cursor.fetchone()[0])

    def _unlock(self, key: Key) -> None:
        try:
            self._database.execute_sql("SELECT pg_advisory_unlock(%s)", (_lock_number(key),))
        except peewee.DatabaseError:
            # With the connection the lock ends for certain.
            self._database.close()


def _key_text(header: str) -> str:
    quoted = _QUOTED.fullmatch(header)
    key = re.sub(r"\\(.)", r"\1", quoted[1]) if quoted else header
    if not 1 <= len(key) <= _MAXIMUM_LENGTH or not (quoted or _BARE.fullmatch(header)):
        text = f"must be 1 to {_MAXIMUM_LENGTH} printable ASCII characters, as they are or in double quotes"
        raise ValidationFailed({KEY_HEADER: [text]})
    return key


def _canonical(document: object) -> bytes:
    try:
        return orjson.dumps(document, option=orjson.OPT_SORT_KEYS)
    except orjson.JSONEncodeError:
        # Parsed it was, so it is deeper than orjson writes.
        raise RequestError(f"The body is nested too deeply for an {KEY_HEADER}") from None


def _sha256(text: bytes) -> str:
    return hashlib.sha256(text).hexdigest()


def _lock_number(key: Key) -> int:
    return int.from_bytes(bytes.fromhex(key.id)[:8], "big", signed=True)
