"""services.quiz.schemas: any document is read or refused by the name of the field, as the JSON schema says."""

import copy
import re
from typing import Any

import jsonschema
import pytest
from hypothesis import given
from pydantic import BaseModel, TypeAdapter

from services.kit.core.errors import ValidationFailed
from services.kit.web.pages import Page
from services.kit.web.schemas import Item, Items, validated
from services.quiz import rules
from services.quiz.entities import (
    Answer,
    NewOption,
    NewQuestion,
    Option,
    Question,
    QuizChanges,
    QuizFields,
    QuizFilter,
    Revision,
)
from services.quiz.entities import AttemptHistory as History
from services.quiz.entities import Submission as Graded
from services.quiz.schemas import quizzes
from services.quiz.schemas.attempts import AttemptPageView, attempt_view
from services.quiz.schemas.learners import (
    AdmittedSubmission,
    LearnerQuizView,
    NewAttempt,
    SubmissionView,
    learner_quiz_view,
    submission_view,
)
from services.quiz.schemas.quizzes import NewQuiz, QuizQuery, QuizUpdate, QuizView, quiz_view
from tests.clock import NOON
from tests.documents import judged, nearly
from tests.quiz.examples import a_quiz, an_attempt, some_questions

OPTION = {"text": "This", "isCorrect": True}
QUESTION = {"prompt": "What?", "options": [OPTION, {"text": "That", "isCorrect": False}]}
UPDATE: dict[str, Any] = {"title": "A quiz", "questions": [QUESTION]}
QUIZ: dict[str, Any] = {**UPDATE, "eventId": "event-1", "lessonId": "lesson-1"}
ATTEMPT = {"answers": [{"questionId": "question-1", "optionId": "option-1"}]}
NEW_QUESTION = NewQuestion("What?", None, (NewOption("This", True), NewOption("That", False)))


def with_question(**changes: Any) -> dict[str, Any]:
    return {**UPDATE, "questions": [{**QUESTION, **changes}]}


def without(document: dict[str, Any], name: str) -> dict[str, Any]:
    return {key: value for key, value in document.items() if key != name}


def test_documents_become_records() -> None:
    questions = [{**QUESTION, "prompt": "  What? ", "x": 1}, {**QUESTION, "order": 2.0}]
    quiz = validated(NewQuiz, {**QUIZ, "title": " A quiz ", "questions": questions})
    assert quiz.fields() == QuizFields(
        event_id="event-1",
        lesson_id="lesson-1",
        title="A quiz",
        pass_percentage=70,
        questions=(NEW_QUESTION, NewQuestion("What?", 2, NEW_QUESTION.options)),
    )
    assert validated(NewQuiz, {**QUIZ, "passPercentage": 0.0}).fields().pass_percentage == 0
    changes = QuizChanges(title="A quiz", pass_percentage=None, questions=(NEW_QUESTION,))
    assert validated(QuizUpdate, UPDATE).changes() == changes
    assert validated(QuizUpdate, {**UPDATE, "passPercentage": 100}).changes().pass_percentage == 100
    as_if_not_sent = {**QUIZ, "passPercentage": None, "questions": [{**QUESTION, "order": None, "id": None}]}
    assert validated(NewQuiz, as_if_not_sent).fields() == validated(NewQuiz, QUIZ).fields()
    assert [validated(NewAttempt, {**ATTEMPT, **each}).revision for each in ({}, {"revision": None})] == [None] * 2
    assert validated(NewAttempt, {**ATTEMPT, "revision": " r "}).revision == " r "
    assert validated(NewAttempt, ATTEMPT).chosen() == [Answer("question-1", "option-1")]
    assert validated(QuizQuery, {}).filter() == QuizFilter()
    assert validated(QuizQuery, {"eventId": "e", "lessonId": "l"}).filter() == QuizFilter("e", "l")


# The document, the field that is wrong, and the form of its message.
BAD_UPDATES: list[tuple[dict[str, Any], str, str]] = [
    (without(UPDATE, "title"), "title", "is required"),
    ({**UPDATE, "title": "  ab  "}, "title", ".+"),
    ({**UPDATE, "title": "a" * 161}, "title", ".+"),
    ({**UPDATE, "title": "nul\0nul"}, "title", "must not contain control characters"),
    ({**UPDATE, "title": None}, "title", ".+"),
    *(({**UPDATE, "passPercentage": bad}, "passPercentage", ".+") for bad in (-1, 101, 70.5, "70", True)),
    (without(UPDATE, "questions"), "questions", "is required"),
    ({**UPDATE, "questions": []}, "questions", ".+"),
    ({**UPDATE, "questions": [QUESTION] * 31}, "questions", ".+"),
    (with_question(prompt="ab"), "questions", r"0\.prompt: .+"),
    (with_question(prompt="a" * 501), "questions", r"0\.prompt: .+"),
    *((with_question(order=bad), "questions", r"0\.order: .+") for bad in (0, 1_000_001, "1")),
    (with_question(options=[OPTION]), "questions", r"0\.options: .+"),
    (with_question(options=[OPTION] * 11), "questions", r"0\.options: .+"),
    (with_question(options=[OPTION, {**OPTION, "text": " "}]), "questions", r"0\.options\.1\.text: .+"),
    (with_question(options=[OPTION, {**OPTION, "text": "a" * 301}]), "questions", r"0\.options\.1\.text: .+"),
    (with_question(options=[OPTION, {**OPTION, "isCorrect": 1}]), "questions", r"0\.options\.1\.isCorrect: .+"),
    (with_question(options=[OPTION, {"text": "That"}]), "questions", r"0\.options\.1\.isCorrect: is required"),
]
BAD: list[tuple[type[BaseModel], Any, str, str]] = [
    *((QuizUpdate, document, field, text) for document, field, text in BAD_UPDATES),
    # In a creation null is as if not sent.
    (QuizUpdate, {**UPDATE, "passPercentage": None}, "passPercentage", ".+"),
    (QuizUpdate, with_question(order=None), "questions", r"0\.order: .+"),
    *((NewQuiz, {**QUIZ, **document}, field, text) for document, field, text in BAD_UPDATES if field in document),
    *((NewQuiz, without(QUIZ, field), field, "is required") for field in QUIZ),
    (NewQuiz, {**QUIZ, "eventId": ""}, "eventId", ".+"),
    (NewQuiz, {**QUIZ, "lessonId": "a" * 201}, "lessonId", ".+"),
    (QuizQuery, {"eventId": ""}, "eventId", ".+"),
    (QuizQuery, {"lessonId": ["a", "b"]}, "lessonId", ".+"),
    (NewAttempt, {"x": 1}, "answers", "is required"),
    (NewAttempt, {"answers": None}, "answers", ".+"),
    (NewAttempt, {"answers": [{"optionId": "o"}]}, "answers", r"0\.questionId: is required"),
    (NewAttempt, {"answers": [{"questionId": 1, "optionId": "o"}]}, "answers", r"0\.questionId: .+"),
    (NewAttempt, {"answers": ATTEMPT["answers"] * 101}, "answers", ".+"),
    (NewAttempt, {**ATTEMPT, "revision": 1}, "revision", ".+"),
]


@pytest.mark.parametrize(("schema", "document", "field", "text"), BAD)
def test_a_bad_document_is_refused_by_the_name_of_the_field(
    schema: type[BaseModel], document: Any, field: str, text: str
) -> None:
    with pytest.raises(ValidationFailed) as failure:
        validated(schema, document)
    details: Any = failure.value.extra["details"]
    [message] = details["fieldErrors"].pop(field)
    assert re.fullmatch(text, message)
    assert details == {"formErrors": [], "fieldErrors": {}}
    # The published document refuses it too.
    assert not jsonschema.Draft202012Validator(schema.model_json_schema(by_alias=True)).is_valid(document)


@pytest.mark.parametrize(("schema", "document"), [(NewQuiz, QUIZ), (QuizUpdate, UPDATE), (NewAttempt, ATTEMPT)])
def test_the_json_schema_allows_good_documents_and_no_null_default(
    schema: type[BaseModel], document: dict[str, Any]
) -> None:
    json_schema = schema.model_json_schema(by_alias=True)
    jsonschema.validate(document, json_schema, jsonschema.Draft202012Validator)
    assert "'default': None" not in str(json_schema)
    assert set(json_schema["required"]) == set(document)


# A quiz of an old installation: each of its values is illegal today.
OLD_OPTIONS = (Option("o", "", True), Option("1", "a\0" * 301, False), *[Option(f"o{n}", "x", True) for n in range(28)])
OLD = a_quiz(
    title="ab",
    questions=tuple(Question("1" if n == 0 else f"q{n}", "?", 2_000_000 + n, OLD_OPTIONS[:30]) for n in range(40)),
)
OLD_ITEM: Any = quiz_view(OLD)


def changed(*place: Any, **changes: Any) -> Any:
    """The item of the old quiz with these members changed in the object at that place."""
    item = copy.deepcopy(OLD_ITEM)
    node = item
    for each in place:
        node = node[each]
    node.update(changes)
    return item


def test_a_stored_quiz_that_is_illegal_today_is_written_back() -> None:
    changes = quizzes.quiz_changes(OLD_ITEM, OLD)
    assert rules.identified(changes.questions, OLD.questions, lambda: "new") == OLD.questions
    assert (changes.title, changes.pass_percentage) == (OLD.title, OLD.pass_percentage)
    # Every value may change for itself, and the lists may become shorter.
    for legal in (
        changed(title="Legal"),
        changed("questions", 0, prompt="Legal"),
        changed("questions", 0, order=7),
        changed("questions", 0, "options", 1, text="Legal", isCorrect=True),
        changed("questions", 0, options=OLD_ITEM["questions"][0]["options"][1:]),
        changed(questions=OLD_ITEM["questions"][1:]),
    ):
        quizzes.quiz_changes(legal, OLD)


@pytest.mark.parametrize(
    ("document", "field"),
    [
        (changed(title="ba"), "title"),
        (changed("questions", 0, prompt="!"), "questions"),
        (changed("questions", 0, order=2_000_001), "questions"),
        (changed("questions", 0, order=True), "questions"),
        (changed("questions", 0, "options", 0, text=" "), "questions"),
        # The stored values are those of a record, not of its place.
        (changed("questions", 0, id="q9"), "questions"),
        (changed("questions", 0, id=1), "questions"),
        (changed("questions", 0, "options", 1, id="o"), "questions"),
        (changed("questions", 0, options=[*OLD_ITEM["questions"][0]["options"]] * 2), "questions"),
        (changed(questions=OLD_ITEM["questions"] + [QUESTION]), "questions"),
        (changed("questions", 0, options=[]), "questions"),
    ],
)
def test_what_differs_from_the_stored_value_is_judged(document: Any, field: str) -> None:
    with pytest.raises(ValidationFailed) as failure:
        quizzes.quiz_changes(document, OLD)
    details: Any = failure.value.extra["details"]
    assert {*details["fieldErrors"]} == {field}


@given(nearly(QUIZ))
def test_any_document_is_a_quiz_or_refused(document: Any) -> None:
    quiz = judged(NewQuiz, document)
    if isinstance(quiz, NewQuiz):
        fields = quiz.fields()
        assert 1 <= len(fields.questions) <= 30
        assert all(2 <= len(question.options) <= 10 for question in fields.questions)
        assert 0 <= fields.pass_percentage <= 100


@given(nearly(ATTEMPT))
def test_any_document_is_an_attempt_or_refused(document: Any) -> None:
    attempt = judged(NewAttempt, document)
    if isinstance(attempt, NewAttempt):
        assert len(attempt.chosen()) <= 100


REQUEST = AdmittedSubmission.model_validate(
    {"eventSlug": "launch", "lessonSlug": "opening", "lessonId": "l", "lessonTitle": "Opening", "submission": {}}
)
HISTORY = History(
    Page([an_attempt()], None), {"revision-1": Revision("revision-1", "quiz-1", "T", 70, some_questions(2), NOON)}
)
VIEWS: dict[str, tuple[Any, Any]] = {
    "quiz": (Item[QuizView], {"item": quiz_view(a_quiz())}),
    "quizzes": (Items[QuizView], {"items": [quiz_view(a_quiz())], "nextCursor": None}),
    "learner's quiz": (Item[LearnerQuizView], {"item": learner_quiz_view(a_quiz())}),
    "attempts": (
        AttemptPageView,
        {"items": [attempt_view(HISTORY, each) for each in HISTORY.page.items], "nextCursor": "next"},
    ),
    "submission": (SubmissionView, submission_view(REQUEST, Graded(a_quiz().revision, an_attempt()))),
}


@pytest.mark.parametrize("name", VIEWS)
def test_every_view_has_exactly_the_members_of_its_type(name: str) -> None:
    view, document = VIEWS[name]
    schema = TypeAdapter(view).json_schema(mode="serialization")
    for each in (schema, *schema["$defs"].values()):
        each["additionalProperties"] = False
    jsonschema.validate(document, schema, jsonschema.Draft202012Validator)


def test_the_type_of_a_learners_quiz_refuses_right_options() -> None:
    schema = TypeAdapter(LearnerQuizView).json_schema(mode="serialization")
    assert not jsonschema.Draft202012Validator(schema).is_valid(quiz_view(a_quiz()))
