"""Signing keys in SQLite or PostgreSQL."""

from collections.abc import Sequence
from dataclasses import asdict

import peewee

from services.auth.entities import SigningKey
from services.auth.models import SigningKeyRow
from services.kit.database import Statement


class PeeweeSigningKeys:
    """SigningKeyRepository over the table `signing_keys`."""

    def __init__(self, database: peewee.Database):
        self._database = database
        order = (SigningKeyRow.created_at, SigningKeyRow.id)
        usable = SigningKeyRow.select().where(SigningKeyRow.retired_at.is_null()).order_by(*order)
        self._usable = Statement(database, usable, SigningKey)

    def add(self, key: SigningKey) -> None:
        """Keep a new key."""
        SigningKeyRow.insert(asdict(key)).execute(self._database)

    def list(self) -> Sequence[SigningKey]:
        """Every key that is not retired, oldest first."""
        return self._usable.all()
