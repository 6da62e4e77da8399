"""The check of rows: the types of values that SQLite lets into any column."""

from typing import Any

import peewee
import pytest

from services.kit.maintenance.rows import row_findings
from tests.violations import NoProgress


class _Row(peewee.Model):
    id = peewee.TextField(primary_key=True)
    share = peewee.FloatField(null=True)

    class Meta:
        table_name = "measured"
        legacy_table_names = False


class _Unknown(peewee.Model):
    id = peewee.TextField(primary_key=True)
    picture = peewee.BlobField()


@pytest.fixture
def database() -> peewee.Database:
    """Return a database in memory with both tables."""
    opened = peewee.SqliteDatabase(":memory:")
    with opened.bind_ctx([_Row, _Unknown]):
        opened.create_tables([_Row, _Unknown])
    return opened


def findings(database: peewee.Database, table: Any) -> list[tuple[str, str]]:
    """Return row and rule of each finding."""
    return [(each.id, each.rule) for each in row_findings(database, table, NoProgress())]


def test_a_column_of_real_numbers_holds_only_these(database: peewee.Database) -> None:
    database.execute_sql("INSERT INTO measured VALUES ('a', 42), ('b', 0.5), ('c', NULL), ('d', 'half')")
    assert findings(database, _Row) == [("d", "column_type")]


def test_a_column_of_an_unknown_type_is_refused(database: peewee.Database) -> None:
    with pytest.raises(TypeError, match="picture: BlobField"):
        findings(database, _Unknown)
