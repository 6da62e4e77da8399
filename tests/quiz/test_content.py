"""services.quiz.content: what quiz asks content over HTTP, and what it makes of each answer."""

from collections.abc import Callable

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.kit.core.errors import Unavailable
from services.kit.core.logging import start_request
from services.kit.web.tokens.service import verify_service_token
from services.quiz.content import Content
from services.quiz.errors import EventNotFound, LessonNotFound
from tests.clock import NOON
from tests.stores import TEXTS

SECRET = "a secret that only these tests know"


def ask(
    answer: Callable[[httpx.Request], httpx.Response], event_id: str = "event-1", lesson_id: str = "lesson-1"
) -> None:
    """Require the lesson from a content that answers so."""
    with httpx.Client(base_url="http://content.test", transport=httpx.MockTransport(answer)) as client:
        Content(client, SECRET, 5, lambda: NOON).require_lesson(event_id, lesson_id)


def asked(event_id: str, lesson_id: str) -> httpx.Request:
    """The request that quiz makes."""
    requests: list[httpx.Request] = []

    def answer(request: httpx.Request) -> httpx.Response:
        requests.append(request)
        return httpx.Response(200, json={"item": {"id": lesson_id}})

    ask(answer, event_id, lesson_id)
    [request] = requests
    return request


def test_quiz_asks_for_the_lesson_in_its_own_name_under_the_request_that_it_answers() -> None:
    start_request("request-7", "POST")
    request = asked("event-1", "lesson-1")
    assert (request.method, str(request.url)) == ("GET", "http://content.test/internal/events/event-1/lessons/lesson-1")
    assert request.headers["X-Request-ID"] == "request-7"
    scheme, token = request.headers["Authorization"].split(" ")
    assert (scheme, verify_service_token(token, SECRET, "content", NOON)) == ("Bearer", "quiz")
    assert request.content == b""


@pytest.mark.parametrize(
    ("event_id", "lesson_id", "path"),
    [
        ("a/b", "c?d#e", b"/internal/events/a%2Fb/lessons/c%3Fd%23e"),
        ("..", ".", b"/internal/events/%2E%2E/lessons/%2E"),
        ("../../health", "live", b"/internal/events/%2E%2E%2F%2E%2E%2Fhealth/lessons/live"),
        ("a b", "100%", b"/internal/events/a%20b/lessons/100%25"),
        ("%2e%2e", "é🎬", b"/internal/events/%252e%252e/lessons/%C3%A9%F0%9F%8E%AC"),
        ("//evil.test", "@evil.test:80", b"/internal/events/%2F%2Fevil%2Etest/lessons/%40evil%2Etest%3A80"),
        ("line\nbreak", "lesson", b"/internal/events/line%0Abreak/lessons/lesson"),
    ],
)
def test_an_id_stays_one_segment_of_the_path(event_id: str, lesson_id: str, path: bytes) -> None:
    url = asked(event_id, lesson_id).url
    assert (url.host, url.raw_path) == ("content.test", path)


@given(event_id=TEXTS, lesson_id=TEXTS)
def test_no_id_leads_to_another_address(event_id: str, lesson_id: str) -> None:
    url = asked(event_id, lesson_id).url
    root, internal, events, _, lessons, _ = url.raw_path.split(b"/")
    assert (url.host, root, internal, events, lessons) == ("content.test", b"", b"internal", b"events", b"lessons")
    assert httpx.URL(url).path == f"/internal/events/{event_id}/lessons/{lesson_id}"


def test_a_lesson_that_content_has_is_accepted_whatever_else_it_says_of_it() -> None:
    ask(lambda request: httpx.Response(200, json={"item": {"id": "lesson-1", "title": 7}, "more": []}))


def test_an_answer_about_another_lesson_is_none() -> None:
    with pytest.raises(Unavailable):
        ask(lambda request: httpx.Response(200, json={"item": {"id": "lesson-2"}}))


@pytest.mark.parametrize(
    ("code", "error"),
    [
        ("EVENT_NOT_FOUND", EventNotFound),
        ("LESSON_NOT_FOUND", LessonNotFound),
        # An id that no path can hold, such as one with a line break, meets no route.
        ("NOT_FOUND", LessonNotFound),
    ],
)
def test_what_content_does_not_have_is_not_found_by_its_own_name(code: str, error: type[Exception]) -> None:
    with pytest.raises(error):
        ask(lambda request: httpx.Response(404, json={"error": code, "message": "No", "requestId": "r"}))


@pytest.mark.parametrize("status", [400, 401, 403, 429, 500, 502, 503, 504, 301, 204])
def test_every_other_answer_is_unavailable_even_with_a_body_that_says_not_found(status: int) -> None:
    with pytest.raises(Unavailable) as failure:
        ask(lambda request: httpx.Response(status, json={"error": "LESSON_NOT_FOUND"}))
    assert (str(failure.value), failure.value.retry_after) == (
        "Lessons cannot be looked up now; try again shortly",
        1,
    )


@pytest.mark.parametrize("body", [b"", b"<html>404 Not Found</html>", b"[]", b'"text"', b"null", b"{}", b"\xff\xfe{"])
def test_a_404_that_content_did_not_say_is_unavailable(body: bytes) -> None:
    with pytest.raises(Unavailable):
        ask(lambda request: httpx.Response(404, content=body))


@given(body=st.binary(max_size=40))
def test_no_body_of_a_404_makes_quiz_crash(body: bytes) -> None:
    with pytest.raises((Unavailable, LessonNotFound)):
        ask(lambda request: httpx.Response(404, content=body))


@pytest.mark.parametrize(
    "error",
    [
        httpx.ConnectError,
        httpx.ConnectTimeout,
        httpx.ReadTimeout,
        httpx.ReadError,
        httpx.PoolTimeout,
        httpx.RemoteProtocolError,
    ],
)
def test_a_content_that_cannot_be_reached_is_unavailable(error: type[httpx.TransportError]) -> None:
    def answer(request: httpx.Request) -> httpx.Response:
        raise error("on purpose")

    with pytest.raises(Unavailable) as failure:
        ask(answer)
    assert isinstance(failure.value.__cause__, error)
