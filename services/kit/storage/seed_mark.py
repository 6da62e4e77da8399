"""The mark of a database that has had its samples: they are added once in its life, not whenever it looks empty."""

from collections.abc import Callable, Sequence
from typing import Any

import peewee
from peewee import Check, IntegerField

from services.kit.core.instants import now
from services.kit.storage.database import InstantField, transaction


class SeedMarkRow(peewee.Model):
    """The single row that is there once samples were added, or must never be."""

    id = IntegerField(primary_key=True)
    seeded_at = InstantField()

    class Meta:
        table_name = "seed_mark"
        legacy_table_names = False
        constraints = (Check("id = 1", name="seed_mark_one_row"),)


def seed_once(
    database: peewee.Database, signs_of_use: Sequence[Any], add: Callable[[], dict[str, int]], *, anew: bool
) -> dict[str, int]:
    """Add the samples and write the mark in one transaction; add nothing to a database that counts as seeded.

    `signs_of_use` are selects: a database without the mark in which one of them finds a row counts as seeded. `anew`
    adds the samples in any case.
    """
    with transaction(database):
        is_first = mark_seeded(database)
        if anew or (is_first and not _is_used(database, signs_of_use)):
            return add()
    return {}


def is_seeded(database: peewee.Database, signs_of_use: Sequence[Any]) -> bool:
    """Return whether the database counts as seeded."""
    return bool(SeedMarkRow.select().exists(database)) or _is_used(database, signs_of_use)


def mark_seeded(database: peewee.Database) -> bool:
    """Write the mark in the caller's transaction; return False if it is there already.

    Where another transaction is writing it, wait for its end.
    """
    mark = SeedMarkRow.insert(id=1, seeded_at=now()).on_conflict_ignore()
    return bool(mark.as_rowcount().execute(database))


def _is_used(database: peewee.Database, signs_of_use: Sequence[Any]) -> bool:
    return any(query.exists(database) for query in signs_of_use)
