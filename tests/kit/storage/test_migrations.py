"""services.kit.storage.migrations on both engines, with real files, real tables and real processes."""

import hashlib
import subprocess
import sys
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import peewee
import psycopg
import pytest

from services.kit.storage.database import open_database
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


def author(name: Any = None, born: Any = None, **more: Any) -> type[peewee.Model]:
    """Return the model Author with other or more fields."""
    meta = type("Meta", (), {"table_name": "author"})
    fields = {"name": name or peewee.TextField(), "born": born or peewee.IntegerField(null=True), **more}
    return type("Author", (peewee.Model,), {"id": peewee.TextField(primary_key=True), **fields, "Meta": meta})


Author = author()


def book(indexes: Sequence[Any] = ((("author", "title"), True),), on_delete: str = "CASCADE") -> type[peewee.Model]:
    """Return the model Book with other indexes or another action on deletion."""
    constraints = [peewee.Check("pages > 0", "book_pages")]
    meta = type("Meta", (), {"table_name": "book", "indexes": indexes, "constraints": constraints})
    fields = {
        "id": peewee.TextField(primary_key=True),
        "author": peewee.ForeignKeyField(Author, on_delete=on_delete),
        "title": peewee.TextField(),
        "pages": peewee.IntegerField(),
    }
    return type("Book", (peewee.Model,), {**fields, "Meta": meta})


Book = book()
ALWAYS = {"migratehistory", "schema_ledger"}
TABLES: tuple[type[peewee.Model], ...] = (Author, Book)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Return the migrations of the service library: 001_initial creates the tables of this module."""
    made = tmp_path / "migrations"
    made.mkdir()
    (made / "001_initial.py").write_text(INITIAL)
    return made


@pytest.fixture
def migrations(folder: Path) -> Migrations:
    return Migrations("library", folder, TABLES)


def change(statement: str) -> str:
    return f"import peewee as pw\n\ndef migrate(migrator, database, *, fake=False):\n    {statement}\n"


def rows(database: peewee.Database, query: str) -> list[Any]:
    return [tuple(row) for row in database.execute_sql(query).fetchall()]


def recorded(database: peewee.Database) -> tuple[list[str], list[str]]:
    """Return the names in the ledger and those in peewee-migrate's own table."""
    ledger = rows(database, "SELECT name FROM schema_ledger ORDER BY name")
    history = rows(database, "SELECT name FROM migratehistory ORDER BY id")
    return [name for (name,) in ledger], [name for (name,) in history]


def tables_of(database: peewee.Database) -> set[str]:
    return set(database.get_tables()) - {"sqlite_sequence"}


def schema_of(database: peewee.Database) -> Any:
    """Return the columns, indexes and rows of every table."""
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
    """Return how a service is refused to serve."""
    with pytest.raises(MigrationError) as caught:
        migrations.require_current(database)
    return type(caught.value), str(caught.value)


# Up, down, status


def test_up_applies_what_is_missing_and_down_rolls_back_the_latest(
    database: peewee.Database, migrations: Migrations, folder: Path
) -> None:
    first = migrations.up(database)
    (folder / "002_shelf.py").write_text(SHELF)
    second, third = migrations.up(database), migrations.up(database)
    assert (first, second, third) == (["001_initial"], ["002_shelf"], [])
    assert recorded(database) == (["001_initial", "002_shelf"], ["001_initial", "002_shelf"])
    assert tables_of(database) == {"author", "book", "shelf", *ALWAYS}
    assert migrations.down(database) == "002_shelf"
    assert tables_of(database) == {"author", "book", *ALWAYS}
    assert [migrations.down(database), migrations.down(database)] == ["001_initial", None]
    assert (tables_of(database), recorded(database)) == (ALWAYS, ([], []))
    assert migrations.up(database) == ["001_initial", "002_shelf"]


def test_the_ledger_has_the_sha_256_of_the_file_and_the_instant(
    database: peewee.Database, migrations: Migrations, folder: Path
) -> None:
    before = datetime.now(UTC).replace(microsecond=0)
    migrations.up(database)
    (folder / "002_shelf.py").write_text(SHELF)
    checksum = hashlib.sha256((folder / "001_initial.py").read_bytes()).hexdigest()
    assert rows(database, "SELECT name, checksum FROM schema_ledger") == [("001_initial", checksum)]
    first, second = migrations.status(database)
    assert (first.name, first.applied) == ("001_initial", True)
    assert first.applied_at is not None
    assert before <= first.applied_at <= datetime.now(UTC)
    assert second == MigrationStatus("002_shelf", applied=False, applied_at=None)


def test_reading_changes_neither_a_database_nor_a_file(
    database: peewee.Database, tmp_path: Path, migrations: Migrations
) -> None:
    (tmp_path / "empty.sqlite").touch()
    absent, empty = (open_database(f"sqlite:///{tmp_path}/{name}.sqlite") for name in ("absent", "empty"))
    for each in (database, absent, empty):
        assert migrations.status(each) == [MigrationStatus("001_initial", applied=False, applied_at=None)]
        assert migrations.check(each) == [f"001_initial is not applied: run {UP}"]
        assert refusal(migrations, each) == (SchemaBehind, f"001_initial is not applied: run {UP}")
    assert migrations.down(database) is None
    assert tables_of(database) == set()
    assert not (tmp_path / "absent.sqlite").exists()
    assert (tmp_path / "empty.sqlite").read_bytes() == b""


def test_commands_close_only_the_connection_that_they_opened(database: peewee.Database, migrations: Migrations) -> None:
    open_after = []
    for command in (migrations.up, migrations.status, migrations.check, migrations.require_current, migrations.down):
        command(database)
        open_after.append(not database.is_closed())
    assert open_after == [False] * 5
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


# A rebuild keeps the rows (docs/traps.md, 1)

REBUILDS = {
    "a new required column": change('migrator.add_fields("author", country=pw.TextField(default="?"))'),
    "a changed type": change('migrator.change_fields("author", name=pw.CharField(max_length=99))'),
    "a column that may be empty": change('migrator.drop_not_null("author", "name")'),
    "a column that may not be empty": change('migrator.add_not_null("author", "born")'),
    "a removed column": change('migrator.remove_fields("author", "born")'),
}


@pytest.mark.parametrize("rebuild", REBUILDS.values(), ids=REBUILDS.keys())
def test_a_changed_parent_keeps_its_rows_and_their_children(
    database: peewee.Database, migrations: Migrations, folder: Path, rebuild: str
) -> None:
    migrations.up(database)
    populate(database)
    queries = ("SELECT id, name FROM author ORDER BY id", "SELECT * FROM book ORDER BY id")
    before = [rows(database, each) for each in queries]
    (folder / "002_rebuild.py").write_text(rebuild)
    assert migrations.up(database) == ["002_rebuild"]
    assert [rows(database, each) for each in queries] == before
    assert list(map(len, before)) == [3, 9]


def test_a_migration_that_orphans_rows_is_rolled_back(sqlite_url: str, migrations: Migrations, folder: Path) -> None:
    database: Any = open_database(sqlite_url)
    database.connect()
    migrations.up(database)
    assert database.pragma("foreign_keys") == 1
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
    assert database.pragma("foreign_keys") == 1
    database.close()


# A failure leaves nothing


@pytest.mark.full
def test_a_migration_that_waits_for_a_backup_says_so(postgresql_url: str, migrations: Migrations, folder: Path) -> None:
    database = open_database(postgresql_url)
    migrations.up(database)
    (folder / "002_shelf.py").write_text(change('migrator.sql("LOCK TABLE book")'))
    with psycopg.connect(postgresql_url) as backup:
        # As pg_dump does.
        backup.execute("LOCK TABLE book IN ACCESS SHARE MODE")
        with pytest.raises(MigrationFailed) as caught:
            migrations.up(database)
    assert str(caught.value) == (
        "002_shelf failed and changed nothing (OperationalError: canceling statement due to lock timeout): "
        f"wait until what uses its table, such as a backup, ends, then run {UP}"
    )
    assert migrations.up(database) == ["002_shelf"]


BROKEN = SHELF.replace(
    "def rollback", '    migrator.sql("DELETE FROM book")\n    migrator.sql("SELECT nonsense")\n\ndef rollback'
)


def test_a_migration_that_fails_half_way_is_rolled_back(
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


def test_the_migrations_before_the_one_that_fails_stay(
    database: peewee.Database, migrations: Migrations, folder: Path
) -> None:
    (folder / "001_initial.py").write_text(INITIAL.replace("def rollback", '    migrator.sql("oops")\n\ndef rollback'))
    with pytest.raises(MigrationFailed):
        migrations.up(database)
    assert tables_of(database) == set()
    (folder / "001_initial.py").write_text(INITIAL)
    (folder / "002_broken.py").write_text(change('migrator.sql("oops")'))
    with pytest.raises(MigrationFailed):
        migrations.up(database)
    assert recorded(database) == (["001_initial"], ["001_initial"])
    assert refusal(migrations, database) == (SchemaBehind, f"002_broken is not applied: run {UP}")


def test_a_rollback_that_fails_leaves_everything(
    database: peewee.Database, migrations: Migrations, folder: Path
) -> None:
    (folder / "002_shelf.py").write_text(SHELF + '    migrator.sql("oops")\n')
    migrations.up(database)
    before = schema_of(database)
    with pytest.raises(MigrationFailed):
        migrations.down(database)
    assert schema_of(database) == before


def test_a_file_without_the_needed_function_fails(
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


# Files and database (docs/traps.md, 3)


def rewrite(migrations: Migrations, name: str, text: str | None) -> None:
    file = migrations.directory / f"{name}.py"
    file.unlink() if text is None else file.write_text(text)


# A file and its new text, None if it is deleted, or a statement; the error, and its message.
DRIFT: list[tuple[tuple[str, str | None] | str, type[MigrationError], str]] = [
    (
        ("003_second", NOTHING + "# one more remark\n"),
        SchemaDrifted,
        f"003_second was edited after it was applied: restore it, put the change into a new one, then run {STATUS}",
    ),
    (("003_second", None), SchemaDrifted, f"003_second is applied but its file is gone: restore it, then run {STATUS}"),
    (
        ("004_late", NOTHING),
        SchemaDrifted,
        f"004_late is not applied but 005_third is: give it a number after 005, then run {UP}",
    ),
    (
        ("005_third", None),
        SchemaNewer,
        f"005_third is applied and this code does not know it: deploy the code that does, or run {DOWN} there",
    ),
    *[
        (
            f"DELETE FROM {table} WHERE name = '005_third'",
            SchemaDrifted,
            f"005_third is in only one of schema_ledger and migratehistory: restore a backup, then run {STATUS}",
        )
        for table in ("schema_ledger", "migratehistory")
    ],
]


@pytest.mark.parametrize(("alter", "kind", "message"), DRIFT)
def test_drift_is_refused_by_name_and_changes_nothing(
    database: peewee.Database,
    migrations: Migrations,
    alter: tuple[str, str | None] | str,
    kind: type[MigrationError],
    message: str,
) -> None:
    for name in ("003_second", "005_third"):
        (migrations.directory / f"{name}.py").write_text(NOTHING)
    migrations.up(database)
    migrations.require_current(database)
    if isinstance(alter, str):
        database.execute_sql(alter)
    else:
        rewrite(migrations, *alter)
    before = schema_of(database)
    assert refusal(migrations, database) == (kind, message)
    for command in (migrations.up, migrations.down):
        with pytest.raises(kind) as caught:
            command(database)
        assert str(caught.value) == message
    assert migrations.check(database)[0] == message
    assert schema_of(database) == before


def test_check_lists_every_problem(database: peewee.Database, migrations: Migrations) -> None:
    rewrite(migrations, "003_second", NOTHING)
    migrations.up(database)
    changed = {"001_initial": INITIAL + "# edited\n", "003_second": None, "002_late": NOTHING, "006_next": NOTHING}
    for name, text in changed.items():
        rewrite(migrations, name, text)
    assert [line.partition(":")[0] for line in migrations.check(database)] == [
        "001_initial was edited after it was applied",
        "002_late is not applied but 003_second is",
        "003_second is applied but its file is gone",
        "006_next is not applied",
    ]


# Models and files


ONLY_MODELS, ONLY_MIGRATIONS = "only the models have", "only the migrations have"
# The other kinds of differences are in test_schema.
DISAGREEMENTS: dict[str, tuple[type[peewee.Model], str]] = {
    "a type that is the same in SQLite": (
        author(born=peewee.BigIntegerField(null=True)),
        "author: column born: the models have bigint NULL, the migrations integer NULL",
    ),
    "a length": (
        author(name=peewee.CharField(max_length=9)),
        "author: column name: the models have varchar(9) NOT NULL, the migrations text NOT NULL",
    ),
    "a default of the database": (
        author(name=peewee.TextField(constraints=[peewee.SQL("DEFAULT 'x'")])),
        f"author: clause name: {ONLY_MODELS} DEFAULT 'x'",
    ),
    "no index": (
        book(indexes=()),
        f"book: index book_author_id_title: {ONLY_MIGRATIONS} UNIQUE index on author_id, title",
    ),
    "another action on deletion": (
        book(on_delete="RESTRICT"),
        "book: constraint author_id: the models have foreign key to author (id) with ON DELETE RESTRICT, "
        "the migrations foreign key to author (id) with ON DELETE CASCADE",
    ),
}


def findings(migrations: Migrations, database: peewee.Database, *tables: type[peewee.Model]) -> list[str]:
    return Migrations("library", migrations.directory, tables).check(database)


@pytest.mark.parametrize(("model", "disagreement"), DISAGREEMENTS.values(), ids=DISAGREEMENTS.keys())
def test_check_finds_where_models_and_files_disagree(
    sqlite_url: str, migrations: Migrations, model: type[peewee.Model], disagreement: str
) -> None:
    database = open_database(sqlite_url)
    migrations.up(database)
    others = [each for each in TABLES if each._meta.table_name != model._meta.table_name]
    expected = [f"table {disagreement}: write a migration, then run {UP}"]
    assert findings(migrations, database, model, *others) == expected


def test_check_finds_a_table_without_a_model(database: peewee.Database, migrations: Migrations, folder: Path) -> None:
    (folder / "002_shelf.py").write_text(SHELF)
    migrations.up(database)
    assert migrations.check(database) == [
        f"table shelf: column id: {ONLY_MIGRATIONS} text PRIMARY KEY NOT NULL: write a migration, then run {UP}"
    ]


def test_a_migration_satisfies_check_wherever_the_model_declares_the_column(
    database: peewee.Database, migrations: Migrations, folder: Path
) -> None:
    (folder / "002_country.py").write_text(
        change('migrator.add_fields("author", country=pw.TextField(default="?", index=True))')
    )
    (folder / "003_name.py").write_text(change('migrator.change_fields("author", name=pw.CharField(max_length=99))'))
    migrations.up(database)
    model = author(country=peewee.TextField(default="?", index=True), name=peewee.CharField(max_length=99))
    assert findings(migrations, database, model, Book) == []


# Several at once (docs/traps.md, 2)

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


def test_concurrent_processes_apply_each_migration_once(
    database: peewee.Database, database_url: str, migrations: Migrations, folder: Path
) -> None:
    (folder / "002_shelf.py").write_text(SHELF)
    (folder / "003_nothing.py").write_text(NOTHING)
    command = [sys.executable, "-c", MIGRATOR, str(folder), database_url]
    processes = [
        subprocess.Popen(
            command, cwd=PROJECT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )
        for _ in range(4)
    ]
    for process in processes:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
    for process in processes:
        assert process.stdin is not None
        process.stdin.write("go\n")
        process.stdin.flush()
    outcomes = [(*process.communicate(timeout=60), process.returncode) for process in processes]
    names = ["001_initial", "002_shelf", "003_nothing"]
    assert [outcome[1:] for outcome in outcomes] == [("", 0)] * 4
    assert sorted(" ".join(applied for applied, *_ in outcomes).split()) == names
    assert (recorded(database), rows(database, "SELECT id FROM shelf")) == ((names, names), [("first",)])
