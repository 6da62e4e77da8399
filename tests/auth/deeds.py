"""What an audit log says, whatever keeps it."""

from services.auth.repository import AuthStore, PeeweeAuthStore
from services.kit.audit import AuditRecord, AuditRow
from services.kit.database import Statement
from tests.auth.memory import InMemoryAuthStore


def records_of(store: AuthStore) -> list[AuditRecord]:
    """Every record, in order."""
    if isinstance(store, InMemoryAuthStore):
        return list(store.audit.records)
    assert isinstance(store, PeeweeAuthStore)
    query = AuditRow.select().order_by(AuditRow.occurred_at, AuditRow.id)
    return Statement(store._database, query, AuditRecord).all()


def deeds_of(store: AuthStore) -> list[tuple[str, str]]:
    """Every action and what it was done to, in order."""
    return [(each.action, each.subject_id) for each in records_of(store)]
