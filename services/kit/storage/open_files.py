"""The files that a SQLite connection has open, compared with those that its path names now.

A deleted or replaced file goes on taking writes from the connections that have it open, and loses them all when they
close. So nothing is acknowledged before the comparison.
"""

import os
import sqlite3
from typing import Any, NamedTuple
from weakref import WeakSet

import peewee

FILE_GONE = "the file was deleted or replaced under the service"
LOG_GONE = "the write-ahead log was deleted or replaced under the service: restart it, or restore a backup"


class FileIdentity(NamedTuple):
    """What stays the same as long as a file exists, whatever is written to it."""

    device: int
    inode: int


class OpenFiles(NamedTuple):
    """The identity of a database file and of its write-ahead log, None for one that does not exist."""

    main: FileIdentity | None
    log: FileIdentity | None


class FilesGone(Exception):
    """The connection has other files open than those at its path. `log_of` names the file that lost its log only.

    It is no error of peewee, which would replace it by one of its own classes.
    """

    def __init__(self, message: str, log_of: FileIdentity | None = None):
        super().__init__(message)
        self.log_of = log_of


class WatchedConnection(sqlite3.Connection):
    """A connection that knows which files it has open; `files` is None before the first read and after the end."""

    files: OpenFiles | None = None

    def note_files(self, path: str) -> OpenFiles:
        """Note and return the files at this path. The first read opens the write-ahead log."""
        self.execute("SELECT 1 FROM sqlite_master LIMIT 1").fetchall()
        self.files = open_files(path)
        return self.files

    def close(self) -> None:
        """Close the connection. The last one of all processes deletes the log."""
        self.files = None
        super().close()


class WatchedSqliteDatabase(peewee.SqliteDatabase):
    """Peewee's SQLite database over WatchedConnections. All open connections have the same files."""

    def __init__(self, *args: Any, **options: Any):
        super().__init__(*args, **options)
        self._connections: WeakSet[WatchedConnection] = WeakSet()

    def _connect(self) -> WatchedConnection:
        before = file_identity(self.database)
        connection: WatchedConnection = super()._connect()  # type: ignore[misc] # peewee has no types for it
        try:
            opened = connection.note_files(self.database)
            # Replaced meanwhile: the connection has the old file open.
            if before not in (None, opened.main):
                raise FilesGone(FILE_GONE)
            # Peewee holds its lock: no other thread connects now.
            for other in self._connections:
                _compare(other.files, opened)
        except BaseException:
            connection.close()
            raise
        self._connections.add(connection)
        return connection

    def require_files_of_all(self) -> None:
        """Raise FilesGone when a connection of any thread has files open that are no longer at the path."""
        with self._lock:  # type: ignore[attr-defined] # peewee has no types for it
            noted = [(each, each.files) for each in self._connections]
        present = open_files(self.database)
        for connection, files in noted:
            # One that was closed meanwhile may have been the last, which deletes the log.
            if connection.files is files:
                _compare(files, present)

    def forget_connections(self) -> None:
        """Let the next connection have other files than those that are open now."""
        self._connections.clear()


def open_files(path: str) -> OpenFiles:
    """Return the identities of the files at this path now. SQLite keeps the log where a symbolic link leads."""
    file = os.path.realpath(path) if os.path.islink(path) else path  # noqa: PTH114 # see file_identity
    return OpenFiles(file_identity(path), file_identity(f"{file}-wal"))


def file_identity(path: str) -> FileIdentity | None:
    """Return the identity of the file at this path, None without one."""
    try:
        # Every use case compares: pathlib takes as long as the read of a row.
        status = os.stat(path)  # noqa: PTH116
    except OSError:
        return None
    return FileIdentity(status.st_dev, status.st_ino)


def require_open_files(database: peewee.Database) -> None:
    """Raise FilesGone when this thread's SQLite connection has files open that are no longer at its path."""
    if isinstance(database, WatchedSqliteDatabase) and not database.is_closed():
        connection: WatchedConnection = database.connection()  # type: ignore[no-untyped-call]
        _compare(connection.files, open_files(database.database))


def _compare(opened: OpenFiles | None, present: OpenFiles | None) -> None:
    if opened is None or present is None or opened == present:
        return
    if opened.main != present.main:
        raise FilesGone(FILE_GONE)
    raise FilesGone(LOG_GONE, opened.main)
