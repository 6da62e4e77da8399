"""The check finds what was dropped, added or switched off by hand, on both engines."""

import sqlite3
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


@pytest.fixture
def auth(database: peewee.Database) -> peewee.Database:
    """A migrated database of its own, since these tests break its schema; it has one admin."""
    MIGRATIONS.up(database)
    execute(database, ADMINS.format("admin-1", "ada", "x" * 53))
    return database


def test_a_migrated_database_has_no_findings(auth: peewee.Database) -> None:
    assert found(auth, EXAMINATION) == []


def test_an_index_that_was_dropped_is_found_and_made_again(auth: peewee.Database) -> None:
    auth.execute_sql("DROP INDEX admins_username")
    auth.execute_sql("DROP INDEX sessions_expires_at")
    dropped = [("admins", "admins_username", "index_missing"), ("sessions", "sessions_expires_at", "index_missing")]

    assert named(found(auth, EXAMINATION)) == dropped
    assert repair(auth, EXAMINATION) == (
        0,
        [
            "admins admins_username index_missing: there is no UNIQUE index on username: repaired: made it again",
            "sessions sessions_expires_at index_missing: there is no index on expires_at: repaired: made it again",
        ],
    )
    assert found(auth, EXAMINATION) == []


def test_a_unique_index_whose_rows_repeat_themselves_is_not_made_again(auth: peewee.Database) -> None:
    auth.execute_sql("DROP INDEX admins_username")
    execute(auth, ADMINS.format("admin-2", "ada", "x" * 53))

    assert named(found(auth, EXAMINATION)) == [
        ("admins", "admin-1", "admins_username"),
        ("admins", "admin-2", "admins_username"),
        ("admins", "admins_username", "index_missing"),
    ]
    remaining, lines = repair(auth, EXAMINATION)
    assert (remaining, "not repaired: " in lines[0]) == (3, True)


def test_an_index_that_is_not_unique_any_more_is_found(auth: peewee.Database) -> None:
    auth.execute_sql("DROP INDEX admins_username")
    auth.execute_sql("CREATE INDEX admins_username ON admins (username)")

    assert found(auth, EXAMINATION) == [
        Finding("admins", "admins_username", "index_altered", "it is not a UNIQUE index on username")
    ]


def without_sessions(auth: peewee.Database) -> list[Named]:
    """Drop the table; what of others PostgreSQL has to drop with it is found as well."""
    cascade = " CASCADE" if is_postgresql(auth) else ""
    execute(auth, f"DROP TABLE sessions{cascade}")
    return [("refresh_tokens", "session_id", "constraint_missing")] if is_postgresql(auth) else []


def test_a_table_that_was_dropped_is_found_and_the_rows_of_the_others_are_judged(auth: peewee.Database) -> None:
    lost = without_sessions(auth)
    execute(auth, "UPDATE admins SET created_at = 999999999999999999")

    assert named(found(auth, EXAMINATION)) == [
        ("admins", "admin-1", "instant"),
        ("database", "-", "not_checked"),
        *lost,
        ("sessions", "-", "table_missing"),
    ]


def test_columns_that_are_missing_or_unknown_are_found(auth: peewee.Database) -> None:
    auth.execute_sql("ALTER TABLE signing_keys DROP COLUMN retired_at")
    auth.execute_sql("ALTER TABLE admins ADD COLUMN nickname TEXT")

    assert named(found(auth, EXAMINATION)) == [
        ("admins", "nickname", "column_unknown"),
        ("database", "-", "not_checked"),
        ("signing_keys", "retired_at", "column_missing"),
    ]


def test_a_column_of_another_type_without_its_constraints_is_found(auth: peewee.Database) -> None:
    lost = without_sessions(auth)
    auth.execute_sql(
        "CREATE TABLE sessions (id TEXT NOT NULL PRIMARY KEY, admin_id TEXT NOT NULL, created_at TEXT NOT NULL, "
        "expires_at BIGINT, ended_at BIGINT)"
    )
    altered = named(found(auth, EXAMINATION))

    types = ["created_at"] if is_postgresql(auth) else ["created_at", "ended_at"]
    # PostgreSQL does not compare a text with a number, as the CHECK asks.
    unasked = [("database", "-", "not_checked")] if is_postgresql(auth) else []
    assert altered == sorted(
        [
            *unasked,
            *lost,
            *(("sessions", column, "column_altered") for column in ("expires_at", *types)),
            ("sessions", "admin_id", "constraint_missing"),
            ("sessions", "sessions_window", "constraint_missing"),
            ("sessions", "sessions_admin_id", "index_missing"),
            ("sessions", "sessions_ended_at", "index_missing"),
            ("sessions", "sessions_expires_at", "index_missing"),
        ]
    )


def test_a_foreign_key_that_does_another_thing_at_a_deletion_is_found(auth: peewee.Database) -> None:
    lost = without_sessions(auth)
    kind = "BIGINT" if is_postgresql(auth) else "INTEGER"
    auth.execute_sql(
        f"CREATE TABLE sessions (id TEXT NOT NULL PRIMARY KEY, admin_id TEXT NOT NULL, created_at {kind} NOT NULL, "
        f"expires_at {kind} NOT NULL, ended_at {kind}, FOREIGN KEY (admin_id) REFERENCES admins (id), "
        'CONSTRAINT "sessions_window" CHECK (expires_at > created_at))'
    )
    auth.execute_sql("CREATE INDEX sessions_admin_id ON sessions (admin_id)")
    auth.execute_sql("CREATE INDEX sessions_expires_at ON sessions (expires_at)")
    auth.execute_sql("CREATE INDEX sessions_ended_at ON sessions (ended_at)")

    assert named(found(auth, EXAMINATION)) == [*lost, ("sessions", "admin_id", "constraint_missing")]


def test_constraints_and_indexes_that_are_not_valid_are_found_and_made_so(postgresql_url: str) -> None:
    auth = open_database(postgresql_url)
    MIGRATIONS.up(auth)
    try:
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
    finally:
        auth.close()


def test_entries_that_an_index_lacks_are_found_and_the_index_is_built_again(sqlite_url: str) -> None:
    auth = open_database(sqlite_url)
    MIGRATIONS.up(auth)
    auth.close()
    with sqlite3.connect(sqlite_url.removeprefix("sqlite:///")) as connection:
        # The index is off the books while the row is written.
        connection.execute("PRAGMA writable_schema = 1")
        definition = connection.execute("SELECT * FROM sqlite_master WHERE name = 'admins_username'").fetchone()
        connection.execute("DELETE FROM sqlite_master WHERE name = 'admins_username'")
        connection.commit()
    connection.close()
    with sqlite3.connect(sqlite_url.removeprefix("sqlite:///")) as connection:
        connection.execute(ADMINS.format("admin-1", "ada", "x" * 53))
        connection.execute("PRAGMA writable_schema = 1")
        connection.execute("INSERT INTO sqlite_master VALUES (?, ?, ?, ?, ?)", definition)
    connection.close()

    assert {(each.id, each.rule) for each in found(auth, EXAMINATION)} == {("admins_username", "index_entries")}
    assert repair(auth, EXAMINATION)[0] == 0
    assert found(auth, EXAMINATION) == []
    auth.close()


@pytest.mark.parametrize("kept_bytes", [0, 100, 5000])
def test_a_file_that_was_cut_off_is_a_finding_and_no_traceback(sqlite_url: str, kept_bytes: int) -> None:
    auth = open_database(sqlite_url)
    MIGRATIONS.up(auth)
    auth.execute_sql("PRAGMA wal_checkpoint(TRUNCATE)")
    auth.close()
    file = Path(sqlite_url.removeprefix("sqlite:///"))
    file.write_bytes(file.read_bytes()[:kept_bytes])

    try:
        findings = found(auth, EXAMINATION)
    except peewee.DatabaseError as error:
        # What cannot even be opened is told in one line by the command.
        assert "malformed" in str(error) or "not a database" in str(error)
        return
    assert findings


@pytest.mark.parametrize("rows", [0, 1, 3, 4, 7])
def test_batches_give_every_row_once_and_none_is_too_long(auth: peewee.Database, rows: int) -> None:
    execute(auth, "DELETE FROM admins", *(ADMINS.format(f"a-{each}", f"n-{each}", "x") for each in range(rows)))

    read = list(batches(auth, AdminRow.select(AdminRow.id), (AdminRow.id,), str, 3))

    assert [each for batch in read for each in batch] == [f"a-{each}" for each in range(rows)]
    assert all(len(batch) <= 3 for batch in read)


def test_an_id_with_control_characters_stays_on_its_line() -> None:
    assert Finding("admins", "a\nb\x1b[2J", "rule", "wrong").line() == "admins a\\x0ab\\x1b[2J rule: wrong"
