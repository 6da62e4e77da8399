"""How auth keeps its records: the contracts, and their Peewee implementation. Every query lives here."""

from services.auth.repository.contracts import (
    AdminRepository,
    AuthStore,
    SessionRepository,
    SigningKeyRepository,
)
from services.auth.repository.inspection import AuthInspection
from services.auth.repository.store import PeeweeAuthStore

__all__ = [
    "AdminRepository",
    "AuthInspection",
    "AuthStore",
    "PeeweeAuthStore",
    "SessionRepository",
    "SigningKeyRepository",
]
