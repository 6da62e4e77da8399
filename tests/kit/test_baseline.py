"""services.kit.baseline: an old file is opened without a trace or refused in one line, and read warily."""

import os
import shutil
import sqlite3
from collections.abc import Callable
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from services.kit.baseline import BaselineError, OldRow, opened
from tests.baseline_file import MIGRATIONS, TABLES, an_installation, insert, old, write_baseline


def refusal(file: Path) -> str:
    """Why the file is not taken, in one line that begins with its name; nothing is left beside it."""
    before = sorted(file.parent.iterdir())
    with pytest.raises(BaselineError) as refused, opened(file):
        pass
    assert sorted(file.parent.iterdir()) == before
    line = str(refused.value)
    assert (line.startswith(f"{file} "), "\n" in line) == (True, False)
    return line.removeprefix(f"{file} ")


def changed(file: Path, *statements: str) -> Path:
    """An old installation after those statements."""
    write_baseline(file, an_installation())
    with closing(sqlite3.connect(file, isolation_level=None)) as connection:
        for statement in statements:
            connection.execute(statement)
    return file


# Opening


def test_an_old_installation_is_read_as_it_is_and_nothing_is_left_beside_it(tmp_path: Path) -> None:
    file = write_baseline(tmp_path / "flix.sqlite", an_installation())
    content = file.read_bytes()

    with opened(file) as old_file:
        counts = {table: old_file.count(table) for table in TABLES}

    expected = {table: len(rows) for table, rows in an_installation().items()}
    assert counts == {**expected, "schema_migrations": len(MIGRATIONS)}
    assert (file.read_bytes(), list(tmp_path.iterdir())) == (content, [file])


def test_a_name_that_a_url_would_misread_is_a_name(tmp_path: Path) -> None:
    file = write_baseline(tmp_path / "100% old?mode=rw#1.sqlite", an_installation())
    with opened(file) as old_file:
        assert old_file.count("events") == 2


def test_a_file_in_wal_mode_that_nobody_has_open_gets_no_companions(tmp_path: Path) -> None:
    file = write_baseline(tmp_path / "flix.sqlite", an_installation(), wal=True)
    with opened(file) as old_file:
        assert (old_file.count("events"), list(tmp_path.iterdir())) == (2, [file])


def test_what_a_server_that_was_killed_has_left_in_its_wal_is_read(tmp_path: Path) -> None:
    living = write_baseline(tmp_path / "living.sqlite", an_installation(), wal=True)
    with closing(sqlite3.connect(living)) as connection:
        insert(connection, "events", [old("events", "event-9", slug="ninth")])
        connection.commit()
        for ending in ("", "-wal"):
            shutil.copy(f"{living}{ending}", tmp_path / f"flix.sqlite{ending}")
    with opened(tmp_path / "flix.sqlite") as old_file:
        assert old_file.count("events") == 3


def test_while_it_is_read_it_stays_as_it_was_though_its_server_goes_on(tmp_path: Path) -> None:
    file = write_baseline(tmp_path / "flix.sqlite", an_installation(), wal=True)
    with closing(sqlite3.connect(file)) as server:
        server.execute("SELECT 1 FROM events").fetchall()
        with opened(file) as old_file:
            before = old_file.count("events")
            insert(server, "events", [old("events", "event-9", slug="ninth")])
            server.commit()
            assert (before, old_file.count("events")) == (2, 2)


def test_a_write_that_the_old_server_did_not_end_is_told(tmp_path: Path) -> None:
    living = write_baseline(tmp_path / "living.sqlite", an_installation())
    with closing(sqlite3.connect(living, isolation_level=None)) as connection:
        connection.execute("PRAGMA cache_size = 1")
        connection.execute("BEGIN")
        insert(connection, "events", [old("events", f"e{i}", slug=f"e{i}", title="x" * 3000) for i in range(50)])
        for ending in ("", "-journal"):
            shutil.copy(f"{living}{ending}", tmp_path / f"flix.sqlite{ending}")
    assert refusal(tmp_path / "flix.sqlite").endswith(
        "take another copy of it, together with its -wal or -journal file, into a folder that can be written to"
    )


def _zero_bytes(file: Path) -> None:
    file.touch()


def _text(file: Path) -> None:
    file.write_text("id,title\n1,Launch\n")


def _folder(file: Path) -> None:
    file.mkdir()


def _truncated(file: Path) -> None:
    write_baseline(file, an_installation())
    os.truncate(file, file.stat().st_size // 2 // 4096 * 4096)


def _only_a_header(file: Path) -> None:
    write_baseline(file, an_installation())
    os.truncate(file, 100)


def _overwritten(file: Path) -> None:
    write_baseline(file, an_installation())
    content = bytearray(file.read_bytes())
    content[4096 * 3 : 4096 * 8] = b"\xab" * 4096 * 5
    file.write_bytes(content)


def _another_database(file: Path) -> None:
    with closing(sqlite3.connect(file)) as connection:
        connection.execute("CREATE TABLE notes (id TEXT)")


NOT_BASELINES: dict[str, tuple[Callable[[Path], object], str]] = {
    "no file": (lambda file: None, "cannot be read: No such file or directory"),
    "zero bytes": (_zero_bytes, "is empty: take another copy of the old installation's SQLite file"),
    "a text": (_text, "is not a SQLite file: name the old installation's"),
    "a folder": (_folder, "is a folder: name the old installation's SQLite file"),
    "another database": (
        _another_database,
        f"is not an old installation: it lacks {', '.join(f'the table {table}' for table in TABLES)}",
    ),
    "a missing table": (
        lambda file: changed(file, "DROP TABLE quiz_options"),
        "is not an old installation: it lacks the table quiz_options",
    ),
    "a view for a table": (
        lambda file: changed(
            file, "ALTER TABLE materials RENAME TO things", "CREATE VIEW materials AS SELECT * FROM things"
        ),
        "is not an old installation: it lacks the table materials",
    ),
    "a table without numbers of rows": (
        lambda file: changed(
            file,
            "DROP TABLE schema_migrations",
            "CREATE TABLE schema_migrations (id TEXT PRIMARY KEY, checksum, applied_at) WITHOUT ROWID",
        ),
        "is not an old installation: it lacks the table schema_migrations",
    ),
    "missing columns": (
        lambda file: changed(
            file, "ALTER TABLE lessons DROP COLUMN description", "ALTER TABLE events DROP COLUMN logo_url"
        ),
        "is not an old installation: it lacks the column events.logo_url, the column lessons.description",
    ),
    "an older release": (
        lambda file: changed(file, "DELETE FROM schema_migrations WHERE id = '005_descriptions'"),
        "has 4 of the 5 entries in schema_migrations: start the last release of the old server on it once",
    ),
}


@pytest.mark.parametrize(("make", "reason"), NOT_BASELINES.values(), ids=NOT_BASELINES.keys())
def test_what_is_no_old_installation_is_told_in_one_line(
    tmp_path: Path, make: Callable[[Path], object], reason: str
) -> None:
    file = tmp_path / "flix.sqlite"
    make(file)
    assert refusal(file) == reason


@pytest.mark.parametrize("damage", [_truncated, _only_a_header, _overwritten])
def test_a_damaged_file_is_told_with_what_to_do(tmp_path: Path, damage: Callable[[Path], object]) -> None:
    file = tmp_path / "flix.sqlite"
    damage(file)
    reason = refusal(file)
    assert reason.startswith(("is damaged (", "cannot be read ("))
    assert ": take another copy of it" in reason


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_a_file_that_may_not_be_read_is_told(tmp_path: Path) -> None:
    file = write_baseline(tmp_path / "flix.sqlite", an_installation())
    file.chmod(0)
    assert refusal(file) == "cannot be read: Permission denied"


def test_more_tables_columns_and_views_are_no_matter(tmp_path: Path) -> None:
    file = changed(
        tmp_path / "flix.sqlite",
        "CREATE TABLE sessions (id TEXT)",
        "ALTER TABLE events ADD COLUMN notes TEXT",
        "CREATE VIEW all_events AS SELECT no_such_function() FROM events",
    )
    with opened(file) as old_file:
        assert old_file.count("events") == 2


# Reading


def row_of(tmp_path: Path, **values: Any) -> OldRow:
    """An event's row with those values, as it comes from a file."""
    file = write_baseline(tmp_path / "row.sqlite", {"events": [old("events", "event-1", **values)]}, strict=False)
    with opened(file) as old_file:
        [[row]] = old_file.batches("events")
    return row


@pytest.mark.parametrize(
    ("value", "text", "problems"),
    [
        ("Bread, naïvely 🍞\n", "Bread, naïvely 🍞\n", []),
        ("", "", []),
        ("x" * 1024 * 1024, "x" * 1024 * 1024, []),
        (None, "", ["title is missing"]),
        (b"bytes", "", ["title is not text"]),
        ("a\0b", "", ["title contains a NUL character"]),
        ("x" * (1024 * 1024 + 1), "", ["title is longer than 1 MiB"]),
    ],
    ids=["text", "empty", "1 MiB", "NULL", "BLOB", "NUL", "more than 1 MiB"],
)
def test_a_text_is_text_that_every_engine_can_keep(
    tmp_path: Path, value: object, text: str, problems: list[str]
) -> None:
    row = row_of(tmp_path, title=value)
    assert (row.text("title"), row.problems) == (text, problems)


def test_bytes_that_are_no_utf8_are_no_text(tmp_path: Path) -> None:
    file = changed(tmp_path / "flix.sqlite", "UPDATE events SET title = CAST(x'C328' AS TEXT) WHERE id = 'event-1'")
    with opened(file) as old_file:
        [[row, _]] = old_file.batches("events")
    assert (row.text("title"), row.problems) == ("", ["title is not UTF-8 text"])


NOT_AN_INSTANT = ["created_at is not an instant such as 2026-03-01T12:00:00.000Z"]


@pytest.mark.parametrize(
    ("text", "instant"),
    [
        ("2026-03-01T12:00:00.000Z", (2026, 3, 1, 12)),
        ("2026-03-01T14:00:00.000+02:00", (2026, 3, 1, 12)),
        ("2026-03-01T12:00Z", (2026, 3, 1, 12)),
        ("2026-03-01T12:00:00.123456789Z", (2026, 3, 1, 12, 0, 0, 123000)),
        ("2026-03-01T12:00:00.5Z", (2026, 3, 1, 12, 0, 0, 500000)),
        ("2026-03-01 12:00:00", (2026, 3, 1, 12)),
        ("2026-03-01 12:00:00.250", (2026, 3, 1, 12, 0, 0, 250000)),
        ("2026-03-01 12:00:00-01:30", (2026, 3, 1, 13, 30)),
        ("0001-01-01T00:00:00Z", (1, 1, 1)),
        ("9999-12-31T23:59:59.999Z", (9999, 12, 31, 23, 59, 59, 999000)),
    ],
)
def test_an_instant_is_read_in_every_form_that_was_written(
    tmp_path: Path, text: str, instant: tuple[int, int, int]
) -> None:
    row = row_of(tmp_path, created_at=text)
    assert (row.instant("created_at"), row.problems) == (datetime(*instant, tzinfo=UTC), [])


@pytest.mark.parametrize(
    "text",
    [
        "",
        "soon",
        "2026-03-01",
        "2026-03-01T12:00:00",
        "2026-02-30T12:00:00Z",
        "9999-12-31T23:59:59-01:00",
        "1772366400",
    ],
)
def test_what_names_no_instant_is_refused(tmp_path: Path, text: str) -> None:
    row = row_of(tmp_path, created_at=text)
    row.instant("created_at")
    assert row.problems == NOT_AN_INSTANT


@pytest.mark.parametrize(
    ("event_id", "name", "problems"),
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
def test_an_id_is_named_in_a_way_that_fits_a_line(
    tmp_path: Path, event_id: object, name: str, problems: list[str]
) -> None:
    row = row_of(tmp_path, id=event_id)
    row.identifier()
    assert (row.name, row.problems) == (name, problems)


@pytest.mark.parametrize(
    ("address", "is_one"),
    [
        ("https://files.example/a b.pdf", True),
        ("HTTP://files.example:8080", True),
        ("javascript:alert(1)", False),
        ("java\nscript://x/%0aalert(1)", False),
        ("ftp://files.example/a", False),
        ("//files.example/a", False),
        ("https://", False),
        ("http://[", False),
        ("", False),
    ],
)
def test_an_address_is_of_the_web(tmp_path: Path, address: str, is_one: bool) -> None:
    row = row_of(tmp_path, logo_url=address)
    row.web_address("logo_url")
    assert row.problems == ([] if is_one else ["logo_url is not an http or https address"])


@pytest.mark.parametrize("value", [None, "yes", 2, -1, 0.5, b"\x01"])
def test_a_flag_is_0_or_1(tmp_path: Path, value: object) -> None:
    row = row_of(tmp_path, is_active=value)
    row.flag("is_active")
    assert row.problems == ["is_active is not 0 or 1"]


def test_a_notes_file_that_is_none_is_told(tmp_path: Path) -> None:
    notes = tmp_path / "lessons"
    notes.write_text('{"a": 1}\n')
    with (
        opened(write_baseline(tmp_path / "flix.sqlite", an_installation())) as old_file,
        pytest.raises(BaselineError, match="is not what --accepted writes"),
    ):
        old_file.read_notes("lessons", notes)
