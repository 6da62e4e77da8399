"""The audit log in SQLite or PostgreSQL: appended to in the caller's transaction, read newest first."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol

import peewee
from peewee import fn

from services.kit.core.instants import Clock, now, to_milliseconds
from services.kit.core.records import values_of
from services.kit.storage.audit.model import AuditEntry, AuditRecord, AuditRow, record_of
from services.kit.storage.pages import ANY_ROW, paged
from services.kit.storage.statements import Insertion, Statement
from services.kit.web.pages import KeyOrders, Orders, PageRequest, SortKey

# An action up to and including this character is its kind.
KIND_END = "."
NEWEST_FIRST = "-occurredAt"

_ORDERS = Orders(NEWEST_FIRST, {"occurredAt": (AuditRow.occurred_at, AuditRow.id)})
_ROWS_IN_ONE_STATEMENT = 500


@dataclass(frozen=True, slots=True)
class AuditFilter:
    """Which entries to list; None means any.

    `action` is a full action, or a kind with its dot, such as `event.`. `since` is included, `until` is not.
    """

    actor_id: str | None = None
    action: str | None = None
    subject_id: str | None = None
    since: datetime | None = None
    until: datetime | None = None


class AuditTrail(Protocol):
    """The contract of an audit log, from which nothing is ever removed."""

    def append(self, entries: Iterable[AuditEntry]) -> None:
        """Append entries by the current actor, in the caller's transaction."""

    def list(self, filters: AuditFilter, request: PageRequest) -> Sequence[AuditRecord]:
        """Return a page of the matching entries, newest first."""


class AuditLog:
    """AuditTrail over the table `audit_log`."""

    def __init__(self, database: peewee.Database, clock: Clock = now):
        self._database = database
        self._clock = clock
        self._insertion = Insertion(database, AuditRow)

    def append(self, entries: Iterable[AuditEntry]) -> None:
        """Append entries by the current actor, in the caller's transaction."""
        at = self._clock()
        rows = [values_of(record_of(action, subject_id, at)) for action, subject_id in entries]
        for start in range(0, len(rows), _ROWS_IN_ONE_STATEMENT):
            self._insertion.run_all(rows[start : start + _ROWS_IN_ONE_STATEMENT])

    def list(self, filters: AuditFilter, request: PageRequest) -> Sequence[AuditRecord]:
        """Return a page of the matching entries, newest first."""
        query = paged(AuditRow.select().where(ANY_ROW, *_conditions(filters)), _ORDERS, request)
        return Statement(self._database, query, AuditRecord).all()


def audit_key(record: AuditRecord) -> SortKey:
    """Return the sort key of an entry."""
    return (to_milliseconds(record.occurred_at), record.id)


AUDIT_ORDERS: KeyOrders[AuditRecord] = Orders(NEWEST_FIRST, {"occurredAt": audit_key})


def _conditions(filters: AuditFilter) -> Iterator[Any]:
    if filters.actor_id is not None:
        yield AuditRow.actor_id == filters.actor_id
    if filters.subject_id is not None:
        yield AuditRow.subject_id == filters.subject_id
    if filters.action is not None:
        is_kind = filters.action.endswith(KIND_END)
        # LIKE would take the _ of a kind for a wildcard.
        compared = fn.SUBSTR(AuditRow.action, 1, len(filters.action)) if is_kind else AuditRow.action
        yield compared == filters.action
    if filters.since is not None:
        yield AuditRow.occurred_at >= filters.since
    if filters.until is not None:
        yield AuditRow.occurred_at < filters.until
