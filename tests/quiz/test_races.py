"""Many writers at once, each in a thread with its own connection, on both engines."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta

import peewee
import pytest

from services.kit.core.errors import ServiceError
from services.quiz.entities import QuizFilter
from services.quiz.errors import LessonHasQuiz
from services.quiz.migrations import MIGRATIONS
from services.quiz.repository.contracts import ALL
from services.quiz.repository.store import PeeweeQuizStore
from services.quiz.service.quiz import QuizService
from tests.clock import MILLISECOND, NOON, StoppedClock
from tests.parallel import at_once, without_patience
from tests.quiz.examples import a_quiz, quiz_changes, quiz_fields, right

DAY = timedelta(hours=24)


@pytest.fixture
def store(database: peewee.Database) -> PeeweeQuizStore:
    """One quiz in a database of its own."""
    MIGRATIONS.up(database)
    store = PeeweeQuizStore(database)
    with store.transaction():
        store.quizzes.add(a_quiz())
    return store


@pytest.fixture
def service(store: PeeweeQuizStore) -> QuizService:
    """The service over it; every lesson exists."""
    return QuizService(store, lambda event_id, lesson_id: None, StoppedClock())


def test_of_ten_quizzes_for_one_lesson_exactly_one_is_created(service: QuizService, store: PeeweeQuizStore) -> None:
    create = [lambda: service.quizzes.create(quiz_fields())] * 10
    results = at_once(*create)
    created = [each for each in results if not isinstance(each, ServiceError)]
    assert [type(each) for each in results if isinstance(each, ServiceError)] == [LessonHasQuiz] * 9
    assert list(store.quizzes.list(QuizFilter(lesson_id="lesson-2"))) == created


WRITES: dict[str, Callable[[QuizService], object]] = {
    "update": lambda service: service.quizzes.update("quiz-1", quiz_changes()),
    "delete": lambda service: service.quizzes.delete("quiz-1"),
}


@pytest.mark.parametrize("write", WRITES.values(), ids=WRITES.keys())
def test_a_quiz_cannot_change_while_a_submission_is_graded(
    service: QuizService,
    store: PeeweeQuizStore,
    database: peewee.Database,
    write: Callable[[QuizService], object],
) -> None:
    refused: list[str] = []

    # The service reads its clock between reading the quiz and writing the attempt.
    def clock() -> datetime:
        with ThreadPoolExecutor(1) as pool:
            failure = pool.submit(without_patience(database, lambda: write(service))).exception()
        refused.append(type(failure).__name__)
        return NOON

    submitting = QuizService(store, lambda event_id, lesson_id: None, clock)
    submission = submitting.learners.submit("lesson-1", [right(a_quiz().questions[0])])
    assert refused == ["OperationalError"]
    write(service)
    history = service.quizzes.list_attempts("quiz-1", ALL)
    assert list(history.page.items) == [submission.attempt]
    assert history.revisions["revision-1"].questions == a_quiz().questions


@pytest.mark.parametrize("write", WRITES.values(), ids=WRITES.keys())
def test_a_version_cannot_go_while_a_submission_is_graded_by_it(
    service: QuizService,
    store: PeeweeQuizStore,
    database: peewee.Database,
    write: Callable[[QuizService], object],
) -> None:
    service.quizzes.update("quiz-1", quiz_changes())
    # A moment after the submission the version grades no more, and the next write removes it.
    writing = QuizService(store, lambda event_id, lesson_id: None, StoppedClock(NOON + DAY))
    refused: list[str] = []

    def clock() -> datetime:
        with ThreadPoolExecutor(1) as pool:
            failure = pool.submit(without_patience(database, lambda: write(writing))).exception()
        refused.append(type(failure).__name__)
        return NOON + DAY - MILLISECOND

    submitting = QuizService(store, lambda event_id, lesson_id: None, clock)
    submission = submitting.learners.submit("lesson-1", [right(a_quiz().questions[0])], revision_id="revision-1")
    assert refused == ["OperationalError"]
    write(writing)
    history = service.quizzes.list_attempts("quiz-1", ALL)
    assert (list(history.page.items), history.revisions) == ([submission.attempt], {"revision-1": a_quiz().revision})


def test_submissions_during_a_save_are_graded_by_what_was_shown(service: QuizService, store: PeeweeQuizStore) -> None:
    answers = [right(a_quiz().questions[0])]
    submit = [lambda: service.learners.submit("lesson-1", answers, revision_id="revision-1").revision.id] * 6
    save = [lambda: service.quizzes.update("quiz-1", quiz_changes()).title] * 4
    assert sorted(at_once(*submit, *save), key=str) == ["Changed"] * 4 + ["revision-1"] * 6
    assert len(store.quizzes.replaced("lesson-1")) == 4


# SQLite has one writer at a time.
@pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)
def test_two_submissions_do_not_wait_for_each_other(
    service: QuizService, store: PeeweeQuizStore, database: peewee.Database
) -> None:
    others: list[object] = []

    def clock() -> datetime:
        with ThreadPoolExecutor(1) as pool:
            others.append(
                pool.submit(without_patience(database, lambda: service.learners.submit("lesson-1", []))).result()
            )
        return NOON

    QuizService(store, lambda event_id, lesson_id: None, clock).learners.submit("lesson-1", [])
    assert len(others) == 1
    assert len(store.attempts.list("quiz-1", ALL)) == 2
