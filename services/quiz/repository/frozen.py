"""Frozen documents: what was asked and what was answered, as JSON in the rows of revisions and attempts."""

from collections.abc import Iterable
from datetime import datetime
from typing import Any

import orjson

from services.quiz.entities import Attempt, Grade, GradedAnswer, Option, Question, Revision


def attempt_of(
    attempt_id: str,
    quiz_id: str,
    revision_id: str,
    event_id: str,
    lesson_id: str,
    answers: str,
    answered_questions: int,
    correct_answers: int,
    score_percentage: int,
    pass_percentage: int,
    submitted_at: datetime,
) -> Attempt:
    grade = Grade(_thawed_answers(answers), answered_questions, correct_answers, score_percentage, pass_percentage)
    return Attempt(attempt_id, quiz_id, revision_id, event_id, lesson_id, grade, submitted_at)


def revision_of(
    revision_id: str, quiz_id: str, title: str, pass_percentage: int, questions: str, created_at: datetime
) -> Revision:
    return Revision(revision_id, quiz_id, title, pass_percentage, _thawed_questions(questions), created_at)


# The frozen documents keep these names for good, whatever the entities' fields will be called.


def frozen_questions(questions: Iterable[Question]) -> str:
    documents = [
        {"id": question.id, "prompt": question.prompt, "order": question.order, "options": _frozen_options(question)}
        for question in questions
    ]
    return orjson.dumps(documents).decode()


def _frozen_options(question: Question) -> list[dict[str, Any]]:
    return [{"id": option.id, "text": option.text, "is_correct": option.is_correct} for option in question.options]


def _thawed_questions(text: str) -> tuple[Question, ...]:
    return tuple(
        Question(
            id=each["id"],
            prompt=each["prompt"],
            order=each["order"],
            options=tuple(Option(option["id"], option["text"], option["is_correct"]) for option in each["options"]),
        )
        for each in orjson.loads(text)
    )


def frozen_answers(answers: Iterable[GradedAnswer]) -> str:
    documents = [
        {
            "question_id": answer.question_id,
            "submitted_option_id": answer.submitted_option_id,
            "correct_option_id": answer.correct_option_id,
            "is_correct": answer.is_correct,
        }
        for answer in answers
    ]
    return orjson.dumps(documents).decode()


def _thawed_answers(text: str) -> tuple[GradedAnswer, ...]:
    return tuple(
        GradedAnswer(
            question_id=each["question_id"],
            submitted_option_id=each["submitted_option_id"],
            correct_option_id=each["correct_option_id"],
            is_correct=each["is_correct"],
        )
        for each in orjson.loads(text)
    )
