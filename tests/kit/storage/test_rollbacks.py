"""services.kit.storage.rollbacks on both engines: what a rollback would lose, and what comes back afterwards."""

from pathlib import Path
from typing import Any

import peewee
import pytest

from services.kit.storage.migrations import Migrations, RollbackRefused
from services.kit.storage.rollbacks import accept_rollbacks, open_rollbacks

INITIAL = """
import peewee as pw

def migrate(migrator, database, *, fake=False):
    @migrator.create_model
    class Loan(pw.Model):
        reader = pw.TextField()
        number = pw.IntegerField()
        title = pw.TextField()

        class Meta:
            table_name = "loan"
            primary_key = pw.CompositeKey("reader", "number")

def rollback(migrator, database, *, fake=False):
    migrator.remove_model("loan")
"""
COLUMNS = 'note=pw.TextField(null=True), is_late=pw.BooleanField(default=False, constraints=[pw.SQL("DEFAULT false")])'
TITLES = [("ada", 1, "One"), ("ada", 2, "two"), ("Grace 'ß'", 1, "One")]


def second(migrate: str, rollback: str) -> str:
    """Return a migration whose two functions have these statements."""
    functions = zip(("migrate", "rollback"), (migrate, rollback), strict=True)
    texts = [f"def {name}(migrator, database, *, fake=False):\n    {body}\n" for name, body in functions]
    return "\n".join(["import peewee as pw", *texts])


ADDED = second(f'migrator.add_fields("loan", {COLUMNS})', 'migrator.remove_fields("loan", "note", "is_late")')
# A migration, a statement after it, and what its rollback is said to lose.
CASES = {
    "values that are all the default": (ADDED, "SELECT 1", ""),
    "values of columns": (
        ADDED,
        "UPDATE loan SET note = 'a ''ß', is_late = true WHERE number = 1",
        "loan.note (2 of 3 rows), loan.is_late (2 of 3 rows)",
    ),
    "rows that merge": (
        second("pass", """migrator.sql("DELETE FROM loan WHERE number = 2 OR reader <> 'ada'")"""),
        "SELECT 1",
        "loan (2 of 3 rows)",
    ),
    "values that change": (
        second("pass", 'migrator.sql("UPDATE loan SET title = upper(title)")'),
        "SELECT 1",
        "loan.title (3 of 3 rows)",
    ),
    "values that are computed again": (
        second(
            'migrator.sql("UPDATE loan SET title = lower(title)")',
            'migrator.sql("UPDATE loan SET title = upper(title)")',
        ),
        "SELECT 1",
        "",
    ),
    "another key": (
        second("pass", 'migrator.sql("ALTER TABLE loan RENAME COLUMN number TO place")'),
        "SELECT 1",
        "loan (3 of 3 rows)",
    ),
}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = tmp_path / "migrations"
    made.mkdir()
    (made / "001_initial.py").write_text(INITIAL)
    return made


def library(folder: Path, *tables: type[peewee.Model]) -> Migrations:
    return Migrations("library", folder, tables)


def with_loans(database: peewee.Database, folder: Path, migration: str, *tables: type[peewee.Model]) -> Migrations:
    """Lend three books, then apply the second migration."""
    migrations = library(folder, *tables)
    migrations.up(database)
    loan: Any = peewee.Table("loan", ["reader", "number", "title"])
    loan.insert([dict(zip(loan._columns, each, strict=True)) for each in TITLES]).execute(database)
    (folder / "002_second.py").write_text(migration)
    migrations.up(database)
    return migrations


def loans(database: peewee.Database) -> tuple[list[str], list[Any]]:
    columns = [each.name for each in database.get_columns("loan")]
    rows = database.execute_sql("SELECT * FROM loan").fetchall()
    return columns, sorted(map(tuple, rows), key=repr)


@pytest.mark.parametrize(("migration", "statement", "lost"), CASES.values(), ids=CASES.keys())
def test_a_rollback_that_loses_something_is_refused(
    database: peewee.Database, folder: Path, migration: str, statement: str, lost: str
) -> None:
    migrations = with_loans(database, folder, migration)
    database.execute_sql(statement)
    before = loans(database), database.get_tables()
    if not lost:
        assert migrations.down(database) == "002_second"
        assert open_rollbacks(database) == []
        return
    with pytest.raises(RollbackRefused) as refused:
        migrations.down(database)
    assert str(refused.value) == (
        f"002_second was not rolled back, because that loses {lost}: "
        "make a backup, then run python -m services.library migrate down --yes"
    )
    assert (loans(database), database.get_tables()) == before
    assert migrations.down(database, accept_losses=True) == "002_second"
    (noted,) = open_rollbacks(database)
    is_kept = migration == ADDED
    assert (noted.name, noted.lost, noted.kept) == ("002_second", "" if is_kept else lost, lost if is_kept else "")


def test_values_come_back_into_the_rows_that_are_still_there(database: peewee.Database, folder: Path) -> None:
    migrations = with_loans(database, folder, ADDED)
    database.execute_sql("UPDATE loan SET note = 'a ''ß', is_late = true")
    for already_reapplied in ([], ["002_second"]):
        migrations.down(database, accept_losses=True)
        if not already_reapplied:
            database.execute_sql("DELETE FROM loan WHERE number = 2")
            database.execute_sql("INSERT INTO loan VALUES ('new', 1, 'New')")
        # A rollback is not accepted before the migration is applied again.
        assert accept_rollbacks(database) == already_reapplied
        migrations.up(database)
        assert {row[0]: (row[3], bool(row[4])) for row in loans(database)[1]} == {
            "ada": ("a 'ß", True),
            "Grace 'ß'": ("a 'ß", True),
            "new": (None, False),
        }
    assert accept_rollbacks(database) == ["002_second"]
    assert open_rollbacks(database) == []


def test_a_migration_that_cannot_be_applied_again_loses_all_it_made(database: peewee.Database, folder: Path) -> None:
    database.execute_sql("CREATE TABLE applied (id INTEGER PRIMARY KEY)")
    only_once = ADDED.replace("    migrator", '    migrator.sql("INSERT INTO applied VALUES (1)")\n    migrator', 1)
    migrations = with_loans(database, folder, only_once)
    with pytest.raises(RollbackRefused) as refused:
        migrations.down(database)
    assert [str(each) for each in refused.value.losses.found] == ["loan.is_late (3 of 3 rows)"]
    migrations.down(database, accept_losses=True)
    (folder / "002_second.py").write_text(ADDED)
    assert migrations.up(database) == ["002_second"]


REFERRING = second(
    """
    @migrator.create_model
    class Reservation(pw.Model):
        id = pw.TextField(primary_key=True)
        book = pw.ForeignKeyField(migrator.orm["book"], on_delete="CASCADE")
        place = pw.IntegerField(unique=True)
        note = pw.TextField(null=True)

        class Meta:
            table_name = "reservation"
""",
    'migrator.remove_model("reservation")',
)
BOOKS = """
import peewee as pw

def migrate(migrator, database, *, fake=False):
    @migrator.create_model
    class Book(pw.Model):
        id = pw.TextField(primary_key=True)

        class Meta:
            table_name = "book"

def rollback(migrator, database, *, fake=False):
    migrator.remove_model("book")
"""
RESERVATIONS = "INSERT INTO reservation VALUES ('1', 'a', 1, 'é ''ß'''), ('2', 'a', 2, NULL), ('3', 'b', 3, '')"


@pytest.mark.parametrize("survives", [True, False])
def test_rows_of_a_surviving_table_come_back_with_what_they_refer_to(
    database: peewee.Database, folder: Path, survives: bool
) -> None:
    (folder / "001_initial.py").write_text(BOOKS)
    (folder / "002_second.py").write_text(REFERRING)
    meta = type("Meta", (), {"table_name": "reservation", "survives_rollbacks": survives})
    migrations = library(folder, type("Reservation", (peewee.Model,), {"Meta": meta}))
    migrations.up(database)
    database.execute_sql("INSERT INTO book VALUES ('a'), ('b')")
    database.execute_sql(RESERVATIONS)

    migrations.down(database, accept_losses=True)
    (noted,) = open_rollbacks(database)
    losses = ("", "reservation (3 of 3 rows)")
    assert (noted.lost, noted.kept) == (losses if survives else losses[::-1])
    database.execute_sql("DELETE FROM book WHERE id = 'b'")
    migrations.up(database)

    rows = database.execute_sql("SELECT * FROM reservation ORDER BY id").fetchall()
    assert list(map(tuple, rows)) == ([("1", "a", 1, "é 'ß'"), ("2", "a", 2, None)] if survives else [])


def test_nothing_is_put_back_into_an_append_only_table(database: peewee.Database, folder: Path) -> None:
    meta = type("Meta", (), {"table_name": "loan", "append_only": True})
    loan = type("Loan", (peewee.Model,), {"Meta": meta})
    migrations = with_loans(database, folder, ADDED, loan)
    database.execute_sql("UPDATE loan SET note = 'a note'")
    migrations.down(database, accept_losses=True)
    (noted,) = open_rollbacks(database)
    assert (noted.lost, noted.kept) == ("loan.note (3 of 3 rows)", "")
    migrations.up(database)
    assert {row[3] for row in loans(database)[1]} == {None}
