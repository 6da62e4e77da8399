"""An old file is opened without being changed, or refused in one line; its rows are read with care."""

import os
import shutil
import sqlite3
from collections.abc import Callable
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from deploy.import_baseline.old_file import BaselineError, open_old_file
from deploy.import_baseline.old_row import OldRow
from tests.deploy.import_baseline.examples import COLUMNS, MIGRATIONS, an_installation, insert, old, write_baseline

NINTH = {"events": [old("events", "event-9", slug="ninth")]}


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """Return the path of an old file that is not written yet."""
    return tmp_path / "flix.sqlite"


def refusal(file: Path) -> str:
    """Return why the file is refused, without its name; the folder must stay as it is."""
    before = sorted(file.parent.iterdir())
    with pytest.raises(BaselineError) as refused, open_old_file(file):
        pass
    assert sorted(file.parent.iterdir()) == before
    line = str(refused.value)
    assert (line.startswith(f"{file} "), "\n" in line) == (True, False)
    return line.removeprefix(f"{file} ")


def changed(file: Path, *statements: str) -> Path:
    """Write an old installation and run the statements on it."""
    write_baseline(file, an_installation())
    with closing(sqlite3.connect(file, isolation_level=None)) as connection:
        for statement in statements:
            connection.execute(statement)
    return file


# Opening


@pytest.mark.parametrize("name", ["flix.sqlite", "100% old?mode=rw#1.sqlite"])
@pytest.mark.parametrize("wal", [False, True])
def test_an_old_file_is_read_and_nothing_is_left_beside_it(tmp_path: Path, name: str, wal: bool) -> None:
    file = write_baseline(tmp_path / name, an_installation(), wal=wal)
    content = file.read_bytes()
    with open_old_file(file) as old_file:
        counts = {table: old_file.count(table) for table in COLUMNS}
        assert list(tmp_path.iterdir()) == [file]
    expected = {table: len(rows) for table, rows in an_installation().items()}
    assert counts == {**expected, "schema_migrations": len(MIGRATIONS)}
    assert (file.read_bytes(), list(tmp_path.iterdir())) == (content, [file])


def test_commits_in_the_wal_of_a_killed_server_are_read(tmp_path: Path, file: Path) -> None:
    live = write_baseline(tmp_path / "live.sqlite", an_installation(), wal=True)
    with closing(sqlite3.connect(live)) as connection:
        insert(connection, NINTH)
        connection.commit()
        for ending in ("", "-wal"):
            shutil.copy(f"{live}{ending}", f"{file}{ending}")
    with open_old_file(file) as old_file:
        assert old_file.count("events") == 3


def test_writes_of_a_running_server_do_not_show_while_it_is_read(file: Path) -> None:
    write_baseline(file, an_installation(), wal=True)
    with closing(sqlite3.connect(file)) as server:
        server.execute("SELECT 1 FROM events").fetchall()
        with open_old_file(file) as old_file:
            before = old_file.count("events")
            insert(server, NINTH)
            server.commit()
            assert (before, old_file.count("events")) == (2, 2)


def test_an_unfinished_write_of_the_old_server_is_reported(tmp_path: Path, file: Path) -> None:
    live = write_baseline(tmp_path / "live.sqlite", an_installation())
    with closing(sqlite3.connect(live, isolation_level=None)) as connection:
        connection.execute("PRAGMA cache_size = 1")
        connection.execute("BEGIN")
        insert(connection, {"events": [old("events", f"e{i}", slug=f"e{i}", title="x" * 3000) for i in range(50)]})
        for ending in ("", "-journal"):
            shutil.copy(f"{live}{ending}", f"{file}{ending}")
    assert refusal(file).endswith(
        "take another copy of it, together with its -wal or -journal file, into a folder that can be written to"
    )


LACKS = "is not an old installation: it lacks"
REFUSED_FILES: dict[str, tuple[Callable[[Path], object], str]] = {
    "no file": (lambda file: None, "cannot be read: No such file or directory"),
    "zero bytes": (Path.touch, "is empty: take another copy of the old installation's SQLite file"),
    "a text": (lambda file: file.write_text("id,title\n"), "is not a SQLite file: name the old installation's"),
    "a folder": (Path.mkdir, "is a folder: name the old installation's SQLite file"),
    "a missing table": (lambda file: changed(file, "DROP TABLE quiz_options"), f"{LACKS} the table quiz_options"),
    "a view for a table": (
        lambda file: changed(file, "ALTER TABLE materials RENAME TO m", "CREATE VIEW materials AS SELECT * FROM m"),
        f"{LACKS} the table materials",
    ),
    "a table without rowids": (
        lambda file: changed(
            file,
            "DROP TABLE schema_migrations",
            "CREATE TABLE schema_migrations (id TEXT PRIMARY KEY, checksum, applied_at) WITHOUT ROWID",
        ),
        f"{LACKS} the table schema_migrations",
    ),
    "missing columns": (
        lambda file: changed(
            file, "ALTER TABLE lessons DROP COLUMN description", "ALTER TABLE events DROP COLUMN logo_url"
        ),
        f"{LACKS} the column events.logo_url, the column lessons.description",
    ),
    "an older release": (
        lambda file: changed(file, "DELETE FROM schema_migrations WHERE id = '005_descriptions'"),
        "has 4 of the 5 entries in schema_migrations: start the last release of the old server on it once",
    ),
}


@pytest.mark.parametrize(("write", "reason"), REFUSED_FILES.values(), ids=REFUSED_FILES.keys())
def test_a_file_of_something_else_is_refused_in_one_line(
    file: Path, write: Callable[[Path], object], reason: str
) -> None:
    write(file)
    assert refusal(file) == reason


def _truncate(file: Path) -> None:
    os.truncate(file, file.stat().st_size // 2 // 4096 * 4096)


def _overwrite(file: Path) -> None:
    content = bytearray(file.read_bytes())
    content[4096 * 3 : 4096 * 8] = b"\xab" * 4096 * 5
    file.write_bytes(content)


@pytest.mark.parametrize("damage", [_truncate, _overwrite, lambda file: os.truncate(file, 100)])
def test_a_damaged_file_is_refused_with_advice(file: Path, damage: Callable[[Path], object]) -> None:
    damage(write_baseline(file, an_installation()))
    reason = refusal(file)
    assert reason.startswith(("is damaged (", "cannot be read ("))
    assert ": take another copy of it" in reason


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read every file")
def test_a_file_without_permission_is_refused(file: Path) -> None:
    write_baseline(file, an_installation()).chmod(0)
    assert refusal(file) == "cannot be read: Permission denied"


def test_other_tables_columns_and_views_do_no_harm(file: Path) -> None:
    changed(
        file,
        "CREATE TABLE sessions (id TEXT)",
        "ALTER TABLE events ADD COLUMN notes TEXT",
        "CREATE VIEW all_events AS SELECT no_such_function() FROM events",
    )
    with open_old_file(file) as old_file:
        assert old_file.count("events") == 2


# Reading


def read_event(file: Path, **values: Any) -> OldRow:
    """Return an event's row with these values as it is read from a file."""
    write_baseline(file, {"events": [old("events", "event-1", **values)]}, strict=False)
    with open_old_file(file) as old_file:
        [[row]] = old_file.batches("events")
    return row


@pytest.mark.parametrize(
    ("value", "violations"),
    [
        ("Bread, naïvely 🍞\n", []),
        ("", []),
        ("x" * 1024 * 1024, []),
        (None, ["title is missing"]),
        (b"bytes", ["title is not text"]),
        ("a\0b", ["title contains a NUL character"]),
        ("x" * (1024 * 1024 + 1), ["title is longer than 1 MiB"]),
    ],
    ids=["text", "empty", "1 MiB", "NULL", "BLOB", "NUL", "more than 1 MiB"],
)
def test_a_text_is_one_that_every_engine_can_store(file: Path, value: Any, violations: list[str]) -> None:
    row = read_event(file, title=value)
    assert (row.text("title"), row.violations) == ("" if violations else value, violations)


def test_bytes_that_are_not_utf8_are_rejected(file: Path) -> None:
    changed(file, "UPDATE events SET title = CAST(x'C328' AS TEXT) WHERE id = 'event-1'")
    with open_old_file(file) as old_file:
        [[row, _]] = old_file.batches("events")
    assert (row.text("title"), row.violations) == ("", ["title is not UTF-8 text"])


@pytest.mark.parametrize(
    ("text", "instant"),
    [
        ("2026-03-01T12:00:00.000Z", (2026, 3, 1, 12)),
        ("2026-03-01T14:00:00.000+02:00", (2026, 3, 1, 12)),
        ("2026-03-01T12:00Z", (2026, 3, 1, 12)),
        ("2026-03-01T12:00:00.123456789Z", (2026, 3, 1, 12, 0, 0, 123000)),
        ("2026-03-01 12:00:00", (2026, 3, 1, 12)),
        ("2026-03-01 12:00:00.250", (2026, 3, 1, 12, 0, 0, 250000)),
        ("2026-03-01 12:00:00-01:30", (2026, 3, 1, 13, 30)),
        ("9999-12-31T23:59:59.999Z", (9999, 12, 31, 23, 59, 59, 999000)),
        *((text, None) for text in ("", "soon", "2026-03-01", "2026-03-01T12:00:00", "2026-02-30T12:00:00Z")),
        *((text, None) for text in ("9999-12-31T23:59:59-01:00", "1772366400")),
    ],
)
def test_an_instant_is_read_in_every_form_that_was_written(
    file: Path, text: str, instant: tuple[int, int, int] | None
) -> None:
    row = read_event(file, created_at=text)
    read = row.instant("created_at")
    if instant:
        assert (read, row.violations) == (datetime(*instant, tzinfo=UTC), [])
    else:
        assert row.violations == ["created_at is not an instant such as 2026-03-01T12:00:00.000Z"]


@pytest.mark.parametrize(
    ("event_id", "label", "violations"),
    [
        ("event-public-1", "event-public-1", []),
        ("i" * 200, "i" * 80 + "...", []),
        ("i" * 201, "i" * 80 + "...", ["id is not of 1 to 200 characters"]),
        ("", "row 1", ["id is not of 1 to 200 characters"]),
        (None, "row 1", ["id is missing"]),
        (b"event", "row 1", ["id is not text"]),
        ("\x1b[2Jevent", r"'\x1b[2Jevent'", []),
    ],
)
def test_an_id_is_shown_in_a_form_that_fits_a_line(
    file: Path, event_id: object, label: str, violations: list[str]
) -> None:
    row = read_event(file, id=event_id)
    row.identifier()
    assert (row.label, row.violations) == (label, violations)


@pytest.mark.parametrize("address", ["https://files.example/a b.pdf", "HTTP://files.example:8080"])
def test_an_http_address_is_read(file: Path, address: str) -> None:
    row = read_event(file, logo_url=address)
    assert (row.web_address("logo_url"), row.violations) == (address, [])


@pytest.mark.parametrize(
    "address",
    ["javascript:alert(1)", "java\nscript://x/%0aalert(1)", "ftp://a.b/c", "//a.b/c", "https://", "http://[", ""],
)
def test_an_address_of_another_kind_is_rejected(file: Path, address: str) -> None:
    row = read_event(file, logo_url=address)
    row.web_address("logo_url")
    assert row.violations == ["logo_url is not an http or https address"]


@pytest.mark.parametrize("value", [None, "yes", 2, -1, 0.5, b"\x01"])
def test_a_flag_is_0_or_1(file: Path, value: object) -> None:
    row = read_event(file, is_active=value)
    row.flag("is_active")
    assert row.violations == ["is_active is not 0 or 1"]
