"""Learners' reads by GET, for caches: from the same responses as the POST forms (docs/decisions/112-reading-by-get.md).

They take no access key: an address is kept in histories and logs. Whether the learner is admitted is decided first.
"""

import re
from collections.abc import Callable
from dataclasses import replace
from functools import lru_cache
from urllib.parse import parse_qsl, quote

import orjson

from gateway.memory import TimedResponse
from gateway.representations import Representation, chosen_coding
from gateway.sources import Service, Source, declared_by
from gateway.upstream import (
    HTTP_NOT_MODIFIED,
    HTTP_OK,
    HTTP_PERMANENT_REDIRECT,
    JSON,
    UpstreamRequest,
    UpstreamResponse,
)
from gateway.upstreams import Upstreams
from gateway.views.learners import (
    ADMISSION,
    LESSON_QUIZ,
    PUBLIC_EVENT,
    PUBLIC_LESSON,
    ask_content,
    lesson_quiz,
    log_access,
    log_access_check,
)
from services.kit.core.errors import ValidationFailed
from services.kit.core.instants import format_instant, from_milliseconds
from services.kit.web.judgements import Judgement, PresentAddress
from services.kit.web.list_queries import MOST_NAMED

ADDRESS = "/api/public/events"
SERVER_TIME_HEADER = "Server-Time"
VARY = {"Vary": "Authorization, Origin, Accept-Encoding"}
CALENDAR = "text/calendar; charset=utf-8"
# A cache may keep the response and asks each time whether it still holds (RFC 9111 section 5.2.2.4).
PUBLIC, PRIVATE = "public, no-cache", "private, no-cache"

# In JSON only the name of a member is followed by a colon, so this is in no text.
_TIME = re.compile(rb',"serverTime":"[^"]*"')

Show = Callable[[UpstreamResponse], bytes]


def _without_time(response: UpstreamResponse) -> bytes:
    return _TIME.sub(b"", response.body)


def _event_alone(response: UpstreamResponse) -> bytes:
    return orjson.dumps({"item": response.document["event"]})


def _calendar_text(response: UpstreamResponse) -> bytes:
    return str(response.document["calendar"]).encode()


def _unchanged(response: UpstreamResponse) -> bytes:
    return response.body


@declared_by(Source(Service.CONTENT, "POST", PUBLIC_EVENT + "/catalog", read="getPublicEvent"))
async def event(upstreams: Upstreams, request: UpstreamRequest, event_slug: str) -> UpstreamResponse:
    """Return the event as the catalog shows it, alone."""
    timed = await ask_content(upstreams, _read(request), event_slug, "catalog")
    return _moved(timed.response, "") or await _shown(request, timed, _event_alone)


@declared_by(Source(Service.CONTENT, "POST", PUBLIC_EVENT + "/catalog", read="getPublicCatalog"))
async def catalog(upstreams: Upstreams, request: UpstreamRequest, event_slug: str) -> UpstreamResponse:
    """Return the event and its lessons with their status, without a time."""
    timed = await ask_content(upstreams, _read(request), event_slug, "catalog")
    return _moved(timed.response, "/catalog") or await _shown(request, timed, _without_time)


@declared_by(Source(Service.CONTENT, "POST", PUBLIC_LESSON + "/access-check", read="getPublicAccess"))
async def access_check(
    upstreams: Upstreams, request: UpstreamRequest, event_slug: str, lesson_slug: str
) -> UpstreamResponse:
    """Return whether the lesson opens, and when. It is about this moment, so nobody may keep it."""
    timed = await ask_content(upstreams, _read(request), event_slug, "lessons", lesson_slug, "access-check")
    if moved := _moved(timed.response, "/access-check"):
        return moved
    log_access_check(timed.response)
    if timed.response.status != HTTP_OK:
        return _refusal(timed.response)
    headers = {**timed.response.headers, **VARY, SERVER_TIME_HEADER: _server_time(timed.at)}
    return UpstreamResponse(HTTP_OK, timed.response.body, headers)


@declared_by(Source(Service.CONTENT, "POST", PUBLIC_LESSON + "/playback", read="getPublicPlayback"))
async def playback(
    upstreams: Upstreams, request: UpstreamRequest, event_slug: str, lesson_slug: str
) -> UpstreamResponse:
    """Return the data for the video player."""
    return await _of_lesson(upstreams, request, event_slug, lesson_slug, "playback")


@declared_by(Source(Service.CONTENT, "POST", PUBLIC_LESSON + "/materials", read="getPublicMaterials"))
async def materials(
    upstreams: Upstreams, request: UpstreamRequest, event_slug: str, lesson_slug: str
) -> UpstreamResponse:
    """List the lesson's materials."""
    return await _of_lesson(upstreams, request, event_slug, lesson_slug, "materials")


@declared_by(Source(Service.QUIZ, "GET", LESSON_QUIZ, admission=ADMISSION, read="getPublicQuiz"))
async def quiz(upstreams: Upstreams, request: UpstreamRequest, event_slug: str, lesson_slug: str) -> UpstreamResponse:
    """Return the lesson's quiz to a learner whom content admits."""
    admission = await ask_content(upstreams, _read(request), event_slug, "lessons", lesson_slug, "admission")
    if moved := _moved(admission.response, "/quiz"):
        return moved
    log_access(admission.response)
    if admission.response.status != HTTP_OK:
        return _refusal(admission.response)
    timed = await lesson_quiz(upstreams, admission.response)
    # Content's clock and content's judgement; quiz knows neither events nor times.
    return await _shown(request, timed._replace(at=admission.at), _unchanged, admission.response.judgement)


@declared_by(Source(Service.CONTENT, "POST", PUBLIC_EVENT + "/calendar", read="getPublicCalendar"))
async def calendar(upstreams: Upstreams, request: UpstreamRequest, event_slug: str) -> UpstreamResponse:
    """Return the lessons of a public event as an iCalendar. Calendar programs send no token, so none opens it."""
    timed = await ask_content(upstreams, replace(_read(request), authorization=None), event_slug, "calendar")
    return _moved(timed.response, "/calendar.ics") or await _shown(request, timed, _calendar_text, media_type=CALENDAR)


async def _of_lesson(
    upstreams: Upstreams, request: UpstreamRequest, event_slug: str, lesson_slug: str, action: str
) -> UpstreamResponse:
    timed = await ask_content(upstreams, _read(request), event_slug, "lessons", lesson_slug, action)
    if moved := _moved(timed.response, f"/{action}"):
        return moved
    log_access(timed.response)
    return await _shown(request, timed, _unchanged)


def _read(request: UpstreamRequest) -> UpstreamRequest:
    """Return the request without a body, which could hold a key. Raise ValidationFailed if it has a query."""
    if request.query:
        names = dict(parse_qsl(request.query, keep_blank_values=True))
        if names:
            refusal = ["is not a known parameter: this address takes none"]
            raise ValidationFailed(dict.fromkeys([*names][:MOST_NAMED], refusal))
    return replace(request, body=b"", query="") if request.body or request.query else request


def _moved(response: UpstreamResponse, action: str) -> UpstreamResponse | None:
    """Return the redirection from a former slug, which content sends only to learners whom the event admits."""
    judgement = response.judgement
    if judgement is None or judgement.present_address is None:
        return None
    headers = {"Location": _address(judgement.present_address) + action, "Content-Type": JSON, **VARY}
    return UpstreamResponse(HTTP_PERMANENT_REDIRECT, b"", headers)


def _address(present: PresentAddress) -> str:
    event_address = f"{ADDRESS}/{quote(present.event_slug, safe='')}"
    if present.lesson_slug is None:
        return event_address
    return f"{event_address}/lessons/{quote(present.lesson_slug, safe='')}"


async def _shown(
    request: UpstreamRequest,
    timed: TimedResponse,
    show: Show,
    judgement: Judgement | None = None,
    media_type: str = JSON,
) -> UpstreamResponse:
    """Return the response as GET shows it, or 304 to a client that has it already."""
    response, judgement = timed.response, judgement or timed.response.judgement
    if response.status != HTTP_OK:
        return _refusal(response)
    representation = timed.representations.get(show)
    if representation is None:
        representation = timed.representations[show] = Representation(show(response))
    headers = {
        "ETag": representation.entity_tag,
        "Cache-Control": PUBLIC if judgement is not None and judgement.is_public else PRIVATE,
        **VARY,
        SERVER_TIME_HEADER: _server_time(timed.at),
    }
    if "Age" in response.headers:
        headers["Age"] = response.headers["Age"]
    if representation.is_named_by(request.if_none_match):
        return UpstreamResponse(HTTP_NOT_MODIFIED, b"", headers)
    headers["Content-Type"] = media_type
    coding = chosen_coding(request.accept_encoding, len(representation.body))
    if coding is not None:
        headers["Content-Encoding"] = coding
    return UpstreamResponse(HTTP_OK, await representation.coded(coding), headers)


def _refusal(response: UpstreamResponse) -> UpstreamResponse:
    return replace(response, headers={**response.headers, **VARY})


@lru_cache(maxsize=64)
def _server_time(milliseconds: int) -> str:
    return format_instant(from_milliseconds(milliseconds))
