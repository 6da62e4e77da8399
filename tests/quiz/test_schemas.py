"""services.quiz.schemas: any document at all is read or refused."""

from typing import Any

from hypothesis import given

from services.quiz.schemas import NewAttempt, NewQuiz
from tests.contract.samples import questions
from tests.documents import judged, nearly

GOOD_QUIZ = {"eventId": "event-1", "lessonId": "lesson-1", "title": "A quiz", "passPercentage": 70.0}
GOOD_ATTEMPT = {"answers": [{"questionId": "question-1", "optionId": "option-1"}]}


@given(nearly({**GOOD_QUIZ, "questions": questions()}))
def test_any_document_is_a_quiz_or_refused(document: Any) -> None:
    quiz = judged(NewQuiz, document)

    if isinstance(quiz, NewQuiz):
        assert 1 <= len(quiz.new_questions()) <= 30
        assert all(2 <= len(question.options) <= 10 for question in quiz.new_questions())
        assert quiz.pass_percentage is None or 0 <= quiz.pass_percentage <= 100


@given(nearly(GOOD_ATTEMPT))
def test_any_document_is_an_attempt_or_refused(document: Any) -> None:
    attempt = judged(NewAttempt, document)

    if isinstance(attempt, NewAttempt):
        assert len(attempt.chosen()) <= 100


def test_the_good_documents_are_good() -> None:
    assert judged(NewQuiz, {**GOOD_QUIZ, "questions": questions()}) is not None
    assert judged(NewAttempt, GOOD_ATTEMPT) is not None
