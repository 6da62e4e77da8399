"""The stored form of quizzes, revisions and attempts: rows of the tables, and frozen documents in them.

What a quiz asks now is in the rows of its questions and options. What was asked, and how it was answered, is frozen as
JSON in the rows of revisions and attempts. Stored documents are never rewritten, so a document keeps its names and
its format whatever the records of entities.py are called later: see docs/decisions/020-frozen-documents.md.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any, NamedTuple, TypeVar

import orjson
from peewee import JOIN

from services.kit.core.texts import search_form
from services.quiz.entities import Attempt, Grade, GradedAnswer, Option, Question, Quiz, Revision
from services.quiz.models import OptionRow, QuestionRow, QuizRow, RevisionRow

Record = TypeVar("Record")
Columns = dict[str, Any]

# The format of new documents. A document without a version is of format 1.
FORMAT = 1

# The order of lists that name no other.
BY_AGE = (QuizRow.created_at, QuizRow.id)


class QuizPart(NamedTuple):
    """A row of `select_parts`: an option with its question and its quiz.

    Where the join finds no question or no option, its id and its other columns are None.
    """

    id: str
    event_id: str
    lesson_id: str
    title: str
    pass_percentage: int
    revision_id: str
    created_at: datetime
    updated_at: datetime
    version: int
    question_id: str | None
    prompt: str
    order: int
    option_id: str | None
    text: str
    is_correct: bool


class StoredRevision(NamedTuple):
    """A row of `select_revisions`."""

    id: str
    quiz_id: str
    title: str
    pass_percentage: int
    questions: str
    created_at: datetime

    def revision(self) -> Revision:
        """Raise ValueError, TypeError or KeyError when the frozen questions cannot be read."""
        questions = _read_all(self.questions, _QUESTION_READERS)
        return Revision(self.id, self.quiz_id, self.title, self.pass_percentage, questions, self.created_at)


class StoredAttempt(NamedTuple):
    """A row of `quiz_attempts`."""

    id: str
    quiz_id: str
    revision_id: str
    event_id: str
    lesson_id: str
    answers: str
    answered_questions: int
    correct_answers: int
    score_percentage: int
    pass_percentage: int
    submitted_at: datetime

    def attempt(self) -> Attempt:
        """Raise ValueError, TypeError or KeyError when the frozen answers cannot be read."""
        return Attempt(
            id=self.id,
            quiz_id=self.quiz_id,
            revision_id=self.revision_id,
            event_id=self.event_id,
            lesson_id=self.lesson_id,
            grade=Grade(
                answers=_read_all(self.answers, _ANSWER_READERS),
                answered_questions=self.answered_questions,
                correct_answers=self.correct_answers,
                score_percentage=self.score_percentage,
                pass_percentage=self.pass_percentage,
            ),
            submitted_at=self.submitted_at,
        )


def select_parts(condition: Any, join: str = JOIN.INNER, order: Sequence[Any] = BY_AGE) -> Any:
    """Return the select of the QuizParts of the quizzes that match, in this order, questions and options in theirs.

    One statement reads everything, so that a quiz never comes with the questions of another of its revisions.
    """
    return (
        QuizRow.select(
            *(each for each in QuizRow._meta.sorted_fields if each.name != "search_form"),
            QuestionRow.id.alias("question_id"),
            QuestionRow.prompt,
            QuestionRow.position.alias("order"),
            OptionRow.id.alias("option_id"),
            OptionRow.text,
            OptionRow.is_correct,
        )
        .join(QuestionRow, join)
        # Outer: a question without options must not disappear.
        .join(OptionRow, JOIN.LEFT_OUTER)
        .where(condition)
        .order_by(*order, QuestionRow.position, OptionRow.position)
    )


def select_revisions() -> Any:
    """Return the select of all StoredRevisions."""
    row = RevisionRow
    return row.select(row.id, row.quiz_id, row.title, row.pass_percentage, row.questions, row.created_at)


def assembled(parts: Iterable[QuizPart]) -> list[Quiz]:
    """Return the quizzes of these rows, in the order of the rows."""
    return [_quiz(of_quiz) for of_quiz in _grouped(parts, lambda part: part.id).values()]


def quiz_columns(quiz: Quiz) -> Columns:
    """Return the row of `quizzes`."""
    return {
        "id": quiz.id,
        "event_id": quiz.event_id,
        "lesson_id": quiz.lesson_id,
        "title": quiz.title,
        "pass_percentage": quiz.pass_percentage,
        "revision": quiz.revision_id,
        "created_at": quiz.created_at,
        "updated_at": quiz.updated_at,
        "version": quiz.version,
        "search_form": search_form(quiz.title),
    }


def question_columns(quiz: Quiz) -> list[Columns]:
    """Return the rows of `quiz_questions`."""
    return [
        {"id": question.id, "quiz": quiz.id, "prompt": question.prompt, "position": question.order}
        for question in quiz.questions
    ]


def option_columns(quiz: Quiz) -> list[Columns]:
    """Return the rows of `quiz_options`."""
    return [
        {
            "id": option.id,
            "question": question.id,
            "text": option.text,
            "is_correct": option.is_correct,
            "position": position,
        }
        for question in quiz.questions
        for position, option in enumerate(question.options, 1)
    ]


def revision_columns(quiz: Quiz) -> Columns:
    """Return the row of `quiz_revisions` with a frozen copy of the quiz."""
    return {
        "id": quiz.revision_id,
        "quiz_id": quiz.id,
        "title": quiz.title,
        "pass_percentage": quiz.pass_percentage,
        "questions": frozen_questions(quiz.questions),
        "created_at": quiz.updated_at,
    }


def attempt_columns(attempt: Attempt) -> Columns:
    """Return the row of `quiz_attempts`."""
    grade = attempt.grade
    return {
        "id": attempt.id,
        "quiz_id": attempt.quiz_id,
        "revision": attempt.revision_id,
        "event_id": attempt.event_id,
        "lesson_id": attempt.lesson_id,
        "answers": frozen_answers(grade.answers),
        "answered_questions": grade.answered_questions,
        "correct_answers": grade.correct_answers,
        "score_percentage": grade.score_percentage,
        "pass_percentage": grade.pass_percentage,
        "submitted_at": attempt.submitted_at,
    }


def frozen_questions(questions: Iterable[Question]) -> str:
    """Return the frozen document of the questions: a JSON array."""
    return orjson.dumps([_question_document(question) for question in questions]).decode()


def frozen_answers(answers: Iterable[GradedAnswer]) -> str:
    """Return the frozen document of the answers: a JSON array."""
    return orjson.dumps([_answer_document(answer) for answer in answers]).decode()


def _question_document(question: Question) -> Columns:
    return {
        "version": FORMAT,
        "id": question.id,
        "prompt": question.prompt,
        "order": question.order,
        "options": [
            {"id": option.id, "text": option.text, "is_correct": option.is_correct} for option in question.options
        ],
    }


def _question_of_format_1(document: Any) -> Question:
    return Question(
        id=document["id"],
        prompt=document["prompt"],
        order=document["order"],
        options=tuple(Option(each["id"], each["text"], each["is_correct"]) for each in document["options"]),
    )


def _answer_document(answer: GradedAnswer) -> Columns:
    return {
        "version": FORMAT,
        "question_id": answer.question_id,
        "submitted_option_id": answer.submitted_option_id,
        "correct_option_id": answer.correct_option_id,
        "is_correct": answer.is_correct,
    }


def _answer_of_format_1(document: Any) -> GradedAnswer:
    return GradedAnswer(
        question_id=document["question_id"],
        submitted_option_id=document["submitted_option_id"],
        correct_option_id=document["correct_option_id"],
        is_correct=document["is_correct"],
    )


_QUESTION_READERS = {1: _question_of_format_1}
_ANSWER_READERS = {1: _answer_of_format_1}


def _read_all(text: str, readers: Mapping[int, Callable[[Any], Record]]) -> tuple[Record, ...]:
    return tuple(readers[document.get("version", 1)](document) for document in _documents(text))


def _documents(text: str) -> list[dict[str, Any]]:
    documents = orjson.loads(text)
    if not isinstance(documents, list) or not all(isinstance(each, dict) for each in documents):
        raise ValueError("not a list of objects")
    return documents


def _quiz(parts: Sequence[QuizPart]) -> Quiz:
    quiz = parts[0]
    questions = _grouped(parts, lambda part: part.question_id)
    return Quiz(
        id=quiz.id,
        event_id=quiz.event_id,
        lesson_id=quiz.lesson_id,
        title=quiz.title,
        pass_percentage=quiz.pass_percentage,
        revision_id=quiz.revision_id,
        created_at=quiz.created_at,
        updated_at=quiz.updated_at,
        version=quiz.version,
        questions=tuple(_question(question_id, of_question) for question_id, of_question in questions.items()),
    )


def _question(question_id: str, parts: Sequence[QuizPart]) -> Question:
    options = tuple(Option(part.option_id, part.text, part.is_correct) for part in parts if part.option_id is not None)
    return Question(question_id, parts[0].prompt, parts[0].order, options)


def _grouped(parts: Iterable[QuizPart], column: Callable[[QuizPart], str | None]) -> dict[str, list[QuizPart]]:
    groups: dict[str, list[QuizPart]] = {}
    for part in parts:
        key = column(part)
        if key is not None:
            groups.setdefault(key, []).append(part)
    return groups
