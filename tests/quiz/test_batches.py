"""A batch of submissions: each has the response that /internal/submissions gives, and all have one commit."""

from collections.abc import Iterator
from typing import Any, NamedTuple

import peewee
import pytest

from services.quiz.repository.contracts import ALL
from services.quiz.repository.store import PeeweeQuizStore
from tests.app_client import Client
from tests.quiz.client import LessonsOfContent, quiz_client, service_token
from tests.quiz.examples import a_quiz
from tests.refusals import REQUEST_ID

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
