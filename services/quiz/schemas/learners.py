"""Quizzes and submissions of learners."""

from typing import Annotated, Any

from pydantic import Field, with_config
from typing_extensions import TypedDict

from services.kit.web.schemas import Creation, Schema, absent
from services.quiz.entities import Answer, Question, Quiz, Submission
from services.quiz.schemas.attempts import ResultView, result_view
from services.quiz.schemas.quizzes import QuizHeadView, quiz_head_view


class AnswerInput(Schema):
    """A learner's choice for one question."""

    question_id: str
    option_id: str

    def answer(self) -> Answer:
        """Return the answer as the service takes it."""
        return Answer(self.question_id, self.option_id)


class NewAttempt(Creation):
    """A learner's answers; a question may be left out."""

    answers: Annotated[list[AnswerInput], Field(max_length=100)]
    revision: str = absent(description="that of the quiz as it was shown, by which it is graded")

    def chosen(self) -> list[Answer]:
        """Return the answers as the service takes them."""
        return [each.answer() for each in self.answers]


class LearnerSubmission(Schema):
    """A learner's request, forwarded by the gateway: the body, the slugs of the address, and the ids that they name.

    `typed_lesson_slug` is the address's own spelling where `lesson_slug` is the lesson's. A gateway of the release
    before sends neither it nor `event_id`. A deleted lesson has no id.
    """

    event_slug: str
    lesson_slug: str
    typed_lesson_slug: str | None = absent()
    event_id: str | None = absent()
    lesson_id: str | None = absent()
    submission: Any


class AdmittedSubmission(LearnerSubmission):
    """A learner's request with the lesson that content has opened for them."""

    lesson_id: str
    lesson_title: str


class SubmissionItem(Schema):
    """One submission of a batch: the headers of its own request, and the body of one to /internal/submissions."""

    request_id: str | None = absent()
    idempotency_key: str | None = absent()
    client_address: str | None = absent()
    submission: Any


class SubmissionBatch(Schema):
    """The submissions of several learners. Each is validated on its own."""

    items: Annotated[list[Any], Field(max_length=256)]


@with_config(extra="forbid", json_schema_extra={"not": {"required": ["isCorrect"]}})
class LearnerOptionView(TypedDict):
    """An option, without any trace of whether it is right."""

    id: str
    text: str


@with_config(extra="forbid")
class LearnerQuestionView(TypedDict):
    """A question, without any trace of which option is right."""

    id: str
    prompt: str
    order: int
    options: list[LearnerOptionView]


class LearnerQuizView(QuizHeadView):
    """A quiz, without any trace of which option is right."""

    revision: Annotated[str, Field(description="names this version; send it with the answers")]
    questions: list[LearnerQuestionView]


def learner_quiz_view(quiz: Quiz) -> LearnerQuizView:
    """Return the quiz without any trace of which option is right."""
    return {
        **quiz_head_view(quiz),
        "revision": quiz.revision_id,
        "questions": [_learner_question_view(question) for question in quiz.questions],
    }


def _learner_question_view(question: Question) -> LearnerQuestionView:
    return {
        "id": question.id,
        "prompt": question.prompt,
        "order": question.order,
        "options": [{"id": option.id, "text": option.text} for option in question.options],
    }


class SubmittedLessonView(TypedDict):
    """The lesson of a submission."""

    id: str
    slug: str
    title: str


class SubmittedQuizView(TypedDict):
    """The quiz of a submission, as it was shown."""

    id: str
    title: str


class SubmissionView(TypedDict):
    """The graded attempt, for the learner."""

    lesson: SubmittedLessonView
    quiz: SubmittedQuizView
    result: ResultView


def submission_view(request: AdmittedSubmission, submission: Submission) -> SubmissionView:
    """Return the graded attempt for the learner who made the request."""
    return {
        "lesson": {"id": request.lesson_id, "slug": request.lesson_slug, "title": request.lesson_title},
        "quiz": {"id": submission.revision.quiz_id, "title": submission.revision.title},
        "result": result_view(submission.attempt),
    }
