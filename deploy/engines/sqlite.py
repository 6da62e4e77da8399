"""SQLite: copies by its online backup, in both directions."""

import os
import shutil
import sqlite3
import tempfile
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import IO

from deploy.engines.common import CHUNK, LEDGER, BackupError, Content, Progress
from services.kit.core.instants import format_instant, now
from services.kit.storage.database import BUSY_TIMEOUT_SECONDS

NAME = "sqlite"
UNIT = "pages"
_PAGES_PER_STEP = 1024


def is_empty(url: str) -> bool:
    """Return whether the file is absent or has no table; an unreadable file is not empty."""
    file = _file(url)
    if not file.exists():
        return True
    try:
        with closing(_connect(file)) as connection:
            return not _tables(connection)
    except sqlite3.DatabaseError:
        return False


def needs_stop(url: str) -> bool:
    """Return whether a new file must be created, because the old one is gone or unreadable."""
    try:
        with closing(_connect(_file(url))) as connection:
            _tables(connection)
            return False
    except sqlite3.DatabaseError:
        return True


def dump(url: str, file: Path, progress: Progress) -> Content:
    """Copy as of one moment, in steps, and check that the copy is sound."""
    try:
        with closing(_connect(_file(url))) as live, closing(_create(file)) as copy:
            # Without an open read transaction, each write of another process would restart the copy.
            live.execute("BEGIN")
            live.execute("SELECT * FROM sqlite_master").fetchone()
            _copy(live, copy, progress)
            _require_sound(copy)
            return _content(copy)
    except sqlite3.Error as error:
        raise BackupError(f"{_file(url)} cannot be copied ({error})") from None


@contextmanager
def scratch(url: str, source: IO[bytes], progress: Progress) -> Iterator[str]:
    """Unpack a sound copy into a folder beside the live file; remove it afterwards."""
    live = _file(url).absolute()
    folder = _new_folder(live.parent)
    try:
        file = folder / live.name
        _unpack(source, file, progress)
        yield f"sqlite:///{file}"
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def replace(url: str, scratch_url: str) -> None:
    """Write every page into the live file in one transaction, which other connections see whole or not at all."""
    file = _file(url)
    try:
        if needs_stop(url):
            _set_aside(file)
        # This creates an absent file; a crash leaves it empty and never half full.
        with closing(_connect(_file(scratch_url))) as copy, closing(_connect(file, "rwc")) as live:
            live.execute("PRAGMA synchronous = FULL")
            copy.backup(live)
    except sqlite3.Error as error:
        raise BackupError(f"{file} cannot be written ({error})") from None
    except OSError as error:
        raise BackupError(f"{file} cannot be moved aside ({error.strerror})") from None


def _new_folder(parent: Path) -> Path:
    try:
        parent.mkdir(parents=True, exist_ok=True)
        return Path(tempfile.mkdtemp(prefix=".restore-", dir=parent))
    except OSError as error:
        raise BackupError(f"the folder {parent} cannot be written to ({error.strerror})") from None


def _unpack(source: IO[bytes], file: Path, progress: Progress) -> None:
    try:
        with file.open("xb") as target:
            while chunk := source.read(CHUNK):
                target.write(chunk)
                progress(len(chunk), None)
        with closing(_connect(file)) as copy:
            _require_sound(copy)
    except OSError as error:
        raise BackupError(f"the copy cannot be unpacked in {file.parents[1]} ({error.strerror})") from None
    except sqlite3.Error as error:
        raise BackupError(f"the copy is no sound database ({error})") from None


def _copy(source: sqlite3.Connection, target: sqlite3.Connection, progress: Progress) -> None:
    done = 0

    def step(_status: int, remaining: int, total: int) -> None:
        nonlocal done
        progress(total - remaining - done, total)
        done = total - remaining

    source.backup(target, pages=_PAGES_PER_STEP, progress=step, sleep=0)


def _require_sound(connection: sqlite3.Connection) -> None:
    found = [row[0] for row in connection.execute("PRAGMA quick_check(1)")]
    if found != ["ok"]:
        raise sqlite3.DatabaseError(f"quick_check found: {' '.join(' '.join(found).split())}")


def _content(connection: sqlite3.Connection) -> Content:
    tables = _tables(connection)
    migrations = connection.execute(f"SELECT name FROM {LEDGER} ORDER BY name") if LEDGER in tables else []  # noqa: S608
    rows = {each: connection.execute(f'SELECT count(*) FROM "{each}"').fetchone()[0] for each in tables}  # noqa: S608
    return Content([row[0] for row in migrations], rows)


def _tables(connection: sqlite3.Connection) -> list[str]:
    named = "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite_%' ORDER BY name"
    return [row[0] for row in connection.execute(named)]


def _set_aside(file: Path) -> None:
    """Rename an unreadable file with its -wal and -shm rather than delete it."""
    ending = f".broken-{format_instant(now()).replace(':', '-')}"
    for each in (file, *(file.with_name(file.name + suffix) for suffix in ("-wal", "-shm"))):
        if each.exists():
            each.rename(each.with_name(each.name + ending))


def _connect(file: Path, mode: str = "rw") -> sqlite3.Connection:
    """Open the file; raise sqlite3.OperationalError when it is absent and the mode does not create it."""
    uri = f"{file.absolute().as_uri()}?mode={mode}"
    return sqlite3.connect(uri, uri=True, timeout=BUSY_TIMEOUT_SECONDS, isolation_level=None)


def _create(file: Path) -> sqlite3.Connection:
    os.close(os.open(file, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))
    connection = _connect(file)
    # The archive is synced to the disk as a whole.
    connection.execute("PRAGMA synchronous = OFF")
    return connection


def _file(url: str) -> Path:
    return Path(url.removeprefix("sqlite:///"))
