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
LATER = ("highlight_video_url", "short_description", "long_description")
DESCRIPTION = "the column lessons.description"
EARLIER = (
    "is of an earlier release of the old server: it has {} of the 5 entries in schema_migrations{}. Start the last "
    "release of the old server on a copy of the file once, which migrates it, stop that server, and import the copy"
)
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
    "from before migrations 004 and 005": (
        lambda file: changed(
            file,
            *(f"ALTER TABLE events DROP COLUMN {each}" for each in LATER),
            "ALTER TABLE lessons DROP COLUMN description",
            "DELETE FROM schema_migrations WHERE id >= '004'",
        ),
        EARLIER.format(3, f" and lacks {', '.join(f'the column events.{each}' for each in LATER)}, {DESCRIPTION}"),
    ),
    "from before migration 005": (
        lambda file: changed(file, "DELETE FROM schema_migrations WHERE id = '005_descriptions'"),
        EARLIER.format(4, ""),
    ),
    "told apart by its columns alone": (
        lambda file: changed(file, "ALTER TABLE lessons DROP COLUMN description"),
        EARLIER.format(5, f" and lacks {DESCRIPTION}"),
    ),
    "a later release": (
        lambda file: changed(file, "INSERT INTO schema_migrations VALUES ('006_more', 'x', 'y')"),
        "has 6 entries in schema_migrations and this import knows 5: import with the release of Flix that knows the "
        "others",
    ),
    "never migrated": (
        lambda file: changed(file, "DELETE FROM schema_migrations"),
        "was never migrated: schema_migrations is empty: name the file that the old server uses",
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


LONG = "x" * 1024 * 1024


@pytest.mark.parametrize(
    ("value", "text", "changes"),
    [
        ("Bread, naïvely 🍞\n", "Bread, naïvely 🍞\n", []),
        ("", "", []),
        (LONG, LONG, []),
        (None, "", ["title null became ''"]),
        (7, "7", []),
        (b"bytes", "bytes", ["title b'bytes' became 'bytes'"]),
        ("a\0b", "ab", [r"title 'a\x00b' became 'ab'"]),
        (LONG + "\0é", LONG, [f"title (longer than 1 MiB) became '{'x' * 80}...'"]),
    ],
    ids=["text", "empty", "1 MiB", "NULL", "number", "BLOB", "NUL", "more than 1 MiB"],
)
def test_a_text_is_one_that_every_engine_can_store(file: Path, value: Any, text: str, changes: list[str]) -> None:
    row = read_event(file, title=value)
    assert (row.text("title"), [*row.changes()], row.violations) == (text, changes, [])


@pytest.mark.parametrize(
    ("stored", "text"),
    [
        ("half a pair: \ud83c!", "half a pair: \ufffd!"),
        ("\udf5e", "\ufffd"),
        ("a pair in halves: \ud83c\udf5e", "a pair in halves: 🍞"),
    ],
)
def test_a_text_with_lone_surrogates_is_repaired(file: Path, stored: str, text: str) -> None:
    write_baseline(file, {"events": [old("events", "event-1")]}, strict=False)
    with closing(sqlite3.connect(file, isolation_level=None)) as connection:
        # As JavaScript stores them.
        connection.execute("UPDATE events SET title = CAST(? AS TEXT)", [stored.encode(errors="surrogatepass")])
    with open_old_file(file) as old_file:
        [[row]] = old_file.batches("events")
        assert (row.text("title"), [*row.changes()]) == (text, [f"title (not UTF-8) became {text!r}"])


@pytest.mark.parametrize(
    ("text", "instant"),
    [
        ("2026-03-01T12:00:00.000Z", (2026, 3, 1, 12)),
        ("2026-03-01T12:00:00+02:00", (2026, 3, 1, 10)),
        ("2026-03-01T12:00Z", (2026, 3, 1, 12)),
        ("2026-03-01T12:00:00.123999Z", (2026, 3, 1, 12, 0, 0, 123000)),
        ("2026-03-01 12:00:00", (2026, 3, 1, 12)),
        ("2026-03-01 12:00:00.5", (2026, 3, 1, 12, 0, 0, 500000)),
        ("2026-03-01 12:00:00+02:00", (2026, 3, 1, 10)),
        ("9999-12-31T23:59:59.999Z", (9999, 12, 31, 23, 59, 59, 999000)),
    ],
)
def test_an_instant_is_read_in_every_form_that_was_written(
    file: Path, text: str, instant: tuple[int, int, int]
) -> None:
    row = read_event(file, created_at=text)
    assert (row.instant("created_at"), [*row.changes()]) == (datetime(*instant, tzinfo=UTC), [])


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2026-03-01", "2026-03-01T00:00:00.000Z"),
        ("2026-03-01T12:00:00", "2026-03-01T12:00:00.000Z"),
        *((text, None) for text in ("", "soon", "2026-02-30T12:00:00Z", "9999-12-31T23:59:59-01:00", "1772366400")),
    ],
)
def test_a_malformed_instant_is_in_utc_or_the_default(file: Path, text: str, expected: str | None) -> None:
    row = read_event(file, created_at=text)
    default = datetime(2020, 1, 1, tzinfo=UTC)
    row.instant("created_at", default)
    assert [*row.changes()] == [f"created_at {text!r} became '{expected or '2020-01-01T00:00:00.000Z'}'"]


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
        ("a\0b", r"'a\x00b'", ["id contains a NUL character"]),
    ],
)
def test_an_id_is_shown_in_a_form_that_fits_a_line(
    file: Path, event_id: object, label: str, violations: list[str]
) -> None:
    row = read_event(file, id=event_id)
    row.identifier()
    assert (row.label, row.violations) == (label, violations)


@pytest.mark.parametrize(
    ("address", "legal"),
    [
        ("HTTP://files.example:8080", "HTTP://files.example:8080"),
        ("https://files.example/a b\u2003c.pdf", "https://files.example/a%20b%E2%80%83c.pdf"),
        *((each, None) for each in ("javascript:alert(1)", "ftp://a.b/c", "//a.b/c", "https://", "http://[", "")),
        ("java\nscript://x/%0aalert(1)", None),
    ],
)
def test_an_http_address_is_read_and_another_is_none(file: Path, address: str, legal: str | None) -> None:
    row = read_event(file, logo_url=address)
    shown = "null" if legal is None else repr(legal)
    assert row.web_address("logo_url") == legal
    assert [*row.changes()] == ([] if address == legal else [f"logo_url {address!r} became {shown}"])


@pytest.mark.parametrize("value", [None, "yes", 2, -1, 0.5, b"\x01"])
def test_a_flag_that_is_no_1_is_0(file: Path, value: object) -> None:
    row = read_event(file, is_active=value)
    assert (row.flag("is_active"), len([*row.changes()])) == (False, 1)
