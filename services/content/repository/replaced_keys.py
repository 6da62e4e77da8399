"""Keyed digests of replaced access keys in SQLite or PostgreSQL."""

from datetime import datetime

import peewee

from services.content.models import ReplacedKeyRow
from services.kit.storage.database import lock_rows
from services.kit.storage.statements import Parameter, Statement

_SKIP_LOCKED = "FOR UPDATE SKIP LOCKED"


class PeeweeReplacedKeys:
    """ReplacedKeys over the table `replaced_keys`."""

    def __init__(self, database: peewee.Database):
        self._database = database
        row = ReplacedKeyRow
        found = row.select(row.digest).where(row.digest == Parameter("digest"), row.replaced_at > Parameter("since"))
        self._found = Statement(database, found, str)

    def add(self, digest: str, at: datetime) -> None:
        """Store that the key with this digest was replaced now."""
        row = ReplacedKeyRow
        insert = row.insert({"digest": digest, "replaced_at": at})
        again = insert.on_conflict(conflict_target=[row.digest], update={row.replaced_at: at})
        again.execute(self._database)

    def has(self, digest: str, since: datetime) -> bool:
        """Return whether the key with this digest was replaced after that instant."""
        return self._found.first(digest=digest, since=since) is not None

    def prune(self, through: datetime) -> None:
        """Delete the digests of keys that were replaced at that instant or before."""
        row = ReplacedKeyRow
        # Skip the rows that another transaction is deleting.
        old = lock_rows(row.select(row.digest).where(row.replaced_at <= through), self._database, _SKIP_LOCKED)
        row.delete().where(row.digest.in_(old)).execute(self._database)
