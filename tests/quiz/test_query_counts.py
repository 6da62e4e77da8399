"""How many statements each use case sends: the same for any number of rows."""

from datetime import timedelta

import peewee
import pytest

from services.kit.web.pages import PageRequest
from services.quiz.entities import Answers, AttemptFilter, QuizFilter
from services.quiz.repository.contracts import ALL
from services.quiz.repository.store import PeeweeQuizStore
from services.quiz.service.quiz import QuizService
from tests.clock import NOON, StoppedClock
from tests.query_counts import Cost, counted, split, use_cases
from tests.quiz.examples import (
    a_quiz,
    an_attempt,
    new_question,
    numbered_quiz,
    quiz_changes,
    quiz_fields,
    some_questions,
)
from tests.quiz.memory import InMemoryQuizStore

THIRTY = tuple(new_question(f"Question {number}", None, *[True] * 10) for number in range(30))

BY_TITLE, FAILED = PageRequest(20, sort="title"), AttemptFilter(passed=False)
NONE = AttemptFilter(since=NOON + timedelta(days=9))

# A savepoint and its release are two.
COSTS: list[Cost[QuizService]] = [
    Cost("quizzes.list", lambda service: service.quizzes.list(QuizFilter(), ALL), 1),
    Cost("quizzes.list, a page", lambda service: service.quizzes.list(QuizFilter("event-1"), PageRequest(20)), 1),
    Cost("quizzes.get", lambda service: service.quizzes.get("quiz-1"), 1),
    # Lock the position in the feed, read tombstones; write revision, quiz, questions, options, audit entry; remove
    # outdated revisions.
    Cost("quizzes.create, one question", lambda service: service.quizzes.create(quiz_fields("new")), 8, 2),
    Cost("quizzes.create, thirty", lambda service: service.quizzes.create(quiz_fields("new", questions=THIRTY)), 8, 2),
    # Two reads and the lock, the same six writes, the old questions, the replaced revision.
    Cost("quizzes.update, one question", lambda service: service.quizzes.update("quiz-1", quiz_changes()), 11),
    Cost(
        "quizzes.update, thirty", lambda service: service.quizzes.update("quiz-1", quiz_changes(questions=THIRTY)), 11
    ),
    # The lock, the read for If-Match, the replaced revision, the quiz, the audit entry, outdated revisions.
    Cost("quizzes.delete", lambda service: service.quizzes.delete("quiz-1"), 6),
    Cost("quizzes.list, filtered", lambda service: service.quizzes.list(QuizFilter(), BY_TITLE, "a"), 1),
    Cost(
        "quizzes.list_attempts, filtered",
        lambda service: service.quizzes.list_attempts("quiz-1", PageRequest(50), FAILED),
        2,
    ),
    Cost(
        "quizzes.list_attempts, none", lambda service: service.quizzes.list_attempts("quiz-1", PageRequest(50), NONE), 3
    ),
    Cost("quizzes.list_attempts", lambda service: service.quizzes.list_attempts("quiz-1", PageRequest(50)), 2),
    Cost("learners.version", lambda service: service.learners.version("lesson-1"), 1),
    Cost("learners.quiz", lambda service: service.learners.quiz("lesson-1"), 1),
    # The lock, the quiz, the attempt.
    Cost("learners.submit", lambda service: service.learners.submit("lesson-1", []), 3),
    # The locks, the quiz, the attempts.
    Cost(
        "learners.submit_together",
        lambda service: service.learners.submit_together([Answers("lesson-1", [], None)] * 3),
        3,
    ),
    # The replaced revisions' ids and the revision, too.
    Cost(
        "learners.submit, by a replaced revision",
        lambda service: service.learners.submit("lesson-1", [], revision_id="replaced"),
        5,
    ),
]


def stocked(database: peewee.Database, rows: int) -> QuizService:
    """A service whose quiz has that many questions and attempts, beside as many other quizzes."""
    store = PeeweeQuizStore(database)
    with store.transaction():
        # The very first writer creates the row of the position in the feed.
        store.following.position(for_update=True)
        store.quizzes.add(a_quiz(questions=some_questions(rows), revision_id="replaced"))
        store.quizzes.save(a_quiz(questions=some_questions(rows)))
        for number in range(rows):
            store.quizzes.add(numbered_quiz(number + 2))
            store.attempts.add(an_attempt(id=f"attempt-{number}"))
    return QuizService(store, lambda event_id, lesson_id: None, StoppedClock())


@pytest.mark.parametrize("cost", COSTS, ids=[cost.name for cost in COSTS])
@pytest.mark.parametrize("rows", [1, 30], ids=["one row", "thirty rows"])
def test_a_use_case_sends_the_same_statements_for_any_number_of_rows(
    quiz_database: peewee.Database, cost: Cost[QuizService], rows: int
) -> None:
    service = stocked(quiz_database, rows)
    with counted(quiz_database) as statements:
        cost.use_case(service)
    assert split(statements) == (cost.queries, cost.savepoints), "\n".join(statements)


def test_the_table_names_every_use_case() -> None:
    service = QuizService(InMemoryQuizStore(), lambda event_id, lesson_id: None)
    assert {cost.name.partition(",")[0] for cost in COSTS} == use_cases(service)
