"""docs/contract/BEHAVIOUR.md, "Moving an old installation over": an old file is imported and then served."""

import subprocess
import sys
from collections.abc import Iterator
from typing import NamedTuple

import bcrypt
import pytest

from deploy.stack import ROOT
from tests.contract.conftest import judged
from tests.deploy.import_baseline.examples import old, old_quiz, together, write_baseline
from tests.installation import ADMIN, ENGINES, Installation, installation

SEEDED = bcrypt.hashpw(b"admin123", bcrypt.gensalt(4)).decode()
# What people did with the old API, which took all of it.
ROWS = together(
    {
        "admins": [old("admins", "admin-1", username="admin", password_hash=SEEDED), old("admins", "admin-2")],
        "events": [
            old("events", "event-1", logo_url="/logo.png", highlight_video_url="https://f.app/our launch.mp4"),
            old("events", "event-2", slug="second", logo_url="data:image/png;base64,QQ=="),
            old("events", "event-3", slug="third", logo_url="ftp://f.app/logo.png"),
        ],
        "lessons": [old("lessons", "lesson-1", slug="part/one", video_id="https://youtu.be/dQw4w9WgXcQ")],
        "materials": [old("materials", "material-1", download_url="https://f.app/my slides.pdf")],
    },
    old_quiz(1, questions=2),
)
ROWS["quiz_questions"] = [{**row, "display_order": 1} for row in ROWS["quiz_questions"]]
CHANGES = [
    "events: event-1: changed: logo_url '/logo.png' became null",
    "events: event-1: changed: highlight_video_url 'https://f.app/our launch.mp4' became 'https://f.app/our%20launch.mp4'",
    "events: event-2: changed: logo_url 'data:image/png;base64,QQ==' became null",
    "events: event-3: changed: logo_url 'ftp://f.app/logo.png' became null",
    "lessons: lesson-1: changed: slug 'part/one' became 'part-one'",
    "lessons: lesson-1: changed: video_id 'https://youtu.be/dQw4w9WgXcQ' became 'dQw4w9WgXcQ'",
    "materials: material-1: changed: download_url 'https://f.app/my slides.pdf' became 'https://f.app/my%20slides.pdf'",
    "quiz_questions: quiz-1-question-2: changed: display_order 1 became 2",
]


class Moved(NamedTuple):
    """An installation that an old one was moved into, and the lines of the report."""

    built: Installation
    report: list[str]


@pytest.fixture(scope="module", params=ENGINES)
def moved(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Moved]:
    """Return a running installation, in the managed profile where it is on PostgreSQL."""
    folder = tmp_path_factory.mktemp("moved")
    server = request.getfixturevalue("postgresql_server") if request.param == "postgresql" else None
    with installation(folder, server) as built:
        file = write_baseline(folder / "flix.sqlite", ROWS)
        done = subprocess.run(
            [sys.executable, "-m", "deploy.cli", "import", str(file)],
            cwd=ROOT,
            env=built.environment,
            capture_output=True,
            text=True,
            check=True,
        )
        assert [built.command("auth", each).returncode for each in ("migrate", "seed")] == [0, 0]
        built.start()
        yield Moved(built, done.stdout.splitlines())


def test_only_admin_username_and_admin_password_sign_in(moved: Moved) -> None:
    """The old API never read its `admins` table: it signed in with ADMIN_USERNAME and ADMIN_PASSWORD.
    The rows there are its seed's and open nothing."""
    sign_ins = {("admin", "admin123"): 401, ("ada", "old but gold"): 401, (ADMIN["username"], ADMIN["password"]): 200}
    with judged(moved.built.client()) as client:
        for (username, password), status in sign_ins.items():
            credentials = {"username": username, "password": password}
            assert client.post("/api/admin/login", json=credentials).status_code == status
    assert moved.built.rows("auth", "SELECT username FROM admins") == [(ADMIN["username"],)]
    checked = moved.built.command("auth", "check")
    assert (checked.returncode, checked.stdout) == (0, "no findings\n")


def test_every_row_that_the_old_api_let_through_is_there(moved: Moved) -> None:
    """The old API let through what ours refuses (relative, data: and ftp: logos, repeated question orders, addresses
    with spaces, lesson slugs with /). Such a row moves with the smallest change that makes it legal, and the report
    names the change; it never takes its event, lesson or quiz down with it."""
    assert [line for line in moved.report if " changed: " in line] == CHANGES
    assert not [line for line in moved.report if "not moved" in line]
    with judged(moved.built.admin()) as admin:
        events = admin.get("/api/events").json()["items"]
        quiz = admin.get("/api/quizzes/quiz-1").json()["item"]
    assert [(each["id"], each["logoUrl"]) for each in events] == [(f"event-{number}", None) for number in (1, 2, 3)]
    assert [(each["id"], each["order"]) for each in quiz["questions"]] == [
        ("quiz-1-question-1", 1),
        ("quiz-1-question-2", 2),
    ]
    with moved.built.client() as learner:
        lesson = "/api/public/events/launch/lessons/part-one"
        player = learner.post(f"{lesson}/playback").json()["player"]
        [material] = learner.post(f"{lesson}/materials").json()["items"]
        assert learner.post(f"{lesson}/quiz").status_code == 200
    assert player["embedUrl"] == "https://www.youtube-nocookie.com/embed/dQw4w9WgXcQ"
    assert material["downloadUrl"] == "https://f.app/my%20slides.pdf"
    for service in ("content", "quiz"):
        assert moved.built.command(service, "check").stdout == "no findings\n"
