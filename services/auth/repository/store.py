"""The repositories of auth in SQLite or PostgreSQL, and the transaction around them."""

from contextlib import AbstractContextManager
from typing import Any

import peewee

from services.auth.repository.admins import PeeweeAdmins
from services.auth.repository.keys import PeeweeSigningKeys
from services.auth.repository.sessions import PeeweeRefreshTokens, PeeweeSessions
from services.auth.repository.throttles import PeeweeThrottles
from services.kit.core.instants import Clock, now
from services.kit.storage.audit.log import AuditLog
from services.kit.storage.database import transaction


class PeeweeAuthStore:
    """AuthStore over a database."""

    def __init__(self, database: peewee.Database, clock: Clock = now):
        self._database = database
        self.admins = PeeweeAdmins(database)
        self.sessions = PeeweeSessions(database)
        self.refresh_tokens = PeeweeRefreshTokens(database)
        self.signing_keys = PeeweeSigningKeys(database)
        self.throttles = PeeweeThrottles(database)
        self.audit = AuditLog(database, clock)

    def transaction(self) -> AbstractContextManager[Any]:
        """Commit everything that is written inside, or nothing."""
        return transaction(self._database)
