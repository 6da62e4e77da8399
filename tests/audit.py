"""The audit log in tests: an in-memory twin of AuditTrail for every service's store, and what a log says in short."""

from collections.abc import Iterable, Sequence
from typing import Protocol

from services.kit.audit import AuditFilter, AuditRecord, AuditTrail, Deed, audit_key, record_of
from services.kit.instants import Clock
from services.kit.pagination import PageRequest

ALL = PageRequest()


class HoldsDeeds(Protocol):
    """The rows of an in-memory store, of which a transaction puts everything back when it fails."""

    deeds: tuple[AuditRecord, ...]


class InMemoryAudit:
    """AuditTrail over a tuple."""

    def __init__(self, rows: HoldsDeeds, clock: Clock):
        self._rows = rows
        self._clock = clock

    def append(self, deeds: Iterable[Deed]) -> None:
        """As of now, by whoever acts."""
        at = self._clock()
        self._rows.deeds += tuple(record_of(action, subject_id, at) for action, subject_id in deeds)

    def list(self, which: AuditFilter, request: PageRequest) -> Sequence[AuditRecord]:
        """Those that match, newest first."""
        found = [
            each
            for each in self._rows.deeds
            if _matches(each, which) and (request.after is None or audit_key(each) < request.after)
        ]
        return sorted(found, key=audit_key, reverse=True)[: request.fetch_limit]


def deeds_in(trail: AuditTrail) -> list[Deed]:
    """Every action with its subject, oldest first."""
    return [(each.action, each.subject_id) for each in reversed(trail.list(AuditFilter(), ALL))]


def _matches(record: AuditRecord, which: AuditFilter) -> bool:
    action = which.action or ""
    return (
        which.actor_id in (None, record.actor_id)
        and which.subject_id in (None, record.subject_id)
        and (record.action.startswith(action) if action.endswith(".") else action in ("", record.action))
        and (which.since is None or record.occurred_at >= which.since)
        and (which.until is None or record.occurred_at < which.until)
    )
