"""The queries of a check: all rows of auth, in batches."""

from collections.abc import Iterator
from datetime import datetime

import peewee

from services.auth.entities import Admin, SigningKey
from services.auth.models import AdminRow, SigningKeyRow
from services.auth.repository.admins import ADMINS
from services.kit.storage.batches import batches


def all_admins(database: peewee.Database) -> Iterator[list[Admin]]:
    """Yield all admins, in batches."""
    return batches(database, ADMINS, (AdminRow.id,), Admin)


def usable_keys(database: peewee.Database, now: datetime) -> Iterator[list[SigningKey]]:
    """Yield the keys that are not retired at `now`, in batches."""
    usable = SigningKeyRow.select().where(SigningKeyRow.retired_at.is_null() | (SigningKeyRow.retired_at > now))
    return batches(database, usable, (SigningKeyRow.id,), SigningKey)
