"""`python -m services.quiz follow` as a process, beside a real content; quiz does not serve."""

import re
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import httpx
import pytest

from deploy import stack
from services.content.repository.store import PeeweeContentStore
from services.content.resources.feed import POLL_SECONDS
from services.content.service.content import ContentService
from services.kit.core.config import SettingsError
from services.kit.storage.database import open_database
from services.quiz.config import read_settings
from services.quiz.entities import QuizFilter
from services.quiz.follow import RETRY_SECONDS, follow
from services.quiz.repository.store import PeeweeQuizStore
from services.quiz.seed.minimal import MINIMAL
from tests.installation import Installation, installation
from tests.ports import free_port
from tests.waiting import until

PROMISED_SECONDS = 2
SAMPLE = MINIMAL[0]


class Processes:
    """Content and the follower, and their databases."""

    def __init__(self, built: Installation, folder: Path):
        self.heartbeat = folder / "followed"
        self.metrics_port = free_port()
        self._environment = {
            **built.environment,
            "FOLLOW_HEARTBEAT": str(self.heartbeat),
            "INTEGRITY_INTERVAL_SECONDS": "1",
        }
        self.quiz_file = Path(self._environment["QUIZ_DATABASE_URL"].removeprefix("sqlite:///"))
        self._built = built
        self._running: list[stack.Process] = []

    def start(self, name: str) -> stack.Process:
        """Start the follower; or content, and wait until it is ready."""
        metrics = {"METRICS_PORT": str(self.metrics_port)} if name == "follow-quiz" else {}
        process = stack.start(name, self._environment | metrics, self._built.logs)
        self._running.append(process)
        if name == "content":
            until(lambda: stack.is_ready(self._built.addresses["content"]), "content is ready")
        return process

    def stop(self) -> None:
        stack.stop(self._running)

    def delete_a_lesson(self) -> None:
        """Delete the lesson of the sample quiz as content does for a request."""
        with closing(open_database(self._environment["CONTENT_DATABASE_URL"])) as database:
            ContentService(PeeweeContentStore(database), "").lessons.delete(SAMPLE.event_id, SAMPLE.lesson_id)

    def has_quiz(self) -> bool:
        """Return whether that lesson has its quiz."""
        with closing(open_database(self._environment["QUIZ_DATABASE_URL"], create=False)) as database:
            return bool(PeeweeQuizStore(database).quizzes.list(QuizFilter(lesson_id=SAMPLE.lesson_id)))

    def logged(self, event: str) -> int:
        """Return how often the follower has logged this."""
        return self._built.log_lines("follow-quiz").count(f'"{event}"')

    def wait_for_a_step(self) -> None:
        """Wait until the follower has made another step."""
        self.heartbeat.unlink(missing_ok=True)
        until(self.heartbeat.exists, "the follower touches its heartbeat")


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.full)])
def processes(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Processes]:
    """Migrated and seeded databases; nothing runs yet."""
    server = None if request.param == "sqlite" else request.getfixturevalue("postgresql_server")
    with installation(tmp_path, server) as built:
        built.prepare()
        made = Processes(built, tmp_path)
        try:
            yield made
        finally:
            made.stop()


def test_it_follows_until_a_signal_stops_it(processes: Processes) -> None:
    processes.start("content")
    follower = processes.start("follow-quiz")
    processes.wait_for_a_step()

    processes.delete_a_lesson()
    until(lambda: not processes.has_quiz(), "the quiz of the deleted lesson is gone")
    processes.wait_for_a_step()
    numbers = httpx.get(f"http://127.0.0.1:{processes.metrics_port}/metrics", trust_env=False, timeout=60).text
    assert re.search(r'^flix_feed_changes_total\{service="follow-quiz"\} [1-9]', numbers, re.MULTILINE)
    assert re.search(r'^flix_feed_sequence\{service="follow-quiz"\} [1-9]', numbers, re.MULTILINE)
    assert "flix_feed_last_read_timestamp_seconds{" in numbers
    stack.stop([follower])

    assert follower.popen.returncode == 0
    assert processes.logged("following_interrupted") == 0


@pytest.mark.full
def test_it_goes_on_when_content_is_back(processes: Processes) -> None:
    processes.delete_a_lesson()
    follower = processes.start("follow-quiz")
    until(lambda: processes.logged("content_unavailable") > 1, "the follower has asked again")
    processes.wait_for_a_step()
    assert processes.has_quiz()
    assert processes.logged("following_interrupted") == 1

    processes.start("content")
    until(lambda: not processes.has_quiz(), "the quiz of the deleted lesson is gone")

    assert follower.is_running
    stack.stop([follower])
    assert follower.popen.returncode == 0


@pytest.mark.full
@pytest.mark.parametrize("processes", ["sqlite"], indirect=True)
def test_it_goes_on_when_a_lost_database_file_is_back(processes: Processes) -> None:
    processes.start("content")
    follower = processes.start("follow-quiz")
    processes.wait_for_a_step()
    away = processes.quiz_file.with_suffix(".away")

    processes.quiz_file.rename(away)
    until(lambda: processes.logged("database_damaged") > 0, "the follower says that its file is gone")
    processes.delete_a_lesson()
    processes.wait_for_a_step()
    assert not processes.quiz_file.exists()

    for file in processes.quiz_file.parent.glob(f"{processes.quiz_file.name}-*"):
        file.unlink()
    away.rename(processes.quiz_file)
    until(lambda: not processes.has_quiz(), "the quiz of the deleted lesson is gone")
    assert follower.is_running


def test_the_delays_are_within_the_promised_time() -> None:
    # The longest delays: of the follower before it asks again, and of content before it sees what it has written.
    assert RETRY_SECONDS + POLL_SECONDS < PROMISED_SECONDS


def test_a_heartbeat_that_cannot_be_written_is_refused_by_its_variable(sqlite_url: str, tmp_path: Path) -> None:
    heartbeat = tmp_path / "absent" / "followed"
    settings = read_settings({"FOLLOW_HEARTBEAT": str(heartbeat)})
    with pytest.raises(SettingsError) as refused:
        follow(open_database(sqlite_url), settings)
    assert refused.value.problems == [f"FOLLOW_HEARTBEAT: {heartbeat} cannot be written (No such file or directory)"]
