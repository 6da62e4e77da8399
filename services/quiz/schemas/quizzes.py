"""Quizzes for admins."""

from typing import Annotated, Any, ClassVar, Literal

from pydantic import (
    AfterValidator,
    BeforeValidator,
    Field,
    ValidationInfo,
    ValidatorFunctionWrapHandler,
    WithJsonSchema,
    WrapValidator,
)
from pydantic_core import PydanticKnownError

# Before Python 3.12 pydantic does not support the standard library's TypedDict.
from typing_extensions import TypedDict

from services.kit.core.instants import format_instant
from services.kit.web.list_queries import Keys, ListQuery, Search
from services.kit.web.schemas import (
    Creation,
    ExactText,
    InstantText,
    Integer,
    OneLineText,
    Schema,
    Text,
    absent,
    length,
    line_length,
    validated,
)
from services.quiz.entities import (
    NewOption,
    NewQuestion,
    Option,
    Question,
    Quiz,
    QuizChanges,
    QuizFields,
    QuizFilter,
)
from services.quiz.rules import DEFAULT_PASS_PERCENTAGE, MINIMUM_OPTIONS

Title = Annotated[OneLineText, line_length(3, 160)]
# The id of an event or a lesson; longer than any id there is.
Reference = Annotated[ExactText, length(1, 200)]
MAXIMUM_QUESTIONS = 30


OptionText = Annotated[OneLineText, line_length(1, 300)]


def _text_or_none(value: object) -> str | None:
    return value if isinstance(value, str) else None


# Each kind of value by itself: openapi-python-client takes a list of types for text and null only.
_ANY_VALUE = [
    *({"type": each} for each in ("null", "string", "number", "boolean", "object")),
    {"type": "array", "items": {}},
]
KeptId = Annotated[
    str | None,
    BeforeValidator(_text_or_none),
    WithJsonSchema(
        {"anyOf": _ANY_VALUE, "description": "on update: keeps the id that it has; any other value counts as absent"}
    ),
]

Kind = Literal["quiz", "question", "option"]
Stored = dict[tuple[Kind, str | None], Quiz | Question | Option]
"""The records of a stored quiz by kind and id, that of the quiz itself by None: the context of an update."""


_NOTHING = object()


def _stored_value(kind: Kind, info: ValidationInfo) -> Any:
    """Return the stored value of this field, or _NOTHING; `id` must come before it in its schema."""
    stored: Stored = info.context or {}
    return getattr(stored.get((kind, info.data.get("id"))), str(info.field_name), _NOTHING)


def _or_stored(kind: Kind) -> WrapValidator:
    """Return the annotation of a field whose stored value is not judged anew."""

    def judge_unless_stored(value: object, judge: ValidatorFunctionWrapHandler, info: ValidationInfo) -> object:
        stored = _stored_value(kind, info)
        return value if type(value) is type(stored) and value == stored else judge(value)

    return WrapValidator(judge_unless_stored)


def _counted(kind: Kind, minimum: int, maximum: int, **json_schema: Any) -> Any:
    """Return the annotations of a list of that length; a stored one beyond the limits widens them to its own."""

    def require_count(items: list[Schema], info: ValidationInfo) -> list[Schema]:
        stored = _stored_value(kind, info)
        counts = [] if stored is _NOTHING else [len(stored)]
        counted = {"field_type": "List", "actual_length": len(items)}
        if len(items) < min([minimum, *counts]):
            raise PydanticKnownError("too_short", {**counted, "min_length": minimum})
        if len(items) > max([maximum, *counts]):
            raise PydanticKnownError("too_long", {**counted, "max_length": maximum})
        return items

    return AfterValidator(require_count), Field(
        json_schema_extra={"minItems": minimum, "maxItems": maximum, **json_schema}
    )


_RIGHT_OPTION = {"type": "object", "required": ["isCorrect"], "properties": {"isCorrect": {"enum": [True]}}}


def _order() -> Any:
    return absent(ge=1, le=1_000_000, description="its place in the list when absent; no two alike")


class OptionInput(Schema):
    """One possible answer."""

    id: KeptId = absent()
    text: Annotated[OptionText, _or_stored("option")]
    is_correct: bool

    def option(self) -> NewOption:
        """Return the option as the service takes it."""
        return NewOption(self.text, self.is_correct, self.id)


class _Question(Schema):
    """The fields that a question has in creations and in updates."""

    id: KeptId = absent()
    prompt: Annotated[Text, length(3, 500), _or_stored("question")]
    options: Annotated[
        list[OptionInput],
        *_counted("question", MINIMUM_OPTIONS, 10, contains=_RIGHT_OPTION),
        Field(description="at least one of them right"),
    ]

    def with_order(self, order: int | None) -> NewQuestion:
        """Return the question as the service takes it."""
        return NewQuestion(self.prompt, order, tuple(option.option() for option in self.options), self.id)


class QuestionInput(_Question):
    """A question with its options."""

    order: Annotated[Integer, _or_stored("question")] = _order()


class NewQuestionInput(_Question, Creation):
    """A question of a new quiz."""

    order: Integer = _order()


class NewQuiz(Creation):
    """The body of POST /api/quizzes."""

    event_id: Reference
    lesson_id: Reference
    title: Title
    pass_percentage: Integer = Field(DEFAULT_PASS_PERCENTAGE, ge=0, le=100)
    questions: Annotated[list[NewQuestionInput], Field(min_length=1, max_length=MAXIMUM_QUESTIONS)]

    def fields(self) -> QuizFields:
        """Return the fields with their defaults."""
        return QuizFields(
            event_id=self.event_id,
            lesson_id=self.lesson_id,
            title=self.title,
            pass_percentage=self.pass_percentage,
            questions=tuple(question.with_order(question.order) for question in self.questions),
        )


class QuizUpdate(Schema):
    """The body of PUT /api/quizzes/{quizId}; without passPercentage the stored one stays."""

    title: Annotated[Title, _or_stored("quiz")]
    pass_percentage: Integer = absent(ge=0, le=100)
    questions: Annotated[list[QuestionInput], *_counted("quiz", 1, MAXIMUM_QUESTIONS)]

    def changes(self) -> QuizChanges:
        """Return the fields in the request; pass_percentage is None if it is absent."""
        return QuizChanges(
            title=self.title,
            pass_percentage=self.pass_percentage,
            questions=tuple(question.with_order(question.order) for question in self.questions),
        )


def quiz_changes(document: Any, stored: Quiz) -> QuizChanges:
    """Return what the body of PUT /api/quizzes/{quizId} replaces in that quiz. Raise ValidationFailed.

    A value that equals the stored one of the record with the same id is not judged
    (docs/decisions/085-answers-written-back.md).
    """
    context: Stored = {("quiz", None): stored}
    for question in stored.questions:
        context |= {("question", question.id): question}
        context |= {("option", option.id): option for option in question.options}
    return validated(QuizUpdate, document, context).changes()


class QuizQuery(ListQuery):
    """The query of GET /api/quizzes."""

    list_name = "quizzes"
    keys: ClassVar[Keys] = {"createdAt": (int, str), "title": (str, str)}

    event_id: Annotated[Reference, Field(description="only those of this event")] = absent()
    lesson_id: Annotated[Reference, Field(description="only that of this lesson")] = absent()
    q: Annotated[Search, Field(description="only those with this text in their title, in any case")] = absent()
    sort: Annotated[
        Literal["createdAt", "-createdAt", "title", "-title"], Field(description="the order; a - reverses it")
    ] = "createdAt"

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
