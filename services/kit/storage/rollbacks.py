"""What a rollback loses: found by a trial, named before it happens, and recorded when it was accepted.

In the trial the migration is rolled back and applied again, so that what it computes anew does not count. The values
of a column that goes are kept and put back when the migration is applied again: otherwise every row would get the
column's default, such as the role of owner (docs/decisions/092-rollbacks-that-lose.md). So are the rows of a table
whose model says `survives_rollbacks`.
"""

import json
import operator
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import reduce
from typing import Any, NamedTuple

import peewee
from peewee import CompositeKey, TextField

from services.kit.core.instants import now
from services.kit.storage.database import InstantField, is_postgresql
from services.kit.storage.schema import primary_key

_ROWS_IN_ONE_STATEMENT = 150
# In place of a column's name, where the value is the whole row.
_ROW = "*"


class RollbackRow(peewee.Model):
    """A rollback that lost something: `lost` for good, `kept` until the migration is applied again."""

    name = TextField()
    rolled_back_at = InstantField()
    lost = TextField()
    kept = TextField()
    reapplied_at = InstantField(null=True)
    accepted_at = InstantField(null=True)

    class Meta:
        table_name = "schema_rollbacks"
        legacy_table_names = False
        primary_key = CompositeKey("name", "rolled_back_at")


class KeptValueRow(peewee.Model):
    """The value of a column, or a whole row, that a rollback removed; the row's primary key and the value are JSON."""

    name = TextField()
    of_table = TextField()
    of_column = TextField()
    of_row = TextField()
    value = TextField()

    class Meta:
        table_name = "schema_rollback_values"
        legacy_table_names = False
        primary_key = CompositeKey("name", "of_table", "of_column", "of_row")


class KeptValue(NamedTuple):
    """A value that will be put back into the row with these values of its primary key, or that row, as column `*`."""

    table: str
    column: str
    key: tuple[Any, ...]
    value: Any


@dataclass(frozen=True)
class Loss:
    """Rows of a table, or values of one of its columns, that a rollback loses; `is_kept` if they will be put back."""

    table: str
    column: str | None
    rows: int
    of_rows: int
    is_kept: bool = False

    def __str__(self) -> str:
        place = self.table if self.column is None else f"{self.table}.{self.column}"
        return f"{place} ({self.rows} of {self.of_rows} rows)"


@dataclass(frozen=True)
class Losses:
    """All that a rollback loses, by table and column, and the values that will be put back."""

    found: Sequence[Loss] = ()
    kept: Sequence[KeptValue] = ()


@dataclass(frozen=True)
class _Copy:
    """A table as it was before the trial."""

    table: str
    name: str
    columns: Sequence[str]
    key: Sequence[str]
    rows: int


class _Change(NamedTuple):
    """A value that the trial has changed or removed."""

    column: str
    key: tuple[Any, ...]
    value: Any


def losses_of(
    database: Any,
    tables: Iterable[str],
    append_only: Iterable[str],
    surviving: Iterable[str],
    roll_back: Callable[[], None],
    apply: Callable[[], None],
) -> Losses:
    """Return what the rollback of the latest migration loses of these tables, changing nothing.

    Nothing is kept of those that are `append_only`; whole rows are kept of those that are `surviving`.
    Nobody else writes from here to the end of the caller's transaction. The trial copies every table.
    """
    existing = sorted(set(tables) & set(database.get_tables()))
    if is_postgresql(database) and existing:
        names = ", ".join(f'"{table}"' for table in existing)
        database.execute_sql(f"LOCK TABLE {names} IN SHARE ROW EXCLUSIVE MODE")
    with database.atomic() as trial:
        copies = [_copied(database, table, number) for number, table in enumerate(existing)]
        roll_back()
        removed = {copy.table: set(copy.columns) - set(_columns(database, copy.table)) for copy in copies}
        # A migration that cannot be applied again brings nothing back.
        with suppress(Exception), database.atomic():
            apply()
        found: list[Loss] = []
        kept: list[KeptValue] = []
        for copy in copies:
            may_keep = set() if copy.table in append_only else removed[copy.table]
            losses, values = _compared(database, copy, may_keep, keeps_rows=copy.table in surviving)
            found += losses
            kept += values
        trial.rollback()
    return Losses(found, kept)


def note_rollback(database: peewee.Database, name: str, losses: Losses) -> None:
    """Note what a rollback has lost, with the values to put back, in its transaction."""
    peewee.SchemaManager(RollbackRow, database).create_all()
    peewee.SchemaManager(KeptValueRow, database).create_all()
    RollbackRow.insert(
        name=name,
        rolled_back_at=now(),
        lost=_listed(each for each in losses.found if not each.is_kept),
        kept=_listed(each for each in losses.found if each.is_kept),
    ).execute(database)
    KeptValueRow.delete().where(KeptValueRow.name == name).execute(database)
    rows = [
        {
            "name": name,
            "of_table": each.table,
            "of_column": each.column,
            "of_row": json.dumps(each.key),
            "value": json.dumps(each.value),
        }
        for each in losses.kept
    ]
    for start in range(0, len(rows), _ROWS_IN_ONE_STATEMENT):
        KeptValueRow.insert_many(rows[start : start + _ROWS_IN_ONE_STATEMENT]).execute(database)


def put_back(database: peewee.Database, name: str) -> None:
    """Put the kept values back into the rows that are still there, in the transaction that applies the migration."""
    if not database.table_exists("schema_rollbacks"):
        return
    RollbackRow.update(reapplied_at=now()).where(RollbackRow.name == name, RollbackRow.reapplied_at.is_null()).execute(
        database
    )
    mine = KeptValueRow.name == name
    for row in list(KeptValueRow.select().where(mine).execute(database)):
        if row.of_column == _ROW:
            _insert(database, row.of_table, json.loads(row.value))
            continue
        keys = primary_key(database, row.of_table)
        table: Any = peewee.Table(row.of_table, [*keys, row.of_column])
        conditions = [getattr(table, key) == value for key, value in zip(keys, json.loads(row.of_row), strict=True)]
        table.update({getattr(table, row.of_column): json.loads(row.value)}).where(*conditions).execute(database)
    KeptValueRow.delete().where(mine).execute(database)


def open_rollbacks(database: peewee.Database) -> list[RollbackRow]:
    """Return the rollbacks that lost something and that nobody has accepted, oldest first."""
    if not database.table_exists("schema_rollbacks"):
        return []
    query = RollbackRow.select().where(RollbackRow.accepted_at.is_null())
    return list(query.order_by(RollbackRow.rolled_back_at, RollbackRow.name.desc()).execute(database))


def accept_rollbacks(database: peewee.Database) -> list[str]:
    """Accept what rollbacks have lost and return their names; a check no longer finds them."""
    names = [row.name for row in open_rollbacks(database) if row.reapplied_at is not None]
    if names:
        RollbackRow.update(accepted_at=now()).where(
            RollbackRow.accepted_at.is_null(), RollbackRow.reapplied_at.is_null(is_null=False)
        ).execute(database)
    return names


def _insert(database: peewee.Database, table: str, row: dict[str, Any]) -> None:
    """Insert the row, unless what it refers to is gone or another row has its place."""
    for reference in database.get_foreign_keys(table):
        parent = peewee.Table(reference.dest_table)
        is_parent = getattr(parent.c, reference.dest_column) == row[reference.column]
        if not parent.select(peewee.SQL("1")).where(is_parent).tuples().execute(database):
            return
    query: Any = peewee.Table(table, [*row]).insert(row)
    query.on_conflict_ignore().execute(database)


def _listed(losses: Iterable[Loss]) -> str:
    return ", ".join(map(str, losses))


def _copied(database: peewee.Database, table: str, number: int) -> _Copy:
    # A migrator may make tables on every PostgreSQL server, but temporary ones not on all.
    kind = "UNLOGGED" if is_postgresql(database) else "TEMPORARY"
    name = f"before_rollback_{number}"
    database.execute_sql(f'CREATE {kind} TABLE "{name}" AS SELECT * FROM "{table}"')  # noqa: S608
    rows = peewee.Table(name).select(peewee.fn.COUNT(peewee.SQL("*"))).tuples().execute(database)[0][0]
    return _Copy(table, name, _columns(database, table), primary_key(database, table), rows)


def _columns(database: peewee.Database, table: str) -> list[str]:
    if not database.table_exists(table):
        return []
    columns: Any = database.get_columns(table)
    return [each.name for each in columns]


def _compared(
    database: peewee.Database, copy: _Copy, may_keep: set[str], *, keeps_rows: bool
) -> tuple[list[Loss], list[KeptValue]]:
    remaining = _columns(database, copy.table)
    if not copy.key or not set(copy.key) <= set(remaining):
        return ([Loss(copy.table, None, copy.rows, copy.rows)] if copy.rows else []), []
    losses: list[Loss] = []
    if gone := copy.rows - _surviving_rows(database, copy):
        losses.append(Loss(copy.table, None, gone, copy.rows, keeps_rows))
    rows = list(_gone_rows(database, copy)) if gone and keeps_rows else []
    changes = list(_changes(database, copy, remaining))
    for column in copy.columns:
        if count := sum(each.column == column for each in changes):
            losses.append(Loss(copy.table, column, count, copy.rows, column in may_keep))
    kept = [*rows, *(each for each in changes if each.column in may_keep)]
    return losses, [KeptValue(copy.table, *each) for each in kept]


def _surviving_rows(database: peewee.Database, copy: _Copy) -> int:
    before, after = peewee.Table(copy.name).alias("before"), peewee.Table(copy.table).alias("after")
    query = before.select(peewee.fn.COUNT(peewee.SQL("*"))).join(after, on=_same_row(copy, before, after))
    return int(query.tuples().execute(database)[0][0])


def _gone_rows(database: peewee.Database, copy: _Copy) -> Iterator[_Change]:
    before, after = peewee.Table(copy.name).alias("before"), peewee.Table(copy.table).alias("after")
    query = before.select(*(getattr(before.c, each) for each in copy.columns))
    query = query.join(after, peewee.JOIN.LEFT_OUTER, on=_same_row(copy, before, after))
    for values in query.where(getattr(after.c, copy.key[0]).is_null()).tuples().execute(database):
        row = dict(zip(copy.columns, values, strict=True))
        yield _Change(_ROW, tuple(row[each] for each in copy.key), row)


def _changes(database: peewee.Database, copy: _Copy, remaining: Sequence[str]) -> Iterator[_Change]:
    """Yield the values that the trial has changed in rows that are still there; NULL is no loss."""
    columns = [each for each in copy.columns if each not in copy.key]
    if not columns:
        return
    before, after = peewee.Table(copy.name).alias("before"), peewee.Table(copy.table).alias("after")
    old: list[Any] = [getattr(before.c, each) for each in columns]
    new: list[Any] = [getattr(after.c, each) if each in remaining else peewee.SQL("NULL") for each in columns]
    differences = [
        was.is_null(False) & (now_is.is_null() | (now_is != was)) for was, now_is in zip(old, new, strict=True)
    ]
    query = before.select(*(getattr(before.c, each) for each in copy.key), *old, *new)
    query = query.join(after, on=_same_row(copy, before, after)).where(reduce(operator.or_, differences))
    width = len(copy.key)
    for row in query.tuples().execute(database):
        key, values = tuple(row[:width]), row[width:]
        for column, was, now_is in zip(columns, values[: len(columns)], values[len(columns) :], strict=True):
            if was not in (None, now_is):
                yield _Change(column, key, was)


def _same_row(copy: _Copy, before: Any, after: Any) -> Any:
    return reduce(operator.and_, [getattr(before.c, each) == getattr(after.c, each) for each in copy.key])
