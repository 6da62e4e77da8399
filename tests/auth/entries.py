"""What an audit log says, whatever keeps it."""

from services.auth.repository.contracts import ALL, AuthStore
from services.kit.storage.audit.model import AuditRecord
from tests.audit import EVERYTHING, entries_in


def records_of(store: AuthStore) -> list[AuditRecord]:
    """Every record, in order."""
    return [*reversed(store.audit.list(EVERYTHING, ALL))]


def entries_of(store: AuthStore) -> list[tuple[str, str]]:
    """Every action and what it was done to, in order."""
    return entries_in(store.audit)
