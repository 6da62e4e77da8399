"""The audit log in tests: an in-memory twin of AuditTrail, and short forms of its entries."""

from collections.abc import Iterable, Sequence
from contextvars import copy_context
from dataclasses import dataclass
from datetime import timedelta
from typing import Protocol

import peewee

from services.kit.core.actor import set_actor, set_anonymous_actor
from services.kit.core.instants import Clock
from services.kit.core.logging import start_request
from services.kit.storage.audit.log import AUDIT_ORDERS, AuditFilter, AuditLog, AuditTrail
from services.kit.storage.audit.model import AuditEntry, AuditRecord, record_of
from services.kit.web.pages import PageRequest
from tests.clock import NOON, StoppedClock
from tests.stores import paged

ALL = PageRequest()
EVERYTHING = AuditFilter()


class HoldsEntries(Protocol):
    """The rows of an in-memory store, which a failed transaction restores."""

    entries: tuple[AuditRecord, ...]


class InMemoryAudit:
    """AuditTrail over a tuple."""

    def __init__(self, rows: HoldsEntries, clock: Clock):
        self._rows = rows
        self._clock = clock

    def append(self, entries: Iterable[AuditEntry]) -> None:
        """Append entries by the current actor."""
        at = self._clock()
        self._rows.entries += tuple(record_of(action, subject_id, at) for action, subject_id in entries)

    def list(self, filters: AuditFilter, request: PageRequest) -> Sequence[AuditRecord]:
        """Return a page of the matching entries, newest first."""
        return paged((each for each in self._rows.entries if _matches(each, filters)), AUDIT_ORDERS, request)


@dataclass
class Rows:
    """The rows of an in-memory audit log."""

    entries: tuple[AuditRecord, ...] = ()


class KeptAudit:
    """An audit log with its clock, in memory or in a database."""

    def __init__(self, database: peewee.Database | None = None):
        self.clock = StoppedClock()
        self.trail: AuditTrail = (
            InMemoryAudit(Rows(), self.clock) if database is None else AuditLog(database, self.clock)
        )

    def append(self, *entries: tuple[str, str], at: timedelta = timedelta(0), admin: str | None = None) -> None:
        """Append entries of this admin, whose name is the id in capitals, at this time after noon."""
        self.clock.at = NOON + at

        def as_admin() -> None:
            if admin is not None:
                start_request(f"request-of-{admin}", "POST")
                set_anonymous_actor("192.0.2.7")
                set_actor(admin, admin.upper(), "editor")
            self.trail.append(entries)

        copy_context().run(as_admin)

    def found(self, filters: AuditFilter) -> list[str]:
        """Return the subjects of the matching entries, newest first."""
        return [each.subject_id for each in self.trail.list(filters, ALL)]


def entries_in(trail: AuditTrail) -> list[AuditEntry]:
    """Return every action with its subject, oldest first."""
    return [(each.action, each.subject_id) for each in reversed(trail.list(EVERYTHING, ALL))]


def _matches(record: AuditRecord, filters: AuditFilter) -> bool:
    action = filters.action or ""
    return (
        filters.actor_id in (None, record.actor_id)
        and filters.subject_id in (None, record.subject_id)
        and (record.action.startswith(action) if action.endswith(".") else action in ("", record.action))
        and (filters.since is None or record.occurred_at >= filters.since)
        and (filters.until is None or record.occurred_at < filters.until)
    )
