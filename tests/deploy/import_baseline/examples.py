"""Files of old installations, as docs/contract/BEHAVIOUR.md describes them in "Storage of the old baseline"."""

import re
import sqlite3
from collections.abc import Mapping, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

import bcrypt

Row = dict[str, Any]
Rows = Mapping[str, Sequence[Mapping[str, Any]]]

PASSWORD = "old but gold"
# The smallest cost keeps tests quick.
PASSWORD_HASH = bcrypt.hashpw(PASSWORD.encode(), bcrypt.gensalt(4)).decode()
MADE = "2025-11-03T09:30:00.000Z"

SCHEMA = """
CREATE TABLE admins (id TEXT PRIMARY KEY, username TEXT NOT NULL UNIQUE, password_hash TEXT NOT NULL,
  created_at TEXT NOT NULL, updated_at TEXT NOT NULL);
CREATE TABLE events (id TEXT PRIMARY KEY, title TEXT NOT NULL, slug TEXT NOT NULL UNIQUE, description TEXT,
  is_active INTEGER NOT NULL, visibility TEXT NOT NULL, access_key TEXT, hero_title TEXT, hero_subtitle TEXT,
  hero_cta_text TEXT, background_color TEXT, text_color TEXT, accent_color TEXT, logo_url TEXT, branding_provider TEXT,
  branding_prompt_version TEXT, branding_generated_at TEXT, highlight_video_url TEXT, short_description TEXT,
  long_description TEXT, created_at TEXT NOT NULL, updated_at TEXT NOT NULL);
CREATE TABLE lessons (id TEXT PRIMARY KEY, event_id TEXT NOT NULL REFERENCES events (id) ON DELETE CASCADE,
  title TEXT NOT NULL, slug TEXT NOT NULL, video_provider TEXT NOT NULL, video_id TEXT NOT NULL,
  release_at TEXT NOT NULL, expires_at TEXT, created_at TEXT NOT NULL, updated_at TEXT NOT NULL, description TEXT);
CREATE TABLE materials (id TEXT PRIMARY KEY, event_id TEXT NOT NULL REFERENCES events (id) ON DELETE CASCADE,
  lesson_id TEXT NOT NULL REFERENCES lessons (id) ON DELETE CASCADE, file_name TEXT NOT NULL, mime_type TEXT NOT NULL,
  size_bytes INTEGER NOT NULL, download_url TEXT NOT NULL, created_at TEXT NOT NULL);
CREATE TABLE quizzes (id TEXT PRIMARY KEY, event_id TEXT NOT NULL, lesson_id TEXT NOT NULL UNIQUE,
  title TEXT NOT NULL, pass_percentage INTEGER NOT NULL, created_at TEXT NOT NULL, updated_at TEXT NOT NULL);
CREATE TABLE quiz_questions (id TEXT PRIMARY KEY, quiz_id TEXT NOT NULL REFERENCES quizzes (id) ON DELETE CASCADE,
  prompt TEXT NOT NULL, display_order INTEGER NOT NULL, created_at TEXT NOT NULL, updated_at TEXT NOT NULL);
CREATE TABLE quiz_options (id TEXT PRIMARY KEY,
  question_id TEXT NOT NULL REFERENCES quiz_questions (id) ON DELETE CASCADE, text TEXT NOT NULL,
  is_correct INTEGER NOT NULL, created_at TEXT NOT NULL, updated_at TEXT NOT NULL);
CREATE TABLE schema_migrations (id TEXT PRIMARY KEY, checksum TEXT NOT NULL, applied_at TEXT NOT NULL);
"""
_CONSTRAINTS = re.compile(r" (PRIMARY KEY|NOT NULL|UNIQUE|REFERENCES \w+ \(id\) ON DELETE CASCADE)")
COLUMNS: Mapping[str, Sequence[str]] = {
    table: re.findall(r"(\w+) (?:TEXT|INTEGER)", columns)
    for table, columns in re.findall(r"CREATE TABLE (\w+) (.*?);", SCHEMA, re.DOTALL)
}
MIGRATIONS = [
    {"id": f"{number:03}_{name}", "checksum": f"{number:064x}", "applied_at": MADE}
    for number, name in enumerate(("initial", "branding", "quizzes", "materials", "descriptions"), 1)
]

_DEFAULTS: Mapping[str, Mapping[str, Any]] = {
    "admins": {"username": "ada", "password_hash": PASSWORD_HASH},
    "events": {
        "title": "The launch",
        "slug": "launch",
        "description": "Short",
        "is_active": 1,
        "visibility": "public",
        "hero_title": "Learn",
        "hero_subtitle": "In four lessons",
        "hero_cta_text": "Begin",
        "background_color": "#000000",
        "text_color": "#ffffff",
        "accent_color": "#ff0000",
        "short_description": "Short",
        "long_description": "Long",
    },
    "lessons": {
        "event_id": "event-1",
        "title": "The first lesson",
        "slug": "first",
        "video_provider": "youtube",
        "video_id": "dQw4w9WgXcQ",
        "release_at": "2025-12-01T10:00:00.000Z",
        "description": "How to begin",
    },
    "materials": {
        "event_id": "event-1",
        "lesson_id": "lesson-1",
        "file_name": "slides.pdf",
        "mime_type": "application/pdf",
        "size_bytes": 1024,
        "download_url": "https://files.flix.app/slides.pdf",
    },
    "quizzes": {"event_id": "event-1", "lesson_id": "lesson-1", "title": "Did you listen?", "pass_percentage": 70},
    "quiz_questions": {"quiz_id": "quiz-1", "prompt": "What comes first?", "display_order": 1},
    "quiz_options": {"question_id": "question-1", "text": "The promise", "is_correct": 0},
}


def old(table: str, row_id: Any, **changes: Any) -> Row:
    """Return a row that breaks no rule, except for the changes."""
    times = {name: MADE for name in ("created_at", "updated_at") if name in COLUMNS[table]}
    return {**dict.fromkeys(COLUMNS[table]), **times, **_DEFAULTS[table], "id": row_id, **changes}


def old_quiz(number: int, questions: int = 1, **changes: Any) -> dict[str, list[Row]]:
    """Return quiz-NUMBER of lesson-NUMBER with its questions; of each question the second option is correct."""
    quiz_id = f"quiz-{number}"
    ids = [f"{quiz_id}-question-{order}" for order in range(1, questions + 1)]
    return {
        "quizzes": [old("quizzes", quiz_id, **{"lesson_id": f"lesson-{number}", **changes})],
        "quiz_questions": [
            old("quiz_questions", each, quiz_id=quiz_id, display_order=order) for order, each in enumerate(ids, 1)
        ],
        "quiz_options": [
            old(
                "quiz_options",
                f"{each}-option-{place}",
                question_id=each,
                text=f"Option {place}",
                is_correct=place == 2,
            )
            for each in ids
            for place in (1, 2)
        ],
    }


def together(*parts: Rows) -> dict[str, list[Mapping[str, Any]]]:
    """Return the rows of all parts by table."""
    return {table: [row for part in parts for row in part.get(table, ())] for table in COLUMNS}


def an_installation() -> dict[str, list[Mapping[str, Any]]]:
    """Return valid rows for every table, no two alike."""
    private_event = old(
        "events",
        "event-2",
        slug="secret",
        visibility="private",
        access_key="let-me-in",
        short_description=None,
        long_description=None,
        description="Only for you",
        created_at="2025-11-04 08:00:00",
    )
    return together(
        {
            "admins": [old("admins", "admin-1"), old("admins", "admin-2", username="Grace Hopper")],
            "events": [old("events", "event-1"), private_event],
            "lessons": [
                old("lessons", "lesson-1"),
                old("lessons", "lesson-2", slug="second", release_at="2025-12-02T11:00:00+01:00"),
                old("lessons", "lesson-3", event_id="event-2", expires_at="2099-01-01T00:00Z"),
            ],
            "materials": [
                old("materials", "material-1"),
                old("materials", "material-2", file_name="notes.txt", mime_type="text/plain"),
            ],
        },
        old_quiz(1, questions=2),
        old_quiz(3, event_id="event-2"),
    )


def write_baseline(file: Path, rows: Rows, *, strict: bool = True, wal: bool = False) -> Path:
    """Write an old file with these rows; without `strict` it has no constraints, so a row may hold anything."""
    with closing(sqlite3.connect(file)) as connection:
        if wal:
            connection.execute("PRAGMA journal_mode = WAL")
        connection.executescript(SCHEMA if strict else _CONSTRAINTS.sub("", SCHEMA))
        insert(connection, {"schema_migrations": MIGRATIONS, **{table: some for table, some in rows.items() if some}})
        connection.commit()
    return file


def insert(connection: sqlite3.Connection, rows: Rows) -> None:
    """Add the rows, each with the columns that it names."""
    for table, some in rows.items():
        for row in some:
            marks = ", ".join("?" for _ in row)
            connection.execute(f"INSERT INTO {table} ({', '.join(row)}) VALUES ({marks})", [*row.values()])
