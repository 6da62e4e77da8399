"""SQLite: copies by its online backup, in both directions."""

import os
import shutil
import sqlite3
import stat
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import IO

from deploy.engines.common import CHUNK, LEDGER, BackupError, Content, Progress, sync
from services.kit.core.database_url import read_database_url
from services.kit.core.instants import format_instant, now
from services.kit.storage.database import BUSY_TIMEOUT_SECONDS
from services.kit.storage.database_errors import file_advice

NAME = "sqlite"
UNIT = "pages"
_PAGES_PER_STEP = 1024
# A service that loses its log closes its connections within this time.
_CLOSING_SECONDS = 15
_RETRY_SECONDS = 0.2


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
    """Return whether a new file must be created: the old one is gone or unreadable, or remains open without its log."""
    file = _file(url).resolve()
    give_up = time.monotonic() + _CLOSING_SECONDS
    while True:
        readable = _is_readable(file)
        # After the read, which has renewed the index of a log that nobody had open.
        if not _lost_its_log(file):
            return not readable
        if time.monotonic() > give_up:
            return True
        time.sleep(_RETRY_SECONDS)


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
        raise BackupError(f"{_file(url)} cannot be copied ({error}){file_advice(error)}") from None


@contextmanager
def scratch(url: str, source: IO[bytes], progress: Progress) -> Iterator[str]:
    """Unpack a sound copy into a folder beside the live file; remove it afterwards."""
    live = _file(url).resolve()
    folder = _new_folder(live.parent)
    try:
        file = folder / live.name
        _unpack(source, file, progress)
        yield f"sqlite:///{file}"
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def replace(url: str, scratch_url: str) -> None:
    """Put the copy in the place of the live file, which a service that lost its log notices.

    Other connections to the live file take no notice of a new one: while there are any, write every page into the file
    in one transaction, which they see whole or not at all.
    """
    file, copy = _file(url).resolve(), _file(scratch_url)
    try:
        if needs_stop(url):
            _set_aside(file)
        _settle(copy)
        if not _take_place(copy, file):
            with closing(_connect(copy)) as source, closing(_connect(file)) as live:
                live.execute("PRAGMA synchronous = FULL")
                source.backup(live)
    except sqlite3.Error as error:
        raise BackupError(f"{file} cannot be written ({error})") from None
    except OSError as error:
        raise BackupError(f"{file} cannot be replaced ({error.strerror})") from None


def _settle(copy: Path) -> None:
    """Write the copy's log into its file, and the file to the disk."""
    with closing(_connect(copy)) as connection:
        _empty_log(connection)
    sync(copy)


def _take_place(copy: Path, file: Path) -> bool:
    """Rename the copy to the file, whether there is one or not; return False if a connection has it open."""
    # Absent, it is created, and a crash leaves it empty. It stays locked until the copy has its name: the copy takes
    # over an empty log.
    with closing(_connect(file, "rwc", timeout=0)) as live:
        try:
            live.execute("PRAGMA locking_mode = EXCLUSIVE")
            live.execute("BEGIN EXCLUSIVE")
            live.execute("COMMIT")
            _empty_log(live)
            status = file.stat()
            os.chown(copy, status.st_uid, status.st_gid)
            copy.chmod(stat.S_IMODE(status.st_mode))
        except (sqlite3.DatabaseError, PermissionError):
            return False
        copy.replace(file)
    sync(file.parent)
    return True


def _empty_log(connection: sqlite3.Connection) -> None:
    busy, _, _ = connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
    if busy:
        raise sqlite3.OperationalError("another connection reads the log")


def _is_readable(file: Path) -> bool:
    try:
        with closing(_connect(file)) as connection:
            _tables(connection)
            return True
    except sqlite3.DatabaseError:
        return False


def _lost_its_log(file: Path) -> bool:
    """Return whether the index in shared memory is of another log than the one at its path.

    The salts are copied from the log's header to the index, where the number of frames is an integer of the machine
    (sqlite.org/walformat.html).
    """
    index, log = _first_bytes(_beside(file, "-shm"), 40), _first_bytes(_beside(file, "-wal"), 24)
    frames = int.from_bytes(index[16:20], sys.byteorder)
    return frames > 0 and index[32:40] != log[16:24]


def _first_bytes(file: Path, length: int) -> bytes:
    try:
        with file.open("rb") as opened:
            return opened.read(length)
    except FileNotFoundError:
        return b""


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
    for each in (file, _beside(file, "-wal"), _beside(file, "-shm")):
        if each.exists():
            each.rename(each.with_name(each.name + ending))


def _beside(file: Path, suffix: str) -> Path:
    return file.with_name(file.name + suffix)


def _connect(file: Path, mode: str = "rw", timeout: float = BUSY_TIMEOUT_SECONDS) -> sqlite3.Connection:
    """Open the file; raise sqlite3.OperationalError when it is absent and the mode does not create it."""
    uri = f"{file.absolute().as_uri()}?mode={mode}"
    return sqlite3.connect(uri, uri=True, timeout=timeout, isolation_level=None)


def _create(file: Path) -> sqlite3.Connection:
    os.close(os.open(file, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))
    connection = _connect(file)
    # The archive is synced to the disk as a whole.
    connection.execute("PRAGMA synchronous = OFF")
    return connection


def _file(url: str) -> Path:
    return read_database_url(url).file
