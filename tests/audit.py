"""The audit log in tests: an in-memory twin of AuditTrail for every service's store, and what a log says in short."""

from collections.abc import Iterable, Sequence
from contextvars import copy_context
from dataclasses import dataclass
from datetime import timedelta
from typing import Protocol

import peewee

from services.kit.core.actor import set_actor, set_anonymous_actor
from services.kit.core.instants import Clock
from services.kit.core.logging import start_request
from services.kit.storage.audit.log import AuditFilter, AuditLog, AuditTrail, audit_key
from services.kit.storage.audit.model import AuditEntry, AuditRecord, record_of
from services.kit.web.pages import PageRequest
from tests.clock import NOON, StoppedClock

ALL = PageRequest()
EVERYTHING = AuditFilter()


class HoldsEntries(Protocol):
    """The rows of an in-memory store, of which a transaction puts everything back when it fails."""

    entries: tuple[AuditRecord, ...]


class InMemoryAudit:
    """AuditTrail over a tuple."""

    def __init__(self, rows: HoldsEntries, clock: Clock):
        self._rows = rows
        self._clock = clock

    def append(self, entries: Iterable[AuditEntry]) -> None:
        """As of now, by whoever acts."""
        at = self._clock()
        self._rows.entries += tuple(record_of(action, subject_id, at) for action, subject_id in entries)

    def list(self, which: AuditFilter, request: PageRequest) -> Sequence[AuditRecord]:
        """Those that match, newest first."""
        found = [
            each
            for each in self._rows.entries
            if _matches(each, which) and (request.after is None or audit_key(each) < request.after)
        ]
        return sorted(found, key=audit_key, reverse=True)[: request.fetch_limit]


@dataclass
class Rows:
    """What an in-memory store holds."""

    entries: tuple[AuditRecord, ...] = ()


class KeptAudit:
    """An audit log with its clock: in memory, or in the database."""

    def __init__(self, database: peewee.Database | None = None):
        self.clock = StoppedClock()
        self.trail: AuditTrail = (
            InMemoryAudit(Rows(), self.clock) if database is None else AuditLog(database, self.clock)
        )

    def append(self, *entries: tuple[str, str], at: timedelta = timedelta(0), admin: str | None = None) -> None:
        """By that admin, whose name is the id in capitals, after that time."""
        self.clock.at = NOON + at

        def as_admin() -> None:
            if admin is not None:
                start_request(f"request-of-{admin}", "POST")
                set_anonymous_actor("192.0.2.7")
                set_actor(admin, admin.upper(), "editor")
            self.trail.append(entries)

        copy_context().run(as_admin)

    def found(self, which: AuditFilter) -> list[str]:
        """The subjects of those that match, newest first."""
        return [each.subject_id for each in self.trail.list(which, ALL)]


def entries_in(trail: AuditTrail) -> list[AuditEntry]:
    """Every action with its subject, oldest first."""
    return [(each.action, each.subject_id) for each in reversed(trail.list(EVERYTHING, ALL))]


def _matches(record: AuditRecord, which: AuditFilter) -> bool:
    action = which.action or ""
    return (
        which.actor_id in (None, record.actor_id)
        and which.subject_id in (None, record.subject_id)
        and (record.action.startswith(action) if action.endswith(".") else action in ("", record.action))
        and (which.since is None or record.occurred_at >= which.since)
        and (which.until is None or record.occurred_at < which.until)
    )
