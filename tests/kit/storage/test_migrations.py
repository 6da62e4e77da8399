"""services.kit.storage.migrations on both engines, with real files, real tables and real processes."""

import hashlib
import subprocess
import sys
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import peewee
import pytest
from peewee_migrate import Router

from services.kit.storage.database import is_postgresql, open_database
from services.kit.storage.migrations import (
    MigrationError,
    MigrationFailed,
    Migrations,
    MigrationStatus,
    SchemaBehind,
    SchemaDrifted,
    SchemaNewer,
)

PROJECT = Path(__file__).parents[3]

INITIAL = """
import peewee as pw

def migrate(migrator, database, *, fake=False):
    @migrator.create_model
    class Author(pw.Model):
        id = pw.TextField(primary_key=True)
        name = pw.TextField()
        born = pw.IntegerField(null=True)

        class Meta:
            table_name = "author"

    @migrator.create_model
    class Book(pw.Model):
        id = pw.TextField(primary_key=True)
        author = pw.ForeignKeyField(Author, on_delete="CASCADE")
        title = pw.TextField()
        pages = pw.IntegerField()

        class Meta:
            table_name = "book"
            indexes = ((("author", "title"), True),)
            constraints = [pw.Check("pages > 0", "book_pages")]

def rollback(migrator, database, *, fake=False):
    migrator.remove_model("book")
    migrator.remove_model("author")
"""

SHELF = """
import peewee as pw

def migrate(migrator, database, *, fake=False):
    @migrator.create_model
    class Shelf(pw.Model):
        id = pw.TextField(primary_key=True)

        class Meta:
            table_name = "shelf"

    migrator.sql("INSERT INTO shelf (id) VALUES ('first')")

def rollback(migrator, database, *, fake=False):
    migrator.remove_model("shelf")
"""

NOTHING = (
    "def migrate(migrator, database, *, fake=False): pass\ndef rollback(migrator, database, *, fake=False): pass\n"
)

UP = "python -m services.library migrate up"
DOWN = "python -m services.library migrate down"
STATUS = "python -m services.library migrate status"


class Author(peewee.Model):
    id = peewee.TextField(primary_key=True)
    name = peewee.TextField()
    born = peewee.IntegerField(null=True)

    class Meta:
        table_name = "author"


class Book(peewee.Model):
    id = peewee.TextField(primary_key=True)
    author = peewee.ForeignKeyField(Author, on_delete="CASCADE")
    title = peewee.TextField()
    pages = peewee.IntegerField()

    class Meta:
        table_name = "book"
        indexes = ((("author", "title"), True),)
        constraints = (peewee.Check("pages > 0", "book_pages"),)


TABLES: tuple[type[peewee.Model], ...] = (Author, Book)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """The migrations of the service library: 001_initial makes the tables of this module."""
    made = tmp_path / "migrations"
    made.mkdir()
    (made / "001_initial.py").write_text(INITIAL)
    return made


@pytest.fixture
def migrations(folder: Path) -> Migrations:
    return Migrations("library", folder, TABLES)


def change(statement: str) -> str:
    """A migration file with one statement."""
    return f"import peewee as pw\n\ndef migrate(migrator, database, *, fake=False):\n    {statement}\n"


def rows(database: peewee.Database, query: str) -> list[Any]:
    return [tuple(row) for row in database.execute_sql(query).fetchall()]


def digest(database: peewee.Database, table: str, columns: str) -> tuple[int, str]:
    """How many rows the table has, and a hash of them."""
    content = rows(database, f"SELECT {columns} FROM {table} ORDER BY id")
    return len(content), hashlib.sha256(repr(content).encode()).hexdigest()


def recorded(database: peewee.Database) -> tuple[list[str], list[str]]:
    """The names in the ledger and those in peewee-migrate's own table."""
    ledger = rows(database, "SELECT name FROM schema_ledger ORDER BY name")
    history = rows(database, "SELECT name FROM migratehistory ORDER BY id")
    return [name for (name,) in ledger], [name for (name,) in history]


def tables_of(database: peewee.Database) -> set[str]:
    return set(database.get_tables()) - {"sqlite_sequence"}


def schema_of(database: peewee.Database) -> Any:
    """All that a migration may change, and everything in it."""
    return {
        table: (
            [(column.name, column.data_type, column.null) for column in database.get_columns(table)],
            sorted((index.name, index.unique) for index in database.get_indexes(table)),
            sorted(rows(database, f"SELECT * FROM {table}"), key=repr),
        )
        for table in tables_of(database)
    }


def populate(database: peewee.Database) -> None:
    authors = [{"id": f"author-{n}", "name": f"Name {n}", "born": 1900 + n} for n in range(3)]
    books = [{"id": f"book-{n}", "author": f"author-{n % 3}", "title": f"Title {n}", "pages": n + 1} for n in range(9)]
    Author.insert_many(authors).execute(database)
    Book.insert_many(books).execute(database)


def refusal(migrations: Migrations, database: peewee.Database) -> tuple[type[MigrationError], str]:
    """How the schema is refused to a service that wants to serve."""
    with pytest.raises(MigrationError) as caught:
        migrations.require_current(database)
    return type(caught.value), str(caught.value)


# Up, down, status


def test_up_applies_what_is_missing_and_a_second_time_nothing(
    database: peewee.Database, migrations: Migrations, folder: Path
) -> None:
    first = migrations.up(database)
    (folder / "002_shelf.py").write_text(SHELF)
    second, third = migrations.up(database), migrations.up(database)
    assert (first, second, third) == (["001_initial"], ["002_shelf"], [])
    assert recorded(database) == (["001_initial", "002_shelf"], ["001_initial", "002_shelf"])
    assert tables_of(database) == {"author", "book", "shelf", "migratehistory", "schema_ledger"}


def test_the_ledger_keeps_the_sha_256_of_the_file_and_the_instant(
    database: peewee.Database, migrations: Migrations, folder: Path
) -> None:
    before = datetime.now(UTC)
    migrations.up(database)
    checksum = hashlib.sha256((folder / "001_initial.py").read_bytes()).hexdigest()
    assert rows(database, "SELECT name, checksum FROM schema_ledger") == [("001_initial", checksum)]
    [status] = migrations.status(database)
    assert status.applied_at is not None
    assert abs((status.applied_at - before).total_seconds()) < 60


def test_down_rolls_back_the_latest_and_then_the_one_before_until_there_is_none(
    database: peewee.Database, migrations: Migrations, folder: Path
) -> None:
    (folder / "002_shelf.py").write_text(SHELF)
    migrations.up(database)
    assert migrations.down(database) == "002_shelf"
    assert tables_of(database) == {"author", "book", "migratehistory", "schema_ledger"}
    assert migrations.down(database) == "001_initial"
    assert migrations.down(database) is None
    assert (tables_of(database), recorded(database)) == ({"migratehistory", "schema_ledger"}, ([], []))
    assert migrations.up(database) == ["001_initial", "002_shelf"]


def test_down_on_an_empty_database_is_none(database: peewee.Database, migrations: Migrations) -> None:
    assert migrations.down(database) is None
    assert tables_of(database) == set()


def test_status_lists_every_migration_with_its_instant(
    database: peewee.Database, migrations: Migrations, folder: Path
) -> None:
    migrations.up(database)
    (folder / "002_shelf.py").write_text(SHELF)
    first, second = migrations.status(database)
    assert (first.name, first.applied) == ("001_initial", True)
    assert first.applied_at is not None
    assert first.applied_at.tzinfo is UTC
    assert second == MigrationStatus("002_shelf", applied=False, applied_at=None)


def test_looking_at_an_empty_database_leaves_it_empty(database: peewee.Database, migrations: Migrations) -> None:
    assert migrations.status(database) == [MigrationStatus("001_initial", applied=False, applied_at=None)]
    assert migrations.check(database) == [f"001_initial is not applied: run {UP}"]
    assert refusal(migrations, database) == (SchemaBehind, f"001_initial is not applied: run {UP}")
    assert tables_of(database) == set()


@pytest.mark.parametrize("content", [None, b""])
def test_looking_at_an_absent_or_empty_sqlite_file_writes_nothing(
    tmp_path: Path, migrations: Migrations, content: bytes | None
) -> None:
    place = tmp_path / "place"
    place.mkdir()
    if content is not None:
        (place / "library.sqlite").write_bytes(content)
    before = {file: file.read_bytes() for file in place.iterdir()}
    database = open_database(f"sqlite:///{place}/library.sqlite")
    assert migrations.status(database) == [MigrationStatus("001_initial", applied=False, applied_at=None)]
    assert migrations.check(database) == [f"001_initial is not applied: run {UP}"]
    assert refusal(migrations, database)[0] is SchemaBehind
    assert {file: file.read_bytes() for file in place.iterdir()} == before


def test_no_command_leaves_open_a_connection_that_it_opened(database: peewee.Database, migrations: Migrations) -> None:
    open_after = []
    for command in (migrations.up, migrations.status, migrations.check, migrations.require_current, migrations.down):
        command(database)
        open_after.append(not database.is_closed())
    assert open_after == [False] * 5


def test_a_connection_that_was_open_stays_open(database: peewee.Database, migrations: Migrations) -> None:
    database.connect()
    connection = database.connection()
    migrations.up(database)
    migrations.require_current(database)
    assert database.connection() is connection


def test_migrating_prints_and_logs_nothing(
    database: peewee.Database,
    migrations: Migrations,
    capfd: pytest.CaptureFixture[str],
    caplog: pytest.LogCaptureFixture,
) -> None:
    with caplog.at_level("INFO"):
        migrations.up(database)
        migrations.down(database)
    assert (capfd.readouterr(), [each.name for each in caplog.records if "peewee" in each.name]) == (("", ""), [])


# A rebuild keeps the rows (TRAPS 1)

REBUILDS = {
    "a new required column": change('migrator.add_fields("author", country=pw.TextField(default="?"))'),
    "a changed type": change('migrator.change_fields("author", name=pw.CharField(max_length=99))'),
    "a column that may be empty": change('migrator.drop_not_null("author", "name")'),
    "a column that may not be empty": change('migrator.add_not_null("author", "born")'),
    "a column that goes": change('migrator.remove_fields("author", "born")'),
}


@pytest.mark.parametrize("rebuild", REBUILDS.values(), ids=REBUILDS.keys())
def test_a_changed_parent_keeps_all_its_rows_and_all_child_rows(
    database: peewee.Database, migrations: Migrations, folder: Path, rebuild: str
) -> None:
    migrations.up(database)
    populate(database)
    before = digest(database, "author", "id, name"), digest(database, "book", "*")
    (folder / "002_rebuild.py").write_text(rebuild)
    assert migrations.up(database) == ["002_rebuild"]
    assert (digest(database, "author", "id, name"), digest(database, "book", "*")) == before
    assert (before[0][0], before[1][0]) == (3, 9)


def test_the_router_alone_deletes_the_child_rows_on_sqlite(sqlite_url: str, folder: Path) -> None:
    database = open_database(sqlite_url)
    Router(database, folder).run()
    populate(database)
    (folder / "002_rebuild.py").write_text(REBUILDS["a new required column"])
    Router(database, folder).run()
    assert rows(database, "SELECT count(*) FROM book") == [(0,)]
    database.close()


@pytest.mark.parametrize("statement", ["pass", 'migrator.sql("SELECT nonsense")'])
def test_foreign_keys_are_on_again_after_a_migration_and_after_a_failed_one(
    sqlite_url: str, migrations: Migrations, folder: Path, statement: str
) -> None:
    database: Any = open_database(sqlite_url)
    database.connect()
    (folder / "002_change.py").write_text(change(statement))
    try:
        migrations.up(database)
    except MigrationFailed:
        assert statement != "pass"
    assert database.pragma("foreign_keys") == 1
    database.close()


def test_a_migration_that_orphans_rows_is_undone(sqlite_url: str, migrations: Migrations, folder: Path) -> None:
    database = open_database(sqlite_url)
    migrations.up(database)
    populate(database)
    before = schema_of(database)
    (folder / "002_purge.py").write_text(change("""migrator.sql("DELETE FROM author WHERE id = 'author-0'")"""))
    with pytest.raises(MigrationFailed) as caught:
        migrations.up(database)
    assert str(caught.value) == (
        "002_purge failed and changed nothing (IntegrityError: 3 rows of book would refer to rows that are not "
        f"there): correct it, then run {UP}"
    )
    assert schema_of(database) == before
    database.close()


# A failure leaves nothing

BROKEN = SHELF.replace(
    "def rollback", '    migrator.sql("DELETE FROM book")\n    migrator.sql("SELECT nonsense")\n\ndef rollback'
)


def test_a_migration_that_fails_half_way_leaves_nothing_of_itself(
    database: peewee.Database, migrations: Migrations, folder: Path
) -> None:
    migrations.up(database)
    populate(database)
    before = schema_of(database)
    (folder / "002_broken.py").write_text(BROKEN)
    with pytest.raises(MigrationFailed) as caught:
        migrations.up(database)
    assert str(caught.value).startswith("002_broken failed and changed nothing (")
    assert "nonsense" in str(caught.value)
    assert str(caught.value).endswith(f"): correct it, then run {UP}")
    assert "\n" not in str(caught.value)
    assert schema_of(database) == before
    (folder / "002_broken.py").write_text(SHELF)
    assert migrations.up(database) == ["002_broken"]


def test_a_first_migration_that_fails_leaves_an_empty_database(
    database: peewee.Database, migrations: Migrations, folder: Path
) -> None:
    (folder / "001_initial.py").write_text(INITIAL.replace("def rollback", '    migrator.sql("oops")\n\ndef rollback'))
    with pytest.raises(MigrationFailed):
        migrations.up(database)
    assert tables_of(database) == set()


def test_the_migrations_before_the_one_that_fails_stay(
    database: peewee.Database, migrations: Migrations, folder: Path
) -> None:
    (folder / "002_shelf.py").write_text(SHELF)
    (folder / "003_broken.py").write_text(change('migrator.sql("oops")'))
    with pytest.raises(MigrationFailed):
        migrations.up(database)
    assert recorded(database) == (["001_initial", "002_shelf"], ["001_initial", "002_shelf"])
    assert refusal(migrations, database) == (SchemaBehind, f"003_broken is not applied: run {UP}")


def test_a_rollback_that_fails_leaves_everything(
    database: peewee.Database, migrations: Migrations, folder: Path
) -> None:
    (folder / "002_shelf.py").write_text(SHELF + '    migrator.sql("oops")\n')
    migrations.up(database)
    before = schema_of(database)
    with pytest.raises(MigrationFailed):
        migrations.down(database)
    assert schema_of(database) == before


def test_a_file_without_the_function_that_is_needed_is_not_called_done(
    database: peewee.Database, migrations: Migrations, folder: Path
) -> None:
    migrations.up(database)
    (folder / "002_shelf.py").write_text(SHELF.replace("def migrate", "def migrat"))
    with pytest.raises(MigrationFailed) as up:
        migrations.up(database)
    (folder / "002_shelf.py").write_text(SHELF.replace("def rollback", "def undo"))
    migrations.up(database)
    with pytest.raises(MigrationFailed) as down:
        migrations.down(database)
    reasons = [
        f"002_shelf failed and changed nothing (ValueError: it has no function {function}): correct it, then run {UP}"
        for function in ("migrate", "rollback")
    ]
    assert [str(up.value), str(down.value)] == reasons
    assert recorded(database)[0] == ["001_initial", "002_shelf"]


# Drift between files and database (TRAPS 3)


def drifted(migrations: Migrations, database: peewee.Database) -> tuple[type[MigrationError], str]:
    """The refusal of a service to serve; `up`, `down` and `check` must say the same and change nothing."""
    before = schema_of(database)
    kind, message = refusal(migrations, database)
    for command in (migrations.up, migrations.down):
        with pytest.raises(kind) as caught:
            command(database)
        assert str(caught.value) == message
    assert migrations.check(database)[0] == message
    assert schema_of(database) == before
    return kind, message


def apply_three(migrations: Migrations, database: peewee.Database) -> None:
    for name in ("003_second", "005_third"):
        (migrations.directory / f"{name}.py").write_text(NOTHING)
    assert migrations.up(database) == ["001_initial", "003_second", "005_third"]
    migrations.require_current(database)


def test_an_edited_migration_is_refused_by_name(database: peewee.Database, migrations: Migrations) -> None:
    apply_three(migrations, database)
    (migrations.directory / "003_second.py").write_text(NOTHING + "# one more remark\n")
    assert drifted(migrations, database) == (
        SchemaDrifted,
        f"003_second was edited after it was applied: restore it, put the change into a new one, then run {STATUS}",
    )


def test_a_deleted_migration_is_refused_by_name(database: peewee.Database, migrations: Migrations) -> None:
    apply_three(migrations, database)
    (migrations.directory / "003_second.py").unlink()
    assert drifted(migrations, database) == (
        SchemaDrifted,
        f"003_second is applied but its file is gone: restore it, then run {STATUS}",
    )


def test_a_migration_inserted_before_an_applied_one_is_refused_by_name(
    database: peewee.Database, migrations: Migrations
) -> None:
    apply_three(migrations, database)
    (migrations.directory / "004_late.py").write_text(NOTHING)
    assert drifted(migrations, database) == (
        SchemaDrifted,
        f"004_late is not applied but 005_third is: give it a number after 005, then run {UP}",
    )


def test_a_database_newer_than_the_code_is_refused_by_name(database: peewee.Database, migrations: Migrations) -> None:
    apply_three(migrations, database)
    (migrations.directory / "005_third.py").unlink()
    assert drifted(migrations, database) == (
        SchemaNewer,
        f"005_third is applied and this code does not know it: deploy the code that does, or run {DOWN} there",
    )


@pytest.mark.parametrize("table", ["schema_ledger", "migratehistory"])
def test_a_migration_recorded_in_only_one_of_the_two_tables_is_refused_by_name(
    database: peewee.Database, migrations: Migrations, table: str
) -> None:
    apply_three(migrations, database)
    database.execute_sql(f"DELETE FROM {table} WHERE name = '005_third'")
    assert drifted(migrations, database) == (
        SchemaDrifted,
        f"005_third is in only one of schema_ledger and migratehistory: restore a backup, then run {STATUS}",
    )


def test_check_lists_everything_that_is_wrong(database: peewee.Database, migrations: Migrations) -> None:
    apply_three(migrations, database)
    (migrations.directory / "001_initial.py").write_text(INITIAL + "# edited\n")
    (migrations.directory / "003_second.py").unlink()
    (migrations.directory / "006_next.py").write_text(NOTHING)
    assert migrations.check(database) == [
        f"001_initial was edited after it was applied: restore it, put the change into a new one, then run {STATUS}",
        f"003_second is applied but its file is gone: restore it, then run {STATUS}",
        f"006_next is not applied: run {UP}",
    ]


# Drift between models and migrations


def findings(migrations: Migrations, database: peewee.Database, *tables: type[peewee.Model]) -> list[str]:
    return Migrations("library", migrations.directory, tables).check(database)


def test_check_finds_nothing_when_all_agree(database: peewee.Database, migrations: Migrations) -> None:
    migrations.up(database)
    assert migrations.check(database) == []


def test_check_finds_a_column_that_no_migration_makes(database: peewee.Database, migrations: Migrations) -> None:
    class Author(peewee.Model):
        id = peewee.TextField(primary_key=True)
        name = peewee.TextField()
        born = peewee.IntegerField(null=True)
        country = peewee.TextField()

        class Meta:
            table_name = "author"

    migrations.up(database)
    assert findings(migrations, database, Author, Book) == [
        f'table author: only the models have "country" TEXT NOT NULL: write a migration, then run {UP}'
    ]


def test_check_finds_a_column_that_is_of_another_kind_in_the_models(
    database: peewee.Database, migrations: Migrations
) -> None:
    class Author(peewee.Model):
        id = peewee.TextField(primary_key=True)
        name = peewee.TextField(null=True)
        born = peewee.IntegerField(null=True)

        class Meta:
            table_name = "author"

    migrations.up(database)
    assert findings(migrations, database, Author, Book) == [
        f'table author: only the models have "name" TEXT: write a migration, then run {UP}',
        f'table author: only the migrations have "name" TEXT NOT NULL: write a migration, then run {UP}',
    ]


def test_check_finds_types_that_only_one_engine_tells_apart(database: peewee.Database, migrations: Migrations) -> None:
    class Author(peewee.Model):
        id = peewee.TextField(primary_key=True)
        name = peewee.TextField()
        born = peewee.BigIntegerField(null=True)

        class Meta:
            table_name = "author"

    migrations.up(database)
    expected = {
        True: [
            f'table author: only the models have "born" BIGINT: write a migration, then run {UP}',
            f'table author: only the migrations have "born" INTEGER: write a migration, then run {UP}',
        ],
        False: [
            "the models need migrator.change_fields('author', born=pw.BigIntegerField(null=True)): "
            f"write a migration, then run {UP}"
        ],
    }
    assert findings(migrations, database, Author, Book) == expected[is_postgresql(database)]


def book(
    indexes: Sequence[Any] = ((("author", "title"), True),),
    constraints: Sequence[Any] = (peewee.Check("pages > 0", "book_pages"),),
    on_delete: str = "CASCADE",
) -> type[peewee.Model]:
    """The model Book, save for what is given."""
    given_indexes, given_constraints = indexes, constraints

    class Book(peewee.Model):
        id = peewee.TextField(primary_key=True)
        author = peewee.ForeignKeyField(Author, on_delete=on_delete)
        title = peewee.TextField()
        pages = peewee.IntegerField()

        class Meta:
            table_name = "book"
            indexes = given_indexes
            constraints = given_constraints

    return Book


UNIQUE = 'CREATE UNIQUE INDEX "book_author_id_title" ON "book" ("author_id", "title")'
PLAIN = 'CREATE INDEX "book_author_id_title" ON "book" ("author_id", "title")'
CHECK = 'CONSTRAINT "book_pages" CHECK (pages > 0)'
FOREIGN = 'FOREIGN KEY ("author_id") REFERENCES "author" ("id")'


@pytest.mark.parametrize(
    ("model", "models_have", "migrations_have"),
    [
        (book(indexes=()), None, UNIQUE),
        (book(indexes=((("author", "title"), False),)), PLAIN, UNIQUE),
        (book(constraints=()), None, CHECK),
        (
            book(constraints=(peewee.Check("pages > 1", "book_pages"),)),
            'CONSTRAINT "book_pages" CHECK (pages > 1)',
            CHECK,
        ),
        (book(on_delete="RESTRICT"), f"{FOREIGN} ON DELETE RESTRICT", f"{FOREIGN} ON DELETE CASCADE"),
    ],
    ids=["no index", "not unique", "no check", "another check", "another action on deletion"],
)
def test_check_finds_an_index_or_a_constraint_that_differs(
    database: peewee.Database,
    migrations: Migrations,
    model: type[peewee.Model],
    models_have: str | None,
    migrations_have: str,
) -> None:
    migrations.up(database)
    expected = [("models", models_have), ("migrations", migrations_have)]
    assert findings(migrations, database, Author, model) == [
        f"table book: only the {place} have {definition}: write a migration, then run {UP}"
        for place, definition in expected
        if definition
    ]


def test_check_finds_the_condition_of_an_index(database: peewee.Database, migrations: Migrations) -> None:
    class Author(peewee.Model):
        id = peewee.TextField(primary_key=True)
        name = peewee.TextField()
        born = peewee.IntegerField(null=True)

        class Meta:
            table_name = "author"

    Author._meta.indexes.append(peewee.ModelIndex(Author, (Author.name,), where=Author._meta.fields["born"] > 1900))
    migrations.up(database)
    assert findings(migrations, database, Author, Book) == [
        'table author: only the models have CREATE INDEX "author_name" ON "author" ("name") WHERE ("born" > 1900): '
        f"write a migration, then run {UP}"
    ]


def test_check_finds_a_table_that_no_model_has_any_more(
    database: peewee.Database, migrations: Migrations, folder: Path
) -> None:
    (folder / "002_shelf.py").write_text(SHELF)
    migrations.up(database)
    assert migrations.check(database) == [
        f'table shelf: only the migrations have "id" TEXT NOT NULL PRIMARY KEY: write a migration, then run {UP}'
    ]


def test_a_migration_that_changes_a_column_satisfies_check_wherever_the_model_declares_it(
    database: peewee.Database, migrations: Migrations, folder: Path
) -> None:
    class Author(peewee.Model):
        id = peewee.TextField(primary_key=True)
        country = peewee.TextField(default="?", index=True)
        name = peewee.CharField(max_length=99)
        born = peewee.IntegerField(null=True)

        class Meta:
            table_name = "author"

    (folder / "002_country.py").write_text(
        change('migrator.add_fields("author", country=pw.TextField(default="?", index=True))')
    )
    (folder / "003_name.py").write_text(change('migrator.change_fields("author", name=pw.CharField(max_length=99))'))
    migrations.up(database)
    assert findings(migrations, database, Author, Book) == []


# Several at once (TRAPS 2)

MIGRATOR = """
import sys
from pathlib import Path
from services.kit.storage.database import open_database
from services.kit.storage.migrations import Migrations

migrations = Migrations("library", Path(sys.argv[1]), ())
print("ready", flush=True)
sys.stdin.readline()
print(*migrations.up(open_database(sys.argv[2])))
"""


def test_processes_that_migrate_at_once_apply_each_migration_once(
    database: peewee.Database, database_url: str, migrations: Migrations, folder: Path
) -> None:
    (folder / "002_shelf.py").write_text(SHELF)
    (folder / "003_nothing.py").write_text(NOTHING)
    command = [sys.executable, "-c", MIGRATOR, str(folder), database_url]
    processes = [
        subprocess.Popen(
            command, cwd=PROJECT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )
        for _ in range(6)
    ]
    for process in processes:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
    for process in processes:
        assert process.stdin is not None
        process.stdin.write("go\n")
        process.stdin.flush()
    answers = [(*process.communicate(timeout=60), process.returncode) for process in processes]
    applied = ("001_initial 002_shelf 003_nothing\n", "", 0)
    assert sorted(answers, reverse=True) == [applied, *[("\n", "", 0)] * 5]
    names = ["001_initial", "002_shelf", "003_nothing"]
    assert (recorded(database), rows(database, "SELECT id FROM shelf")) == ((names, names), [("first",)])
