"""The SQLite file of an old installation, which is never changed and is read in one transaction for all services.

The notes of a pass (ids that were seen, slugs that are taken) are in SQLite's temporary database, which moves to disk
when it grows, so that a file of any size needs bounded memory.
"""

import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import quote

from deploy.import_baseline.old_row import MAXIMUM_TEXT_BYTES, Damaged, OldRow
from services.kit.core.failures import CommandFailed

BATCH_ROWS = 100

_TIMES = ("created_at", "updated_at")
# docs/contract/BEHAVIOUR.md, "Storage of the old baseline".
COLUMNS: Mapping[str, Sequence[str]] = {
    # Only counted: the old API never read them.
    "admins": ("id",),
    "events": (
        *("id", "title", "slug", "description", "is_active", "visibility", "access_key"),
        *("hero_title", "hero_subtitle", "hero_cta_text", "background_color", "text_color", "accent_color"),
        *("logo_url", "branding_provider", "branding_prompt_version", "branding_generated_at"),
        *("highlight_video_url", "short_description", "long_description", *_TIMES),
    ),
    "lessons": (
        *("id", "event_id", "title", "slug", "video_provider", "video_id", "release_at", "expires_at"),
        *("description", *_TIMES),
    ),
    "materials": (
        *("id", "event_id", "lesson_id", "file_name", "mime_type", "size_bytes", "download_url"),
        "created_at",
    ),
    "quizzes": ("id", "event_id", "lesson_id", "title", "pass_percentage", *_TIMES),
    "quiz_questions": ("id", "quiz_id", "prompt", "display_order", *_TIMES),
    "quiz_options": ("id", "question_id", "text", "is_correct", *_TIMES),
    "schema_migrations": ("id", "checksum", "applied_at"),
}
MIGRATIONS = 5
# What a release before the last lacks.
LATER_COLUMNS = {
    *(f"the column events.{name}" for name in ("highlight_video_url", "short_description", "long_description")),
    "the column lessons.description",
}

_MAGIC = b"SQLite format 3\0"
_HEADER_BYTES = 100
_WAL_VERSION = 2
# Begins what is fetched of a text that is too long; no valid text begins like this.
_TOO_LONG = b"\xfftoo long"


class BaselineError(CommandFailed):
    """The old data cannot be moved."""


class OldFile:
    """An old installation as it was when the file was opened, and the notes of a pass over it."""

    def __init__(self, connection: sqlite3.Connection):
        self._connection = connection
        self._indexed: set[str] = set()
        connection.execute("CREATE TEMP TABLE notes (kind, key, value, PRIMARY KEY (kind, key)) WITHOUT ROWID")

    def count(self, table: str) -> int:
        """Return the number of rows of the table."""
        number: int = self._connection.execute(f"SELECT count(*) FROM main.{table}").fetchone()[0]  # noqa: S608 ours
        return number

    def batches(self, table: str) -> Iterator[Sequence[OldRow]]:
        """Return the table's rows in the order of their insertion, a batch at a time."""
        cursor = self._select(table, "1 = 1")
        while rows := cursor.fetchmany(BATCH_ROWS):
            yield [_row(table, row) for row in rows]

    def children(self, table: str, column: str, parent: OldRow) -> Iterator[OldRow]:
        """Return the rows whose column holds the parent's id, in the order of their insertion."""
        self._index_children(table, column)
        parent_id = f"SELECT id FROM main.{parent.table} WHERE rowid = ?"  # noqa: S608 our own names
        numbers = f"SELECT number FROM temp.{table}_children WHERE parent = ({parent_id})"  # noqa: S608 our own names
        return self._rows(table, f"rowid IN ({numbers})", [parent.number])

    def orphans(self, table: str, column: str, parent_table: str) -> Iterator[OldRow]:
        """Return the rows whose column holds no id of the other table."""
        ids = f"SELECT id FROM main.{parent_table} WHERE id IS NOT NULL"  # noqa: S608 our own names
        return self._rows(table, f"{column} IS NULL OR {column} COLLATE BINARY NOT IN ({ids})", [])

    def has_slug(self, table: str, slug: str, event_id: str | None) -> bool:
        """Return whether an event, or a lesson of that event, has the slug."""
        if f"{table}_slugs" not in self._indexed:
            event_ids = "NULL" if event_id is None else "event_id"
            rows = f"SELECT slug, {event_ids} AS event_id FROM main.{table}"  # noqa: S608 our own names
            self._connection.execute(f"CREATE TEMP TABLE {table}_slugs AS {rows}")
            self._connection.execute(f"CREATE INDEX temp.{table}_slugs_slug ON {table}_slugs (slug, event_id)")
            self._indexed.add(f"{table}_slugs")
        statement = f"SELECT 1 FROM temp.{table}_slugs WHERE slug = ? AND event_id IS ?"  # noqa: S608 our own names
        return self._connection.execute(statement, [slug, event_id]).fetchone() is not None

    def claim(self, kind: str, key: str) -> bool:
        """Note the key; return False where it was noted before."""
        statement = "INSERT OR IGNORE INTO temp.notes VALUES (?, ?, '')"
        return self._connection.execute(statement, [kind, key]).rowcount == 1

    def note(self, kind: str, key: str, value: str) -> None:
        """Note a value under the key, which may have been claimed."""
        self._connection.execute("INSERT OR REPLACE INTO temp.notes VALUES (?, ?, ?)", [kind, key, value])

    def noted(self, kind: str, key: str) -> str | None:
        """Return the value of the key: empty where it is only claimed, None where it is unknown."""
        statement = "SELECT value FROM temp.notes WHERE kind = ? AND key = ?"
        row = self._connection.execute(statement, [kind, key]).fetchone()
        return None if row is None else str(row[0])

    def forget(self, kind: str) -> None:
        """Delete the notes of this kind."""
        self._connection.execute("DELETE FROM temp.notes WHERE kind = ?", [kind])

    def _rows(self, table: str, condition: str, values: Sequence[object]) -> Iterator[OldRow]:
        return (_row(table, row) for row in self._select(table, condition, values))

    def _select(self, table: str, condition: str, values: Sequence[object] = ()) -> sqlite3.Cursor:
        return self._connection.execute(_statement(table, condition), values)

    def _index_children(self, table: str, column: str) -> None:
        # The old file may lack such an index, and nothing may be written into it.
        name = f"{table}_children"
        if name in self._indexed:
            return
        rows = f"SELECT {column} AS parent, rowid AS number FROM main.{table}"  # noqa: S608 our own names
        self._connection.execute(f"CREATE TEMP TABLE {name} AS {rows}")
        self._connection.execute(f"CREATE INDEX temp.{name}_parent ON {name} (parent, number)")
        self._indexed.add(name)


@contextmanager
def open_old_file(file: Path) -> Iterator[OldFile]:
    """Open an old installation without changing its file or adding another beside it; raise BaselineError."""
    _require_database(file)
    with closing(_connection(file)) as connection, _with_advice(file):
        connection.execute("BEGIN")
        _require_undamaged(file, connection)
        _require_tables(file, connection)
        yield OldFile(connection)


def _require_database(file: Path) -> None:
    if file.is_dir():
        raise BaselineError(f"{file} is a folder: name the old installation's SQLite file")
    try:
        with file.open("rb") as content:
            start = content.read(len(_MAGIC))
    except OSError as error:
        raise BaselineError(f"{file} cannot be read: {error.strerror}") from None
    if not start:
        raise BaselineError(f"{file} is empty: take another copy of the old installation's SQLite file")
    if start != _MAGIC:
        raise BaselineError(f"{file} is not a SQLite file: name the old installation's")


def _connection(file: Path) -> sqlite3.Connection:
    # For a file in WAL mode that nobody has open, SQLite would create -wal and -shm files beside it, which a read-only
    # folder does not allow and the old server would find.
    with file.open("rb") as content:
        in_wal_mode = content.read(_HEADER_BYTES)[18:20] == bytes([_WAL_VERSION] * 2)
    immutable = "&immutable=1" if in_wal_mode and not Path(f"{file}-wal").exists() else ""
    address = f"file:{quote(str(file.absolute()))}?mode=ro{immutable}"
    connection = sqlite3.connect(address, uri=True, isolation_level=None)
    connection.text_factory = _decoded
    return connection


@contextmanager
def _with_advice(file: Path) -> Iterator[None]:
    """Turn an error of SQLite into a BaselineError that says what to do."""
    try:
        yield
    except sqlite3.DatabaseError as error:
        advice = (
            "take another copy of it, together with its -wal or -journal file, into a folder that can be written to"
        )
        raise BaselineError(f"{file} cannot be read ({error}): {advice}") from None


def _require_undamaged(file: Path, connection: sqlite3.Connection) -> None:
    # Anyone may have put views, triggers and generated columns into the file.
    connection.execute("PRAGMA trusted_schema = OFF")
    [(finding,)] = connection.execute("PRAGMA main.quick_check(1)").fetchall()
    if finding != "ok":
        raise BaselineError(f"{file} is damaged ({' '.join(str(finding).split())}): take another copy of it")


def _require_tables(file: Path, connection: sqlite3.Connection) -> None:
    lacking = [each for table in COLUMNS for each in _lacking(connection, table)]
    applied = 0
    if "the table schema_migrations" not in lacking:
        [(applied,)] = connection.execute("SELECT count(*) FROM main.schema_migrations")
    if 0 < applied < MIGRATIONS or (applied and lacking and LATER_COLUMNS.issuperset(lacking)):
        lacks = f" and lacks {', '.join(lacking)}" if lacking else ""
        raise BaselineError(
            f"{file} is of an earlier release of the old server: it has {applied} of the {MIGRATIONS} entries in "
            f"schema_migrations{lacks}. Start the last release of the old server on a copy of the file once, which "
            "migrates it, stop that server, and import the copy"
        )
    if lacking:
        raise BaselineError(f"{file} is not an old installation: it lacks {', '.join(lacking)}")
    if applied != MIGRATIONS:
        raise BaselineError(
            f"{file} has {applied} entries in schema_migrations and this import knows {MIGRATIONS}: "
            "import with the release of Flix that knows the others"
            if applied
            else f"{file} was never migrated: schema_migrations is empty: name the file that the old server uses"
        )


def _lacking(connection: sqlite3.Connection, table: str) -> list[str]:
    """Return what the file lacks of the table: all of it, or single columns."""
    if not _has_rowids(connection, table):
        return [f"the table {table}"]
    columns = {row[0] for row in connection.execute("SELECT name FROM pragma_table_xinfo(?, 'main')", [table])}
    return [f"the column {table}.{column}" for column in COLUMNS[table] if column not in columns]


def _has_rowids(connection: sqlite3.Connection, table: str) -> bool:
    tables = "SELECT count(*) FROM main.sqlite_master WHERE type = 'table' AND name = ?"
    if connection.execute(tables, [table]).fetchone() == (0,):
        return False
    try:
        connection.execute(f"SELECT rowid FROM main.{table} LIMIT 0")  # noqa: S608 our own names
    except sqlite3.OperationalError:
        return False
    return True


@cache
def _statement(table: str, condition: str) -> str:
    columns = ", ".join(_fetched(column) for column in COLUMNS[table])
    return f"SELECT rowid, {columns} FROM main.{table} WHERE {condition} ORDER BY rowid"  # noqa: S608 our own names


def _fetched(column: str) -> str:
    # Bounds the memory of a single value.
    size = f"length(CAST({column} AS BLOB))"
    start = f"x'{_TOO_LONG.hex()}' || substr(CAST({column} AS BLOB), 1, {MAXIMUM_TEXT_BYTES})"
    return f"CASE WHEN {size} > {MAXIMUM_TEXT_BYTES} THEN CAST({start} AS TEXT) ELSE {column} END"


def _decoded(text: bytes) -> str | Damaged:
    if text.startswith(_TOO_LONG):
        return Damaged(text.removeprefix(_TOO_LONG).decode(errors="ignore"), "longer than 1 MiB")
    try:
        return text.decode()
    except UnicodeDecodeError:
        return Damaged(_repaired(text), "not UTF-8")


def _repaired(text: bytes) -> str:
    """Return the text with U+FFFD where it cannot be read; JavaScript stores half a surrogate pair as three bytes."""
    try:
        halves = text.decode(errors="surrogatepass")
    except UnicodeDecodeError:
        return text.decode(errors="replace")
    return halves.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")


def _row(table: str, values: Sequence[Any]) -> OldRow:
    return OldRow(table, values[0], dict(zip(COLUMNS[table], values[1:], strict=True)))
