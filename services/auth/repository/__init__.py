"""How auth keeps its records: the contracts, and their Peewee implementation. Every query lives here."""

from services.auth.repository.contracts import (
    ALL,
    AdminRepository,
    AuthStore,
    RefreshTokenRepository,
    SessionRepository,
    SigningKeyRepository,
    ThrottleRepository,
    admin_key,
)
from services.auth.repository.inspection import AuthInspection
from services.auth.repository.store import PeeweeAuthStore

__all__ = [
    "ALL",
    "AdminRepository",
    "AuthInspection",
    "AuthStore",
    "PeeweeAuthStore",
    "RefreshTokenRepository",
    "SessionRepository",
    "SigningKeyRepository",
    "ThrottleRepository",
    "admin_key",
]
