"""The audit log in SQLite or PostgreSQL: appended to in the transactions of others, read newest first."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any, Protocol

import peewee
from peewee import fn

from services.kit.core.instants import Clock, now, to_milliseconds
from services.kit.storage.audit.model import AuditEntry, AuditRecord, AuditRow, record_of
from services.kit.storage.pages import paged
from services.kit.storage.statements import Statement
from services.kit.web.pages import PageRequest, SortKey

# What an action begins with, up to and with this, is its kind.
KIND_END = "."

_ROWS_IN_ONE_STATEMENT = 500


@dataclass(frozen=True, slots=True)
class AuditFilter:
    """Which entries to list; None means any.

    `action` is a whole action, or a kind with its dot, such as `event.`; `since` is still within, `until` no more.
    """

    actor_id: str | None = None
    action: str | None = None
    subject_id: str | None = None
    since: datetime | None = None
    until: datetime | None = None


EVERY_DEED = AuditFilter()


class AuditTrail(Protocol):
    """Who did what to which id; nothing is ever taken from it."""

    def append(self, entries: Iterable[AuditEntry]) -> None:
        """As of now, by whoever acts; of the caller's transaction."""

    def list(self, which: AuditFilter, request: PageRequest) -> Sequence[AuditRecord]:
        """Those that match, newest first."""


class AuditLog:
    """AuditTrail over the table `audit_log`."""

    def __init__(self, database: peewee.Database, clock: Clock = now):
        self._database = database
        self._clock = clock

    def append(self, entries: Iterable[AuditEntry]) -> None:
        """As of now, by whoever acts; of the caller's transaction."""
        at = self._clock()
        rows = [asdict(record_of(action, subject_id, at)) for action, subject_id in entries]
        for start in range(0, len(rows), _ROWS_IN_ONE_STATEMENT):
            AuditRow.insert_many(rows[start : start + _ROWS_IN_ONE_STATEMENT]).execute(self._database)

    def list(self, which: AuditFilter, request: PageRequest) -> Sequence[AuditRecord]:
        """Those that match, newest first."""
        matching = AuditRow.select().where(peewee.SQL("1 = 1"), *_conditions(which))
        query = paged(matching, (AuditRow.occurred_at, AuditRow.id), request, descending=True)
        return Statement(self._database, query, AuditRecord).all()


def audit_key(record: AuditRecord) -> SortKey:
    """The entry's place in the order of the list."""
    return (to_milliseconds(record.occurred_at), record.id)


def _conditions(which: AuditFilter) -> Iterator[Any]:
    if which.actor_id is not None:
        yield AuditRow.actor_id == which.actor_id
    if which.subject_id is not None:
        yield AuditRow.subject_id == which.subject_id
    if which.action is not None:
        is_kind = which.action.endswith(KIND_END)
        # Not LIKE, for which the _ of a kind is a wildcard.
        compared = fn.SUBSTR(AuditRow.action, 1, len(which.action)) if is_kind else AuditRow.action
        yield compared == which.action
    if which.since is not None:
        yield AuditRow.occurred_at >= which.since
    if which.until is not None:
        yield AuditRow.occurred_at < which.until
