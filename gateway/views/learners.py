"""Learners' requests: content admits the learner, quiz serves and grades quizzes, and the outcome is logged."""

import re
from contextlib import suppress
from dataclasses import replace
from functools import lru_cache, partial
from typing import Any
from urllib.parse import quote

import orjson

from gateway.batches import SUBMISSIONS
from gateway.memory import TimedResponse
from gateway.sources import Service, Source, declared_by
from gateway.upstream import HTTP_FORBIDDEN, HTTP_NOT_FOUND, HTTP_OK, UpstreamRequest, UpstreamResponse
from gateway.upstreams import Upstreams
from gateway.views.results import CLIENT_GONE, count_result
from services.kit.core.errors import ServiceError, Unauthorized
from services.kit.core.logging import log
from services.kit.core.metrics import Counter
from services.kit.web.tokens.access import bearer_token

ACCESS_STATUSES = ("released", "locked", "expired", "blocked_private", "other")
ACCESS_DECISIONS = Counter(
    "flix_access_decisions", "Decisions on access to a lesson", ("status",), [(each,) for each in ACCESS_STATUSES]
)
SUBMIT_RESULTS = ("passed", "failed", "replayed", "refused", "error", CLIENT_GONE)
SUBMITS = Counter("flix_submits", "Submissions of quizzes", ("result",), [(each,) for each in SUBMIT_RESULTS])

PUBLIC_EVENTS = "/internal/public/events"
PUBLIC_EVENT = PUBLIC_EVENTS + "/{event_slug}"
PUBLIC_LESSON = PUBLIC_EVENT + "/lessons/{lesson_slug}"
GRANTS = "/internal/grants"
LESSON_QUIZ = "/internal/lessons/{lesson_id}/quiz"
EVENT_ACCESS = Source(Service.CONTENT, "POST", PUBLIC_EVENT + "/access")
ADMISSION = Source(Service.CONTENT, "POST", PUBLIC_LESSON + "/admission")

_segment = lru_cache(maxsize=4096)(partial(quote, safe=""))

# A JWS in compact form (RFC 7515 section 7.1). Our grants are much shorter than this.
_GRANT = re.compile(r"[\w-]{1,2000}\.[\w-]{1,2000}\.[\w-]{1,2000}", re.ASCII)


@declared_by(Source(Service.AUTH, "POST", GRANTS, admission=EVENT_ACCESS, reads_body=False))
async def event_access(upstreams: Upstreams, request: UpstreamRequest, event_id: str) -> UpstreamResponse:
    """Exchange an event's access key for a learner grant.

    `event_id` holds the event's slug: Falcon's router needs the parameter name of /api/events/{event_id}.
    """
    access = await upstreams.content.call("POST", f"{PUBLIC_EVENTS}/{_segment(event_id)}/access", request)
    await request.watch(access)
    if access.status in (HTTP_OK, HTTP_FORBIDDEN):
        log.info("event_access_evaluated", authorized=access.status == HTTP_OK)
    if access.status != HTTP_OK:
        return access
    claims = orjson.dumps(access.document["item"])
    grant_request = UpstreamRequest(
        "POST", "", body=claims, content_type="application/json", client_address=request.client_address
    )
    return await upstreams.auth.call("POST", GRANTS, grant_request)


@declared_by(Source(Service.CONTENT, "POST", PUBLIC_EVENT + "/catalog"))
async def catalog(upstreams: Upstreams, request: UpstreamRequest, event_slug: str) -> UpstreamResponse:
    """Return the event and its lessons with their status."""
    return (await ask_content(upstreams, request, event_slug, "catalog")).response


@declared_by(Source(Service.CONTENT, "POST", PUBLIC_LESSON + "/access-check"))
async def access_check(
    upstreams: Upstreams, request: UpstreamRequest, event_slug: str, lesson_slug: str
) -> UpstreamResponse:
    """Return whether the lesson opens, and when."""
    timed = await ask_content(upstreams, request, event_slug, "lessons", lesson_slug, "access-check")
    log_access_check(timed.response)
    return timed.response


@declared_by(Source(Service.CONTENT, "POST", PUBLIC_LESSON + "/playback"))
async def playback(
    upstreams: Upstreams, request: UpstreamRequest, event_slug: str, lesson_slug: str
) -> UpstreamResponse:
    """Return the data for the video player."""
    return await _open_lesson(upstreams, request, event_slug, lesson_slug, "playback")


@declared_by(Source(Service.CONTENT, "POST", PUBLIC_LESSON + "/materials"))
async def materials(
    upstreams: Upstreams, request: UpstreamRequest, event_slug: str, lesson_slug: str
) -> UpstreamResponse:
    """List the lesson's materials."""
    return await _open_lesson(upstreams, request, event_slug, lesson_slug, "materials")


@declared_by(Source(Service.QUIZ, "GET", LESSON_QUIZ, admission=ADMISSION))
async def quiz(upstreams: Upstreams, request: UpstreamRequest, event_slug: str, lesson_slug: str) -> UpstreamResponse:
    """Return the lesson's quiz to a learner whom content admits."""
    admission = await _open_lesson(upstreams, request, event_slug, lesson_slug, "admission")
    if admission.status != HTTP_OK:
        return admission
    return (await lesson_quiz(upstreams, admission)).response


@declared_by(Source(Service.QUIZ, "POST", SUBMISSIONS, admission=ADMISSION))
async def submit_quiz(
    upstreams: Upstreams, request: UpstreamRequest, event_slug: str, lesson_slug: str
) -> UpstreamResponse:
    """Grade the answers of a learner whom content admits; quiz gets the lesson's id and title from that admission."""
    submitted = _submitted(upstreams, request, event_slug, lesson_slug)
    return await count_result(SUBMITS, submitted, _submit_result, _submit_refusal)


async def _submitted(
    upstreams: Upstreams, request: UpstreamRequest, event_slug: str, lesson_slug: str
) -> UpstreamResponse:
    slugs = {"eventSlug": event_slug, "lessonSlug": lesson_slug}
    admission = await _open_lesson(upstreams, request, event_slug, lesson_slug, "admission")
    if admission.status != HTTP_OK:
        return await _replay(upstreams, request, slugs, admission)
    lesson = admission.document["item"]
    ids = {"eventId": lesson["eventId"], "lessonId": lesson["id"]}
    spelling = {"lessonSlug": lesson["slug"], "typedLessonSlug": lesson_slug}
    members = {**slugs, **ids, **spelling, "lessonTitle": lesson["title"]}
    response = await upstreams.submissions.submit(_submission(request, members))
    if response.status == HTTP_OK and "Idempotency-Replayed" not in response.headers:
        _log_submission(response.document["result"])
    return response


def _submit_result(response: UpstreamResponse) -> str:
    if response.status != HTTP_OK:
        return _submit_refusal(response.status)
    if "Idempotency-Replayed" in response.headers:
        return "replayed"
    return "passed" if response.document["result"]["passed"] else "failed"


def _submit_refusal(status: int) -> str:
    return "refused" if status < ServiceError.status else "error"


async def ask_content(upstreams: Upstreams, request: UpstreamRequest, *segments: str) -> TimedResponse:
    """Call the address that these segments name below the public events."""
    path = "/".join((PUBLIC_EVENTS, *map(_segment, segments)))
    timed = await upstreams.memory.respond(segments[0], path, request, _learner_grant(request.authorization))
    await request.watch(timed.response)
    return timed


async def lesson_quiz(upstreams: Upstreams, admission: UpstreamResponse) -> TimedResponse:
    """Return the quiz of the lesson that content has opened."""
    lesson = admission.document["item"]
    timed = await upstreams.quizzes.respond(LESSON_QUIZ.format(lesson_id=_segment(lesson["id"])))
    if timed.response.status == HTTP_OK:
        quiz_id = timed.response.document["item"]["id"]
        log.info("quiz_loaded", quizId=quiz_id)
        log.info("kpi_quiz_started", quizId=quiz_id)
    return timed


async def _open_lesson(
    upstreams: Upstreams, request: UpstreamRequest, event_slug: str, lesson_slug: str, action: str
) -> UpstreamResponse:
    response = (await ask_content(upstreams, request, event_slug, "lessons", lesson_slug, action)).response
    log_access(response)
    return response


async def _replay(
    upstreams: Upstreams, request: UpstreamRequest, slugs: dict[str, str], refusal: UpstreamResponse
) -> UpstreamResponse:
    # A learner who lost the first response retries. Meanwhile the lesson may have ended or been deleted. Whoever does
    # not open the event gets the refusal, whether or not the Idempotency-Key was used.
    judgement = refusal.judgement
    if request.idempotency_key is None or refusal.status not in (HTTP_FORBIDDEN, HTTP_NOT_FOUND):
        return refusal
    if judgement is None or not judgement.opened or judgement.event_id is None:
        return refusal
    lesson = {} if judgement.lesson_id is None else {"lessonId": judgement.lesson_id}
    members = {**slugs, "eventId": judgement.event_id, **lesson}
    response = await upstreams.quiz.call("POST", "/internal/replays", _submission(request, members))
    return refusal if response.status == HTTP_NOT_FOUND else response


def _submission(request: UpstreamRequest, members: dict[str, str]) -> UpstreamRequest:
    # Content has read the body as JSON.
    document = {**members, "submission": orjson.Fragment(request.body.strip() or b"{}")}
    return replace(request, query="", body=orjson.dumps(document), content_type="application/json")


def _learner_grant(authorization: str | None) -> str | None:
    if authorization is None:
        return None
    with suppress(Unauthorized):
        token = bearer_token(authorization)
        return token if _GRANT.fullmatch(token) else None
    return None


def log_access_check(response: UpstreamResponse) -> None:
    """Log the outcome of an access check."""
    if response.status == HTTP_OK:
        access = response.document
        _count_decision(access["status"])
        log.info("lesson_access_evaluated", status=access["status"], authorized=access["authorized"])
        log.info("kpi_lesson_access_check", status=access["status"], authorized=access["authorized"])


def log_access(response: UpstreamResponse) -> None:
    """Log whether content has opened a lesson."""
    if response.status == HTTP_OK:
        _count_decision("released")
        log.info("lesson_access_evaluated", status="released", authorized=True)
        return
    refusal: dict[str, Any] = response.document
    if "status" in refusal:
        _count_decision(refusal["status"])
        log.info("lesson_access_evaluated", status=refusal["status"], authorized=False)


def _count_decision(status: str) -> None:
    ACCESS_DECISIONS.add((status if status in ACCESS_STATUSES else "other",))


def _log_submission(result: dict[str, Any]) -> None:
    outcome = {key: result[key] for key in ("quizId", "scorePercentage", "passed")}
    log.info("quiz_submitted", **outcome)
    log.info("kpi_quiz_completed", **outcome)
