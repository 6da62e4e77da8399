"""services.kit.storage.schema: the schema of a database compared with that of a model, on both engines."""

from typing import Any

import peewee
import pytest

from services.kit.storage.database import InstantField, is_postgresql
from services.kit.storage.schema import Difference, Part, database_schema, differences, model_schema

KEY = "foreign key to shelves (id) with ON DELETE"


class Shelf(peewee.Model):
    id = peewee.TextField(primary_key=True)

    class Meta:
        table_name = "shelves"
        legacy_table_names = False


class Place(peewee.Model):
    shelf = peewee.ForeignKeyField(Shelf, on_delete="CASCADE", on_update="RESTRICT")
    number = peewee.IntegerField()
    book = peewee.TextField(unique=True)
    state = peewee.TextField(null=True)
    since = InstantField()
    is_free = peewee.BooleanField()

    class Meta:
        table_name = "places"
        legacy_table_names = False
        primary_key = peewee.CompositeKey("number", "shelf")
        constraints = (
            peewee.Check("(number > 0 AND number < 100)", "places_number"),
            peewee.Check("state IN ('(', ')', 'lent') OR state IS NULL", "places_state"),
        )


fields = Place._meta.fields
Place.add_index(fields["since"], where=fields["state"].is_null(False), name="places_since")


@pytest.fixture
def places(database: peewee.Database) -> peewee.Database:
    for table in (Shelf, Place):
        peewee.SchemaManager(table, database).create_all()
    return database


def found(database: peewee.Database) -> list[Difference]:
    """Return where the table places differs from its model."""
    return list(differences(model_schema(Place, database), database_schema(database, "places")))


def test_a_created_table_has_the_schema_of_its_model(places: peewee.Database) -> None:
    assert found(places) == []


def test_every_altered_part_of_a_table_is_found(places: peewee.Database) -> None:
    places.execute_sql("DROP TABLE places")
    number = "bigint" if is_postgresql(places) else "integer"
    boolean = "boolean" if is_postgresql(places) else "integer"
    places.execute_sql(
        f"CREATE TABLE places (shelf_id TEXT NOT NULL REFERENCES shelves (id) ON DELETE SET NULL, number TEXT NOT NULL,"
        f" book TEXT NOT NULL, state TEXT NOT NULL, since {number} NOT NULL, is_free {boolean} NOT NULL, extra TEXT,"
        " PRIMARY KEY (shelf_id, number),"
        " CONSTRAINT \"places_state\" CHECK (state IN ('(', 'lent')), CONSTRAINT \"places_extra\" CHECK (extra = ''))"
    )
    places.execute_sql("CREATE INDEX places_book ON places (book, state)")
    places.execute_sql("CREATE INDEX places_since ON places (since) WHERE state IS NULL")
    altered = {(part.kind, part.name): (expected, actual) for part, expected, actual in found(places)}

    check, other_check = "CHECK (state IN ('(', ')', 'lent') OR state IS NULL)", "CHECK (state IN ('(', 'lent'))"
    expected: dict[tuple[str, str], Any] = {
        ("column", "extra"): (None, "text NULL"),
        ("column", "number"): (
            "integer PRIMARY KEY (number, shelf_id) NOT NULL",
            "text PRIMARY KEY (shelf_id, number) NOT NULL",
        ),
        ("column", "shelf_id"): (
            "text PRIMARY KEY (number, shelf_id) NOT NULL",
            "text PRIMARY KEY (shelf_id, number) NOT NULL",
        ),
        ("column", "state"): ("text NULL", "text NOT NULL"),
        ("constraint", "places_extra"): (None, "CHECK" if is_postgresql(places) else "CHECK (extra = '')"),
        ("constraint", "places_number"): ("CHECK ((number > 0 AND number < 100))", None),
        ("constraint", "shelf_id"): (f"{KEY} CASCADE ON UPDATE RESTRICT", f"{KEY} SET NULL"),
        ("index", "places_book"): ("UNIQUE index on book", "index on book, state"),
        ("index", "places_shelf_id"): ("index on shelf_id", None),
        ("index", "places_since"): ("index on since WHERE state IS NOT NULL", "index on since WHERE state IS NULL"),
    }
    if not is_postgresql(places):
        expected[("constraint", "places_state")] = (check, other_check)
    assert altered == expected


def test_parts_are_compared_in_the_order_of_their_names() -> None:
    expected = {Part("column", "b"): "text", Part("column", "a"): "text", Part("index", "c"): "index on a"}
    assert list(differences(expected, {Part("column", "a"): "integer"})) == [
        Difference(Part("column", "a"), "text", "integer"),
        Difference(Part("column", "b"), "text", None),
        Difference(Part("index", "c"), "index on a", None),
    ]
