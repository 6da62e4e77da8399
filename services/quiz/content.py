"""Quiz's view of content: a few questions over HTTP, each with a service token and a deadline."""

import time
from collections.abc import Callable, Sequence
from typing import Any, TypeVar
from urllib.parse import quote

import httpx

from services.kit.core.errors import NotFound, Unavailable
from services.kit.core.instants import Clock, now, parse_instant
from services.kit.core.logging import REQUEST_ID_HEADER, current_request_id, log
from services.kit.web.tokens.service import issue_service_token
from services.quiz.config import Settings
from services.quiz.entities import ContentChange, ContentKey, FeedHead, LessonReference
from services.quiz.errors import EventNotFound, FeedPositionLost, LessonNotFound

REFERENCES_IN_ONE_QUESTION = 500

Said = TypeVar("Said")

_UNAVAILABLE = "Lessons cannot be looked up now; try again shortly"


class Content:
    """Content over HTTP; the client carries its address and may be shared by threads.

    Every method raises Unavailable when content does not answer in time, or not in its own words.
    """

    def __init__(self, client: httpx.Client, service_secret: str, timeout_seconds: float, clock: Clock = now):
        self._client = client
        self._secret = service_secret
        self._timeout = timeout_seconds
        self._clock = clock

    def require_lesson(self, event_id: str, lesson_id: str) -> None:
        """Raises EventNotFound or LessonNotFound unless the event has the lesson."""
        response = self._ask("GET", f"/internal/events/{_segment(event_id)}/lessons/{_segment(lesson_id)}")
        match _error_code(response):
            case EventNotFound.code:
                raise EventNotFound
            case LessonNotFound.code | NotFound.code:
                raise LessonNotFound
        if _understood(response, lambda document: document["item"]["id"]) != lesson_id:
            raise Unavailable(_UNAVAILABLE)

    def feed(self) -> FeedHead:
        """Which feed content has now, and how far it goes."""
        return _understood(self._ask("GET", "/internal/feed"), _head)

    def changes(self, feed_id: str, after: int, limit: int, wait_seconds: int = 0) -> Sequence[ContentChange]:
        """The changes behind `after`; none within `wait_seconds` gives none. Raises FeedPositionLost."""
        parameters = {"feed": feed_id, "after": str(after), "limit": str(limit), "wait": str(wait_seconds)}
        response = self._ask("GET", "/internal/changes", params=parameters, wait_seconds=wait_seconds)
        if response.status_code == httpx.codes.GONE:
            raise FeedPositionLost
        return _understood(response, _changes)

    def missing(self, lessons: Sequence[LessonReference]) -> Sequence[LessonReference]:
        """Those that content does not have, or not in that event."""
        missing: list[LessonReference] = []
        for start in range(0, len(lessons), REFERENCES_IN_ONE_QUESTION):
            asked = lessons[start : start + REFERENCES_IN_ONE_QUESTION]
            references = [{"eventId": each.event_id, "lessonId": each.lesson_id} for each in asked]
            answer = self._ask("POST", "/internal/references", json={"references": references})
            missing += _understood(answer, _missing)
        return missing

    def present(self, keys: Sequence[ContentKey]) -> set[ContentKey]:
        """Those that content has."""
        present: set[ContentKey] = set()
        for start in range(0, len(keys), REFERENCES_IN_ONE_QUESTION):
            asked = keys[start : start + REFERENCES_IN_ONE_QUESTION]
            events = [each.id for each in asked if each.kind == "event"]
            lessons = [each.id for each in asked if each.kind == "lesson"]
            answer = self._ask("POST", "/internal/presence", json={"events": events, "lessons": lessons})
            # Whatever else the answer names, nobody has asked for it.
            present |= _understood(answer, _present) & {*asked}
        return present

    def _ask(self, method: str, path: str, wait_seconds: int = 0, **request: Any) -> httpx.Response:
        token = issue_service_token(self._secret, "quiz", "content", self._clock())
        headers = {"Authorization": f"Bearer {token}", REQUEST_ID_HEADER: current_request_id()}
        try:
            return self._read(method, path, self._timeout + wait_seconds, headers=headers, **request)
        except httpx.HTTPError as error:
            log.warning("content_unavailable", error=repr(error))
            raise Unavailable(_UNAVAILABLE) from error

    def _read(self, method: str, path: str, timeout_seconds: float, **request: Any) -> httpx.Response:
        # httpx's timeout bounds each read; a body that drips would never end (TRAPS 9).
        deadline = time.monotonic() + timeout_seconds
        with self._client.stream(method, path, timeout=timeout_seconds, **request) as response:
            body = bytearray()
            for chunk in response.iter_bytes():
                body += chunk
                if time.monotonic() > deadline:
                    raise httpx.ReadTimeout("the answer drips", request=response.request)
        return httpx.Response(response.status_code, content=bytes(body))


def content_of(settings: Settings) -> Content:
    """Content where the settings say that it is."""
    client = httpx.Client(base_url=settings.content_url, trust_env=False)
    return Content(client, settings.service_secret, settings.content_timeout_seconds)


def _segment(text: str) -> str:
    # A client of HTTP takes `..` as it is for the folder above, and would ask for another address.
    return quote(text, safe="").replace(".", "%2E")


def _head(document: Any) -> FeedHead:
    item = document["item"]
    return FeedHead(item["id"], int(item["lastSequence"]), int(item["prunedThrough"]))


def _changes(document: Any) -> list[ContentChange]:
    return [_change(event) for event in document["items"]]


def _change(event: Any) -> ContentChange:
    kind, action = event["type"].split(".")[-2:]
    about = event["data"]
    occurred_at = parse_instant(event["time"])
    return ContentChange(int(event["sequence"]), kind, action, about["eventId"], about["lessonId"], occurred_at)


def _missing(document: Any) -> list[LessonReference]:
    return [LessonReference(each["eventId"], each["lessonId"]) for each in document["missing"]]


def _present(document: Any) -> set[ContentKey]:
    events = {ContentKey("event", each) for each in document["events"]}
    return events | {ContentKey("lesson", each) for each in document["lessons"]}


def _require_success(response: httpx.Response) -> None:
    if response.status_code != httpx.codes.OK:
        log.warning("content_unavailable", status=response.status_code)
        raise Unavailable(_UNAVAILABLE)


def _understood(response: httpx.Response, read: Callable[[Any], Said]) -> Said:
    _require_success(response)
    try:
        return read(response.json())
    except (ValueError, LookupError, TypeError, AttributeError, OverflowError) as error:
        # Something else answers at content's address; whoever follows must outlive that.
        log.warning("content_unavailable", error=repr(error))
        raise Unavailable(_UNAVAILABLE) from error


def _error_code(response: httpx.Response) -> object:
    """The code of a 404 in the contract's envelope; None when it is something else, which content did not say."""
    if response.status_code != httpx.codes.NOT_FOUND:
        return None
    try:
        document = response.json()
    except ValueError:
        return None
    return document.get("error") if isinstance(document, dict) else None
