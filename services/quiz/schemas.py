"""Quizzes on the wire: New..., ...Update and ...Query come in, ...View goes out, member by member."""

from typing import Annotated, Any, Literal

from pydantic import ConfigDict, Field, with_config
from typing_extensions import TypedDict

from services.kit.core.instants import format_instant
from services.kit.web.schemas import InstantText, Integer, Schema, Text, length
from services.quiz.entities import (
    Answer,
    Attempt,
    AttemptHistory,
    GradedAnswer,
    NewOption,
    NewQuestion,
    Question,
    Quiz,
    QuizChanges,
    QuizFields,
    QuizFilter,
    Revision,
    Submission,
)
from services.quiz.rules import DEFAULT_PASS_PERCENTAGE, MINIMUM_OPTIONS

_A_RIGHT_OPTION = {"type": "object", "required": ["isCorrect"], "properties": {"isCorrect": {"enum": [True]}}}

# The default of a member that may be absent and must not be null.
_ABSENT: Any = None


def _without_null_defaults(schema: dict[str, Any]) -> None:
    for member in schema["properties"].values():
        if member.get("default", ...) is None:
            del member["default"]


_OPTIONAL_MEMBERS = ConfigDict(json_schema_extra=_without_null_defaults)

Title = Annotated[Text, length(3, 160)]
# The id of an event or a lesson; longer than any id there is.
Reference = Annotated[Text, length(1, 200)]
Score = Annotated[int, Field(ge=0, le=100)]


# Requests


class OptionInput(Schema):
    """One possible answer."""

    text: Annotated[Text, length(1, 300)]
    is_correct: bool

    def option(self) -> NewOption:
        """Return the record."""
        return NewOption(self.text, self.is_correct)


class QuestionInput(Schema):
    """A question with its options."""

    model_config = _OPTIONAL_MEMBERS

    prompt: Annotated[Text, length(3, 500)]
    options: Annotated[
        list[OptionInput],
        Field(
            min_length=MINIMUM_OPTIONS,
            max_length=10,
            description="at least one of them right",
            json_schema_extra={"contains": _A_RIGHT_OPTION},
        ),
    ]
    order: Integer = Field(
        _ABSENT,
        ge=1,
        le=1_000_000,
        description="its place in the list when absent; no two alike",
    )

    def question(self) -> NewQuestion:
        """Return the record."""
        return NewQuestion(self.prompt, self.order, tuple(option.option() for option in self.options))


Questions = Annotated[list[QuestionInput], Field(min_length=1, max_length=30)]


class NewQuiz(Schema):
    """POST /api/quizzes."""

    event_id: Reference
    lesson_id: Reference
    title: Title
    pass_percentage: Integer = Field(DEFAULT_PASS_PERCENTAGE, ge=0, le=100)
    questions: Questions

    def fields(self) -> QuizFields:
        """Return the record."""
        return QuizFields(
            event_id=self.event_id,
            lesson_id=self.lesson_id,
            title=self.title,
            pass_percentage=self.pass_percentage,
            questions=tuple(question.question() for question in self.questions),
        )


class QuizUpdate(Schema):
    """PUT /api/quizzes/{quizId}; without passPercentage the stored one stays."""

    model_config = _OPTIONAL_MEMBERS

    title: Title
    pass_percentage: Integer = Field(_ABSENT, ge=0, le=100)
    questions: Questions

    def changes(self) -> QuizChanges:
        """Return the record."""
        return QuizChanges(
            title=self.title,
            pass_percentage=self.pass_percentage,
            questions=tuple(question.question() for question in self.questions),
        )


class AnswerInput(Schema):
    """What a learner chose for one question."""

    question_id: str
    option_id: str

    def answer(self) -> Answer:
        """Return the record."""
        return Answer(self.question_id, self.option_id)


class NewAttempt(Schema):
    """A learner's answers; a question may be left out."""

    answers: Annotated[list[AnswerInput], Field(max_length=100)]

    def chosen(self) -> list[Answer]:
        """Return the records."""
        return [each.answer() for each in self.answers]


class LearnerSubmission(Schema):
    """A learner's request as the gateway passes it on: its body, and the slugs of its address."""

    event_slug: str
    lesson_slug: str
    submission: Any


class AdmittedSubmission(LearnerSubmission):
    """The same with the lesson that content has opened for the learner."""

    lesson_id: str
    lesson_title: str


class QuizQuery(Schema):
    """GET /api/quizzes: the filters in the query."""

    model_config = _OPTIONAL_MEMBERS

    event_id: Reference = Field(_ABSENT, description="only those of this event")
    lesson_id: Reference = Field(_ABSENT, description="only that of this lesson")

    def filter(self) -> QuizFilter:
        """Return the record."""
        return QuizFilter(self.event_id, self.lesson_id)


# Responses


class OptionView(TypedDict):
    """An option, for admins."""

    id: str
    text: str
    isCorrect: bool


class QuestionView(TypedDict):
    """A question with its right options, for admins."""

    id: str
    prompt: str
    order: int
    options: list[OptionView]


@with_config(ConfigDict(extra="forbid", json_schema_extra={"not": {"required": ["isCorrect"]}}))
class LearnerOptionView(TypedDict):
    """An option, without any trace of whether it is right."""

    id: str
    text: str


@with_config(ConfigDict(extra="forbid"))
class LearnerQuestionView(TypedDict):
    """A question, without any trace of which option is right."""

    id: str
    prompt: str
    order: int
    options: list[LearnerOptionView]


class _QuizHead(TypedDict):
    id: str
    eventId: str
    lessonId: str
    title: str
    passPercentage: int
    createdAt: InstantText
    updatedAt: InstantText


class QuizView(_QuizHead):
    """A quiz with its right options, for admins."""

    questions: list[QuestionView]


class LearnerQuizView(_QuizHead):
    """A quiz, without any trace of which option is right."""

    questions: list[LearnerQuestionView]


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


class SubmittedLessonView(TypedDict):
    """The lesson of a submission."""

    id: str
    slug: str
    title: str


class SubmittedQuizView(TypedDict):
    """The quiz of a submission."""

    id: str
    title: str


class SubmissionView(TypedDict):
    """The graded attempt, for the learner."""

    lesson: SubmittedLessonView
    quiz: SubmittedQuizView
    result: ResultView


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
    quiz: AskedQuizView


class AttemptPageView(TypedDict):
    """A page of attempts, newest first."""

    items: list[AttemptView]
    nextCursor: Annotated[str | None, Field(description="where the next page begins; null on the last one")]


def quiz_view(quiz: Quiz) -> QuizView:
    """Return the quiz with its right options: for admins only."""
    return {**_quiz_head(quiz), "questions": [_question_view(question) for question in quiz.questions]}


def learner_quiz_view(quiz: Quiz) -> LearnerQuizView:
    """Return the quiz without any trace of which option is right."""
    return {**_quiz_head(quiz), "questions": [_learner_question_view(question) for question in quiz.questions]}


def submission_view(request: AdmittedSubmission, submission: Submission) -> SubmissionView:
    """Return the graded attempt for the learner who made the request."""
    return {
        "lesson": {"id": request.lesson_id, "slug": request.lesson_slug, "title": request.lesson_title},
        "quiz": {"id": submission.quiz.id, "title": submission.quiz.title},
        "result": _result_view(submission.attempt),
    }


def attempt_views(history: AttemptHistory) -> list[AttemptView]:
    """Return the attempts of a page."""
    return [_attempt_view(attempt, history.revisions[attempt.revision_id]) for attempt in history.page.items]


def _attempt_view(attempt: Attempt, revision: Revision) -> AttemptView:
    return {
        "id": attempt.id,
        "eventId": attempt.event_id,
        "lessonId": attempt.lesson_id,
        **_result_view(attempt),
        "quiz": {
            "title": revision.title,
            "passPercentage": revision.pass_percentage,
            "questions": [_question_view(question) for question in revision.questions],
        },
    }


def _quiz_head(quiz: Quiz) -> _QuizHead:
    return {
        "id": quiz.id,
        "eventId": quiz.event_id,
        "lessonId": quiz.lesson_id,
        "title": quiz.title,
        "passPercentage": quiz.pass_percentage,
        "createdAt": format_instant(quiz.created_at),
        "updatedAt": format_instant(quiz.updated_at),
    }


def _question_view(question: Question) -> QuestionView:
    return {
        "id": question.id,
        "prompt": question.prompt,
        "order": question.order,
        "options": [
            {"id": option.id, "text": option.text, "isCorrect": option.is_correct} for option in question.options
        ],
    }


def _learner_question_view(question: Question) -> LearnerQuestionView:
    return {
        "id": question.id,
        "prompt": question.prompt,
        "order": question.order,
        "options": [{"id": option.id, "text": option.text} for option in question.options],
    }


def _result_view(attempt: Attempt) -> ResultView:
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
