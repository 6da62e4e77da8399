"""`make import-baseline` on a whole installation: every old public answer is the same, and a crash moves nothing."""

import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import httpx
import peewee
import psycopg
import pytest

from deploy import stack
from services.content.models import EventRow, LessonRow, MaterialRow
from services.kit.storage.database import open_database
from tests.baseline_file import PASSWORD, an_installation, old, old_quiz, together, write_baseline
from tests.baseline_reference import Document, OldServer
from tests.installation import ADMIN, Installation, installation

KEYS = (None, "let-me-in", "sesame42")
TABLES = ("admins", "events", "lessons", "materials", "quizzes", "quiz_questions", "quiz_options")


def a_rich_installation() -> dict[str, list[Any]]:
    """Every state of a lesson, both kinds of event, orders that tie, and quizzes that score in between."""
    return together(
        an_installation(),
        {
            "events": [
                old(
                    "events",
                    "event-public-1",
                    slug="first-event",
                    is_active=0,
                    description=None,
                    short_description=None,
                ),
                old("events", "keyless", slug="keyless", visibility="private"),
                old(
                    "events",
                    "a4d1c5c0-5d0e-4c58-9a53-2f5e4cf0d1aa",
                    slug="everything-is-set",
                    title="Kurs für Brot & Käse 🍞",
                    visibility="private",
                    access_key="sesame42",
                    logo_url="https://files.example/logo.png",
                    highlight_video_url="http://video.example/v?x=1",
                    branding_provider="gemini",
                    branding_prompt_version="3",
                    branding_generated_at="2025-10-01T00:00:00+02:00",
                    hero_title=None,
                    background_color=None,
                    long_description=None,
                ),
            ],
            "lessons": [
                *(
                    old("lessons", f"tied-{name}", slug=f"tied-{name}", event_id="event-public-1", created_at=made)
                    for name, made in (("c", "2025-11-01T00:00:00Z"), ("a", "2025-11-02T00:00:00Z"))
                ),
                old(
                    "lessons",
                    "tied-b",
                    slug="tied-b",
                    event_id="event-public-1",
                    created_at="2025-11-02 00:00:00",
                    release_at="2025-12-01T11:00:00.0009+01:00",
                ),
                old("lessons", "locked", slug="locked", release_at="2099-01-01T00:00:00+05:30", video_provider="vimeo"),
                old("lessons", "expired", slug="expired", expires_at="2026-01-01T00:00:00Z"),
                old(
                    "lessons",
                    "lesson-4",
                    event_id="a4d1c5c0-5d0e-4c58-9a53-2f5e4cf0d1aa",
                    slug="lektion",
                    video_provider="gemini_stream",
                    video_id="abc-123",
                    description=None,
                ),
            ],
            "materials": [
                old("materials", f"m{name}", file_name=f"{name}.png", mime_type="image/png", created_at=made)
                for name, made in (
                    ("z", "2025-11-03T09:30:00Z"),
                    ("y", "2025-11-03T09:30:00Z"),
                    ("x", "2025-11-03 09:29:59"),
                )
            ],
        },
        old_quiz(2, questions=8, pass_percentage=13),
        old_quiz(4, questions=3, event_id="a4d1c5c0-5d0e-4c58-9a53-2f5e4cf0d1aa", pass_percentage=67),
        {"quiz_options": [old("quiz_options", "too", question_id="quiz-4-question-1", text="This too", is_correct=1)]},
    )


@pytest.fixture(params=["sqlite", "postgresql"])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Installation]:
    """An installation without databases of SQLite, or with empty ones of PostgreSQL."""
    server = None if request.param == "sqlite" else request.getfixturevalue("postgresql_server")
    with installation(tmp_path, server) as built:
        yield built


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """An old installation, as a server left it."""
    return write_baseline(tmp_path / "flix.sqlite", a_rich_installation(), wal=True)


def importing(place: Installation, *arguments: object) -> subprocess.Popen[str]:
    """`make import-baseline` in that installation, as it begins."""
    return subprocess.Popen(
        [sys.executable, "-m", "deploy.import_baseline", *map(str, arguments)],
        cwd=stack.ROOT,
        env={**place.environment, "PYTHONUNBUFFERED": "1"},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def imported(place: Installation, *arguments: object) -> tuple[int, list[str], str]:
    """The exit code, what was said beside the migrations, and what was complained of."""
    with importing(place, *arguments) as run:
        said, complained = run.communicate(timeout=120)
    passing = ("applied ", "nothing to do")
    return run.returncode, [line for line in said.splitlines() if not line.startswith(passing)], complained


def counts(rows: dict[str, list[Any]], new: bool) -> list[str]:
    """The table for rows that are all valid."""
    head = f"{'table':<16}" + "".join(f"{name:>15}" for name in ("found", "to move", "already there", "invalid"))
    lines = [head]
    for table in TABLES:
        found = len(rows[table])
        numbers = (found, found if new else 0, 0 if new else found, 0)
        lines.append(f"{table:<16}" + "".join(f"{number:>15}" for number in numbers))
    return lines


def database(place: Installation, service: str) -> peewee.Database:
    """A service's database."""
    return open_database(place.environment[f"{service.upper()}_DATABASE_URL"])


def moved_rows(place: Installation) -> list[int]:
    """How many events, lessons and materials are there."""
    with closing(database(place, "content")) as content:
        return [each.select().count(content) for each in (EventRow, LessonRow, MaterialRow)]


def compared(answer: httpx.Response) -> tuple[int, Document]:
    """The answer but for what BEHAVIOUR.md leaves open: the request's id, and the words for what is not found."""
    document: Document = answer.json()
    document.pop("requestId", None)
    if answer.status_code == 404:
        document.pop("message")
    return answer.status_code, document


def moment(answer: httpx.Response) -> str:
    """When it was answered; any moment of the test for one that does not say so."""
    document = answer.json()
    at = document.get("serverTime") or document.get("result", {}).get("submittedAt")
    return at or time.strftime("%Y-%m-%dT%H:%M:%S.000Z", time.gmtime())


def every_public_answer_is_as_it_was(learner: httpx.Client, server: OldServer, rows: dict[str, list[Any]]) -> int:
    """How many answers were compared."""
    compared_answers = 0
    lesson_slugs = [*dict.fromkeys(lesson["slug"] for lesson in rows["lessons"]), "no-such-lesson"]
    for event_slug in [*(event["slug"] for event in rows["events"]), "no-such-event"]:
        for key in KEYS:
            body = {"eventAccessKey": key} if key else {}
            public = f"/api/public/events/{event_slug}"
            answer = learner.post(f"{public}/catalog", json=body)
            assert compared(answer) == server.catalog(event_slug, key, moment(answer))
            for lesson_slug in lesson_slugs:
                for name, ask in (
                    ("access-check", server.access_check),
                    ("playback", server.playback),
                    ("materials", server.materials),
                    ("quiz", server.quiz),
                ):
                    answer = learner.post(f"{public}/lessons/{lesson_slug}/{name}", json=body)
                    assert compared(answer) == ask(event_slug, lesson_slug, key, moment(answer)), answer.url
                    compared_answers += 1
                compared_answers += _submits(learner, server, event_slug, lesson_slug, key)
    return compared_answers


def _submits(learner: httpx.Client, server: OldServer, event_slug: str, lesson_slug: str, key: str | None) -> int:
    _, document = server.quiz(event_slug, lesson_slug, key, moment(httpx.Response(200, json={})))
    questions = document.get("item", {}).get("questions", [])
    chosen = [
        {"questionId": question["id"], "optionId": question["options"][place % len(question["options"])]["id"]}
        for place, question in enumerate(questions, 1)
    ]
    for count in (0, 1, 2, len(chosen)):
        body = {**({"eventAccessKey": key} if key else {}), "answers": chosen[:count]}
        url = f"/api/public/events/{event_slug}/lessons/{lesson_slug}/quiz/submit"
        answer = learner.post(url, json=body)
        assert compared(answer) == server.submit(event_slug, lesson_slug, key, moment(answer), chosen[:count]), url
    return 4


def test_after_the_import_every_old_public_answer_is_the_same(place: Installation, file: Path) -> None:
    rows = a_rich_installation()
    new, there = counts(rows, new=True), counts(rows, new=False)
    assert imported(place, file, "--dry-run") == (0, new, "")
    moved = [
        "auth: moved 2 admins",
        "content: moved 5 events, 9 lessons, 5 materials",
        "quiz: moved 4 quizzes, 14 quiz_questions, 29 quiz_options",
    ]
    assert imported(place, file) == (0, [*new, *moved], "")
    nothing = ["auth: nothing to move", "content: nothing to move", "quiz: nothing to move"]
    assert imported(place, file) == (0, [*there, *nothing], "")

    # As `make run` does: the settings' admin comes beside the old ones.
    assert place.command("auth", "seed").stdout == "added 1 admins\n"
    place.start()
    with place.client() as learner, closing(OldServer(file)) as server:
        assert every_public_answer_is_as_it_was(learner, server, rows) > 1000
        for username, password, status in (
            ("ada", PASSWORD, 200),
            ("ada", PASSWORD, 200),
            ("Grace Hopper", PASSWORD, 200),
            ("ada", "not it at all", 401),
            (ADMIN["username"], ADMIN["password"], 200),
        ):
            credentials = {"username": username, "password": password}
            assert learner.post("/api/admin/login", json=credentials).status_code == status
    with place.admin() as admin:
        assert [each["id"] for each in admin.get("/api/quizzes/quiz-4/attempts").json()["items"]] != []


def test_rows_that_break_a_rule_stop_it_and_are_left_behind_on_demand(place: Installation, tmp_path: Path) -> None:
    broken = together(
        an_installation(),
        {
            "admins": [old("admins", "admin-3", username="ida", password_hash="plain")],
            "lessons": [old("lessons", "lesson-4", slug="fourth", expires_at="2025-01-01T00:00:00Z")],
        },
        old_quiz(4),
        old_quiz(2, event_id="event-2"),
    )
    file = write_baseline(tmp_path / "broken.sqlite", broken, strict=False)
    whole = "what it belongs to is not moved"
    findings = [
        "admins: admin-3: password_hash is not a bcrypt hash of a cost from 4 to 15",
        "lessons: lesson-4: expires_at is not later than release_at",
        "quizzes: quiz-4: lesson_id is of no row in lessons that is moved",
        *(
            f"{table}: {name}: {whole}"
            for table, name in (
                ("quiz_questions", "quiz-4-question-1"),
                ("quiz_options", "quiz-4-question-1-option-1"),
                ("quiz_options", "quiz-4-question-1-option-2"),
            )
        ),
        "quizzes: quiz-2: event_id is not that of its lesson",
        *(
            f"{table}: {name}: {whole}"
            for table, name in (
                ("quiz_questions", "quiz-2-question-1"),
                ("quiz_options", "quiz-2-question-1-option-1"),
                ("quiz_options", "quiz-2-question-1-option-2"),
            )
        ),
    ]

    code, said, complained = imported(place, file)
    assert (code, said[: len(findings)], len(said)) == (1, findings, len(findings) + 8)
    assert complained.startswith("nothing was moved: correct these rows in the old file, or leave them out with ")
    assert moved_rows(place) == [0, 0, 0]

    code, said, complained = imported(place, file, "--skip-invalid")
    assert (code, said[: len(findings)], complained) == (0, findings, "")
    assert said[-3:] == [
        "auth: moved 2 admins",
        "content: moved 2 events, 3 lessons, 2 materials",
        "quiz: moved 2 quizzes, 3 quiz_questions, 6 quiz_options",
    ]


def test_the_services_one_after_the_other_hand_the_lessons_on(place: Installation, file: Path, tmp_path: Path) -> None:
    lessons = tmp_path / "lessons"
    for service in stack.SERVICES:
        assert place.command(service, "migrate").returncode == 0
    outcomes = [
        place.command("auth", "import-baseline", str(file)),
        place.command("content", "import-baseline", str(file), "--accepted", str(lessons)),
        place.command("quiz", "import-baseline", str(file), "--lessons", str(lessons)),
    ]
    assert [(done.returncode, done.stderr, done.stdout.splitlines()[-1]) for done in outcomes] == [
        (0, "", "auth: moved 2 admins"),
        (0, "", "content: moved 5 events, 9 lessons, 5 materials"),
        (0, "", "quiz: moved 4 quizzes, 14 quiz_questions, 29 quiz_options"),
    ]


def test_what_is_no_old_installation_is_told_before_anything_is_made(tmp_path: Path) -> None:
    (tmp_path / "flix.sqlite").write_text("no database")
    with installation(tmp_path / "stack") as place:
        outcome = imported(place, tmp_path / "flix.sqlite")
    reason = f"{tmp_path}/flix.sqlite is not a SQLite file: name the old installation's\n"
    assert (outcome, list(tmp_path.iterdir())) == ((1, [], reason), [tmp_path / "flix.sqlite"])


def test_seeding_leaves_an_admin_of_the_old_baseline_alone(place: Installation, file: Path) -> None:
    place.environment["ADMIN_USERNAME"] = "ada"
    assert imported(place, file)[0] == 0
    assert place.command("auth", "seed").stdout == "nothing to add\n"
    place.start("auth", "content", "gateway", "quiz")
    with place.client() as client:
        statuses = [
            client.post("/api/admin/login", json={"username": "ada", "password": each}).status_code
            for each in (place.environment["ADMIN_PASSWORD"], PASSWORD)
        ]
    assert statuses == [401, 200]


def writes_content(place: Installation) -> bool:
    """Whether the import is in the middle of its transaction in content's database."""
    url = place.environment["CONTENT_DATABASE_URL"]
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


def test_killed_in_the_middle_of_a_service_nothing_of_that_service_has_moved(
    place: Installation, tmp_path: Path
) -> None:
    lessons = [old("lessons", f"lesson-{number}", slug=f"l-{number}") for number in range(1500)]
    file = write_baseline(tmp_path / "large.sqlite", {"events": [old("events", "event-1")], "lessons": lessons})
    for service in stack.SERVICES:
        assert place.command(service, "migrate").returncode == 0
    with importing(place, file) as run:
        assert run.stdout is not None
        assert "auth: nothing to move\n" in iter(run.stdout.readline, "")
        while not writes_content(place):
            assert run.poll() is None
        run.kill()
        assert (run.wait(timeout=60), run.stdout.read()) == (-signal.SIGKILL, "")
    assert moved_rows(place) == [0, 0, 0]

    code, said, complained = imported(place, file)
    assert (code, said[-2], complained) == (0, "content: moved 1 events, 1500 lessons", "")
    assert moved_rows(place) == [1, 1500, 0]
