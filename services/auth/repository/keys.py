"""Signing keys in SQLite or PostgreSQL."""

from collections.abc import Sequence
from dataclasses import asdict

import peewee

from services.auth.entities import SigningKey
from services.auth.models import SigningKeyRow
from services.kit.storage.database import is_postgresql
from services.kit.storage.statements import Statement


class PeeweeSigningKeys:
    """SigningKeyRepository over the table `signing_keys`."""

    def __init__(self, database: peewee.Database):
        self._database = database
        order = (SigningKeyRow.created_at, SigningKeyRow.id)
        self._all = Statement(database, SigningKeyRow.select().order_by(*order), SigningKey)

    def add(self, key: SigningKey) -> None:
        """Store a new key."""
        SigningKeyRow.insert(asdict(key)).execute(self._database)

    def save(self, key: SigningKey) -> None:
        """Replace the stored key of that id."""
        SigningKeyRow.update(asdict(key)).where(SigningKeyRow.id == key.id).execute(self._database)

    def list(self) -> Sequence[SigningKey]:
        """Return every key, oldest first."""
        return self._all.all()

    def lock(self) -> None:
        """Keep other transactions from adding or changing keys until this one ends."""
        # An empty table has no row to lock. On SQLite only one transaction writes at a time anyway.
        if is_postgresql(self._database):
            self._database.execute_sql("LOCK TABLE signing_keys IN SHARE ROW EXCLUSIVE MODE")

    def remove(self, key_id: str) -> None:
        """Delete the key if it exists."""
        SigningKeyRow.delete().where(SigningKeyRow.id == key_id).execute(self._database)
