"""`python -m services.quiz follow` as a process, beside a real content; quiz itself never runs."""

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from deploy import stack
from services.content.repository.store import PeeweeContentStore
from services.content.resources.feed import POLL_SECONDS
from services.content.service import ContentService
from services.kit.storage.database import open_database
from services.quiz import seed
from services.quiz.follow import RETRY_SECONDS
from services.quiz.repository.contracts import QuizFilter
from services.quiz.repository.store import PeeweeQuizStore
from tests.installation import Installation, installation
from tests.waiting import until

PROMISED_SECONDS = 2


class Beside:
    """The processes, and what has been written where."""

    def __init__(self, built: Installation, folder: Path):
        self.heartbeat = folder / "followed"
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
        process = stack.start(name, self._environment, self._built.logs)
        self._running.append(process)
        if name == "content":
            until(lambda: stack.is_ready(self._built.addresses["content"]), "content is ready")
        return process

    def stop(self) -> None:
        """Stop what runs."""
        stack.stop(self._running)

    def delete_a_lesson(self) -> str:
        """One that has a quiz, as content deletes it when it is asked over HTTP."""
        reference = seed.places()["quiz-public-1"]
        with closing(open_database(self._environment["CONTENT_DATABASE_URL"])) as database:
            ContentService(PeeweeContentStore(database), "").delete_lesson(reference.event_id, reference.lesson_id)
        return reference.lesson_id

    def has_quiz(self, lesson_id: str) -> bool:
        """Whether quiz has one for the lesson."""
        with closing(open_database(self._environment["QUIZ_DATABASE_URL"], create=False)) as database:
            return bool(PeeweeQuizStore(database).quizzes.list(QuizFilter(lesson_id=lesson_id)))

    def said(self, event: str) -> int:
        """How often the follower has logged this."""
        return self._built.log_lines("follow-quiz").count(f'"{event}"')

    def looks_again(self) -> None:
        """Wait until the follower has looked for changes once more."""
        self.heartbeat.unlink(missing_ok=True)
        until(self.heartbeat.exists, "the follower touches its heartbeat")


@pytest.fixture(params=["sqlite", "postgresql"])
def beside(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Beside]:
    """Everything is migrated and seeded; nothing runs yet."""
    server = None if request.param == "sqlite" else request.getfixturevalue("postgresql_server")
    with installation(tmp_path, server) as built:
        built.prepare()
        made = Beside(built, tmp_path)
        try:
            yield made
        finally:
            made.stop()


def test_it_follows_until_it_is_told_to_stop_and_ends_well(beside: Beside) -> None:
    beside.start("content")
    follower = beside.start("follow-quiz")
    beside.looks_again()

    lesson_id = beside.delete_a_lesson()
    until(lambda: not beside.has_quiz(lesson_id), "the quiz of the deleted lesson is gone")
    beside.looks_again()
    stack.stop([follower])

    # Killed it would be -9.
    assert follower.popen.returncode == 0
    assert beside.said("following_interrupted") == 0


def test_without_content_it_says_so_and_goes_on_when_content_is_back(beside: Beside) -> None:
    lesson_id = beside.delete_a_lesson()
    follower = beside.start("follow-quiz")
    until(lambda: beside.said("following_interrupted") > 1, "the follower says that content is away, again and again")
    beside.looks_again()
    assert beside.has_quiz(lesson_id)

    beside.start("content")
    until(lambda: not beside.has_quiz(lesson_id), "the quiz of the deleted lesson is gone")

    assert follower.is_running
    stack.stop([follower])
    assert follower.popen.returncode == 0


@pytest.mark.parametrize("beside", ["sqlite"], indirect=True)
def test_a_file_that_is_lost_is_not_made_anew_and_it_goes_on_when_the_file_is_back(beside: Beside) -> None:
    beside.start("content")
    follower = beside.start("follow-quiz")
    beside.looks_again()
    away = beside.quiz_file.with_suffix(".away")

    beside.quiz_file.rename(away)
    until(lambda: beside.said("database_damaged") > 0, "the follower says that its file is gone")
    lesson_id = beside.delete_a_lesson()
    beside.looks_again()
    assert not beside.quiz_file.exists()

    for file in beside.quiz_file.parent.glob(f"{beside.quiz_file.name}-*"):
        file.unlink()
    away.rename(beside.quiz_file)
    until(lambda: not beside.has_quiz(lesson_id), "the quiz of the deleted lesson is gone")
    assert follower.is_running


def test_what_is_deleted_is_followed_within_the_time_that_is_promised() -> None:
    # The longest that the follower waits before it asks again, and that content may take to notice what it has written.
    assert RETRY_SECONDS + POLL_SECONDS < PROMISED_SECONDS
