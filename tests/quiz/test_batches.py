"""A batch of submissions: each has the response that /internal/submissions gives, and all have one commit."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any, NamedTuple

import peewee
import pytest

from services.quiz.repository.contracts import ALL
from services.quiz.repository.store import PeeweeQuizStore
from tests.app_client import Client
from tests.quiz.client import LessonsOfContent, quiz_client, service_token
from tests.quiz.examples import a_quiz, numbered_quiz
from tests.refusals import REQUEST_ID
from tests.waiting import until

SINGLE, BATCHES = "/internal/submissions", "/internal/submission-batches"
LESSON = {
    "eventSlug": "launch",
    "lessonSlug": "opening",
    "eventId": "event-1",
    "lessonId": "lesson-1",
    "lessonTitle": "Opening",
}
ANSWERS = {"answers": [{"questionId": "question-1", "optionId": "option-1-1"}]}
SUBMISSION = {**LESSON, "submission": ANSWERS}


class ItemResponse(NamedTuple):
    """The response to one submission."""

    status: int
    headers: dict[str, str]
    body: Any


class World:
    """The app over a real database, with one quiz that was replaced once."""

    def __init__(self, database: peewee.Database) -> None:
        self.database = database
        self.store = PeeweeQuizStore(database)
        self.client: Client
        with self.store.transaction():
            self.store.quizzes.add(a_quiz(revision_id="replaced"))
            self.store.quizzes.save(a_quiz())

    def single(self, document: Any, key: str | None = None) -> ItemResponse:
        headers = {} if key is None else {"Idempotency-Key": key}
        result = self.client.exchange("POST", SINGLE, service_token(), headers=headers, json=document)
        names = ("Content-Type", "Idempotency-Replayed", "Retry-After")
        return ItemResponse(
            result.status_code, {name: result.headers[name] for name in names if name in result.headers}, result.json
        )

    def batch(self, *items: Any) -> list[ItemResponse]:
        result = self.client.exchange("POST", BATCHES, service_token(), json={"items": items})
        assert result.status_code == 200, result.json
        return [ItemResponse(**item) for item in result.json["items"]]

    def attempts(self) -> int:
        return len(self.store.attempts.list("quiz-1", ALL))


@pytest.fixture
def world(quiz_database: peewee.Database) -> Iterator[World]:
    """The app, running."""
    world = World(quiz_database)
    with quiz_client(world.store, LessonsOfContent(), database=quiz_database) as world.client:
        yield world


def item(document: Any, key: str | None = None) -> dict[str, Any]:
    return {"requestId": REQUEST_ID, "idempotencyKey": key, "clientAddress": "192.0.2.1", "submission": document}


def nested(levels: int) -> Any:
    document: Any = {}
    for _ in range(levels):
        document = [document]
    return document


def answering(question: str, option: str, **members: Any) -> dict[str, Any]:
    return {**LESSON, "submission": {"answers": [{"questionId": question, "optionId": option}], **members}}


# By name: the submission and its Idempotency-Key.
TABLE: dict[str, tuple[Any, str | None]] = {
    "good": (SUBMISSION, None),
    "good, with a key": (SUBMISSION, "fresh"),
    "by the shown revision": ({**LESSON, "submission": {**ANSWERS, "revision": "revision-1"}}, "shown"),
    "by a replaced revision": ({**LESSON, "submission": {**ANSWERS, "revision": "replaced"}}, "replaced"),
    "replayed": (SUBMISSION, "used"),
    "replayed, with a quoted key": (SUBMISSION, '"used-2"'),
    "another body under the key": ({**LESSON, "submission": {"answers": []}}, "used-3"),
    "a key that is none": (SUBMISSION, ""),
    "a long key": (SUBMISSION, "x" * 256),
    "a revision that grades no more": ({**LESSON, "submission": {**ANSWERS, "revision": "gone"}}, "gone"),
    "no such question": (answering("question-9", "option-1-1"), "no-question"),
    "no such option": (answering("question-1", "option-2-1"), None),
    "no quiz": ({**SUBMISSION, "lessonId": "lesson-9"}, "no-quiz"),
    "no answers": ({**LESSON, "submission": {}}, None),
    "answers of another type": ({**LESSON, "submission": {"answers": "x"}}, None),
    "no object in it": ({**LESSON, "submission": 7}, None),
    "control characters": (answering("question\x00", "option-1-1"), None),
    "no lesson": ({"submission": ANSWERS}, None),
    "no object": ([], None),
    "deep": ({**LESSON, "submission": {**ANSWERS, "more": nested(29)}}, "deep"),
    "too deep": ({**LESSON, "submission": {**ANSWERS, "more": nested(30)}}, None),
}


def test_each_item_has_the_response_of_the_single_address(quiz_database: peewee.Database, world: World) -> None:
    used = [world.single(SUBMISSION, key).status for key in ("used", "used-2", "used-3")]
    assert (used, world.attempts()) == ([200] * 3, 3)
    batch = dict(zip(TABLE, world.batch(*(item(*each) for each in TABLE.values())), strict=True))
    graded = {"good", "good, with a key", "by the shown revision", "by a replaced revision", "deep"}
    assert {name for name, each in batch.items() if each.status == 200} == graded | {
        "replayed",
        "replayed, with a quoted key",
    }
    assert world.attempts() == 3 + len(graded)
    # Now each alone; what the batch has stored for a key is under another key here.
    for name, (document, key) in TABLE.items():
        alone = world.single(document, f"{key}-alone" if name in graded and key else key)
        assert alone == batch[name], name
    # And what the batch has stored is replayed.
    for name in graded - {"good"}:
        again = world.single(*TABLE[name])
        assert again == batch[name]._replace(headers={**again.headers, "Idempotency-Replayed": "true"}), name


def on(engine: str) -> pytest.MarkDecorator:
    return pytest.mark.parametrize("quiz_database", [engine], indirect=True)


def counted_commits(database: peewee.Database, monkeypatch: pytest.MonkeyPatch) -> list[None]:
    """Return a list that grows with each commit."""
    commits: list[None] = []
    commit = database.commit

    def counting() -> object:
        commits.append(None)
        return commit()

    monkeypatch.setattr(database, "commit", counting)
    return commits


def test_a_batch_is_one_commit_though_some_items_fail(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    commits = counted_commits(world.database, monkeypatch)
    failing = {**SUBMISSION, "lessonId": "lesson-9"}
    responses = world.batch(item(SUBMISSION), item(failing, "a"), item(SUBMISSION, "b"), item([]))
    assert ([each.status for each in responses], len(commits), world.attempts()) == ([200, 404, 200, 400], 1, 2)


@pytest.mark.parametrize("error", [peewee.IntegrityError("a constraint"), ValueError("unreadable")])
def test_a_failure_of_one_item_leaves_nothing_of_it(
    world: World, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    """What fails for all together runs alone, each in its own transaction."""
    add, add_all = world.store.attempts.add, world.store.attempts.add_all

    def fail_after(attempt: Any) -> None:
        add(attempt)
        if not attempt.grade.answered_questions:
            raise error

    def fail_together(attempts: Any) -> None:
        add_all(attempts)
        raise error

    monkeypatch.setattr(world.store.attempts, "add", fail_after)
    monkeypatch.setattr(world.store.attempts, "add_all", fail_together)
    empty = {**LESSON, "submission": {"answers": []}}
    responses = world.batch(item(empty, "a"), item(SUBMISSION, "b"), item(empty), item(SUBMISSION))
    crash = {"error": "INTERNAL_ERROR", "message": "Something went wrong on our side", "requestId": REQUEST_ID}
    assert [each.status for each in responses] == [500, 200, 500, 200]
    assert (responses[0].body, responses[2].body, world.attempts()) == (crash, crash, 2)
    # The keys of those that failed are free again.
    monkeypatch.undo()
    replayed = [world.single(SUBMISSION, key).headers.get("Idempotency-Replayed") for key in ("a", "b")]
    assert replayed == [None, "true"]


def refusal_of(status: int, code: str, message: str) -> ItemResponse:
    headers = {"Content-Type": "application/json", "Retry-After": "1"}
    return ItemResponse(status, headers, {"error": code, "message": message, "requestId": REQUEST_ID})


NOT_AVAILABLE = refusal_of(503, "UPSTREAM_UNAVAILABLE", "The database is not available; try again shortly")
DISK_FULL = refusal_of(
    503,
    "UPSTREAM_UNAVAILABLE",
    "The disk of the database is full: everything can be read, nothing can be changed",
)


def test_a_commit_that_fails_acknowledges_nothing(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail() -> None:
        raise peewee.OperationalError("disk I/O error")

    with monkeypatch.context() as patched:
        patched.setattr(world.database, "commit", fail)
        responses = world.batch(item(SUBMISSION, "a"), item({}), item(SUBMISSION))
    assert (responses[0], responses[1].status, responses[2]) == (NOT_AVAILABLE, 400, NOT_AVAILABLE)
    assert world.attempts() == 0
    assert world.single(SUBMISSION, "a").headers == {"Content-Type": "application/json"}


@on("sqlite")
def test_a_full_disk_refuses_every_item(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    add_all = world.store.attempts.add_all

    def add_too_much(attempts: Any) -> None:
        # Of this connection, and never less than the file has.
        world.database.execute_sql("PRAGMA max_page_count = 1")
        add_all([replace(each, lesson_id="x" * 10_000_000) for each in attempts])

    with monkeypatch.context() as patched:
        patched.setattr(world.store.attempts, "add_all", add_too_much)
        empty = {**LESSON, "submission": {"answers": []}}
        responses = world.batch(item(empty, "a"), item(SUBMISSION, "b"), item(empty))
    assert (responses, world.attempts()) == ([DISK_FULL] * 3, 0)
    assert world.single(SUBMISSION, "a").headers == {"Content-Type": "application/json"}


def test_a_key_is_in_flight_until_the_commit(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    in_flight = refusal_of(
        409,
        "IDEMPOTENCY_KEY_IN_FLIGHT",
        "A request with this Idempotency-Key is under way; try again shortly",
    )
    first, second = world.batch(item(SUBMISSION, "key"), item(SUBMISSION, "key"))
    assert (first.status, second, world.attempts()) == (200, in_flight, 1)
    assert world.single(SUBMISSION, "key").headers["Idempotency-Replayed"] == "true"


@on("postgresql")
def test_an_item_that_waits_for_a_row_keeps_no_other_waiting(world: World, quiz_database: peewee.Database) -> None:
    with world.store.transaction():
        world.store.quizzes.add(numbered_quiz(2))
    batch = [item(SUBMISSION), item({**LESSON, "lessonId": "lesson-2", "submission": {"answers": []}})]

    def update_meanwhile(has_responded: Callable[[], bool]) -> None:
        try:
            with world.store.transaction():
                world.store.quizzes.get("quiz-1", for_update=True)
                until(lambda: len(world.store.attempts.list("quiz-2", ALL)) == 1, "the other attempt")
                assert (world.attempts(), has_responded()) == (0, False)
        finally:
            quiz_database.close()

    response = world.client.send_during(update_meanwhile, "POST", BATCHES, service_token(), json={"items": batch})
    assert ([each["status"] for each in response.document["items"]], world.attempts()) == ([200, 200], 1)
