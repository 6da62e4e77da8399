"""Requests to content over HTTP, each with a service token and a deadline."""

import time
from collections.abc import Callable, Sequence
from typing import Any, TypeVar
from urllib.parse import quote

from services.kit.core.deadlines import DEADLINE_HEADER, deadline_header, require_time_left, seconds_left
from services.kit.core.errors import NotFound, Unavailable
from services.kit.core.instants import Clock, now, parse_instant
from services.kit.core.lean_httpx import httpx
from services.kit.core.logging import REQUEST_ID_HEADER, current_request_id, log
from services.kit.web.tokens.service import issue_service_token
from services.quiz.config import Settings
from services.quiz.entities import ContentChange, ContentKey, FeedHead, LessonReference
from services.quiz.errors import EventNotFound, FeedPositionLost, LessonNotFound

REFERENCES_AT_ONCE = 500
# In the tokens, and among the readers of content's feed.
_NAME = "quiz"

Result = TypeVar("Result")

_UNAVAILABLE = "Lessons cannot be looked up now; try again shortly"


class Content:
    """A client of content over HTTP, which threads may share.

    Every method raises Unavailable when content does not respond in time, or responds with something unexpected.
    """

    def __init__(self, client: httpx.Client, service_secret: str, timeout_seconds: float, clock: Clock = now):
        self._client = client
        self._secret = service_secret
        self._timeout = timeout_seconds
        self._clock = clock

    def require_lesson(self, event_id: str, lesson_id: str) -> None:
        """Raise EventNotFound or LessonNotFound unless the event has the lesson."""
        response = self._send("GET", f"/internal/events/{_segment(event_id)}/lessons/{_segment(lesson_id)}")
        match _error_code(response):
            case EventNotFound.code:
                raise EventNotFound
            case LessonNotFound.code | NotFound.code:
                raise LessonNotFound
        if _parsed(response, lambda document: document["item"]["id"]) != lesson_id:
            raise Unavailable(_UNAVAILABLE)

    def feed(self) -> FeedHead:
        """Return the feed's id and end."""
        return _parsed(self._send("GET", "/internal/feed"), _head)

    def changes(self, feed_id: str, after: int, limit: int, wait_seconds: int = 0) -> Sequence[ContentChange]:
        """Return the changes after the sequence `after`, none if there are none within `wait_seconds`.

        Raise FeedPositionLost.
        """
        position = {"reader": _NAME, "feed": feed_id, "after": str(after)}
        parameters = {**position, "limit": str(limit), "wait": str(wait_seconds)}
        response = self._send("GET", "/internal/changes", params=parameters, wait_seconds=wait_seconds)
        if response.status_code == httpx.codes.GONE:
            raise FeedPositionLost
        return _parsed(response, _changes)

    def missing(self, lessons: Sequence[LessonReference]) -> Sequence[LessonReference]:
        """Return the lessons that content does not have, or not in that event."""
        missing: list[LessonReference] = []
        for start in range(0, len(lessons), REFERENCES_AT_ONCE):
            batch = lessons[start : start + REFERENCES_AT_ONCE]
            references = [{"eventId": each.event_id, "lessonId": each.lesson_id} for each in batch]
            response = self._send("POST", "/internal/references", json={"references": references})
            missing += _parsed(response, _missing)
        return missing

    def present(self, keys: Sequence[ContentKey]) -> set[ContentKey]:
        """Return the events and lessons that content has."""
        present: set[ContentKey] = set()
        for start in range(0, len(keys), REFERENCES_AT_ONCE):
            batch = keys[start : start + REFERENCES_AT_ONCE]
            events = [each.id for each in batch if each.kind == "event"]
            lessons = [each.id for each in batch if each.kind == "lesson"]
            response = self._send("POST", "/internal/presence", json={"events": events, "lessons": lessons})
            # Ignore ids in the response that were not in the request.
            present |= _parsed(response, _present) & {*batch}
        return present

    def _send(self, method: str, path: str, wait_seconds: int = 0, **request: Any) -> httpx.Response:
        token = issue_service_token(self._secret, _NAME, "content", self._clock())
        require_time_left()
        seconds = min(self._timeout + wait_seconds, seconds_left())
        headers = {
            "Authorization": f"Bearer {token}",
            REQUEST_ID_HEADER: current_request_id(),
            DEADLINE_HEADER: deadline_header(seconds),
        }
        try:
            return self._read(method, path, seconds, headers=headers, **request)
        except httpx.HTTPError as error:
            log.warning("content_unavailable", error=repr(error))
            raise Unavailable(_UNAVAILABLE) from error

    def _read(self, method: str, path: str, timeout_seconds: float, **request: Any) -> httpx.Response:
        # httpx's timeout bounds each read; a slow body would never end (docs/traps.md, 9).
        deadline = time.monotonic() + timeout_seconds
        with self._client.stream(method, path, timeout=timeout_seconds, **request) as response:
            body = bytearray()
            for chunk in response.iter_bytes():
                body += chunk
                if time.monotonic() > deadline:
                    raise httpx.ReadTimeout("the body took too long", request=response.request)
        return httpx.Response(response.status_code, content=bytes(body))


def content_of(settings: Settings) -> Content:
    """Return the client of the content whose address is in the settings."""
    client = httpx.Client(base_url=settings.content_url, trust_env=False)
    return Content(client, settings.service_secret, settings.content_timeout_seconds)


def _segment(text: str) -> str:
    # An HTTP client resolves `..` to the folder above, and would send the request to another address.
    return quote(text, safe="").replace(".", "%2E")


def _head(document: Any) -> FeedHead:
    item = document["item"]
    return FeedHead(item["id"], int(item["lastSequence"]), int(item["prunedThrough"]))


def _changes(document: Any) -> list[ContentChange]:
    return [_change(event) for event in document["items"]]


def _change(event: Any) -> ContentChange:
    kind, action = event["type"].split(".")[-2:]
    subject = event["data"]
    return ContentChange(
        sequence=int(event["sequence"]),
        kind=kind,
        action=action,
        event_id=subject["eventId"],
        lesson_id=subject["lessonId"],
        occurred_at=parse_instant(event["time"]),
    )


def _missing(document: Any) -> list[LessonReference]:
    return [LessonReference(each["eventId"], each["lessonId"]) for each in document["missing"]]


def _present(document: Any) -> set[ContentKey]:
    events = {ContentKey("event", each) for each in document["events"]}
    return events | {ContentKey("lesson", each) for each in document["lessons"]}


def _parsed(response: httpx.Response, parse: Callable[[Any], Result]) -> Result:
    if response.status_code != httpx.codes.OK:
        log.warning("content_unavailable", status=response.status_code)
        raise Unavailable(_UNAVAILABLE)
    try:
        return parse(response.json())
    except (ValueError, LookupError, TypeError, AttributeError, OverflowError) as error:
        # Another server may be at content's address; the follower must survive its responses.
        log.warning("content_unavailable", error=repr(error))
        raise Unavailable(_UNAVAILABLE) from error


def _error_code(response: httpx.Response) -> object:
    """Return the error code of content's own 404; None for any other response."""
    if response.status_code != httpx.codes.NOT_FOUND:
        return None
    try:
        document = response.json()
    except ValueError:
        return None
    return document.get("error") if isinstance(document, dict) else None
