"""Quizzes for admins."""

from typing import Annotated

from pydantic import BeforeValidator, Field, WithJsonSchema

# Before Python 3.12 pydantic does not support the standard library's TypedDict.
from typing_extensions import TypedDict

from services.kit.core.instants import format_instant
from services.kit.web.schemas import InstantText, Integer, Schema, Text, absent, length
from services.quiz.entities import NewOption, NewQuestion, Question, Quiz, QuizChanges, QuizFields, QuizFilter
from services.quiz.rules import DEFAULT_PASS_PERCENTAGE, MINIMUM_OPTIONS

Title = Annotated[Text, length(3, 160)]
# The id of an event or a lesson; longer than any id there is.
Reference = Annotated[Text, length(1, 200)]


def _text_or_none(value: object) -> str | None:
    return value if isinstance(value, str) else None


KeptId = Annotated[
    str | None,
    BeforeValidator(_text_or_none),
    WithJsonSchema({"description": "on update: keeps the id that it has; any other value counts as absent"}),
]

_RIGHT_OPTION = {"type": "object", "required": ["isCorrect"], "properties": {"isCorrect": {"enum": [True]}}}


class OptionInput(Schema):
    """One possible answer."""

    id: KeptId = absent()
    text: Annotated[Text, length(1, 300)]
    is_correct: bool

    def option(self) -> NewOption:
        """Return the option as the service takes it."""
        return NewOption(self.text, self.is_correct, self.id)


class QuestionInput(Schema):
    """A question with its options."""

    id: KeptId = absent()
    prompt: Annotated[Text, length(3, 500)]
    options: Annotated[
        list[OptionInput],
        Field(
            min_length=MINIMUM_OPTIONS,
            max_length=10,
            description="at least one of them right",
            json_schema_extra={"contains": _RIGHT_OPTION},
        ),
    ]
    order: Integer = absent(ge=1, le=1_000_000, description="its place in the list when absent; no two alike")

    def question(self) -> NewQuestion:
        """Return the question as the service takes it."""
        return NewQuestion(self.prompt, self.order, tuple(option.option() for option in self.options), self.id)


Questions = Annotated[list[QuestionInput], Field(min_length=1, max_length=30)]


class NewQuiz(Schema):
    """The body of POST /api/quizzes."""

    event_id: Reference
    lesson_id: Reference
    title: Title
    pass_percentage: Integer = Field(DEFAULT_PASS_PERCENTAGE, ge=0, le=100)
    questions: Questions

    def fields(self) -> QuizFields:
        """Return the fields with their defaults."""
        return QuizFields(
            event_id=self.event_id,
            lesson_id=self.lesson_id,
            title=self.title,
            pass_percentage=self.pass_percentage,
            questions=tuple(question.question() for question in self.questions),
        )


class QuizUpdate(Schema):
    """The body of PUT /api/quizzes/{quizId}; without passPercentage the stored one stays."""

    title: Title
    pass_percentage: Integer = absent(ge=0, le=100)
    questions: Questions

    def changes(self) -> QuizChanges:
        """Return the fields in the request; pass_percentage is None if it is absent."""
        return QuizChanges(
            title=self.title,
            pass_percentage=self.pass_percentage,
            questions=tuple(question.question() for question in self.questions),
        )


class QuizQuery(Schema):
    """The query of GET /api/quizzes."""

    event_id: Annotated[Reference, Field(description="only those of this event")] = absent()
    lesson_id: Annotated[Reference, Field(description="only that of this lesson")] = absent()

    def filter(self) -> QuizFilter:
        """Return the filter; an absent id is None."""
        return QuizFilter(self.event_id, self.lesson_id)


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


class QuizHeadView(TypedDict):
    """The members of a quiz besides its questions."""

    id: str
    eventId: str
    lessonId: str
    title: str
    passPercentage: int
    createdAt: InstantText
    updatedAt: InstantText


class QuizView(QuizHeadView):
    """A quiz with its right options, for admins."""

    questions: list[QuestionView]


def quiz_view(quiz: Quiz) -> QuizView:
    """Return the quiz with its right options: for admins only."""
    return {**quiz_head_view(quiz), "questions": [question_view(question) for question in quiz.questions]}


def quiz_head_view(quiz: Quiz) -> QuizHeadView:
    """Return the members of the quiz besides its questions."""
    return {
        "id": quiz.id,
        "eventId": quiz.event_id,
        "lessonId": quiz.lesson_id,
        "title": quiz.title,
        "passPercentage": quiz.pass_percentage,
        "createdAt": format_instant(quiz.created_at),
        "updatedAt": format_instant(quiz.updated_at),
    }


def question_view(question: Question) -> QuestionView:
    """Return the question with its right options: for admins only."""
    return {
        "id": question.id,
        "prompt": question.prompt,
        "order": question.order,
        "options": [
            {"id": option.id, "text": option.text, "isCorrect": option.is_correct} for option in question.options
        ],
    }
