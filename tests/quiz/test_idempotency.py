"""A new quiz and a submission, sent again under an Idempotency-Key."""

import json
from collections.abc import Iterator
from typing import Any

import peewee
import pytest
from falcon.testing import Result

from services.kit.core.errors import Unavailable
from services.quiz.entities import QuizFilter
from services.quiz.repository.contracts import ALL
from services.quiz.repository.store import PeeweeQuizStore
from tests.app_client import Client
from tests.quiz.client import FORGE, LessonsOfContent, quiz_client, service_token
from tests.quiz.examples import a_quiz
from tests.refusals import NOT_FOUND, Response, refusal

# The kit proves on both engines what it stores.
pytestmark = pytest.mark.parametrize("quiz_database", ["sqlite"], indirect=True)

OPTIONS = [{"text": "This", "isCorrect": True}, {"text": "That", "isCorrect": False}]
NEW_QUIZ = {
    "eventId": "event-1",
    "lessonId": "lesson-2",
    "title": "A quiz",
    "questions": [{"prompt": "What?", "options": OPTIONS}],
}
SUBMISSION = {"answers": [{"questionId": "question-1", "optionId": "option-1-1"}], "eventAccessKey": "let-me-in"}
ADDRESS = {"eventSlug": "launch", "lessonSlug": "opening", "eventId": "event-1"}
REUSED = refusal(
    422, "IDEMPOTENCY_KEY_REUSED", "This Idempotency-Key was sent with another body; send a new key for a new request"
)


class World:
    """The app over a real database, with one quiz."""

    def __init__(self, database: peewee.Database) -> None:
        self.store = PeeweeQuizStore(database)
        self.lessons = LessonsOfContent()
        self.client: Client
        with self.store.transaction():
            self.store.quizzes.add(a_quiz())

    def create(self, document: Any, key: str = "key-1", **claims: Any) -> Result:
        headers = {"Idempotency-Key": key}
        return self.client.exchange("POST", "/api/quizzes", FORGE.token(**claims), headers=headers, json=document)

    def submit(self, submission: Any, key: str | None = "key-1", **changes: str | None) -> Result:
        document = {**ADDRESS, "lessonId": "lesson-1", "lessonTitle": "Opening", "submission": submission, **changes}
        return self._call("/internal/submissions", document, key)

    def replay(self, submission: Any, key: str | None = "key-1", **changes: str | None) -> Result:
        """Ask for the stored response, as the gateway does when a lesson is not open; None leaves a member out."""
        document = {**ADDRESS, "lessonId": "lesson-1", "submission": submission, **changes}
        return self._call("/internal/replays", document, key)

    def attempts(self) -> int:
        return len(self.store.attempts.list("quiz-1", ALL))

    def _call(self, path: str, document: Any, key: str | None) -> Result:
        headers = {} if key is None else {"Idempotency-Key": key}
        members = {name: value for name, value in document.items() if value is not None}
        return self.client.exchange("POST", path, service_token(), headers=headers, json=members)


@pytest.fixture
def world(quiz_database: peewee.Database) -> Iterator[World]:
    """The app, running."""
    world = World(quiz_database)
    with quiz_client(world.store, world.lessons, database=quiz_database) as world.client:
        yield world


def status_and_document(result: Result) -> Response:
    return Response(result.status_code, result.json)


def replay_of(result: Result) -> tuple[int, bytes, str | None]:
    """The status, the body, and whether the response is a replay."""
    return result.status_code, result.content, result.headers.get("Idempotency-Replayed")


def test_a_quiz_is_created_once_and_replayed_though_content_is_down(world: World) -> None:
    first = world.create(NEW_QUIZ)
    world.lessons.refusal = Unavailable("Later")
    assert replay_of(first) == (201, first.content, None)
    assert replay_of(world.create(NEW_QUIZ)) == (201, first.content, "true")
    stored = world.store.quizzes.list(QuizFilter(lesson_id="lesson-2"))
    assert [each.id for each in stored] == [first.json["item"]["id"]]


def test_a_submission_is_graded_once_and_replayed_whole(world: World) -> None:
    first, second = world.submit(SUBMISSION), world.submit(SUBMISSION)
    assert first.json["lesson"] == {"id": "lesson-1", "slug": "opening", "title": "Opening"}
    assert set(first.json) == {"lesson", "quiz", "result"}
    assert (replay_of(first)[::2], replay_of(second)) == ((200, None), (200, first.content, "true"))
    assert world.attempts() == 1


def test_a_replay_stays_the_same_though_the_quiz_has_changed_or_gone(world: World) -> None:
    first = world.submit(SUBMISSION)
    update = {"title": "Harder", "questions": NEW_QUIZ["questions"]}
    for method, document in (("PUT", update), ("DELETE", None)):
        body = {"json": document} if document else {}
        assert world.client.send(method, "/api/quizzes/quiz-1", FORGE.token(), **body).status < 300
        renamed = world.submit(SUBMISSION, lessonTitle="Renamed")
        assert replay_of(renamed) == replay_of(world.replay(SUBMISSION)) == (200, first.content, "true")
    assert world.attempts() == 1


def test_another_submission_under_the_key_is_refused(world: World) -> None:
    world.submit(SUBMISSION)
    for other in (
        {**SUBMISSION, "answers": []},
        {**SUBMISSION, "revision": "revision-1"},
        {**SUBMISSION, "unknown": 1},
    ):
        for lesson in ({}, {"lessonId": None}):
            assert status_and_document(world.replay(other, **lesson)) == REUSED
        assert status_and_document(world.submit(other)) == REUSED
    assert world.attempts() == 1


RETRIES: dict[str, tuple[Any, dict[str, str | None]]] = {
    "after the event was renamed": (SUBMISSION, {"eventSlug": "renamed"}),
    "after the lesson was renamed": (SUBMISSION, {"lessonSlug": "renamed", "lessonTitle": "Renamed"}),
    "at another spelling": (SUBMISSION, {"eventSlug": "Launch_", "lessonSlug": "OPENING"}),
    "with the new access key": ({**SUBMISSION, "eventAccessKey": "a-new-key"}, {}),
    "with a grant in place of the access key": ({"answers": SUBMISSION["answers"]}, {}),
}


@pytest.mark.parametrize(("submission", "changes"), RETRIES.values(), ids=RETRIES.keys())
def test_a_retry_is_the_same_request(world: World, submission: Any, changes: dict[str, str | None]) -> None:
    first = world.submit(SUBMISSION)
    for again in (world.submit(submission, **changes), world.replay(submission, **changes)):
        assert replay_of(again) == (200, first.content, "true")
    # A deleted lesson has no id.
    assert replay_of(world.replay(submission, **{**changes, "lessonId": None})) == (200, first.content, "true")
    assert world.attempts() == 1


@pytest.mark.parametrize("elsewhere", [{"eventId": "event-2"}, {"lessonId": "lesson-2"}])
def test_a_key_belongs_to_one_lesson_of_one_event(world: World, elsewhere: dict[str, str]) -> None:
    world.create(NEW_QUIZ, "of lesson-2")
    world.submit(SUBMISSION)
    assert status_and_document(world.replay(SUBMISSION, **elsewhere)) == NOT_FOUND
    assert replay_of(world.submit({"answers": []}, **elsewhere))[::2] == (200, None)
    assert status_and_document(world.replay(SUBMISSION, eventId="event-2", lessonId=None)) == (
        REUSED if "eventId" in elsewhere else NOT_FOUND
    )


def test_a_response_that_the_release_before_stored_is_replayed(world: World) -> None:
    # The release before knew the slugs of the address and the exact body, and its gateway sends no event's id.
    first = world.submit(SUBMISSION, eventId=None)
    for again in (world.submit(SUBMISSION), world.replay(SUBMISSION), world.replay(SUBMISSION, lessonId=None)):
        assert replay_of(again) == (200, first.content, "true")
    assert replay_of(world.submit(SUBMISSION, eventId=None)) == (200, first.content, "true")
    assert status_and_document(world.submit({**SUBMISSION, "eventAccessKey": "another-key"})) == REUSED
    # That release's gateway sent the lesson's slug as it was typed; ours sends it beside the lesson's own.
    typed = world.submit(SUBMISSION, "key-2", eventId=None, lessonSlug="OPENING")
    again = world.submit(SUBMISSION, "key-2", typedLessonSlug="OPENING")
    assert replay_of(again) == (200, typed.content, "true")
    assert world.attempts() == 2


def test_a_refused_submission_is_not_replayed(world: World) -> None:
    invalid_submission = {"answers": [{"questionId": "question-9", "optionId": "option-9"}]}
    world.submit(invalid_submission, "refused")
    world.submit(SUBMISSION)
    assert status_and_document(world.replay(SUBMISSION, None)) == NOT_FOUND
    assert status_and_document(world.replay(SUBMISSION, "another")) == NOT_FOUND
    assert status_and_document(world.replay(invalid_submission, "refused")) == NOT_FOUND


def test_a_stored_response_holds_nothing_of_the_request(world: World, quiz_database: peewee.Database) -> None:
    world.submit({**SUBMISSION, "eventAccessKey": "canary-key"}, "canary-header")
    rows = quiz_database.execute_sql("SELECT * FROM idempotent_answers").fetchall()
    assert (len(rows), "canary" in json.dumps(rows)) == (1, False)
