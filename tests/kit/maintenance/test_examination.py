"""services.kit.maintenance.examination on both engines: what was dropped, added or switched off by hand is found."""

import sqlite3
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import peewee
import pytest

from services.auth.config import read_settings
from services.auth.integrity import examination
from services.auth.migrations import MIGRATIONS
from services.auth.models import AdminRow
from services.kit.core.findings import Finding
from services.kit.storage.batches import batches
from services.kit.storage.database import is_postgresql, open_database
from tests.violations import Named, execute, found, named, repair

EXAMINATION = examination(read_settings({}))
ADMINS = (
    "INSERT INTO admins (id, username, password_hash, created_at, updated_at) "
    "VALUES ('{0}', '{1}', '$2b$04$' || '{2}', 1, 1)"
)
NOT_CHECKED = ("database", "-", "not_checked")


@pytest.fixture
def auth(database: peewee.Database) -> peewee.Database:
    """Return a migrated database with one admin, whose schema a test may break."""
    MIGRATIONS.up(database)
    execute(database, ADMINS.format("admin-1", "ada", "x" * 53))
    return database


@dataclass(frozen=True)
class Alteration:
    """Statements of an operator and the findings that they cause, some of them on one engine only."""

    statements: tuple[str, ...]
    findings: tuple[Named, ...]
    on_postgresql: tuple[Named, ...] = ()
    on_sqlite: tuple[Named, ...] = ()


INDEXES = tuple(f"CREATE INDEX sessions_{name} ON sessions ({name})" for name in ("admin_id", "expires_at", "ended_at"))
ALTERATIONS = {
    "nothing": Alteration((), ()),
    "an index of another kind": Alteration(
        ("DROP INDEX admins_username", "CREATE INDEX admins_username ON admins (username)"),
        (("admins", "admins_username", "index_altered"),),
    ),
    "an index of an operator": Alteration(("CREATE INDEX by_hand ON admins (created_at)",), ()),
    "a table that is gone, and a broken row in another": Alteration(
        ("DROP TABLE sessions{cascade}", "UPDATE admins SET created_at = 999999999999999999"),
        (("admins", "admin-1", "instant"), NOT_CHECKED, ("sessions", "-", "table_missing")),
        on_postgresql=(("refresh_tokens", "session_id", "constraint_missing"),),
    ),
    "columns that are missing or unknown": Alteration(
        ("ALTER TABLE signing_keys DROP COLUMN retired_at", "ALTER TABLE admins ADD COLUMN nickname TEXT"),
        (("admins", "nickname", "column_unknown"), NOT_CHECKED, ("signing_keys", "retired_at", "column_missing")),
    ),
    "other types and no constraints": Alteration(
        (
            "DROP TABLE sessions{cascade}",
            "CREATE TABLE sessions (id TEXT NOT NULL PRIMARY KEY, admin_id TEXT NOT NULL, created_at TEXT NOT NULL, "
            "expires_at BIGINT, ended_at BIGINT)",
        ),
        (
            ("sessions", "created_at", "column_altered"),
            ("sessions", "expires_at", "column_altered"),
            ("sessions", "admin_id", "constraint_missing"),
            ("sessions", "sessions_window", "constraint_missing"),
            ("sessions", "sessions_admin_id", "index_missing"),
            ("sessions", "sessions_ended_at", "index_missing"),
            ("sessions", "sessions_expires_at", "index_missing"),
        ),
        # PostgreSQL does not compare a text with a number, as the CHECK asks.
        on_postgresql=(NOT_CHECKED, ("refresh_tokens", "session_id", "constraint_missing")),
        on_sqlite=(("sessions", "ended_at", "column_altered"),),
    ),
    "a foreign key with another action": Alteration(
        (
            "DROP TABLE sessions{cascade}",
            "CREATE TABLE sessions (id TEXT NOT NULL PRIMARY KEY, admin_id TEXT NOT NULL REFERENCES admins (id), "
            "created_at {number} NOT NULL, expires_at {number} NOT NULL, ended_at {number}, "
            'CONSTRAINT "sessions_window" CHECK (expires_at > created_at))',
            *INDEXES,
        ),
        (("sessions", "admin_id", "constraint_missing"),),
        on_postgresql=(("refresh_tokens", "session_id", "constraint_missing"),),
    ),
}


@pytest.mark.parametrize("alteration", ALTERATIONS.values(), ids=ALTERATIONS.keys())
def test_what_was_altered_by_hand_is_found(auth: peewee.Database, alteration: Alteration) -> None:
    cascade, number = (" CASCADE", "BIGINT") if is_postgresql(auth) else ("", "INTEGER")
    execute(auth, *(each.format(cascade=cascade, number=number) for each in alteration.statements))
    more = alteration.on_postgresql if is_postgresql(auth) else alteration.on_sqlite
    assert named(found(auth, EXAMINATION)) == sorted([*alteration.findings, *more])


def test_a_dropped_index_is_created_again(auth: peewee.Database) -> None:
    auth.execute_sql("DROP INDEX admins_username")
    auth.execute_sql("DROP INDEX sessions_expires_at")

    assert repair(auth, EXAMINATION) == (
        0,
        [
            "admins admins_username index_missing: there is no UNIQUE index on username: repaired: recreated it",
            "sessions sessions_expires_at index_missing: there is no index on expires_at: repaired: recreated it",
        ],
    )
    assert found(auth, EXAMINATION) == []


def test_a_unique_index_with_repeated_rows_is_not_created_again(auth: peewee.Database) -> None:
    auth.execute_sql("DROP INDEX admins_username")
    execute(auth, ADMINS.format("admin-2", "ada", "x" * 53))

    assert named(found(auth, EXAMINATION)) == [
        ("admins", "admin-1", "admins_username"),
        ("admins", "admin-2", "admins_username"),
        ("admins", "admins_username", "index_missing"),
    ]
    remaining, lines = repair(auth, EXAMINATION)
    assert (remaining, "not repaired: " in lines[0]) == (3, True)


def test_invalid_constraints_and_indexes_are_found_and_repaired(postgresql_url: str) -> None:
    with closing(open_database(postgresql_url)) as auth:
        MIGRATIONS.up(auth)
        definition = "FOREIGN KEY (admin_id) REFERENCES admins (id) ON DELETE CASCADE NOT VALID"
        auth.execute_sql("ALTER TABLE sessions DROP CONSTRAINT sessions_admin_id_fkey")
        auth.execute_sql(f"ALTER TABLE sessions ADD CONSTRAINT sessions_admin_id_fkey {definition}")
        auth.execute_sql("UPDATE pg_index SET indisvalid = false WHERE indexrelid = 'admins_username'::regclass")

        assert named(found(auth, EXAMINATION)) == [
            ("admins", "admins_username", "index_not_valid"),
            ("sessions", "sessions_admin_id_fkey", "constraint_not_valid"),
        ]
        assert repair(auth, EXAMINATION)[0] == 0
        assert found(auth, EXAMINATION) == []


def test_an_index_without_some_entries_is_found_and_built_again(sqlite_url: str) -> None:
    auth = open_database(sqlite_url)
    MIGRATIONS.up(auth)
    auth.close()
    file = sqlite_url.removeprefix("sqlite:///")
    # SQLite does not know the index while the row is written.
    with closing(sqlite3.connect(file)) as connection, connection:
        connection.execute("PRAGMA writable_schema = 1")
        definition = connection.execute("SELECT * FROM sqlite_master WHERE name = 'admins_username'").fetchone()
        connection.execute("DELETE FROM sqlite_master WHERE name = 'admins_username'")
    with closing(sqlite3.connect(file)) as connection, connection:
        connection.execute(ADMINS.format("admin-1", "ada", "x" * 53))
        connection.execute("PRAGMA writable_schema = 1")
        connection.execute("INSERT INTO sqlite_master VALUES (?, ?, ?, ?, ?)", definition)

    assert {(each.id, each.rule) for each in found(auth, EXAMINATION)} == {("admins_username", "index_entries")}
    assert repair(auth, EXAMINATION)[0] == 0
    assert found(auth, EXAMINATION) == []
    auth.close()


@pytest.mark.parametrize("kept_bytes", [0, 100, 5000])
def test_a_truncated_file_is_a_finding_or_one_error(sqlite_url: str, kept_bytes: int) -> None:
    auth = open_database(sqlite_url)
    MIGRATIONS.up(auth)
    auth.execute_sql("PRAGMA wal_checkpoint(TRUNCATE)")
    auth.close()
    file = Path(sqlite_url.removeprefix("sqlite:///"))
    file.write_bytes(file.read_bytes()[:kept_bytes])

    try:
        assert found(auth, EXAMINATION)
    except peewee.DatabaseError as error:
        # The command prints the error of a file that cannot even be opened.
        assert "malformed" in str(error) or "not a database" in str(error)


@pytest.mark.parametrize("rows", [0, 1, 3, 4, 7])
def test_batches_contain_every_row_once(auth: peewee.Database, rows: int) -> None:
    execute(auth, "DELETE FROM admins", *(ADMINS.format(f"a-{each}", f"n-{each}", "x") for each in range(rows)))

    read = list(batches(auth, AdminRow.select(AdminRow.id), (AdminRow.id,), str, 3))

    assert [each for batch in read for each in batch] == [f"a-{each}" for each in range(rows)]
    assert all(len(batch) <= 3 for batch in read)


def test_an_id_with_control_characters_stays_on_its_line() -> None:
    assert Finding("admins", "a\nb\x1b[2J", "rule", "wrong").line() == "admins a\\x0ab\\x1b[2J rule: wrong"
