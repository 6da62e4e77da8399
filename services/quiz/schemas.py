"""Quizzes on the wire: what comes in is named New..., ...Update, what goes out is listed field by field."""

from typing import Annotated, Any

from pydantic import Field

from services.kit.core.instants import format_instant
from services.kit.web.schemas import Integer, Schema, Text
from services.quiz.entities import (
    Answer,
    Attempt,
    AttemptHistory,
    NewQuestion,
    Question,
    Quiz,
    Revision,
    Submission,
)
from services.quiz.rules import MINIMUM_OPTIONS

Title = Annotated[Text, Field(min_length=3, max_length=160)]
Percentage = Annotated[Integer, Field(ge=0, le=100)]
# What a client sends to name a thing; longer than any id there is.
Reference = Annotated[Text, Field(min_length=1, max_length=200)]

_ABSENT: Any = None


class OptionInput(Schema):
    """One possible answer."""

    text: Annotated[Text, Field(min_length=1, max_length=300)]
    is_correct: bool


class QuestionInput(Schema):
    """A question; without `order` it is its place in the list."""

    prompt: Annotated[Text, Field(min_length=3, max_length=500)]
    options: Annotated[list[OptionInput], Field(min_length=MINIMUM_OPTIONS, max_length=10)]
    order: Annotated[Integer, Field(ge=1, le=1_000_000)] = _ABSENT

    def question(self) -> NewQuestion:
        """As the service takes it."""
        return NewQuestion(self.prompt, self.order, tuple((each.text, each.is_correct) for each in self.options))


Questions = Annotated[list[QuestionInput], Field(min_length=1, max_length=30)]


class QuizUpdate(Schema):
    """PUT /api/quizzes/{quizId}."""

    title: Title
    questions: Questions
    pass_percentage: Percentage = _ABSENT

    def new_questions(self) -> list[NewQuestion]:
        """As the service takes them."""
        return [question.question() for question in self.questions]


class NewQuiz(QuizUpdate):
    """POST /api/quizzes."""

    event_id: Reference
    lesson_id: Reference


class AnswerInput(Schema):
    """What a learner chose."""

    question_id: str
    option_id: str


class NewAttempt(Schema):
    """A learner's submission."""

    answers: Annotated[list[AnswerInput], Field(max_length=100)]

    def chosen(self) -> list[Answer]:
        """As the service takes them."""
        return [Answer(answer.question_id, answer.option_id) for answer in self.answers]


class SentSubmission(Schema):
    """What a learner sent, and where."""

    event_slug: str
    lesson_slug: str
    submission: Any


class NewSubmission(SentSubmission):
    """The same, with the lesson that content has opened for the learner."""

    lesson_id: str
    lesson_title: str

    def lesson_view(self) -> dict[str, str]:
        """The lesson in the learner's answer."""
        return {"id": self.lesson_id, "slug": self.lesson_slug, "title": self.lesson_title}


class QuizQuery(Schema):
    """GET /api/quizzes: the filters in the query."""

    event_id: Reference = _ABSENT
    lesson_id: Reference = _ABSENT


def quiz_view(quiz: Quiz) -> dict[str, Any]:
    """The contract's Quiz, with the right options: for admins only."""
    return {**_head(quiz), "questions": _questions_with_answers(quiz.questions)}


def learner_quiz_view(quiz: Quiz) -> dict[str, Any]:
    """The contract's LearnerQuiz, without any trace of which option is right."""
    questions = [
        {
            "id": question.id,
            "prompt": question.prompt,
            "order": question.order,
            "options": [{"id": option.id, "text": option.text} for option in question.options],
        }
        for question in quiz.questions
    ]
    return {**_head(quiz), "questions": questions}


def submission_view(submission: Submission) -> dict[str, Any]:
    """The graded attempt for the learner."""
    quiz = submission.quiz
    return {"quiz": {"id": quiz.id, "title": quiz.title}, "result": _result(submission.attempt)}


def attempt_view(attempt: Attempt, revision: Revision) -> dict[str, Any]:
    """An attempt for admins: the result, and the quiz as it was asked."""
    return {
        "id": attempt.id,
        "eventId": attempt.event_id,
        "lessonId": attempt.lesson_id,
        **_result(attempt),
        "quiz": {
            "title": revision.title,
            "passPercentage": revision.pass_percentage,
            "questions": _questions_with_answers(revision.questions),
        },
    }


def attempt_views(history: AttemptHistory) -> list[dict[str, Any]]:
    """A page of attempts."""
    return [attempt_view(attempt, history.revisions[attempt.revision_id]) for attempt in history.page.items]


def _head(quiz: Quiz) -> dict[str, Any]:
    return {
        "id": quiz.id,
        "eventId": quiz.event_id,
        "lessonId": quiz.lesson_id,
        "title": quiz.title,
        "passPercentage": quiz.pass_percentage,
        "createdAt": format_instant(quiz.created_at),
        "updatedAt": format_instant(quiz.updated_at),
    }


def _questions_with_answers(questions: tuple[Question, ...]) -> list[dict[str, Any]]:
    return [
        {
            "id": question.id,
            "prompt": question.prompt,
            "order": question.order,
            "options": [
                {"id": option.id, "text": option.text, "isCorrect": option.is_correct} for option in question.options
            ],
        }
        for question in questions
    ]


def _result(attempt: Attempt) -> dict[str, Any]:
    grade = attempt.grade
    return {
        "quizId": attempt.quiz_id,
        "totalQuestions": grade.total_questions,
        "answeredQuestions": grade.answered_questions,
        "correctAnswers": grade.correct_answers,
        "scorePercentage": grade.score_percentage,
        "passPercentage": grade.pass_percentage,
        "status": "passed" if grade.passed else "failed",
        "passed": grade.passed,
        "answers": [
            {
                "questionId": answer.question_id,
                "submittedOptionId": answer.submitted_option_id,
                "correctOptionId": answer.correct_option_id,
                "isCorrect": answer.is_correct,
            }
            for answer in grade.answers
        ],
        "submittedAt": format_instant(attempt.submitted_at),
    }
