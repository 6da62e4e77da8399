"""The repositories in SQLite or PostgreSQL, and the transaction around them."""

from contextlib import AbstractContextManager
from typing import Any

import peewee

from services.auth.repository.admins import PeeweeAdmins
from services.auth.repository.keys import PeeweeSigningKeys
from services.auth.repository.sessions import PeeweeRefreshTokens, PeeweeSessions
from services.kit.audit import AuditLog
from services.kit.database import transaction


class PeeweeAuthStore:
    """Auth in SQLite or PostgreSQL."""

    def __init__(self, database: peewee.Database):
        self._database = database
        self.admins = PeeweeAdmins(database)
        self.sessions = PeeweeSessions(database)
        self.refresh_tokens = PeeweeRefreshTokens(database)
        self.signing_keys = PeeweeSigningKeys(database)
        self.audit = AuditLog(database)

    def transaction(self) -> AbstractContextManager[Any]:
        """All that is written inside is kept, or nothing is."""
        return transaction(self._database)
