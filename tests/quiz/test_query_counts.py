"""How many statements a use case sends: the same whatever the number of rows, and no more than the table says."""

import peewee
import pytest

from services.kit.web.pages import PageRequest
from services.quiz.repository.contracts import ALL
from services.quiz.repository.store import PeeweeQuizStore
from services.quiz.service import QuizService
from tests.clock import StoppedClock
from tests.query_counts import Cost, counted, split
from tests.quiz.examples import a_quiz, an_attempt, new_question, numbered_quiz, some_questions

ONE = [new_question()]
THIRTY = [new_question(f"Question {number}", None, *[True] * 10) for number in range(30)]

# A savepoint and its release are two.
COSTS: list[Cost[QuizService]] = [
    Cost("list_quizzes", lambda service: service.list_quizzes(None, None, ALL), 1),
    Cost("list_quizzes, a page", lambda service: service.list_quizzes("event-1", None, PageRequest(20)), 1),
    Cost("get_quiz", lambda service: service.get_quiz("quiz-1"), 1),
    # The place in the feed is held, the tombstones are read; the frozen copy, the quiz, its questions, their options,
    # the entry.
    Cost("create_quiz, one question", lambda service: service.create_quiz("event-1", "new", "Quiz", None, ONE), 7, 2),
    Cost("create_quiz, thirty", lambda service: service.create_quiz("event-1", "new", "Quiz", None, THIRTY), 7, 2),
    # Two readings and the hold, the same five, the old questions, the unused revisions.
    Cost("update_quiz, one question", lambda service: service.update_quiz("quiz-1", "Quiz", None, ONE), 10),
    Cost("update_quiz, thirty", lambda service: service.update_quiz("quiz-1", "Quiz", None, THIRTY), 10),
    # The hold, the reading, for If-Match, the quiz, the unused revisions, the entry.
    Cost("delete_quiz", lambda service: service.delete_quiz("quiz-1"), 5),
    Cost("list_attempts", lambda service: service.list_attempts("quiz-1", PageRequest(50)), 2),
    Cost("get_lesson_quiz", lambda service: service.get_lesson_quiz("lesson-1"), 1),
    # The hold, the quiz, the attempt.
    Cost("submit", lambda service: service.submit("lesson-1", []), 3),
]


def stocked(database: peewee.Database, rows: int) -> QuizService:
    """A service whose quiz has that many questions and attempts, beside as many other quizzes."""
    store = PeeweeQuizStore(database)
    with store.transaction():
        # The very first writer makes the row of the place in the feed.
        store.following.position(for_update=True)
        store.quizzes.add(a_quiz(questions=some_questions(rows)))
        for number in range(rows):
            store.quizzes.add(numbered_quiz(number + 2))
            store.attempts.add(an_attempt(id=f"attempt-{number}"))
    return QuizService(store, lambda event_id, lesson_id: None, StoppedClock())


@pytest.mark.parametrize("cost", COSTS, ids=[cost.name for cost in COSTS])
@pytest.mark.parametrize("rows", [1, 30], ids=["one row", "thirty rows"])
def test_a_use_case_sends_as_many_statements_as_the_table_says_whatever_the_number_of_rows(
    quiz_database: peewee.Database, cost: Cost[QuizService], rows: int
) -> None:
    service = stocked(quiz_database, rows)
    with counted(quiz_database) as statements:
        cost.use_case(service)
    assert split(statements) == (cost.queries, cost.savepoints), "\n".join(statements)


def test_the_table_names_every_use_case() -> None:
    public = {name for name in vars(QuizService) if not name.startswith("_")}
    assert {cost.name.partition(",")[0] for cost in COSTS} == public


def test_the_count_sees_a_query_for_each_row(quiz_database: peewee.Database) -> None:
    service = stocked(quiz_database, 4)
    with counted(quiz_database) as statements:
        for quiz in service.list_quizzes(None, None, ALL).items:
            service.get_quiz(quiz.id)
    assert split(statements) == (1 + 5, 0)
