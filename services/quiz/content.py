"""Quiz's view of content: one question over HTTP, with a service token and a deadline."""

import time
from collections.abc import Callable
from urllib.parse import quote

import httpx

from services.kit.errors import NotFound, Unavailable
from services.kit.instants import Clock, now
from services.kit.observability import REQUEST_ID_HEADER, current_request_id, log
from services.kit.tokens import issue_service_token
from services.quiz.errors import EventNotFound, LessonNotFound

# Raises EventNotFound or LessonNotFound unless the event has the lesson, Unavailable when content does not answer.
RequireLesson = Callable[[str, str], None]


def lesson_requirement(
    client: httpx.Client, service_secret: str, timeout_seconds: float, clock: Clock = now
) -> RequireLesson:
    """How to ask content; the client carries its address and may be shared by threads."""

    def require_lesson(event_id: str, lesson_id: str) -> None:
        token = issue_service_token(service_secret, "quiz", "content", clock())
        headers = {"Authorization": f"Bearer {token}", REQUEST_ID_HEADER: current_request_id()}
        try:
            response = _get(client, _path(event_id, lesson_id), headers, timeout_seconds)
        except httpx.HTTPError as error:
            log.warning("content_unavailable", error=repr(error))
            raise Unavailable("Lessons cannot be looked up now; try again shortly") from error
        _check(response)

    return require_lesson


def _get(client: httpx.Client, path: str, headers: dict[str, str], timeout_seconds: float) -> httpx.Response:
    # httpx's timeout bounds each read; a body that drips would never end (TRAPS 9).
    deadline = time.monotonic() + timeout_seconds
    with client.stream("GET", path, headers=headers, timeout=timeout_seconds) as response:
        body = bytearray()
        for chunk in response.iter_bytes():
            body += chunk
            if time.monotonic() > deadline:
                raise httpx.ReadTimeout("the answer drips", request=response.request)
    return httpx.Response(response.status_code, content=bytes(body))


def _path(event_id: str, lesson_id: str) -> str:
    return f"/internal/events/{_segment(event_id)}/lessons/{_segment(lesson_id)}"


def _segment(text: str) -> str:
    # A client of HTTP takes `..` as it is for the folder above, and would ask for another address.
    return quote(text, safe="").replace(".", "%2E")


def _check(response: httpx.Response) -> None:
    if response.status_code == httpx.codes.OK:
        return
    match _error_code(response):
        case EventNotFound.code:
            raise EventNotFound
        case LessonNotFound.code | NotFound.code:
            raise LessonNotFound
    log.warning("content_unavailable", status=response.status_code)
    raise Unavailable("Lessons cannot be looked up now; try again shortly")


def _error_code(response: httpx.Response) -> object:
    """The code of a 404 in the contract's envelope; None when it is something else, which content did not say."""
    if response.status_code != httpx.codes.NOT_FOUND:
        return None
    try:
        document = response.json()
    except ValueError:
        return None
    return document.get("error") if isinstance(document, dict) else None
