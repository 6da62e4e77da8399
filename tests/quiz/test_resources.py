"""Quiz over HTTP: every route, whole responses, and who may call it."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from itertools import product
from typing import Any
from unittest.mock import Mock

import pytest

from services.kit.core.errors import ServiceError, Unavailable
from services.kit.core.instants import now
from services.kit.web.guards import Guard
from services.kit.web.operations import operation_of
from services.kit.web.tokens.service import issue_service_token
from services.quiz.app import routes
from services.quiz.entities import Quiz, QuizFilter
from services.quiz.errors import EventNotFound, LessonNotFound
from services.quiz.repository.contracts import ALL
from tests.app_client import Client
from tests.clock import HOUR, NOON, SECOND
from tests.content.examples import a_lesson, an_event
from tests.content.memory import InMemoryContentStore
from tests.kit.forging import BAD_ACCESS_TOKENS, SECRET
from tests.matching import NEW_ID, Matching
from tests.quiz.client import FORGE, LessonsOfContent, quiz_client, service_token
from tests.quiz.examples import a_quiz, an_attempt, numbered_quiz, some_questions
from tests.quiz.memory import InMemoryQuizStore
from tests.refusals import (
    FORBIDDEN,
    INVALID_JSON,
    NOT_JSON,
    TOO_LARGE,
    UNAUTHORIZED,
    Response,
    invalid,
    refusal,
)

QUIZZES = "/api/quizzes"
QUIZ = QUIZZES + "/quiz-1"
ATTEMPTS = QUIZ + "/attempts"
LEARN = "/internal/lessons/lesson-1/quiz"
SUBMIT = "/internal/submissions"
BATCHES = "/internal/submission-batches"
REPLAYS = "/internal/replays"
CATCH_UP = "/internal/catch-up"

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
NO_OPTION_1 = {
    "questionId": "question-1",
    "submittedOptionId": None,
    "correctOptionId": "option-1-1",
    "isCorrect": False,
}
NO_OPTION_2 = {**NO_OPTION_1, "questionId": "question-2", "correctOptionId": "option-2-1"}
RESULT = {
    "quizId": "quiz-1",
    "totalQuestions": 2,
    "answeredQuestions": 1,
    "correctAnswers": 1,
    "scorePercentage": 50,
    "passPercentage": 70,
    "status": "failed",
    "passed": False,
    "answers": [{**NO_OPTION_1, "submittedOptionId": "option-1-1", "isCorrect": True}, NO_OPTION_2],
    "submittedAt": "2026-03-01T12:00:00.000Z",
}
ATTEMPT_VIEW = {
    "id": "attempt-1",
    "eventId": "event-1",
    "lessonId": "lesson-1",
    "revision": "revision-1",
    **RESULT,
    "quiz": {"title": "The first quiz", "passPercentage": 70, "questions": QUESTIONS},
}
NEW_QUESTION = {
    "prompt": "What?",
    "options": [{"text": "This", "isCorrect": True}, {"text": "That", "isCorrect": False}],
}
NEW_OPTIONS = [{"id": NEW_ID, "text": "This", "isCorrect": True}, {"id": NEW_ID, "text": "That", "isCorrect": False}]
UPDATE = {"title": "A better quiz", "questions": [NEW_QUESTION]}
NEW_QUIZ = {**UPDATE, "eventId": "event-1", "lessonId": "lesson-2"}
NO_SUCH_QUIZ = refusal(404, "QUIZ_NOT_FOUND", "Quiz not found")


class World:
    """The app over fakes, with one quiz and one attempt at it, and a client for it."""

    def __init__(self) -> None:
        self.store = InMemoryQuizStore()
        self.content = InMemoryContentStore()
        self.lessons = LessonsOfContent()
        self.store.quizzes.add(a_quiz())
        self.store.attempts.add(an_attempt())
        self.client: Client

    def admin(self, method: str, path: str, document: Any = None, **more: Any) -> Response:
        return self.client.send(method, path, FORGE.token(), **({"json": document} if document else {}), **more)

    def service(self, method: str, path: str, document: Any = None, **more: Any) -> Response:
        return self.client.send(method, path, service_token(), **({"json": document} if document else {}), **more)

    def submit(self, submission: Any, lesson_id: str = "lesson-1") -> Response:
        return self.service("POST", SUBMIT, admitted(submission, lesson_id))


def admitted(submission: Any, lesson_id: str = "lesson-1") -> dict[str, Any]:
    """A learner's submission with the lesson that content has opened."""
    slugs = {"eventSlug": "launch", "lessonSlug": "opening"}
    return {**slugs, "lessonId": lesson_id, "lessonTitle": "Opening", "submission": submission}


def answers(*chosen: tuple[str, str]) -> dict[str, Any]:
    return {"answers": [{"questionId": question_id, "optionId": option_id} for question_id, option_id in chosen]}


@pytest.fixture
def world() -> Iterator[World]:
    """The running app."""
    world = World()
    with quiz_client(world.store, world.lessons, world.content) as world.client:
        yield world


# Quizzes


def test_a_created_quiz_is_returned_whole(world: World) -> None:
    chosen = {"id": "mine", "createdAt": "2001-01-01T00:00:00.000Z", "revisionId": "mine", "revision_id": "mine"}
    questions = [{**NEW_QUESTION, "prompt": "Second?", "order": 2}, {**NEW_QUESTION, "prompt": "First?", "order": 1}]
    response = world.admin("POST", QUIZZES, {**NEW_QUIZ, **chosen, "questions": questions})
    assert response == Response(
        201,
        {
            "item": {
                "id": NEW_ID,
                "eventId": "event-1",
                "lessonId": "lesson-2",
                "title": "A better quiz",
                "passPercentage": 70,
                "createdAt": "2026-03-01T12:01:00.000Z",
                "updatedAt": "2026-03-01T12:01:00.000Z",
                "questions": [
                    {"id": NEW_ID, "prompt": "First?", "order": 1, "options": NEW_OPTIONS},
                    {"id": NEW_ID, "prompt": "Second?", "order": 2, "options": NEW_OPTIONS},
                ],
            }
        },
    )
    assert world.admin("GET", f"{QUIZZES}/{response.document['item']['id']}") == Response(200, response.document)


def test_quizzes_are_read_and_listed_with_their_right_options(world: World) -> None:
    world.store.quizzes.add(numbered_quiz(2, event_id="event-2", created_at=NOON + SECOND))
    assert world.admin("GET", QUIZ) == Response(200, {"item": QUIZ_VIEW})
    everything = world.admin("GET", QUIZZES)
    assert [each["id"] for each in everything.document["items"]] == ["quiz-1", "quiz-2"]
    # Old clients do not page and see no nextCursor.
    assert set(everything.document) == {"items"}
    for filters in ({"eventId": "event-1"}, {"lessonId": "lesson-1"}):
        assert world.admin("GET", QUIZZES, params=filters) == Response(200, {"items": [QUIZ_VIEW]})
    neither = {"eventId": "event-2", "lessonId": "lesson-1"}
    assert world.admin("GET", QUIZZES, params=neither) == Response(200, {"items": []})


def ids_of_all_pages(world: World, path: str, limit: int) -> list[str]:
    ids: list[str] = []
    params: dict[str, object] = {"limit": limit}
    while True:
        response = world.admin("GET", path, params=params)
        assert (response.status, set(response.document)) == (200, {"items", "nextCursor"})
        assert len(response.document["items"]) <= limit
        ids += [each["id"] for each in response.document["items"]]
        if response.document["nextCursor"] is None:
            return ids
        params["cursor"] = response.document["nextCursor"]


@pytest.mark.parametrize("limit", [1, 2, 100])
def test_pages_neither_skip_nor_repeat(world: World, limit: int) -> None:
    for number in (3, 2):
        world.store.quizzes.add(numbered_quiz(number))
        world.store.attempts.add(an_attempt(id=f"attempt-{number}"))
    assert ids_of_all_pages(world, QUIZZES, limit) == ["quiz-1", "quiz-2", "quiz-3"]
    assert ids_of_all_pages(world, ATTEMPTS, limit) == ["attempt-3", "attempt-2", "attempt-1"]


OF_ANOTHER_LIST = "must be a nextCursor of this list with the same filters and the same sort"
UNKNOWN = "is no parameter of this list, which takes eventId, lessonId, q, sort, limit, cursor"
SORTS = "Input should be 'submittedAt' or '-submittedAt'"
BAD_QUERIES: list[tuple[str, str, dict[str, list[Any]]]] = [
    (QUIZZES, "limit=0", {"limit": ["must be a whole number from 1 to 100"]}),
    (ATTEMPTS, "limit=101", {"limit": ["must be a whole number from 1 to 100"]}),
    (QUIZZES, "cursor=WyJhIiwxXQ", {"cursor": [OF_ANOTHER_LIST]}),
    (ATTEMPTS, "cursor=nonsense", {"cursor": ["must be a nextCursor of this list"]}),
    (QUIZZES, "eventId=", {"eventId": [Matching(".+")]}),
    (QUIZZES, "eventId=a&eventId=b&event_id=c", {"eventId": ["must be given once"], "event_id": [UNKNOWN]}),
    (ATTEMPTS, "passed=1", {"passed": ["must be true or false"]}),
    (ATTEMPTS, "from=noon&sort=createdAt", {"from": [Matching(".+")], "sort": [SORTS]}),
]


@pytest.mark.parametrize(("path", "query", "field_errors"), BAD_QUERIES)
def test_a_bad_query_is_refused_by_name(
    world: World, path: str, query: str, field_errors: dict[str, list[Any]]
) -> None:
    assert world.admin("GET", path, query_string=query) == invalid(field_errors)


def test_an_updated_quiz_is_returned_whole(world: World) -> None:
    # An update cannot move a quiz to another lesson.
    response = world.admin("PUT", QUIZ, {**UPDATE, "eventId": "event-9", "lessonId": "lesson-9"})
    changed = {
        "title": "A better quiz",
        "updatedAt": "2026-03-01T12:01:00.000Z",
        "questions": [{"id": NEW_ID, "prompt": "What?", "order": 1, "options": NEW_OPTIONS}],
    }
    assert response == Response(200, {"item": {**QUIZ_HEAD, **changed}})
    assert world.admin("GET", QUIZ) == response
    assert world.admin("PUT", QUIZ, {**UPDATE, "passPercentage": 0}).document["item"]["passPercentage"] == 0


def test_an_old_quiz_that_is_illegal_today_can_be_sent_back(world: World) -> None:
    question = replace(some_questions(1)[0], prompt="?", order=2_000_000)
    world.store.quizzes.add(numbered_quiz(2, title="ab", questions=(question,)))
    address = f"{QUIZZES}/quiz-2"
    read = world.client.exchange("GET", address, FORGE.token())
    sent_back = world.client.exchange("PUT", address, FORGE.token(), json=read.json["item"])
    assert (sent_back.status_code, sent_back.json) == (200, read.json)
    assert sent_back.headers["ETag"] == read.headers["ETag"]
    renamed = world.admin("PUT", address, {**read.json["item"], "title": "Renamed"}).document["item"]
    assert renamed == {**read.json["item"], "title": "Renamed", "updatedAt": "2026-03-01T12:01:00.000Z"}
    # For another lesson it is judged as a whole.
    refused = world.admin("POST", QUIZZES, {**read.json["item"], "lessonId": "lesson-3"})
    assert (refused.status, {*refused.document["details"]["fieldErrors"]}) == (400, {"title", "questions"})
    # A wrong body is refused before the quiz is looked up.
    assert world.admin("PUT", f"{QUIZZES}/unknown", {"x": 1}) == invalid(REQUIRED)


def test_attempts_outlive_the_quiz_with_what_was_asked_then(world: World) -> None:
    world.admin("PUT", QUIZ, UPDATE)
    expected = Response(200, {"items": [ATTEMPT_VIEW], "nextCursor": None})
    assert world.admin("GET", ATTEMPTS) == expected
    assert world.admin("DELETE", QUIZ) == Response(204, None)
    assert world.admin("GET", ATTEMPTS) == expected
    for method, document in (("GET", None), ("DELETE", None), ("PUT", UPDATE)):
        assert world.admin(method, QUIZ, document) == NO_SUCH_QUIZ


@pytest.mark.parametrize("path", ["/api/quizzes/unknown", "/api/quizzes/unknown/attempts", "/api/quizzes/%F0%9F%8E%AC"])
def test_an_unknown_quiz_is_not_found(world: World, path: str) -> None:
    assert world.admin("GET", path) == NO_SUCH_QUIZ


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (EventNotFound(), refusal(404, "EVENT_NOT_FOUND", "Event not found")),
        (LessonNotFound(), refusal(404, "LESSON_NOT_FOUND", "Lesson not found")),
        (Unavailable("Later"), refusal(503, "UPSTREAM_UNAVAILABLE", "Later")),
    ],
)
def test_without_content_s_confirmation_no_quiz_is_created(
    world: World, error: ServiceError, expected: Response
) -> None:
    before = world.store.everything()
    world.lessons.refusal = error
    result = world.client.exchange("POST", QUIZZES, FORGE.token(), json=NEW_QUIZ)
    assert Response(result.status_code, result.json) == expected
    assert result.headers.get("Retry-After") == ("1" if expected.status == 503 else None)
    assert world.store.everything() == before


NOBODY_KNOWS = {**NEW_QUESTION, "options": [{"text": "This", "isCorrect": False}] * 2}
REQUIRED = {"title": ["is required"], "questions": ["is required"]}
BAD_BODIES: list[tuple[str, str, dict[str, Any], Response]] = [
    ("POST", QUIZZES, {"x": 1}, invalid({**REQUIRED, "eventId": ["is required"], "lessonId": ["is required"]})),
    ("PUT", QUIZ, {"x": 1}, invalid(REQUIRED)),
    ("POST", SUBMIT, admitted({"x": 1}), invalid({"answers": ["is required"]})),
    ("POST", SUBMIT, admitted([1]), invalid({}, ["must be a JSON object"])),
    (
        "POST",
        REPLAYS,
        {"x": 1},
        invalid({field: ["is required"] for field in ("eventSlug", "lessonSlug", "submission")}),
    ),
    (
        "POST",
        QUIZZES,
        {**NEW_QUIZ, "questions": [NEW_QUESTION, NOBODY_KNOWS]},
        refusal(400, "QUIZ_MISSING_CORRECT_OPTION", "Question 2 needs at least one right option"),
    ),
    (
        "PUT",
        QUIZ,
        {**UPDATE, "questions": [{**NEW_QUESTION, "order": 4}] * 2},
        invalid({"questions": ["order 4 is given to more than one question"]}),
    ),
    (
        "POST",
        QUIZZES,
        {**NEW_QUIZ, "lessonId": "lesson-1"},
        refusal(409, "QUIZ_LESSON_CONFLICT", "The lesson already has a quiz"),
    ),
    (
        "POST",
        SUBMIT,
        admitted(answers(("question-9", "option-1-1"))),
        refusal(400, "QUIZ_INVALID_ATTEMPT", "An answer is for a question that is not of this quiz"),
    ),
    ("POST", SUBMIT, admitted({"answers": []}, "lesson-9"), NO_SUCH_QUIZ),
]


@pytest.mark.parametrize(("method", "path", "document", "expected"), BAD_BODIES)
def test_a_bad_body_is_refused_and_changes_nothing(
    world: World, method: str, path: str, document: dict[str, Any], expected: Response
) -> None:
    before = world.store.everything()
    assert world.client.send(method, path, token_for(path), json=document) == expected
    assert world.store.everything() == before


# Learners


def test_a_learner_sees_the_quiz_without_any_trace_of_what_is_right(world: World) -> None:
    questions = [
        {**question, "options": [{"id": each["id"], "text": each["text"]} for each in question["options"]]}
        for question in QUESTIONS
    ]
    item = {**QUIZ_HEAD, "revision": "revision-1", "questions": questions}
    assert world.service("GET", LEARN) == Response(200, {"item": item})
    assert world.service("GET", "/internal/lessons/lesson-9/quiz") == NO_SUCH_QUIZ


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
    ("POST", SUBMIT, admitted(answers(("question-1", "option-2-1")))),
    ("POST", SUBMIT, admitted(answers(("question-9", "option-1-1")))),
    ("POST", SUBMIT, admitted(answers(*[("question-1", "option-1-1")] * 2))),
    ("POST", SUBMIT, admitted({"answers": "option-1-1"})),
    ("POST", SUBMIT, admitted([1])),
]


@pytest.mark.parametrize(("method", "path", "document"), LEARNER_REQUESTS)
def test_before_grading_no_response_depends_on_the_right_option(
    world: World, method: str, path: str, document: Any
) -> None:
    first = world.client.exchange(method, path, service_token(), json=document)
    world.store.quizzes.save(mirrored())
    second = world.client.exchange(method, path, service_token(), json=document)
    assert (first.status_code, first.text) == (second.status_code, second.text.replace("revision-2", "revision-1"))
    assert "orrect" not in first.text


def test_a_submission_is_graded_stored_and_returned_whole(world: World) -> None:
    response = world.submit({**answers(("question-2", "option-2-2")), "eventAccessKey": "let-me-in"})
    result = {
        **RESULT,
        "correctAnswers": 0,
        "scorePercentage": 0,
        "answers": [NO_OPTION_1, {**NO_OPTION_2, "submittedOptionId": "option-2-2"}],
        "submittedAt": "2026-03-01T12:01:00.000Z",
    }
    lesson = {"id": "lesson-1", "slug": "opening", "title": "Opening"}
    quiz = {"id": "quiz-1", "title": "The first quiz"}
    assert response == Response(200, {"lesson": lesson, "quiz": quiz, "result": result})
    stored = world.admin("GET", ATTEMPTS).document["items"][0]
    assert stored == {**ATTEMPT_VIEW, "id": NEW_ID, **result}
    passed = world.submit(answers(("question-1", "option-1-1"), ("question-2", "option-2-1"))).document["result"]
    assert (passed["scorePercentage"], passed["status"], passed["passed"]) == (100, "passed", True)


# Following


def test_catching_up_deletes_the_quizzes_of_deleted_lessons_once(world: World) -> None:
    world.store.quizzes.add(numbered_quiz(2))
    world.content.events.add(an_event())
    for number in (1, 2):
        world.content.lessons.add(a_lesson(id=f"lesson-{number}", slug=f"lesson-{number}"))
    assert world.service("POST", CATCH_UP) == Response(200, {"changes": 3})
    world.content.lessons.remove("event-1", "lesson-1")
    assert world.service("POST", CATCH_UP, {"any body": "is ignored"}) == Response(200, {"changes": 1})
    assert world.service("POST", CATCH_UP) == Response(200, {"changes": 0})
    assert [quiz.id for quiz in world.store.quizzes.list(QuizFilter())] == ["quiz-2"]
    assert world.store.attempts.list("quiz-1", ALL) == [an_attempt()]


# Bodies and addresses


@pytest.mark.parametrize(("method", "path"), [("POST", QUIZZES), ("PUT", QUIZ), ("POST", SUBMIT), ("POST", REPLAYS)])
def test_an_unreadable_body_is_refused(world: World, method: str, path: str) -> None:
    headers = {"Content-Type": "application/json"}
    assert world.client.send(method, path, token_for(path), body=b'{"a": NaN}', headers=headers) == INVALID_JSON
    assert (
        world.client.send(method, path, token_for(path), body=b"{}", headers={"Content-Type": "text/plain"}) == NOT_JSON
    )
    assert world.client.send(method, path, token_for(path), json=[]) == invalid({}, ["must be a JSON object"])


def test_bodies_have_a_limit_and_submissions_a_wider_one(world: World) -> None:
    mebibyte = 1024 * 1024
    assert world.admin("POST", QUIZZES, {**NEW_QUIZ, "title": "a" * mebibyte}) == TOO_LARGE
    submission = {"answers": [], "unknown": "a" * mebibyte}
    response = world.service("POST", SUBMIT, {**admitted(submission), "lessonTitle": "t" * mebibyte})
    assert (response.status, response.document["lesson"]["title"]) == (200, "t" * mebibyte)
    assert world.submit({"answers": [], "unknown": "a" * 3 * mebibyte}) == TOO_LARGE


# Guards


def requests_of(guard: Guard) -> list[tuple[str, str]]:
    """A request for each method of each route with that guard, from the routes table."""
    return [
        (method, route.path.format(quiz_id="quiz-1", lesson_id="lesson-1"))
        for route, method in product(TABLE, METHODS)
        if route.guard_of(method) is guard and hasattr(route.resource, f"on_{method.lower()}")
    ]


METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE")
TABLE = routes(Mock(), Mock(), Mock())
READING, WRITING, SERVICES = (requests_of(guard) for guard in (Guard.VIEWER, Guard.EDITOR, Guard.SERVICE))

BAD_SERVICE_TOKENS: dict[str, Callable[[], str]] = {
    "an admin's": FORGE.token,
    "of another secret": lambda: service_token(secret="another secret that is long enough"),
    "for another service": lambda: service_token(audience="content"),
    "expired": lambda: issue_service_token(SECRET, "gateway", "quiz", now() - HOUR),
    "no token": lambda: "no-token",
}


def token_for(path: str) -> str:
    return FORGE.token() if path.startswith("/api/") else service_token()


def test_the_routes_have_these_guards() -> None:
    assert sorted(READING) == sorted([("GET", QUIZZES), ("GET", QUIZ), ("GET", ATTEMPTS)])
    assert sorted(WRITING) == sorted([("POST", QUIZZES), ("PUT", QUIZ), ("DELETE", QUIZ)])
    assert sorted(SERVICES) == sorted(
        [
            ("GET", LEARN),
            ("GET", f"{LEARN}/version"),
            *(("POST", path) for path in (SUBMIT, BATCHES, REPLAYS, CATCH_UP)),
        ]
    )
    assert requests_of(Guard.OPEN) == []


@pytest.mark.parametrize(("method", "path"), READING + WRITING + SERVICES)
def test_nothing_but_the_right_token_opens_a_route(world: World, method: str, path: str) -> None:
    before = world.store.everything()
    for header in (None, "", "Bearer", "Basic YWRtaW46YWRtaW4xMjM=", "token"):
        headers = {} if header is None else {"Authorization": header}
        result = world.client.exchange(method, path, headers=headers, json=NEW_QUIZ)
        assert Response(result.status_code, result.json) == UNAUTHORIZED
        assert result.headers["WWW-Authenticate"] == "Bearer"
    if (method, path) in SERVICES:
        tokens = {name: token() for name, token in BAD_SERVICE_TOKENS.items()}
    else:
        tokens = {name: token(FORGE) for name, token in BAD_ACCESS_TOKENS.items()} | {"a service's": service_token()}
    responses = {name: world.client.send(method, path, token, json=NEW_QUIZ) for name, token in tokens.items()}
    assert responses == dict.fromkeys(tokens, UNAUTHORIZED)
    assert world.store.everything() == before


@pytest.mark.parametrize(("method", "path"), READING + WRITING)
def test_too_low_a_role_is_forbidden(world: World, method: str, path: str) -> None:
    before = world.store.everything()
    tokens = [FORGE.token(role="editor"), FORGE.token(roles=["nobody"])]
    if (method, path) in WRITING:
        tokens.append(FORGE.token(roles=["viewer"]))
    for token in tokens:
        assert world.client.send(method, path, token, json=NEW_QUIZ) == FORBIDDEN
    assert world.store.everything() == before


def test_every_responder_behind_a_public_address_declares_its_operation() -> None:
    declared = {
        operation.id
        for route, method in product(TABLE, METHODS)
        if (operation := operation_of(route.resource, method)) is not None
    }
    admins = {"listQuizzes", "createQuiz", "getQuiz", "updateQuiz", "deleteQuiz", "listAttempts"}
    assert declared == admins | {"getLessonQuiz", "submitQuiz", "replaySubmission"}
