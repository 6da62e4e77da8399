"""The repositories of content in SQLite or PostgreSQL, and the transaction around them."""

from contextlib import AbstractContextManager
from typing import Any

import peewee

from services.content.repository.events import PeeweeEvents
from services.content.repository.feed import PeeweeChanges
from services.content.repository.lessons import PeeweeLessons
from services.content.repository.materials import PeeweeMaterials
from services.content.repository.replaced_keys import PeeweeReplacedKeys
from services.kit.core.instants import Clock, now
from services.kit.storage.audit.log import AuditLog
from services.kit.storage.database import transaction


class PeeweeContentStore:
    """ContentStore over a database."""

    def __init__(self, database: peewee.Database, clock: Clock = now):
        self._database = database
        self.audit = AuditLog(database, clock)
        self.changes = PeeweeChanges(database, clock, self.audit)
        self.materials = PeeweeMaterials(database, self.changes)
        self.lessons = PeeweeLessons(database, self.changes)
        self.events = PeeweeEvents(database, self.changes)
        self.replaced_keys = PeeweeReplacedKeys(database)

    def transaction(self) -> AbstractContextManager[Any]:
        """Commit everything that is written inside, or nothing."""
        return transaction(self._database)
