"""The results of attempts, and the attempts of a quiz for admins."""

from typing import Annotated, ClassVar, Literal

from pydantic import Field
from typing_extensions import TypedDict

from services.kit.core.instants import format_instant
from services.kit.web.list_queries import Flag, Keys, ListQuery
from services.kit.web.pages import DEFAULT_LIMIT
from services.kit.web.schemas import Instant, InstantText, absent
from services.quiz.entities import Attempt, AttemptFilter, AttemptHistory, GradedAnswer
from services.quiz.schemas.quizzes import QuestionView, question_view

Score = Annotated[int, Field(ge=0, le=100)]


class GradedAnswerView(TypedDict):
    """One question of a graded attempt; submittedOptionId is null when it was not answered."""

    questionId: str
    submittedOptionId: str | None
    correctOptionId: str | None
    isCorrect: bool


class ResultView(TypedDict):
    """The result of a graded attempt."""

    quizId: str
    totalQuestions: int
    answeredQuestions: int
    correctAnswers: int
    scorePercentage: Score
    passPercentage: int
    status: Literal["passed", "failed"]
    passed: bool
    answers: Annotated[
        list[GradedAnswerView], Field(description="one per question, in question order, answered or not")
    ]
    submittedAt: InstantText


def result_view(attempt: Attempt) -> ResultView:
    """Return the result of the attempt."""
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
        "answers": [_graded_answer_view(answer) for answer in grade.answers],
        "submittedAt": format_instant(attempt.submitted_at),
    }


def _graded_answer_view(answer: GradedAnswer) -> GradedAnswerView:
    return {
        "questionId": answer.question_id,
        "submittedOptionId": answer.submitted_option_id,
        "correctOptionId": answer.correct_option_id,
        "isCorrect": answer.is_correct,
    }


class AttemptQuery(ListQuery):
    """The query of GET /api/quizzes/{quizId}/attempts."""

    list_name = "attempts"
    keys: ClassVar[Keys] = {"submittedAt": (int, str)}
    default_limit = DEFAULT_LIMIT

    passed: Annotated[Flag, Field(description="only passed ones, or only others")] = absent()
    since: Annotated[Instant, Field(alias="from", description="only submitted from this instant on")] = absent()
    until: Annotated[Instant, Field(alias="to", description="only submitted before this instant")] = absent()
    sort: Annotated[Literal["submittedAt", "-submittedAt"], Field(description="the order; a - reverses it")] = (
        "-submittedAt"
    )

    def filter(self) -> AttemptFilter:
        """Return the filter."""
        return AttemptFilter(passed=self.passed, since=self.since, until=self.until)


class AskedQuizView(TypedDict):
    """The quiz as it was asked."""

    title: str
    passPercentage: int
    questions: list[QuestionView]


class AttemptView(ResultView):
    """The result of an attempt, and the quiz as it was asked."""

    id: str
    eventId: str
    lessonId: str
    revision: Annotated[str, Field(description="names the version of the quiz by which it was graded")]
    quiz: AskedQuizView


class AttemptPageView(TypedDict):
    """A page of attempts."""

    items: list[AttemptView]
    nextCursor: Annotated[str | None, Field(description="where the next page begins; null on the last one")]


def attempt_view(history: AttemptHistory, attempt: Attempt) -> AttemptView:
    """Return an attempt of the history."""
    revision = history.revisions[attempt.revision_id]
    return {
        "id": attempt.id,
        "eventId": attempt.event_id,
        "lessonId": attempt.lesson_id,
        "revision": attempt.revision_id,
        **result_view(attempt),
        "quiz": {
            "title": revision.title,
            "passPercentage": revision.pass_percentage,
            "questions": [question_view(question) for question in revision.questions],
        },
    }
