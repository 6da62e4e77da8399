"""What an audit log says, whatever keeps it."""

from services.auth.repository import ALL, AuthStore
from services.kit.audit import AuditRecord
from tests.audit import EVERYTHING, deeds_in


def records_of(store: AuthStore) -> list[AuditRecord]:
    """Every record, in order."""
    return [*reversed(store.audit.list(EVERYTHING, ALL))]


def deeds_of(store: AuthStore) -> list[tuple[str, str]]:
    """Every action and what it was done to, in order."""
    return deeds_in(store.audit)
