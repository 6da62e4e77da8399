"""The lists of quiz on a large installation: each page comes from an index."""

from collections.abc import Callable
from datetime import timedelta
from functools import partial

import peewee
import pytest

from services.kit.web.pages import PageRequest
from services.quiz.entities import AttemptFilter, QuizFilter
from services.quiz.models import AttemptRow, OptionRow, QuestionRow, QuizRow, RevisionRow
from services.quiz.repository.contracts import QuizStore
from services.quiz.repository.rows import (
    attempt_columns,
    option_columns,
    question_columns,
    quiz_columns,
    revision_columns,
)
from services.quiz.repository.store import PeeweeQuizStore
from tests.clock import NOON, SECOND
from tests.query_plans import plans, reads_whole
from tests.quiz.examples import an_attempt, numbered_quiz

ANY = QuizFilter()
QUIZZES, ATTEMPTS, BATCH = 10_000, 1000, 500
PAGE = 20
Read = Callable[[QuizStore], object]

# What is read, and the index that it comes from.
PAGES: dict[str, tuple[Read, str]] = {
    "quizzes": (lambda store: store.quizzes.list(ANY, PageRequest(PAGE)), "quizzes_created_at_id"),
    "newest first": (
        lambda store: store.quizzes.list(ANY, PageRequest(PAGE, (10**15, "q"), "-createdAt")),
        "quizzes_created_at_id",
    ),
    "by title": (lambda store: store.quizzes.list(ANY, PageRequest(PAGE, sort="title")), "quizzes_search_form_id"),
    "by title, further on": (
        lambda store: store.quizzes.list(ANY, PageRequest(PAGE, ("quiz 5", "q"), "-title")),
        "quizzes_search_form_id",
    ),
    "that match": (lambda store: store.quizzes.list(ANY, PageRequest(PAGE), "1"), "quizzes_created_at_id"),
    "of an event": (lambda store: store.quizzes.list(QuizFilter("event-7"), PageRequest(PAGE)), "quizzes_event_id"),
    "attempts": (
        lambda store: store.attempts.list("quiz-1", PageRequest(PAGE), AttemptFilter(passed=True, since=NOON)),
        "quiz_attempts_quiz_id_submitted_at_id",
    ),
    "attempts, oldest first": (
        lambda store: store.attempts.list("quiz-1", PageRequest(PAGE, sort="submittedAt"), AttemptFilter(until=NOON)),
        "quiz_attempts_quiz_id_submitted_at_id",
    ),
}


@pytest.mark.full
def test_every_page_comes_from_an_index(quiz_database: peewee.Database) -> None:
    database = quiz_database
    quizzes = [
        numbered_quiz(n, event_id=f"event-{n // 6}", title=f"Quiz {n}", created_at=NOON + timedelta(seconds=n))
        for n in range(QUIZZES)
    ]
    attempts = [
        an_attempt(id=f"a{n}", quiz_id=f"quiz-{n % 2}", submitted_at=NOON + n * SECOND, revision_id="revision-1")
        for n in range(ATTEMPTS)
    ]
    with database.atomic():
        for start in range(0, QUIZZES, BATCH):
            some = quizzes[start : start + BATCH]
            RevisionRow.insert_many(map(revision_columns, some)).execute(database)
            QuizRow.insert_many(map(quiz_columns, some)).execute(database)
            QuestionRow.insert_many([row for each in some for row in question_columns(each)]).execute(database)
            OptionRow.insert_many([row for each in some for row in option_columns(each)]).execute(database)
        AttemptRow.insert_many(map(attempt_columns, attempts)).execute(database)
    database.execute_sql("ANALYZE")
    store = PeeweeQuizStore(database)
    for name, (read, index) in PAGES.items():
        plan = plans(database, partial(read, store))
        assert index in plan, (name, plan)
        assert not reads_whole("quizzes", plan) and not reads_whole("quiz_attempts", plan), (name, plan)
