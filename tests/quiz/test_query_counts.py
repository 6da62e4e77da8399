"""How many statements a use case sends: the same whatever the number of rows, and no more than the table says."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import peewee
import pytest

from services.kit.pagination import PageRequest
from services.quiz.repository import ALL, PeeweeQuizStore
from services.quiz.service import QuizService
from tests.quiz.examples import StoppedClock, a_quiz, an_attempt, new_question, numbered_quiz, some_questions


@dataclass(frozen=True)
class Cost:
    """A use case and the number of its statements: those that read or write, and those that make savepoints.

    The beginning and the end of a transaction are not among them.
    """

    name: str
    use_case: Callable[[QuizService], Any]
    queries: int
    savepoints: int = 0


ONE = [new_question()]
THIRTY = [new_question(f"Question {number}", None, *[True] * 10) for number in range(30)]

# A savepoint and its release are two.
COSTS = [
    Cost("list_quizzes", lambda service: service.list_quizzes(None, None, ALL), 1),
    Cost("list_quizzes, a page", lambda service: service.list_quizzes("event-1", None, PageRequest(20)), 1),
    Cost("get_quiz", lambda service: service.get_quiz("quiz-1"), 1),
    # The frozen copy, the quiz, its questions, their options.
    Cost("create_quiz, one question", lambda service: service.create_quiz("event-1", "new", "Quiz", None, ONE), 4, 2),
    Cost("create_quiz, thirty", lambda service: service.create_quiz("event-1", "new", "Quiz", None, THIRTY), 4, 2),
    # Two readings and the hold, the same four, the old questions, the unused revisions.
    Cost("update_quiz, one question", lambda service: service.update_quiz("quiz-1", "Quiz", None, ONE), 9),
    Cost("update_quiz, thirty", lambda service: service.update_quiz("quiz-1", "Quiz", None, THIRTY), 9),
    Cost("delete_quiz", lambda service: service.delete_quiz("quiz-1"), 2),
    Cost("forget", lambda service: service.forget("event-1", None), 3),
    Cost("forget, nothing", lambda service: service.forget("event-9", None), 1),
    Cost("list_attempts", lambda service: service.list_attempts("quiz-1", PageRequest(50)), 2),
    Cost("get_lesson_quiz", lambda service: service.get_lesson_quiz("lesson-1"), 1),
    # The hold, the quiz, the attempt.
    Cost("submit", lambda service: service.submit("lesson-1", []), 3),
]


@contextmanager
def counted(database: peewee.Database) -> Iterator[list[str]]:
    """The statements that the database is sent meanwhile, as Peewee tells them to its hooks."""
    statements: list[str] = []
    hooks: list[Callable[[Any], None]] = database.query_hooks

    def note(query: Any) -> None:
        statements.append(query.sql)

    hooks.append(note)
    try:
        yield statements
    finally:
        hooks.remove(note)


def split(statements: Sequence[str]) -> tuple[int, int]:
    """How many read or write, and how many make or release savepoints."""
    savepoints = [each for each in statements if each.startswith(("SAVEPOINT", "RELEASE", "ROLLBACK TO"))]
    return len(statements) - len(savepoints), len(savepoints)


def stocked(database: peewee.Database, rows: int) -> QuizService:
    """A service whose quiz has that many questions and attempts, beside as many other quizzes."""
    store = PeeweeQuizStore(database)
    with store.transaction():
        store.quizzes.add(a_quiz(questions=some_questions(rows)))
        for number in range(rows):
            store.quizzes.add(numbered_quiz(number + 2))
            store.attempts.add(an_attempt(id=f"attempt-{number}"))
    return QuizService(store, lambda event_id, lesson_id: None, StoppedClock())


@pytest.mark.parametrize("cost", COSTS, ids=[cost.name for cost in COSTS])
@pytest.mark.parametrize("rows", [1, 30], ids=["one row", "thirty rows"])
def test_a_use_case_sends_as_many_statements_as_the_table_says_whatever_the_number_of_rows(
    quiz_database: peewee.Database, cost: Cost, rows: int
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
