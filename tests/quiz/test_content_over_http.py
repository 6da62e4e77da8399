"""services.quiz.content over real sockets: what it asks of a small HTTP server, and how it bears each answer."""

import json
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple

import httpx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.kit.core.errors import Unavailable
from services.kit.web.tokens.service import verify_service_token
from services.quiz.content import Content
from services.quiz.entities import ContentChange, ContentKey, FeedHead, LessonReference
from services.quiz.errors import EventNotFound, FeedPositionLost, LessonNotFound
from tests.clock import LATER, NOON

SECRET = "a secret that only these tests know"
TIMEOUT_SECONDS = 0.5
# The body of a well-formed answer would be there at once; this is for a machine that is busy.
PATIENCE_SECONDS = 30

Speak = Callable[[socket.socket], None]


class Asked(NamedTuple):
    """What a request was."""

    line: str
    headers: dict[str, str]
    body: bytes


class SmallServer:
    """Reads one request from each connection, and lets a function speak on it."""

    def __init__(self, speak: Speak):
        self.asked: list[Asked] = []
        self.stopping = threading.Event()
        self._speak = speak
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.address = f"http://127.0.0.1:{self._listener.getsockname()[1]}"
        self._threads = [threading.Thread(target=self._serve, daemon=True)]
        self._threads[0].start()

    def close(self) -> None:
        """Take no more connections, and end those that there are."""
        self.stopping.set()
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        for thread in self._threads:
            thread.join(PATIENCE_SECONDS)

    def _serve(self) -> None:
        while not self.stopping.is_set():
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            thread = threading.Thread(target=self._answer, args=[connection], daemon=True)
            self._threads.append(thread)
            thread.start()

    def _answer(self, connection: socket.socket) -> None:
        with connection, connection.makefile("rb") as stream:
            line = stream.readline().decode().strip()
            headers = {}
            while header := stream.readline().decode().strip():
                name, _, text = header.partition(": ")
                headers[name.lower()] = text
            body = stream.read(int(headers.get("content-length", "0")))
            self.asked.append(Asked(line, headers, body))
            try:
                self._speak(connection)
            except OSError:
                # The client has hung up.
                return


@contextmanager
def content_that(speak: Speak) -> Iterator[tuple[Content, SmallServer]]:
    """A content that answers so, and its server."""
    server = SmallServer(speak)
    try:
        with httpx.Client(base_url=server.address, trust_env=False) as client:
            yield Content(client, SECRET, TIMEOUT_SECONDS, lambda: NOON), server
    finally:
        server.close()


def raw(body: bytes, status: str = "200 OK", headers: str = "") -> bytes:
    """An answer, as it goes over the wire."""
    head = f"HTTP/1.1 {status}\r\nContent-Length: {len(body)}\r\nConnection: close\r\n{headers}\r\n"
    return head.encode() + body


def says(document: Any, status: str = "200 OK") -> Speak:
    """Answers with this document."""
    return lambda connection: connection.sendall(raw(json.dumps(document).encode(), status))


HEAD = {"item": {"id": "feed-1", "lastSequence": 7, "prunedThrough": 2, "readers": []}}
TOLD = {
    "items": [
        {
            "type": "app.flix.lesson.deleted",
            "time": "2026-03-01T12:00:00.000Z",
            "sequence": "6",
            "data": {"eventId": "event-1", "lessonId": "lesson-1", "materialId": None, "version": 3},
        },
        {
            "type": "app.flix.event.created",
            "time": "2026-03-01T12:01:00.000Z",
            "sequence": "7",
            "data": {"eventId": "event-2", "lessonId": None, "materialId": None, "version": 1},
        },
    ]
}
LESSONS = [LessonReference("event-1", "lesson-1"), LessonReference("event-2", "lesson-2")]

BURIED = [ContentKey("event", "event-1"), ContentKey("lesson", "lesson-1"), ContentKey("event", "event-2")]

QUESTIONS: dict[str, Callable[[Content], object]] = {
    "require_lesson": lambda content: content.require_lesson("event-1", "lesson-1"),
    "feed": lambda content: content.feed(),
    "changes": lambda content: content.changes("feed-1", 5, 200),
    "missing": lambda content: content.missing(LESSONS),
    "present": lambda content: content.present(BURIED),
}
every_question = pytest.mark.parametrize("question", QUESTIONS.values(), ids=QUESTIONS.keys())


def test_the_head_of_the_feed_is_read() -> None:
    with content_that(says(HEAD)) as (content, server):
        assert content.feed() == FeedHead("feed-1", 7, 2)
        [asked] = server.asked
    assert (asked.line, asked.body) == ("GET /internal/feed HTTP/1.1", b"")
    token = asked.headers["authorization"].removeprefix("Bearer ")
    assert verify_service_token(token, SECRET, "content", NOON) == "quiz"


def test_changes_are_asked_for_by_place_and_read_in_order() -> None:
    with content_that(says(TOLD)) as (content, server):
        assert content.changes("feed-1", 5, 200) == [
            ContentChange(6, "lesson", "deleted", "event-1", "lesson-1", NOON),
            ContentChange(7, "event", "created", "event-2", None, LATER),
        ]
        [asked] = server.asked
    assert asked.line == "GET /internal/changes?feed=feed-1&after=5&limit=200&wait=0 HTTP/1.1"


def test_the_missing_of_a_thousand_and_one_lessons_are_asked_for_in_three_questions() -> None:
    lessons = [LessonReference("event-1", f"lesson-{number}") for number in range(1001)]
    with content_that(says({"missing": [{"eventId": "event-1", "lessonId": "lesson-7"}]})) as (content, server):
        assert content.missing(lessons) == [LessonReference("event-1", "lesson-7")] * 3
        bodies = [json.loads(asked.body)["references"] for asked in server.asked]
        assert content.missing([]) == []
        assert [asked.line for asked in server.asked] == ["POST /internal/references HTTP/1.1"] * 3
    assert [len(each) for each in bodies] == [500, 500, 1]
    assert [reference["lessonId"] for each in bodies for reference in each] == [each.lesson_id for each in lessons]


def test_what_is_there_of_a_thousand_and_one_is_asked_for_in_three_questions() -> None:
    keys = [ContentKey("lesson", f"lesson-{number}") for number in range(1001)]
    with content_that(says({"events": ["event-1"], "lessons": ["lesson-1"]})) as (content, server):
        assert content.present(BURIED) == set(BURIED[:2])
        assert content.present(keys) == {ContentKey("lesson", "lesson-1")}
        assert [asked.line for asked in server.asked] == ["POST /internal/presence HTTP/1.1"] * 4
        bodies = [json.loads(asked.body) for asked in server.asked]
    assert bodies[0] == {"events": ["event-1", "event-2"], "lessons": ["lesson-1"]}
    assert [each for body in bodies[1:] for each in body["lessons"]] == [key.id for key in keys]


@pytest.mark.parametrize(("code", "error"), [("EVENT_NOT_FOUND", EventNotFound), ("LESSON_NOT_FOUND", LessonNotFound)])
def test_a_lesson_that_is_not_there_is_not_found(code: str, error: type[Exception]) -> None:
    with content_that(says({"error": code}, "404 Not Found")) as (content, _), pytest.raises(error):
        content.require_lesson("event-1", "lesson-1")


def test_a_place_that_is_lost_is_told_apart_from_a_content_that_is_down() -> None:
    with content_that(says({"error": "FEED_POSITION_LOST"}, "410 Gone")) as (content, _):
        with pytest.raises(FeedPositionLost):
            content.changes("feed-1", 5, 200)
        for name in ("require_lesson", "feed", "missing", "present"):
            with pytest.raises(Unavailable):
                QUESTIONS[name](content)


@every_question
@pytest.mark.parametrize(
    "status", ["204 No Content", "301 Moved", "400 Bad", "401 Unauthorized", "403 No", "429 Slow", "500 No", "503 No"]
)
def test_every_other_status_is_unavailable(question: Callable[[Content], object], status: str) -> None:
    with content_that(says(HEAD, status)) as (content, _), pytest.raises(Unavailable):
        question(content)


NONSENSE: dict[str, bytes] = {
    "nothing": b"",
    "a page": b"<html>Welcome</html>",
    "no UTF-8": b"\xff\xfe{",
    "null": b"null",
    "a number": b"7",
    "a list": b"[]",
    "another object": b"{}",
    "null inside": b'{"item": null, "items": null, "missing": null, "events": null, "lessons": null}',
    "numbers inside": b'{"item": 7, "items": 7, "missing": 7, "events": 7, "lessons": 7}',
    "texts inside": b'{"item": "a", "items": "a", "missing": "a"}',
    "empty objects inside": b'{"item": {}, "items": [{}], "missing": [{}], "events": [{}], "lessons": [{}]}',
    "half a change": b'{"item": {"id": "f", "lastSequence": "x"}, "items": [{"type": "deleted"}], "missing": [[]]}',
    "no number": b'{"item": {"id": "f", "lastSequence": [], "prunedThrough": 0}, "missing": [1],'
    b' "items": [{"type": "a.b", "sequence": "x", "data": {}}]}',
}


@every_question
@pytest.mark.parametrize("body", NONSENSE.values(), ids=NONSENSE.keys())
def test_an_answer_that_content_would_not_give_is_unavailable(
    question: Callable[[Content], object], body: bytes
) -> None:
    with content_that(lambda connection: connection.sendall(raw(body))) as (content, _), pytest.raises(Unavailable):
        question(content)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=2)
        | st.dictionaries(
            st.sampled_from(
                [
                    "item",
                    "items",
                    "missing",
                    "events",
                    "lessons",
                    "type",
                    "time",
                    "sequence",
                    "data",
                    "id",
                    "lastSequence",
                ]
            ),
            inner,
            max_size=4,
        )
    ),
)


@given(document=JSON)
@settings(max_examples=300)
def test_no_document_makes_quiz_crash(document: Any) -> None:
    transport = httpx.MockTransport(lambda request: httpx.Response(200, json=document))
    with httpx.Client(base_url="http://content.test", transport=transport) as client:
        content = Content(client, SECRET, 5)
        for question in QUESTIONS.values():
            try:
                question(content)
            except Unavailable:
                continue


@every_question
@pytest.mark.parametrize(
    "spoken",
    [
        b"",
        b"SSH-2.0-OpenSSH_9.2\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Le",
        b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{",
        b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 2\r\n\r\n{}",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
    ],
    ids=["nothing", "not HTTP", "half a head", "half a body", "another encoding", "broken chunks"],
)
def test_a_connection_that_breaks_off_is_unavailable(question: Callable[[Content], object], spoken: bytes) -> None:
    with content_that(lambda connection: connection.sendall(spoken)) as (content, _), pytest.raises(Unavailable):
        question(content)


@every_question
def test_a_content_that_is_not_there_is_unavailable(question: Callable[[Content], object]) -> None:
    with content_that(says(HEAD)) as (_, server):
        address = server.address
    with httpx.Client(base_url=address, trust_env=False) as client, pytest.raises(Unavailable):
        question(Content(client, SECRET, TIMEOUT_SECONDS))


@every_question
def test_a_content_that_never_answers_is_given_up(question: Callable[[Content], object]) -> None:
    with content_that(never) as (content, _), pytest.raises(Unavailable) as failure:
        question(content)
    assert isinstance(failure.value.__cause__, httpx.ReadTimeout)


def never(connection: socket.socket) -> None:
    """Says nothing until the client hangs up."""
    connection.settimeout(PATIENCE_SECONDS)
    connection.recv(1)


def drips(text: bytes) -> Speak:
    """Speaks one byte at a time, each well within the time that a single read may take, until the client hangs up."""

    def speak(connection: socket.socket) -> None:
        for position in range(len(text)):
            connection.sendall(text[position : position + 1])
            time.sleep(TIMEOUT_SECONDS / 10)

    return speak


@every_question
def test_a_body_that_drips_is_given_up(question: Callable[[Content], object]) -> None:
    dripping = drips(b" " * 1000)

    def speak(connection: socket.socket) -> None:
        connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n")
        dripping(connection)

    with content_that(speak) as (content, _), pytest.raises(Unavailable) as failure:
        question(content)
    assert str(failure.value.__cause__) == "the answer drips"


def test_while_content_may_wait_for_a_change_it_is_not_given_up() -> None:
    def late(connection: socket.socket) -> None:
        # More than an answer may take to a question that is not to wait.
        time.sleep(2 * TIMEOUT_SECONDS)
        says(TOLD)(connection)

    with content_that(late) as (content, server):
        assert len(content.changes("feed-1", 5, 200, wait_seconds=PATIENCE_SECONDS)) == 2
        assert server.asked[0].line.endswith(f"&wait={PATIENCE_SECONDS} HTTP/1.1")
        with pytest.raises(Unavailable):
            content.changes("feed-1", 5, 200)
