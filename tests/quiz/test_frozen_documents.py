"""The frozen documents of revisions and attempts: texts like these are in people's databases, so they never change."""

import json
from typing import Any

import peewee
import pytest

from services.quiz.entities import Grade, GradedAnswer, Option, Question, Revision
from services.quiz.models import AttemptRow, RevisionRow
from services.quiz.repository.contracts import ALL
from services.quiz.repository.inspection import QuizInspection
from services.quiz.repository.rows import frozen_answers, frozen_questions
from services.quiz.repository.store import PeeweeQuizStore
from tests.clock import NOON
from tests.quiz.examples import an_attempt

QUESTIONS = """[
    {"id": "question-1", "prompt": "Příliš?", "order": 1, "options": [
        {"id": "option-1", "text": "Yes", "is_correct": true}, {"id": "option-2", "text": "No", "is_correct": false}]},
    {"id": "question-2", "prompt": "Why?", "order": 3, "options": [
        {"id": "option-3", "text": "So", "is_correct": false}, {"id": "option-4", "text": "Not", "is_correct": true}]}
]"""
ANSWERS = """[
    {"question_id": "question-1", "submitted_option_id": "option-1", "correct_option_id": "option-1",
     "is_correct": true},
    {"question_id": "question-2", "submitted_option_id": null, "correct_option_id": "option-4", "is_correct": false}
]"""
VERSION_1_QUESTIONS = QUESTIONS.replace('{"id": "question', '{"version": 1, "id": "question')
VERSION_1_ANSWERS = ANSWERS.replace('{"question_id"', '{"version": 1, "question_id"')

REVISION = Revision(
    "revision-2",
    "quiz-1",
    "Title",
    70,
    (
        Question("question-1", "Příliš?", 1, (Option("option-1", "Yes", True), Option("option-2", "No", False))),
        Question("question-2", "Why?", 3, (Option("option-3", "So", False), Option("option-4", "Not", True))),
    ),
    NOON,
)
GRADED = (
    GradedAnswer("question-1", "option-1", "option-1", True),
    GradedAnswer("question-2", None, "option-4", False),
)


def with_documents(database: peewee.Database, questions: str, answers: str) -> PeeweeQuizStore:
    """A revision and an attempt at it, with these frozen documents."""
    revision = {"id": "revision-2", "quiz_id": "quiz-1", "title": "Title", "pass_percentage": 70, "created_at": NOON}
    RevisionRow.insert({**revision, "questions": questions}).execute(database)
    attempt = {
        **{"id": "attempt-1", "quiz_id": "quiz-1", "revision": "revision-2", "event_id": "event-1"},
        **{"lesson_id": "lesson-1", "answered_questions": 1, "correct_answers": 1, "score_percentage": 50},
        **{"pass_percentage": 70, "submitted_at": NOON, "answers": answers},
    }
    AttemptRow.insert(attempt).execute(database)
    return PeeweeQuizStore(database)


@pytest.mark.parametrize(
    ("questions", "answers"),
    [(QUESTIONS, ANSWERS), (VERSION_1_QUESTIONS, VERSION_1_ANSWERS)],
    ids=["without a version", "version 1"],
)
def test_documents_of_format_1_are_read(quiz_database: peewee.Database, questions: str, answers: str) -> None:
    store = with_documents(quiz_database, questions, answers)
    assert store.attempts.revisions(["revision-2"]) == {"revision-2": REVISION}
    attempt = an_attempt(revision_id="revision-2", grade=Grade(GRADED, 1, 1, 50, 70))
    assert store.attempts.list("quiz-1", ALL) == [attempt]


def test_documents_are_written_with_their_version() -> None:
    assert json.loads(frozen_questions(REVISION.questions)) == json.loads(VERSION_1_QUESTIONS)
    assert json.loads(frozen_answers(GRADED)) == json.loads(VERSION_1_ANSWERS)


def test_the_release_before_reads_the_documents_that_are_written_now() -> None:
    # It takes these members by name from each object of a list, and ignores every other one.
    def read_before(document: str, *names: str) -> list[dict[str, Any]]:
        return [{name: each[name] for name in names} for each in json.loads(document)]

    questions = read_before(frozen_questions(REVISION.questions), "id", "prompt", "order", "options")
    answers = read_before(
        frozen_answers(GRADED), "question_id", "submitted_option_id", "correct_option_id", "is_correct"
    )
    assert (questions, answers) == (json.loads(QUESTIONS), json.loads(ANSWERS))


UNREADABLE = ["nonsense", "{}", "null", "[1]", "[{}]", '[{"version": 2}]', '[{"version": null}]', '[{"version": []}]']


@pytest.mark.parametrize("text", UNREADABLE)
def test_a_check_finds_documents_that_cannot_be_read(quiz_database: peewee.Database, text: str) -> None:
    with_documents(quiz_database, text, text)
    inspection = QuizInspection(quiz_database)
    assert list(inspection.unreadable_revisions()) == [["revision-2"]]
    assert list(inspection.attempts()) == [[("attempt-1", None, None)]]
