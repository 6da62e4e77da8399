"""What a check asks of auth's tables: everything, a batch at a time."""

from collections.abc import Iterator
from datetime import datetime

import peewee

from services.auth.entities import Admin, SigningKey
from services.auth.models import AdminRow, SigningKeyRow
from services.kit.storage.batches import batches


class AuthInspection:
    """What a check asks of auth's tables: everything, a batch at a time."""

    def __init__(self, database: peewee.Database):
        self._database = database

    def admins(self) -> Iterator[list[Admin]]:
        """All, in batches."""
        return batches(self._database, AdminRow.select(), (AdminRow.id,), Admin)

    def usable_keys(self, now: datetime) -> Iterator[list[SigningKey]]:
        """Those that are not retired by then, in batches."""
        usable = SigningKeyRow.select().where(SigningKeyRow.retired_at.is_null() | (SigningKeyRow.retired_at > now))
        return batches(self._database, usable, (SigningKeyRow.id,), SigningKey)
