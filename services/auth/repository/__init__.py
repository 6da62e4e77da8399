"""How auth keeps its records: the contracts, and their Peewee implementation. Every query lives here."""

from services.auth.repository.contracts import (
    AdminRepository,
    AuditTrail,
    AuthStore,
    RefreshTokenRepository,
    SessionRepository,
    SigningKeyRepository,
)
from services.auth.repository.inspection import AuthInspection
from services.auth.repository.store import PeeweeAuthStore

__all__ = [
    "AdminRepository",
    "AuditTrail",
    "AuthInspection",
    "AuthStore",
    "PeeweeAuthStore",
    "RefreshTokenRepository",
    "SessionRepository",
    "SigningKeyRepository",
]
