"""deploy.engines.sqlite: the live file is replaced, or written to while others have it open."""

import sqlite3
import stat
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path

import pytest

from deploy.engines import sqlite


@pytest.fixture
def live(tmp_path: Path) -> Path:
    """Return a file with one row and the mode 0640."""
    file = write(tmp_path / "live.sqlite", "old")
    file.chmod(0o640)
    return file


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    """Return another file."""
    (tmp_path / "scratch").mkdir()
    return write(tmp_path / "scratch" / "live.sqlite", "new")


@pytest.fixture
def connection(live: Path) -> Iterator[sqlite3.Connection]:
    """Return a connection to the live file, with frames in its log."""
    with closing(sqlite3.connect(live, isolation_level=None)) as opened:
        opened.execute("INSERT INTO notes VALUES ('newer')")
        yield opened


def write(file: Path, text: str) -> Path:
    with closing(sqlite3.connect(file)) as connection:
        script = f"PRAGMA journal_mode = WAL; CREATE TABLE notes (text); INSERT INTO notes VALUES ('{text}')"
        connection.executescript(script)
    return file


def notes(connection: sqlite3.Connection) -> list[str]:
    return [text for (text,) in connection.execute("SELECT text FROM notes")]


def stored(file: Path) -> list[str]:
    with closing(sqlite3.connect(file)) as connection:
        return notes(connection)


def replace(live: Path, copy: Path) -> None:
    sqlite.replace(f"sqlite:///{live}", f"sqlite:///{copy}")


def test_a_file_that_nobody_has_open_is_replaced_by_a_new_one(live: Path, copy: Path) -> None:
    new = copy.stat().st_ino
    replace(live, copy)
    assert (live.stat().st_ino, stat.S_IMODE(live.stat().st_mode), stored(live)) == (new, 0o640, ["new"])


def test_the_log_of_a_killed_process_does_not_reach_the_new_file(live: Path, copy: Path) -> None:
    log = live.with_name("live.sqlite-wal")
    with closing(sqlite3.connect(live)) as connection:
        connection.execute("INSERT INTO notes VALUES ('newer')")
        connection.commit()
        frames = log.read_bytes()
    log.write_bytes(frames)

    replace(live, copy)

    assert (stored(live), log.exists()) == (["new"], False)


def test_an_open_file_is_written_to(live: Path, copy: Path, connection: sqlite3.Connection) -> None:
    before = live.stat().st_ino
    replace(live, copy)
    assert (live.stat().st_ino, notes(connection), stored(live)) == (before, ["new"], ["new"])


def test_a_file_behind_a_link_is_replaced_where_it_is(tmp_path: Path, live: Path, copy: Path) -> None:
    link = tmp_path / "link.sqlite"
    link.symlink_to(live)
    replace(link, copy)
    assert (link.readlink(), stored(live)) == (live, ["new"])


def test_a_restore_waits_until_a_lost_log_is_closed(live: Path, copy: Path, connection: sqlite3.Connection) -> None:
    new = copy.stat().st_ino
    live.with_name("live.sqlite-wal").unlink()
    with ThreadPoolExecutor() as threads:
        replacing = threads.submit(replace, live, copy)
        connection.close()
        replacing.result()
    assert (live.stat().st_ino, stored(live)) == (new, ["new"])
