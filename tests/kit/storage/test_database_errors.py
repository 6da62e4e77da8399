"""services.kit.storage.database_errors: the violated constraint on both engines, and what SQLite reports."""

from pathlib import Path
from typing import Any

import peewee
import pytest

from services.kit.core.errors import DiskFull
from services.kit.storage.database import open_database, transaction
from services.kit.storage.database_errors import (
    is_damage,
    is_foreign_key_violation,
    refused_write,
    violates_constraint,
)


class Event(peewee.Model):
    id = peewee.IntegerField(primary_key=True)
    slug = peewee.TextField()
    locale = peewee.TextField(default="en")
    parent: Any = peewee.ForeignKeyField("self", null=True)

    class Meta:
        table_name = "events"
        legacy_table_names = False
        indexes = ((("slug",), True), (("slug", "locale"), True))
        constraints = (peewee.Check("id > 0", "events_id"), peewee.Check("id < 100", "events_id_limit"))


class Pair(peewee.Model):
    left = peewee.TextField()
    right = peewee.TextField()

    class Meta:
        table_name = "pairs"
        legacy_table_names = False
        indexes = ((("left",), False), (("left", "right"), True))
        primary_key = False


KNOWN = {
    "events_slug": ["events.slug"],
    "events_slug_locale": ["events.slug", "events.locale"],
    "pairs_left": ["pairs.left"],
    "pairs_left_right": ["pairs.left", "pairs.right"],
    "events_id": [],
    "events_id_limit": [],
}
FOREIGN = "FOREIGN KEY constraint failed"


@pytest.mark.parametrize(
    ("query", "violated", "is_foreign"),
    [
        (Event.insert(id=9, slug="noon", locale="de"), ["events_slug"], False),
        (Event.insert(id=0, slug="new"), ["events_id"], False),
        (Event.insert(id=100, slug="new"), ["events_id_limit"], False),
        (Event.insert(id=0, slug="events_slug", locale=FOREIGN), ["events_id"], False),
        (Pair.insert_many([{"left": "a", "right": "pairs_left"}] * 2), ["pairs_left_right"], False),
        (Event.insert(id=9, slug=None), [], False),
        (Event.insert(id=9, slug="new", parent=8), [], True),
    ],
    ids=["unique", "check", "a name that begins alike", "a name in a value", "unique together", "not null", "foreign"],
)
def test_an_error_is_the_violation_of_exactly_one_constraint(
    database: peewee.Database, query: Any, violated: list[str], is_foreign: bool
) -> None:
    for table in (Event, Pair):
        peewee.SchemaManager(table, database).create_all()
    Event.insert(id=1, slug="noon").execute(database)
    with pytest.raises(peewee.IntegrityError) as caught, transaction(database):
        query.execute(database)
    assert [name for name, columns in KNOWN.items() if violates_constraint(caught.value, name, columns)] == violated
    assert is_foreign_key_violation(caught.value) is is_foreign


def test_damage_that_a_statement_meets_while_it_connects_is_damage(tmp_path: Path) -> None:
    (tmp_path / "letter").write_text("somebody's letter, and a long one, " * 100)
    with pytest.raises(peewee.DatabaseError) as caught:
        open_database(f"sqlite:///{tmp_path}/letter").execute_sql("SELECT 1")
    assert is_damage(caught.value)


def test_a_write_without_room_is_refused_for_the_disk(tmp_path: Path) -> None:
    database = open_database(f"sqlite:///{tmp_path}/small.sqlite")
    database.execute_sql("PRAGMA max_page_count = 2")
    database.execute_sql("CREATE TABLE notes (text)")
    with pytest.raises(peewee.OperationalError) as caught:
        database.execute_sql("INSERT INTO notes VALUES (zeroblob(100000))")
    database.close()
    assert isinstance(refused_write(caught.value), DiskFull)
