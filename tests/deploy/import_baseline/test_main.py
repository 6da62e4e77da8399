"""`flix import` on a whole installation of real processes."""

import signal
import sqlite3
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any, NamedTuple

import psycopg
import pytest

from deploy import stack
from deploy.prepare import require_no_lost_database
from services.content.models import EventRow, LessonRow, MaterialRow
from services.kit.storage.database import open_database
from tests.deploy.import_baseline.examples import PASSWORD, an_installation, old, old_quiz, together, write_baseline
from tests.installation import ADMIN, Installation, installation

TABLES = ("events", "lessons", "materials", "quizzes", "quiz_questions", "quiz_options")

STAY_BEHIND = (
    "admins: 2 rows stay behind, which the old server never read: ADMIN_USERNAME and ADMIN_PASSWORD sign in, once "
    "flix up, or seed of auth in containers, has added them"
)


class Done(NamedTuple):
    """How a command ended: its exit code, its lines except those about migrations, and its standard error."""

    code: int
    lines: Sequence[str]
    errors: str


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.full)])
def built(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Installation]:
    """Return an installation that was never migrated; nothing of it runs."""
    server = None if request.param == "sqlite" else request.getfixturevalue("postgresql_server")
    with installation(tmp_path, server) as made:
        yield made


def start_import(built: Installation, *arguments: object) -> subprocess.Popen[str]:
    """Start the import in the environment of the installation."""
    return subprocess.Popen(
        [sys.executable, "-m", "deploy.cli", "import", *map(str, arguments)],
        cwd=stack.ROOT,
        env={**built.environment, "PYTHONUNBUFFERED": "1"},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def run_import(built: Installation, *arguments: object) -> Done:
    """Run the import to its end."""
    with start_import(built, *arguments) as process:
        output, errors = process.communicate()
    lines = [line for line in output.splitlines() if not line.startswith(("applied ", "nothing to do"))]
    return Done(process.returncode, lines, errors)


def report(*counts: int, new: bool) -> list[str]:
    """Return the table for valid rows, all of which are new, or all present."""
    head = f"{'table':<16}" + "".join(
        f"{name:>15}" for name in ("found", "to move", "changed", "already there", "invalid")
    )
    rows = zip(TABLES, counts, strict=True)
    numbers = ((table, n, n if new else 0, 0, 0 if new else n, 0) for table, n in rows)
    return [STAY_BEHIND, head, *(f"{table:<16}" + "".join(f"{n:>15}" for n in some) for table, *some in numbers)]


def count_content(built: Installation) -> list[int]:
    """Return the numbers of events, lessons and materials in content's database."""
    with closing(open_database(built.environment["CONTENT_DATABASE_URL"])) as content:
        return [each.select().count(content) for each in (EventRow, LessonRow, MaterialRow)]


def responses(built: Installation) -> dict[str, Any]:
    """Return what learners receive, in short."""
    with built.client() as learner:

        def post(path: str, body: dict[str, Any]) -> Any:
            return learner.post(f"/api/public/events/{path}", json=body).json()

        def lessons(path: str, body: dict[str, Any]) -> list[tuple[str, str, str | None]]:
            items = post(path, body)["catalog"]["items"]
            return [(each["slug"], each["status"], each["expiresAt"]) for each in items]

        key = {"eventAccessKey": "let-me-in"}
        chosen = {"questionId": "quiz-1-question-2", "optionId": "quiz-1-question-2-option-2"}
        result = post("launch/lessons/first/quiz/submit", {"answers": [chosen]})["result"]
        return {
            "catalog": lessons("launch/catalog", {}),
            "private catalog": lessons("secret/catalog", key),
            "without key": post("secret/catalog", {})["status"],
            "never with a key": post("keyless/catalog", key)["status"],
            "locked": post("launch/lessons/locked/playback", {})["status"],
            "materials": [each["fileName"] for each in post("launch/lessons/first/materials", {})["items"]],
            "quiz": [each["id"] for each in post("secret/lessons/first/quiz", key)["item"]["questions"]],
            "submit": (result["scorePercentage"], [each["isCorrect"] for each in result["answers"]]),
        }


# As docs/contract/BEHAVIOUR.md says that the old server responded; the tests of each service compare every field.
OLD_RESPONSES: dict[str, Any] = {
    "catalog": [
        ("first", "released", None),
        ("expired", "expired", "2026-01-01T00:00:00.000Z"),
        ("second", "released", None),
        ("locked", "locked", None),
    ],
    "private catalog": [("first", "released", "2099-01-01T00:00:00.000Z")],
    "without key": "blocked_private",
    "never with a key": "blocked_private",
    "locked": "locked",
    "materials": ["slides.pdf", "notes.txt"],
    "quiz": ["quiz-3-question-1"],
    "submit": (50, [False, True]),
}


@pytest.mark.full
def test_after_the_import_learners_and_admins_receive_the_old_responses(built: Installation, tmp_path: Path) -> None:
    more = {
        "events": [old("events", "event-3", slug="keyless", visibility="private")],
        "lessons": [
            old("lessons", "lesson-4", slug="locked", release_at="2099-01-01T00:00:00+05:30"),
            old("lessons", "lesson-5", slug="expired", expires_at="2026-01-01T00:00:00Z"),
        ],
    }
    file = write_baseline(tmp_path / "flix.sqlite", together(an_installation(), more), wal=True)
    counts = (3, 5, 2, 2, 3, 6)
    moved = [
        "content: moved 3 events, 5 lessons, 2 materials",
        "quiz: moved 2 quizzes, 3 quiz_questions, 6 quiz_options",
    ]
    assert run_import(built, file, "--dry-run") == (0, report(*counts, new=True), "")
    assert run_import(built, file) == (0, [*report(*counts, new=True), *moved], "")
    # So flix up goes on: auth's database is empty, and not lost.
    require_no_lost_database(stack.read_service_settings(built.environment))
    assert built.command("auth", "seed").stdout == "added admins: 1\n"
    # What was imported is in use: no samples are added to it.
    for service in ("content", "quiz"):
        assert built.command(service, "seed", "demo").stdout == "nothing to add\n"

    built.start()
    assert responses(built) == OLD_RESPONSES
    with built.client() as client:
        for username, password, status in (
            (ADMIN["username"], ADMIN["password"], 200),
            (ADMIN["username"], PASSWORD, 401),
            ("ada", PASSWORD, 401),
            ("Grace Hopper", PASSWORD, 401),
        ):
            credentials = {"username": username, "password": password}
            assert client.post("/api/admin/login", json=credentials).status_code == status
    with built.admin() as admin:
        attempts = admin.get("/api/quizzes/quiz-1/attempts").json()
        assert len(attempts["items"]) == 1, attempts
    built.stop()
    nothing = [f"{service}: nothing to move" for service in ("content", "quiz")]
    assert run_import(built, file) == (0, [*report(*counts, new=False), *nothing], "")


def test_rows_that_cannot_be_moved_stop_the_import_unless_they_are_skipped(built: Installation, tmp_path: Path) -> None:
    odd = {
        "events": [old("events", "event-4", slug="fourth", logo_url="/logo.png")],
        "lessons": [old("lessons", "lesson-4", event_id="event-9")],
    }
    rows = together(an_installation(), odd, old_quiz(4))
    file = write_baseline(tmp_path / "invalid.sqlite", rows, strict=False)
    parent = "not moved: the row that it belongs to is not moved"
    findings = [
        STAY_BEHIND,
        "events: event-4: changed: logo_url '/logo.png' became null",
        "lessons: lesson-4: not moved: event_id is of no row in events that is moved",
        "quizzes: quiz-4: not moved: lesson_id is of no row in lessons that is moved",
        f"quiz_questions: quiz-4-question-1: {parent}",
        *(f"quiz_options: quiz-4-question-1-option-{place}: {parent}" for place in (1, 2)),
    ]

    stopped = run_import(built, file)
    assert (stopped.code, stopped.lines[:7], len(stopped.lines)) == (1, findings, 7 + 7)
    assert stopped.lines[8].split() == ["events", "3", "3", "1", "0", "0"]
    assert stopped.errors.startswith("nothing was moved: correct the rows that cannot be moved in a copy of the old ")
    assert count_content(built) == [0, 0, 0]

    skipped = run_import(built, file, "--skip-invalid")
    assert (skipped.code, skipped.lines[:7], skipped.errors) == (0, findings, "")
    assert skipped.lines[-2:] == [
        "content: moved 3 events, 3 lessons, 2 materials",
        "quiz: moved 2 quizzes, 3 quiz_questions, 6 quiz_options",
    ]


def test_a_wrong_file_is_refused_before_any_database_is_made(tmp_path: Path) -> None:
    (tmp_path / "flix.sqlite").write_text("no database")
    with installation(tmp_path / "stack") as built:
        done = run_import(built, tmp_path / "flix.sqlite")
    reason = f"{tmp_path}/flix.sqlite is not a SQLite file: name the old installation's\n"
    assert (done, list(tmp_path.iterdir())) == ((1, [], reason), [tmp_path / "flix.sqlite"])


def is_writing_content(built: Installation) -> bool:
    """Return whether the import is in its transaction in content's database."""
    url = built.environment["CONTENT_DATABASE_URL"]
    if url.startswith("postgresql"):
        query = "SELECT count(*) FROM pg_stat_activity WHERE application_name = %s AND backend_xid IS NOT NULL"
        with psycopg.connect(url) as connection:
            return connection.execute(query, ["flix-content-import"]).fetchone() != (0,)
    with closing(sqlite3.connect(url.removeprefix("sqlite:///"), timeout=0, isolation_level=None)) as connection:
        try:
            connection.execute("BEGIN IMMEDIATE")
        except sqlite3.OperationalError as error:
            return "locked" in str(error)
    return False


@pytest.mark.full
def test_an_import_that_is_killed_within_a_service_moves_nothing_of_it(built: Installation, tmp_path: Path) -> None:
    lessons = [old("lessons", f"lesson-{number}", slug=f"l-{number}") for number in range(1500)]
    file = write_baseline(tmp_path / "large.sqlite", {"events": [old("events", "event-1")], "lessons": lessons})
    for service in stack.SERVICES:
        assert built.command(service, "migrate").returncode == 0
    with start_import(built, file) as process:
        assert process.stdout is not None
        assert any(line.startswith("quiz_options ") for line in iter(process.stdout.readline, ""))
        while not is_writing_content(built):
            assert process.poll() is None
        process.kill()
        assert (process.wait(), process.stdout.read()) == (-signal.SIGKILL, "")
    assert count_content(built) == [0, 0, 0]

    done = run_import(built, file)
    assert (done.code, done.lines[-2]) == (0, "content: moved 1 events, 1500 lessons")
    # Without a terminal its progress is lines, where it takes longer than a few seconds.
    assert [line for line in done.errors.splitlines() if not line.startswith("moving content: ")] == []
    assert count_content(built) == [1, 1500, 0]
