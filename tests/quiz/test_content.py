"""services.quiz.content: the requests that quiz sends to content, and what it makes of each response."""

import json
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import copy_context
from typing import Any

import httpx
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from services.kit.core.deadlines import set_deadline
from services.kit.core.errors import Unavailable
from services.kit.core.logging import start_request
from services.kit.web.tokens.service import verify_service_token
from services.quiz.content import Content
from services.quiz.entities import ContentChange, ContentKey, FeedHead, LessonReference
from services.quiz.errors import EventNotFound, FeedPositionLost, LessonNotFound
from tests.clock import LATER, NOON
from tests.stores import TEXTS

SECRET = "a secret that only these tests know"
Respond = Callable[[httpx.Request], httpx.Response]

HEAD = {"item": {"id": "feed-1", "lastSequence": 7, "prunedThrough": 2, "readers": []}}
CHANGES = {
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
KEYS = [ContentKey("event", "event-1"), ContentKey("lesson", "lesson-1"), ContentKey("event", "event-2")]

CALLS: dict[str, Callable[[Content], object]] = {
    "require_lesson": lambda content: content.require_lesson("event-1", "lesson-1"),
    "feed": lambda content: content.feed(),
    "changes": lambda content: content.changes("feed-1", 5, 200),
    "missing": lambda content: content.missing(LESSONS),
    "present": lambda content: content.present(KEYS),
}
every_call = pytest.mark.parametrize("call", CALLS.values(), ids=CALLS.keys())


@contextmanager
def content_with(respond: Respond) -> Iterator[tuple[Content, list[httpx.Request]]]:
    """A content that responds so, and the requests that it gets."""
    requests: list[httpx.Request] = []

    def note_and_respond(request: httpx.Request) -> httpx.Response:
        requests.append(request)
        return respond(request)

    transport = httpx.MockTransport(note_and_respond)
    with httpx.Client(base_url="http://content.test", transport=transport) as client:
        yield Content(client, SECRET, 5, lambda: NOON), requests


def responds(document: Any, status: int = 200) -> Respond:
    return lambda request: httpx.Response(status, json=document)


def require(respond: Respond) -> None:
    with content_with(respond) as (content, _):
        content.require_lesson("event-1", "lesson-1")


# Requests


def test_a_request_bears_quiz_s_token_and_the_request_id() -> None:
    def ask_during_a_request() -> list[httpx.Request]:
        start_request("request-7", "POST")
        # Whatever else content says of the lesson is ignored.
        with content_with(responds({"item": {"id": "lesson-1", "title": 7}, "more": []})) as (content, requests):
            content.require_lesson("event-1", "lesson-1")
        return requests

    requests = copy_context().run(ask_during_a_request)
    [request] = requests
    assert (request.method, str(request.url)) == ("GET", "http://content.test/internal/events/event-1/lessons/lesson-1")
    assert request.headers["X-Request-ID"] == "request-7"
    scheme, token = request.headers["Authorization"].split(" ")
    assert (scheme, verify_service_token(token, SECRET, "content", NOON)) == ("Bearer", "quiz")
    assert request.content == b""


def test_a_request_may_take_no_longer_than_the_caller_waits() -> None:
    def seconds_left_for_content(header: str | None) -> int:
        set_deadline(header)
        with content_with(responds({"item": {"id": "lesson-1"}})) as (content, requests):
            content.require_lesson("event-1", "lesson-1")
        return int(requests[0].headers["Time-Left"])

    def with_deadline(header: str | None) -> int:
        return copy_context().run(seconds_left_for_content, header)

    assert with_deadline(None) == with_deadline("600000") > 4000
    assert 0 < with_deadline("4000") <= 4000
    with pytest.raises(Unavailable, match="waits no longer"):
        with_deadline("0")


def url_for(event_id: str, lesson_id: str) -> httpx.URL:
    with content_with(responds({"item": {"id": lesson_id}})) as (content, requests):
        content.require_lesson(event_id, lesson_id)
    return requests[0].url


@given(event_id=TEXTS, lesson_id=TEXTS)
@example(event_id="..", lesson_id=".")
@example(event_id="../../health", lesson_id="c?d#e")
@example(event_id="%2e%2e", lesson_id="é🎬 100%")
@example(event_id="//evil.test", lesson_id="@evil.test:80")
@example(event_id="line\nbreak", lesson_id="a/b")
def test_no_id_leads_to_another_address(event_id: str, lesson_id: str) -> None:
    url = url_for(event_id, lesson_id)
    root, internal, events, _, lessons, _ = url.raw_path.split(b"/")
    assert (url.host, root, internal, events, lessons) == ("content.test", b"", b"internal", b"events", b"lessons")
    assert url.path == f"/internal/events/{event_id}/lessons/{lesson_id}"


def test_the_head_of_the_feed_is_read() -> None:
    with content_with(responds(HEAD)) as (content, requests):
        assert content.feed() == FeedHead("feed-1", 7, 2)
    assert [request.url.raw_path for request in requests] == [b"/internal/feed"]


def test_changes_are_read_in_order_after_a_sequence() -> None:
    with content_with(responds(CHANGES)) as (content, requests):
        assert content.changes("feed-1", 5, 200, 3) == [
            ContentChange(6, "lesson", "deleted", "event-1", "lesson-1", NOON),
            ContentChange(7, "event", "created", "event-2", None, LATER),
        ]
    assert requests[0].url.raw_path == b"/internal/changes?reader=quiz&feed=feed-1&after=5&limit=200&wait=3"


def test_missing_lessons_are_asked_for_in_batches_of_500() -> None:
    lessons = [LessonReference("event-1", f"lesson-{number}") for number in range(1001)]
    with content_with(responds({"missing": [{"eventId": "event-1", "lessonId": "lesson-7"}]})) as (content, requests):
        assert content.missing([]) == []
        assert content.missing(lessons) == [LessonReference("event-1", "lesson-7")] * 3
    assert [(each.method, each.url.path) for each in requests] == [("POST", "/internal/references")] * 3
    bodies = [json.loads(each.content)["references"] for each in requests]
    assert [len(each) for each in bodies] == [500, 500, 1]
    assert [reference["lessonId"] for each in bodies for reference in each] == [each.lesson_id for each in lessons]


def test_present_keys_are_asked_for_in_batches_of_500() -> None:
    keys = [ContentKey("lesson", f"lesson-{number}") for number in range(1001)]
    with content_with(responds({"events": ["event-1"], "lessons": ["lesson-1"]})) as (content, requests):
        assert content.present(KEYS) == set(KEYS[:2])
        assert content.present(keys) == {ContentKey("lesson", "lesson-1")}
    assert [(each.method, each.url.path) for each in requests] == [("POST", "/internal/presence")] * 4
    bodies = [json.loads(each.content) for each in requests]
    assert bodies[0] == {"events": ["event-1", "event-2"], "lessons": ["lesson-1"]}
    assert [each for body in bodies[1:] for each in body["lessons"]] == [key.id for key in keys]


# Responses


@pytest.mark.parametrize(
    ("code", "error"),
    [
        ("EVENT_NOT_FOUND", EventNotFound),
        ("LESSON_NOT_FOUND", LessonNotFound),
        # An id that no path can hold, such as one with a line break, meets no route.
        ("NOT_FOUND", LessonNotFound),
    ],
)
def test_a_lesson_that_content_does_not_have_is_not_found(code: str, error: type[Exception]) -> None:
    with pytest.raises(error):
        require(responds({"error": code, "message": "No", "requestId": "r"}, 404))


def test_a_response_about_another_lesson_is_unavailable() -> None:
    with pytest.raises(Unavailable):
        require(responds({"item": {"id": "lesson-2"}}))


def test_a_lost_position_is_told_apart_from_an_unavailable_content() -> None:
    with content_with(responds({"error": "FEED_POSITION_LOST"}, 410)) as (content, _):
        for name, call in CALLS.items():
            with pytest.raises(FeedPositionLost if name == "changes" else Unavailable):
                call(content)


@every_call
@pytest.mark.parametrize("status", [400, 401, 403, 429, 500, 502, 503, 504, 301, 204])
def test_every_other_status_is_unavailable(call: Callable[[Content], object], status: int) -> None:
    respond = responds({**HEAD, "error": "LESSON_NOT_FOUND"}, status)
    with content_with(respond) as (content, _), pytest.raises(Unavailable) as failure:
        call(content)
    expected = ("Lessons cannot be looked up now; try again shortly", 1)
    assert (str(failure.value), failure.value.retry_after) == expected


@given(body=st.binary(max_size=40) | st.sampled_from([b"<html>404</html>", b"[]", b'"text"', b"null", b"{}"]))
def test_a_404_that_content_did_not_send_is_unavailable(body: bytes) -> None:
    with pytest.raises(Unavailable):
        require(lambda request: httpx.Response(404, content=body))


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


@every_call
@pytest.mark.parametrize("body", NONSENSE.values(), ids=NONSENSE.keys())
def test_a_body_that_content_would_not_send_is_unavailable(call: Callable[[Content], object], body: bytes) -> None:
    with content_with(lambda request: httpx.Response(200, content=body)) as (content, _), pytest.raises(Unavailable):
        call(content)


MEMBERS = st.sampled_from(
    ["item", "items", "missing", "events", "lessons", "type", "time", "sequence", "data", "id", "lastSequence"]
)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(MEMBERS, inner, max_size=4),
)


@given(document=JSON)
def test_no_document_makes_quiz_crash(document: Any) -> None:
    with content_with(responds(document)) as (content, _):
        for call in CALLS.values():
            try:
                call(content)
            except Unavailable:
                continue


# Time and broken connections


@every_call
@pytest.mark.parametrize(
    "error",
    [
        httpx.ConnectError,
        httpx.ReadTimeout,
        httpx.ReadError,
        httpx.PoolTimeout,
        httpx.RemoteProtocolError,
        httpx.DecodingError,
    ],
)
def test_a_content_that_cannot_be_reached_is_unavailable(
    call: Callable[[Content], object], error: type[httpx.RequestError]
) -> None:
    def fail(request: httpx.Request) -> httpx.Response:
        raise error("on purpose")

    with content_with(fail) as (content, _), pytest.raises(Unavailable) as failure:
        call(content)
    assert isinstance(failure.value.__cause__, error)


def test_content_may_wait_for_a_change_beyond_the_timeout() -> None:
    with content_with(responds(CHANGES)) as (content, requests):
        content.changes("feed-1", 5, 200)
        content.changes("feed-1", 5, 200, wait_seconds=30)
    assert [each.extensions["timeout"]["read"] for each in requests] == [5, 35]


class SlowStream(httpx.SyncByteStream):
    """A body of which each byte is in time, and the whole is not."""

    def __iter__(self) -> Iterator[bytes]:
        for _ in range(1000):
            time.sleep(0.01)
            yield b" "


def test_a_slow_body_is_unavailable_though_each_read_is_in_time() -> None:
    transport = httpx.MockTransport(lambda request: httpx.Response(200, stream=SlowStream()))
    client = httpx.Client(base_url="http://content.test", transport=transport)
    with client, pytest.raises(Unavailable) as failure:
        Content(client, SECRET, 0.05).feed()
    assert str(failure.value.__cause__) == "the body took too long"
