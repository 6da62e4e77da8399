"""Quiz over HTTP: every route, whole answers, and what is refused, by whom it may be called and why."""

import json
import re
from collections.abc import Callable, Iterator
from dataclasses import replace
from itertools import product
from typing import Any

import pytest

from services.kit.core.errors import ServiceError, Unavailable
from services.kit.core.instants import now
from services.kit.storage.database import open_database
from services.kit.storage.service_app import create_service_app
from services.kit.storage.use_cases import UseCases
from services.kit.web.guards import Guard, Route
from services.kit.web.pages import PageRequest
from services.kit.web.tokens.access import AccessTokenVerifier
from services.kit.web.tokens.service import issue_service_token
from services.quiz.app import routes
from services.quiz.config import read_settings
from services.quiz.entities import Quiz
from services.quiz.errors import EventNotFound, LessonNotFound
from services.quiz.following import Follower
from services.quiz.repository.contracts import ALL, QuizFilter
from services.quiz.service import QuizService
from tests.app_client import Client
from tests.clock import HOUR, LATER, NOON, SECOND, StoppedClock
from tests.content.examples import a_lesson, an_event
from tests.content.memory import InMemoryContentStore
from tests.kit.forging import BAD_ACCESS_TOKENS, SECRET, Forge, nothing_revoked
from tests.matching import NEW_ID, Matching
from tests.quiz.examples import a_quiz, an_attempt, numbered_quiz, some_questions
from tests.quiz.in_process import ContentInProcess
from tests.quiz.memory import InMemoryQuizStore
from tests.refusals import (
    FORBIDDEN,
    METHOD_NOT_ALLOWED,
    NOT_FOUND,
    NOT_JSON,
    TOO_LARGE,
    UNAUTHORIZED,
    Answer,
    invalid,
    refusal,
)

QUIZZES = "/api/quizzes"
QUIZ = QUIZZES + "/quiz-1"
ATTEMPTS = QUIZ + "/attempts"
LEARN = "/internal/lessons/lesson-1/quiz"
SUBMIT = "/internal/submissions"
REPLAYS = "/internal/replays"
CATCH_UP = "/internal/catch-up"

FORGE = Forge()
SETTINGS = read_settings({"SERVICE_TOKEN_SECRET": SECRET})

QUIZ_HEAD = {
    "id": "quiz-1",
    "eventId": "event-1",
    "lessonId": "lesson-1",
    "title": "The first quiz",
    "passPercentage": 70,
    "createdAt": "2026-03-01T12:00:00.000Z",
    "updatedAt": "2026-03-01T12:00:00.000Z",
}
QUESTIONS: list[dict[str, Any]] = [
    {
        "id": f"question-{number}",
        "prompt": f"Prompt {number}",
        "order": number,
        "options": [
            {"id": f"option-{number}-1", "text": "Option 1", "isCorrect": True},
            {"id": f"option-{number}-2", "text": "Option 2", "isCorrect": False},
        ],
    }
    for number in (1, 2)
]
QUIZ_VIEW = {**QUIZ_HEAD, "questions": QUESTIONS}
ATTEMPT_VIEW = {
    "id": "attempt-1",
    "eventId": "event-1",
    "lessonId": "lesson-1",
    "quizId": "quiz-1",
    "totalQuestions": 2,
    "answeredQuestions": 1,
    "correctAnswers": 1,
    "scorePercentage": 50,
    "passPercentage": 70,
    "status": "failed",
    "passed": False,
    "answers": [
        {
            "questionId": "question-1",
            "submittedOptionId": "option-1-1",
            "correctOptionId": "option-1-1",
            "isCorrect": True,
        },
        {"questionId": "question-2", "submittedOptionId": None, "correctOptionId": "option-2-1", "isCorrect": False},
    ],
    "submittedAt": "2026-03-01T12:00:00.000Z",
    "quiz": {"title": "The first quiz", "passPercentage": 70, "questions": QUESTIONS},
}
NEW_QUESTION = {
    "prompt": "What?",
    "options": [{"text": "This", "isCorrect": True}, {"text": "That", "isCorrect": False}],
}
UPDATE = {"title": "A better quiz", "questions": [NEW_QUESTION]}
NEW_QUIZ = {**UPDATE, "eventId": "event-1", "lessonId": "lesson-2"}
# The kit words what a field must be, and its tests know how.
SOME_TEXT = Matching(".+")
NO_SUCH_QUIZ = refusal(404, "QUIZ_NOT_FOUND", "Quiz not found")


def at(path: str) -> Matching:
    """What is said of that place inside of a field."""
    return Matching(re.escape(path) + ": .+")


class World:
    """The app over fakes, with one quiz and one attempt at it, and a client for it."""

    def __init__(self) -> None:
        self.store = InMemoryQuizStore()
        self.content = InMemoryContentStore()
        self.store.quizzes.add(a_quiz())
        self.store.attempts.add(an_attempt())
        self.refusal: ServiceError | None = None
        self.client: Client

    def require_lesson(self, event_id: str, lesson_id: str) -> None:
        """Content: it has every lesson until it refuses."""
        if self.refusal is not None:
            raise self.refusal

    def everything(self) -> tuple[object, object]:
        """All that is stored."""
        return self.store.quizzes.list(QuizFilter()), self.store.attempts.list("quiz-1", ALL)

    def admin(self, method: str, path: str, document: Any = None, **more: Any) -> Answer:
        """Send as an admin; with a document, it is the body."""
        return self.client.send(method, path, FORGE.token(), **({"json": document} if document else {}), **more)

    def submit(self, submission: Any, lesson_id: str = "lesson-1") -> Answer:
        """Submit as the gateway does in a learner's name."""
        return self.service("POST", SUBMIT, let_in(submission, lesson_id))

    def service(self, method: str, path: str, document: Any = None, **more: Any) -> Answer:
        """Send as the gateway does; with a document, it is the body."""
        return self.client.send(method, path, service_token(), **({"json": document} if document else {}), **more)


def let_in(submission: Any, lesson_id: str = "lesson-1") -> dict[str, Any]:
    """A learner's submission with the lesson that content has opened."""
    address = {"eventSlug": "launch", "lessonSlug": "opening"}
    return {**address, "lessonId": lesson_id, "lessonTitle": "Opening", "submission": submission}


def service_token(audience: str = "quiz", secret: str = SECRET) -> str:
    """The gateway's token for quiz, but for the changes."""
    return issue_service_token(secret, "gateway", audience, now())


def table_of(world: World) -> tuple[tuple[Route, ...], UseCases]:
    """The routes table over the world's fakes, and the pool that its use cases run in."""
    use_cases = UseCases(open_database("sqlite:////nowhere/quiz.sqlite"), threads=1)
    service = QuizService(world.store, world.require_lesson, StoppedClock(LATER))
    return routes(service, Follower(world.store, ContentInProcess(world.content)), use_cases), use_cases


@pytest.fixture
def world() -> Iterator[World]:
    """The app, running."""
    world = World()
    table, use_cases = table_of(world)

    async def fetch_keys() -> Any:
        return FORGE.key_set()

    verifier = AccessTokenVerifier(fetch_keys, "quiz", nothing_revoked, lambda: NOON)
    with Client.of(create_service_app(table, SETTINGS, use_cases, verifier)) as client:
        world.client = client
        yield world


# Quizzes


def test_a_created_quiz_is_answered_whole(world: World) -> None:
    questions = [{**NEW_QUESTION, "prompt": "  Second? ", "order": 2}, {**NEW_QUESTION, "prompt": "First?", "order": 1}]
    answer = world.admin(
        "POST", QUIZZES, {**NEW_QUIZ, "title": " A title ", "passPercentage": 80.0, "questions": questions, "x": 1}
    )
    options = [{"id": NEW_ID, "text": "This", "isCorrect": True}, {"id": NEW_ID, "text": "That", "isCorrect": False}]
    assert answer == Answer(
        201,
        {
            "item": {
                "id": NEW_ID,
                "eventId": "event-1",
                "lessonId": "lesson-2",
                "title": "A title",
                "passPercentage": 80,
                "createdAt": "2026-03-01T12:01:00.000Z",
                "updatedAt": "2026-03-01T12:01:00.000Z",
                "questions": [
                    {"id": NEW_ID, "prompt": "First?", "order": 1, "options": options},
                    {"id": NEW_ID, "prompt": "Second?", "order": 2, "options": options},
                ],
            }
        },
    )
    assert world.admin("GET", f"{QUIZZES}/{answer.document['item']['id']}") == Answer(200, answer.document)


def test_without_a_pass_percentage_it_is_70_and_without_orders_they_are_the_places(world: World) -> None:
    item = world.admin("POST", QUIZZES, {**NEW_QUIZ, "questions": [NEW_QUESTION, NEW_QUESTION]}).document["item"]
    assert (item["passPercentage"], [each["order"] for each in item["questions"]]) == (70, [1, 2])


def test_no_client_chooses_what_is_the_services_to_set(world: World) -> None:
    chosen = {"id": "mine", "createdAt": "2001-01-01T00:00:00.000Z", "revisionId": "mine", "revision_id": "mine"}
    item = world.admin("POST", QUIZZES, {**NEW_QUIZ, **chosen}).document["item"]
    assert (item["id"], item["createdAt"], "revisionId" in item) == (NEW_ID, "2026-03-01T12:01:00.000Z", False)


def test_a_quiz_is_read_with_its_right_options(world: World) -> None:
    assert world.admin("GET", QUIZ) == Answer(200, {"item": QUIZ_VIEW})


def test_the_list_is_of_everything_of_the_event_or_of_the_lesson(world: World) -> None:
    world.store.quizzes.add(numbered_quiz(2, event_id="event-2", created_at=NOON + SECOND))
    everything = world.admin("GET", QUIZZES)
    assert everything.document["items"][0] == QUIZ_VIEW
    assert [each["id"] for each in everything.document["items"]] == ["quiz-1", "quiz-2"]
    # Old clients did not page and see no change.
    assert set(everything.document) == {"items"}
    assert world.admin("GET", QUIZZES, params={"eventId": "event-1"}) == Answer(200, {"items": [QUIZ_VIEW]})
    assert world.admin("GET", QUIZZES, params={"lessonId": "lesson-1"}) == Answer(200, {"items": [QUIZ_VIEW]})
    assert world.admin("GET", QUIZZES, params={"eventId": "event-2", "lessonId": "lesson-1"}) == Answer(
        200, {"items": []}
    )


def turned_over(world: World, path: str, limit: int) -> list[str]:
    """The ids of every page, one page after the other."""
    ids: list[str] = []
    params: dict[str, object] = {"limit": limit}
    while True:
        answer = world.admin("GET", path, params=params)
        assert (answer.status, set(answer.document)) == (200, {"items", "nextCursor"})
        assert len(answer.document["items"]) <= limit
        ids += [each["id"] for each in answer.document["items"]]
        if answer.document["nextCursor"] is None:
            return ids
        params["cursor"] = answer.document["nextCursor"]


@pytest.mark.parametrize("limit", [1, 2, 3, 100])
def test_pages_neither_skip_nor_repeat(world: World, limit: int) -> None:
    for number in (3, 2):
        world.store.quizzes.add(numbered_quiz(number))
        world.store.attempts.add(an_attempt(id=f"attempt-{number}"))
    assert turned_over(world, QUIZZES, limit) == ["quiz-1", "quiz-2", "quiz-3"]
    assert turned_over(world, ATTEMPTS, limit) == ["attempt-3", "attempt-2", "attempt-1"]


@pytest.mark.parametrize(
    ("params", "answer"),
    [
        ({"limit": "0"}, invalid({"limit": ["must be a whole number from 1 to 100"]})),
        ({"limit": "101"}, invalid({"limit": ["must be a whole number from 1 to 100"]})),
        ({"limit": "many"}, invalid({"limit": ["must be a whole number from 1 to 100"]})),
        ({"cursor": "nonsense"}, invalid({"cursor": ["must be a nextCursor of this list"]})),
        ({"cursor": "WyJhIiwxXQ"}, invalid({"cursor": ["must be a nextCursor of this list"]})),
    ],
)
@pytest.mark.parametrize("path", [QUIZZES, ATTEMPTS])
def test_a_page_that_cannot_be_is_refused_by_name(
    world: World, path: str, params: dict[str, str], answer: Answer
) -> None:
    assert world.admin("GET", path, params=params) == answer


def test_a_filter_that_is_empty_or_given_twice_is_refused_by_name(world: World) -> None:
    empty = invalid({"eventId": [SOME_TEXT]})
    assert world.admin("GET", QUIZZES, query_string="eventId=") == empty
    twice = invalid({"eventId": [SOME_TEXT]})
    assert world.admin("GET", QUIZZES, query_string="eventId=a&eventId=b") == twice


def test_an_updated_quiz_is_answered_whole_and_its_pass_percentage_stays_when_absent(world: World) -> None:
    options = [{"id": NEW_ID, "text": "This", "isCorrect": True}, {"id": NEW_ID, "text": "That", "isCorrect": False}]
    # An update cannot move a quiz to another lesson.
    answer = world.admin("PUT", QUIZ, {**UPDATE, "eventId": "event-9", "lessonId": "lesson-9"})
    assert answer == Answer(
        200,
        {
            "item": {
                **QUIZ_HEAD,
                "title": "A better quiz",
                "updatedAt": "2026-03-01T12:01:00.000Z",
                "questions": [{"id": NEW_ID, "prompt": "What?", "order": 1, "options": options}],
            }
        },
    )
    assert world.admin("GET", QUIZ) == answer
    assert world.admin("PUT", QUIZ, {**UPDATE, "passPercentage": 0}).document["item"]["passPercentage"] == 0


def test_a_deleted_quiz_is_answered_without_a_body_and_is_gone(world: World) -> None:
    assert world.admin("DELETE", QUIZ) == Answer(204, None)
    for method, path in (("GET", QUIZ), ("DELETE", QUIZ)):
        assert world.admin(method, path) == NO_SUCH_QUIZ
    assert world.admin("PUT", QUIZ, UPDATE) == NO_SUCH_QUIZ


def test_attempts_are_answered_whole_with_what_was_asked_then(world: World) -> None:
    world.admin("PUT", QUIZ, UPDATE)
    expected = Answer(200, {"items": [ATTEMPT_VIEW], "nextCursor": None})
    assert world.admin("GET", ATTEMPTS) == expected
    world.admin("DELETE", QUIZ)
    assert world.admin("GET", ATTEMPTS) == expected


@pytest.mark.parametrize("path", ["/api/quizzes/unknown", "/api/quizzes/unknown/attempts", "/api/quizzes/%F0%9F%8E%AC"])
def test_an_unknown_quiz_is_not_found(world: World, path: str) -> None:
    assert world.admin("GET", path) == NO_SUCH_QUIZ


def test_a_lesson_has_at_most_one_quiz(world: World) -> None:
    answer = world.admin("POST", QUIZZES, {**NEW_QUIZ, "lessonId": "lesson-1"})
    assert answer == refusal(409, "QUIZ_LESSON_CONFLICT", "The lesson already has a quiz")


@pytest.mark.parametrize(
    ("error", "answer"),
    [
        (EventNotFound(), refusal(404, "EVENT_NOT_FOUND", "Event not found")),
        (LessonNotFound(), refusal(404, "LESSON_NOT_FOUND", "Lesson not found")),
        (Unavailable("Later"), refusal(503, "UPSTREAM_UNAVAILABLE", "Later")),
    ],
)
def test_what_content_does_not_confirm_is_not_created(world: World, error: ServiceError, answer: Answer) -> None:
    before = world.everything()
    world.refusal = error
    assert world.admin("POST", QUIZZES, NEW_QUIZ) == answer
    assert world.everything() == before


def test_an_unavailable_content_says_when_to_come_again(world: World) -> None:
    world.refusal = Unavailable("Later")
    result = world.client.exchange("POST", QUIZZES, FORGE.token(), json=NEW_QUIZ)
    assert (result.status_code, result.headers["Retry-After"]) == (503, "1")


def without(document: dict[str, Any], name: str) -> dict[str, Any]:
    """The document without that field."""
    return {key: value for key, value in document.items() if key != name}


def with_question(**changes: Any) -> dict[str, Any]:
    """An update whose one question is changed."""
    return {**UPDATE, "questions": [{**NEW_QUESTION, **changes}]}


OPTION = {"text": "This", "isCorrect": True}

BAD_QUIZZES: list[tuple[dict[str, Any], dict[str, list[Any]]]] = [
    (without(UPDATE, "title"), {"title": ["is required"]}),
    ({**UPDATE, "title": "  ab  "}, {"title": [SOME_TEXT]}),
    ({**UPDATE, "title": "a" * 161}, {"title": [SOME_TEXT]}),
    ({**UPDATE, "title": "nul\0nul"}, {"title": ["must not contain control characters"]}),
    ({**UPDATE, "title": None}, {"title": [SOME_TEXT]}),
    ({**UPDATE, "passPercentage": -1}, {"passPercentage": [SOME_TEXT]}),
    ({**UPDATE, "passPercentage": 101}, {"passPercentage": [SOME_TEXT]}),
    ({**UPDATE, "passPercentage": 70.5}, {"passPercentage": [SOME_TEXT]}),
    ({**UPDATE, "passPercentage": "70"}, {"passPercentage": [SOME_TEXT]}),
    ({**UPDATE, "passPercentage": True}, {"passPercentage": [SOME_TEXT]}),
    (without(UPDATE, "questions"), {"questions": ["is required"]}),
    ({**UPDATE, "questions": []}, {"questions": [SOME_TEXT]}),
    (
        {**UPDATE, "questions": [NEW_QUESTION] * 31},
        {"questions": [SOME_TEXT]},
    ),
    (with_question(prompt="ab"), {"questions": [at("0.prompt")]}),
    (with_question(prompt="a" * 501), {"questions": [at("0.prompt")]}),
    (with_question(order=0), {"questions": [at("0.order")]}),
    (with_question(order=None), {"questions": [at("0.order")]}),
    (
        with_question(options=[OPTION]),
        {"questions": [at("0.options")]},
    ),
    (
        with_question(options=[OPTION] * 11),
        {"questions": [at("0.options")]},
    ),
    (
        with_question(options=[OPTION, {**OPTION, "text": " "}]),
        {"questions": [at("0.options.1.text")]},
    ),
    (
        with_question(options=[OPTION, {**OPTION, "text": "a" * 301}]),
        {"questions": [at("0.options.1.text")]},
    ),
    (
        with_question(options=[OPTION, {**OPTION, "isCorrect": 1}]),
        {"questions": [at("0.options.1.isCorrect")]},
    ),
    (with_question(options=[OPTION, {"text": "That"}]), {"questions": ["0.options.1.isCorrect: is required"]}),
]


@pytest.mark.parametrize(("document", "field_errors"), BAD_QUIZZES)
@pytest.mark.parametrize("method", ["POST", "PUT"])
def test_a_quiz_that_breaks_its_schema_is_refused_by_the_name_of_the_field(
    world: World, method: str, document: dict[str, Any], field_errors: dict[str, list[Any]]
) -> None:
    before = world.everything()
    if method == "POST":
        answer = world.admin("POST", QUIZZES, {"eventId": "event-1", "lessonId": "lesson-2", **document})
    else:
        answer = world.admin("PUT", QUIZ, document)
    assert answer == invalid(field_errors)
    assert world.everything() == before


@pytest.mark.parametrize("field", ["eventId", "lessonId"])
def test_a_new_quiz_needs_its_event_and_its_lesson(world: World, field: str) -> None:
    assert world.admin("POST", QUIZZES, without(NEW_QUIZ, field)) == invalid({field: ["is required"]})


def test_every_wrong_field_is_named_at_once(world: World) -> None:
    answer = world.admin("POST", QUIZZES, {"title": "ab", "lessonId": "", "questions": []})
    assert answer == invalid(
        {
            "title": [SOME_TEXT],
            "questions": [SOME_TEXT],
            "eventId": ["is required"],
            "lessonId": [SOME_TEXT],
        }
    )


@pytest.mark.parametrize(("method", "path", "document"), [("POST", QUIZZES, NEW_QUIZ), ("PUT", QUIZ, UPDATE)])
def test_a_question_without_a_right_option_and_an_order_given_twice_are_refused(
    world: World, method: str, path: str, document: dict[str, Any]
) -> None:
    nobody_knows = {**NEW_QUESTION, "options": [{**OPTION, "isCorrect": False}] * 2}
    answer = world.admin(method, path, {**document, "questions": [NEW_QUESTION, nobody_knows]})
    assert answer == refusal(400, "QUIZ_MISSING_CORRECT_OPTION", "Question 2 needs at least one right option")
    answer = world.admin(method, path, {**document, "questions": [{**NEW_QUESTION, "order": 4}] * 2})
    assert answer == invalid({"questions": ["order 4 is given to more than one question"]})


# Learners


def test_a_learner_sees_the_quiz_without_any_trace_of_what_is_right(world: World) -> None:
    questions = [
        {**question, "options": [without(option, "isCorrect") for option in question["options"]]}
        for question in QUESTIONS
    ]
    assert world.service("GET", LEARN) == Answer(200, {"item": {**QUIZ_HEAD, "questions": questions}})


def mirrored() -> Quiz:
    """The quiz with right and wrong exchanged, under another revision, and nothing else changed."""
    questions = tuple(
        replace(question, options=tuple(replace(each, is_correct=not each.is_correct) for each in question.options))
        for question in some_questions(2)
    )
    return a_quiz(questions=questions, revision_id="revision-2")


LEARNER_REQUESTS: list[tuple[str, str, Any]] = [
    ("GET", LEARN, None),
    ("GET", "/internal/lessons/lesson-9/quiz", None),
    ("POST", SUBMIT, let_in({"answers": [{"questionId": "question-1", "optionId": "option-2-1"}]})),
    ("POST", SUBMIT, let_in({"answers": [{"questionId": "question-9", "optionId": "option-1-1"}]})),
    ("POST", SUBMIT, let_in({"answers": [{"questionId": "question-1", "optionId": "option-1-1"}] * 2})),
    ("POST", SUBMIT, let_in({"answers": "option-1-1"})),
    ("POST", SUBMIT, let_in([1])),
]


@pytest.mark.parametrize(("method", "path", "document"), LEARNER_REQUESTS)
def test_before_a_submission_is_graded_no_answer_depends_on_which_option_is_right(
    world: World, method: str, path: str, document: Any
) -> None:
    first = world.client.exchange(method, path, service_token(), json=document)
    world.store.quizzes.save(mirrored())
    second = world.client.exchange(method, path, service_token(), json=document)
    assert (first.status_code, first.content) == (second.status_code, second.content)
    assert "orrect" not in first.text


def test_a_submission_is_graded_kept_and_answered_whole(world: World) -> None:
    sent = {"answers": [{"questionId": "question-2", "optionId": "option-2-2"}], "eventAccessKey": "let-me-in"}
    result = {
        "quizId": "quiz-1",
        "totalQuestions": 2,
        "answeredQuestions": 1,
        "correctAnswers": 0,
        "scorePercentage": 0,
        "passPercentage": 70,
        "status": "failed",
        "passed": False,
        "answers": [
            {
                "questionId": "question-1",
                "submittedOptionId": None,
                "correctOptionId": "option-1-1",
                "isCorrect": False,
            },
            {
                "questionId": "question-2",
                "submittedOptionId": "option-2-2",
                "correctOptionId": "option-2-1",
                "isCorrect": False,
            },
        ],
        "submittedAt": "2026-03-01T12:01:00.000Z",
    }
    assert world.submit(sent) == Answer(
        200,
        {
            "lesson": {"id": "lesson-1", "slug": "opening", "title": "Opening"},
            "quiz": {"id": "quiz-1", "title": "The first quiz"},
            "result": result,
        },
    )
    kept = world.admin("GET", ATTEMPTS).document["items"][0]
    assert kept == {**ATTEMPT_VIEW, "id": NEW_ID, **result}


def test_a_submission_that_passes_says_so(world: World) -> None:
    answers = [{"questionId": f"question-{number}", "optionId": f"option-{number}-1"} for number in (1, 2)]
    result = world.submit({"answers": answers}).document["result"]
    assert (result["scorePercentage"], result["status"], result["passed"]) == (100, "passed", True)


@pytest.mark.parametrize(
    ("answers", "message"),
    [
        ([("question-1", "option-1-1")] * 2, "Question 1 is answered more than once"),
        ([("question-1", "option-2-1")], "The answer to question 1 is not one of its options"),
        ([("question-9", "option-1-1")], "An answer is for a question that is not of this quiz"),
    ],
)
def test_an_invalid_attempt_is_refused_and_not_kept(world: World, answers: list[tuple[str, str]], message: str) -> None:
    before = world.everything()
    sent = {"answers": [{"questionId": question, "optionId": option} for question, option in answers]}
    assert world.submit(sent) == refusal(400, "QUIZ_INVALID_ATTEMPT", message)
    assert world.everything() == before


@pytest.mark.parametrize(
    ("document", "answer"),
    [
        ({"x": 1}, invalid({"answers": ["is required"]})),
        ({"answers": None}, invalid({"answers": [SOME_TEXT]})),
        ({"answers": [{}]}, invalid({"answers": ["0.questionId: is required", "0.optionId: is required"]})),
        (
            {"answers": [{"questionId": 1, "optionId": None}]},
            invalid(
                {
                    "answers": [
                        at("0.questionId"),
                        at("0.optionId"),
                    ]
                }
            ),
        ),
        (
            {"answers": [{"questionId": "q", "optionId": "o"}] * 101},
            invalid({"answers": [SOME_TEXT]}),
        ),
        ([1], invalid({}, ["must be a JSON object"])),
    ],
)
def test_a_submission_that_breaks_its_schema_is_refused_by_the_name_of_the_field(
    world: World, document: Any, answer: Answer
) -> None:
    assert world.submit(document) == answer


def test_a_lesson_without_a_quiz_says_so(world: World) -> None:
    assert world.service("GET", "/internal/lessons/lesson-9/quiz") == NO_SUCH_QUIZ
    assert world.submit({"answers": []}, "lesson-9") == NO_SUCH_QUIZ


# Following


def test_catching_up_takes_the_quizzes_along_whose_lessons_are_gone_and_repeating_it_is_harmless(world: World) -> None:
    world.store.quizzes.add(numbered_quiz(2))
    world.content.events.add(an_event())
    for number in (1, 2):
        world.content.lessons.add(a_lesson(id=f"lesson-{number}", slug=f"lesson-{number}"))
    assert world.service("POST", CATCH_UP) == Answer(200, {"changes": 3})
    assert world.service("POST", CATCH_UP) == Answer(200, {"changes": 0})
    world.content.lessons.remove("event-1", "lesson-1")
    assert world.service("POST", CATCH_UP, {"whatever": "is not read"}) == Answer(200, {"changes": 1})
    assert world.service("POST", CATCH_UP) == Answer(200, {"changes": 0})
    assert [quiz.id for quiz in world.store.quizzes.list(QuizFilter())] == ["quiz-2"]
    assert world.store.attempts.list("quiz-1", PageRequest()) == [an_attempt()]


# Bodies and addresses


BODY_ROUTES = [("POST", QUIZZES), ("PUT", QUIZ), ("POST", SUBMIT), ("POST", REPLAYS)]


def token_for(path: str) -> str:
    """What opens the path."""
    return FORGE.token() if path.startswith("/api/") else service_token()


@pytest.mark.parametrize(("method", "path"), BODY_ROUTES)
@pytest.mark.parametrize("body", [b"{", b"{'a': 1}", b'{"a": NaN}', b'"\xff"', b'"\\ud800"'])
def test_a_body_that_is_no_json_is_a_request_error(world: World, method: str, path: str, body: bytes) -> None:
    answer = world.client.send(
        method, path, token_for(path), body=body, headers={"Content-Type": "application/json; charset=utf-8"}
    )
    assert (answer.status, answer.document["error"]) == (400, "REQUEST_ERROR")
    assert answer.document["message"].startswith("The body is not valid JSON")
    assert set(answer.document) == {"error", "message", "requestId"}


@pytest.mark.parametrize(("method", "path"), BODY_ROUTES)
def test_a_body_that_is_needed_and_absent_is_a_request_error(world: World, method: str, path: str) -> None:
    answer = world.client.send(method, path, token_for(path), headers={"Content-Type": "application/json"})
    assert (answer.status, answer.document["error"]) == (400, "REQUEST_ERROR")


@pytest.mark.parametrize(("method", "path"), BODY_ROUTES)
@pytest.mark.parametrize("content_type", [None, "text/plain", "application/x-www-form-urlencoded", "application/xml"])
def test_a_body_of_another_type_is_a_request_error(
    world: World, method: str, path: str, content_type: str | None
) -> None:
    headers = {} if content_type is None else {"Content-Type": content_type}
    answer = world.client.send(method, path, token_for(path), body=json.dumps(NEW_QUIZ), headers=headers)
    assert answer == NOT_JSON


@pytest.mark.parametrize(("method", "path"), BODY_ROUTES)
@pytest.mark.parametrize("document", [[], "text", 1, None])
def test_a_body_that_is_no_object_is_a_validation_error(world: World, method: str, path: str, document: Any) -> None:
    answer = world.client.send(
        method, path, token_for(path), body=json.dumps(document), headers={"Content-Type": "application/json"}
    )
    assert answer == invalid({}, ["must be a JSON object"])


def test_a_body_of_more_than_a_mebibyte_is_too_large(world: World) -> None:
    assert world.admin("POST", QUIZZES, {**NEW_QUIZ, "title": "a" * 1024 * 1024}) == TOO_LARGE


def test_a_submission_may_be_a_mebibyte_beside_a_title_that_is_one(world: World) -> None:
    submission = {"answers": [], "unknown": "a" * 1024 * 1024}
    answer = world.service("POST", SUBMIT, {**let_in(submission), "lessonTitle": "t" * 1024 * 1024})
    assert (answer.status, answer.document["lesson"]["title"]) == (200, "t" * 1024 * 1024)
    assert world.submit({"answers": [], "unknown": "a" * 3 * 1024 * 1024}) == TOO_LARGE


@pytest.mark.parametrize(
    "path", ["/", "/api", "/api/quiz", QUIZ + "/", "/internal/lessons/lesson-1", "/api/quizzes/a%0Ab"]
)
def test_an_unknown_address_is_not_found(world: World, path: str) -> None:
    assert world.admin("GET", path) == NOT_FOUND


def test_a_method_that_an_address_does_not_take_is_said_to_be_so(world: World) -> None:
    for method, path in (("DELETE", QUIZZES), ("POST", QUIZ), ("POST", ATTEMPTS)):
        assert world.admin(method, path, UPDATE) == METHOD_NOT_ALLOWED
    for method, path in (("DELETE", LEARN), ("GET", SUBMIT), ("GET", REPLAYS), ("GET", CATCH_UP)):
        assert world.service(method, path) == METHOD_NOT_ALLOWED


# Guards


def requests_of(guard: Guard) -> list[tuple[str, str]]:
    """A request for each method of each route with that guard, from the routes table."""
    table, use_cases = table_of(World())
    use_cases.close()
    return [
        (method, route.path.format(quiz_id="quiz-1", lesson_id="lesson-1"))
        for route, method in product(table, ("GET", "POST", "PUT", "PATCH", "DELETE"))
        if route.guard_of(method) is guard and hasattr(route.resource, f"on_{method.lower()}")
    ]


READING, WRITING = requests_of(Guard.VIEWER), requests_of(Guard.EDITOR)
ADMIN_REQUESTS = [*READING, *WRITING]
SERVICE_REQUESTS = requests_of(Guard.SERVICE)

BAD_SERVICE_TOKENS: dict[str, Callable[[], str]] = {
    "an admin's": FORGE.token,
    "of another secret": lambda: service_token(secret="another secret that is long enough"),
    "for another service": lambda: service_token(audience="content"),
    "expired": lambda: issue_service_token(SECRET, "gateway", "quiz", now() - HOUR),
    "no token": lambda: "no-token",
}


def test_the_table_guards_what_it_should() -> None:
    assert sorted(READING) == sorted([("GET", QUIZZES), ("GET", QUIZ), ("GET", ATTEMPTS)])
    assert sorted(WRITING) == sorted([("POST", QUIZZES), ("PUT", QUIZ), ("DELETE", QUIZ)])
    posts = [("POST", path) for path in (SUBMIT, REPLAYS, CATCH_UP)]
    assert sorted(SERVICE_REQUESTS) == sorted([("GET", LEARN), *posts])
    assert requests_of(Guard.OPEN) == []


@pytest.mark.parametrize(("method", "path"), ADMIN_REQUESTS + SERVICE_REQUESTS)
@pytest.mark.parametrize("header", [None, "", "Bearer", "Basic YWRtaW46YWRtaW4xMjM=", "token"])
def test_without_a_bearer_token_no_route_opens(world: World, method: str, path: str, header: str | None) -> None:
    before = world.everything()
    headers = {} if header is None else {"Authorization": header}
    result = world.client.exchange(method, path, headers=headers, json=NEW_QUIZ)
    assert Answer(result.status_code, result.json) == UNAUTHORIZED
    assert result.headers["WWW-Authenticate"] == "Bearer"
    assert world.everything() == before


@pytest.mark.parametrize(("method", "path"), ADMIN_REQUESTS)
def test_no_other_token_opens_a_route_for_admins(world: World, method: str, path: str) -> None:
    before = world.everything()
    tokens = {**{name: bad(FORGE) for name, bad in BAD_ACCESS_TOKENS.items()}, "a service's": service_token()}
    answers = {name: world.client.send(method, path, token, json=NEW_QUIZ) for name, token in tokens.items()}
    assert answers == dict.fromkeys(tokens, UNAUTHORIZED)
    assert world.everything() == before


@pytest.mark.parametrize(("method", "path"), ADMIN_REQUESTS)
def test_another_role_is_not_enough_for_a_route_for_admins(world: World, method: str, path: str) -> None:
    before = world.everything()
    assert world.client.send(method, path, FORGE.token(role="editor"), json=NEW_QUIZ) == FORBIDDEN
    assert world.everything() == before


@pytest.mark.parametrize(("method", "path"), SERVICE_REQUESTS)
def test_no_other_token_opens_a_route_for_services(world: World, method: str, path: str) -> None:
    before = world.everything()
    tokens = {name: make() for name, make in BAD_SERVICE_TOKENS.items()}
    answers = {name: world.client.send(method, path, token, json={"answers": []}) for name, token in tokens.items()}
    assert answers == dict.fromkeys(tokens, UNAUTHORIZED)
    assert world.everything() == before
