"""Answers that are more than one service's answer passed on: called in the gateway's own name, joined, logged.

Each view takes the upstreams, what the client sent, and the values of the path, and gives the answer.
"""

import asyncio
import re
from collections.abc import Coroutine, Sequence
from contextlib import suppress
from dataclasses import replace
from heapq import merge
from typing import Any
from urllib.parse import parse_qs, quote

import orjson

from gateway.upstream import (
    HTTP_FORBIDDEN,
    HTTP_NO_CONTENT,
    HTTP_NOT_FOUND,
    HTTP_OK,
    Answer,
    Sent,
    Upstream,
    Upstreams,
    answer_with,
)
from services.kit.actor import current_actor
from services.kit.errors import ServiceError, Unauthorized, ValidationFailed
from services.kit.instants import parse_instant, to_milliseconds
from services.kit.observability import log
from services.kit.pagination import DEFAULT_LIMIT, PageRequest, SortKey, page_of
from services.kit.tokens import bearer_token

PUBLIC_EVENTS = "/internal/public/events"
# The worst first.
INTEGRITY_STATUSES = ("findings", "unavailable", "running", "ok")

# A JWS in compact form (RFC 7515 section 7.1), of lengths that no grant of ours comes near.
_GRANT = re.compile(r"[\w-]{1,2000}\.[\w-]{1,2000}\.[\w-]{1,2000}", re.ASCII)

# The event loop keeps only weak references to its tasks.
_going_on: set[asyncio.Task[Answer]] = set()


async def login(upstreams: Upstreams, sent: Sent) -> Answer:
    """Exchange credentials for an access token."""
    answer = await upstreams.auth.call("POST", "/internal/login", sent)
    if answer.status == HTTP_OK:
        log.info("admin_auth_succeeded", username=answer.document()["user"]["username"])
    elif answer.status < ServiceError.status:
        log.info("admin_auth_failed", reason=answer.document()["error"])
    log.info("kpi_auth_login", success=answer.status == HTTP_OK)
    return answer


async def refresh_token(upstreams: Upstreams, sent: Sent) -> Answer:
    """Exchange a refresh token for an access token and the next refresh token."""
    answer = await upstreams.auth.call("POST", "/internal/token/refresh", sent)
    if answer.status == HTTP_OK:
        log.info("admin_token_refreshed", username=answer.document()["user"]["username"])
    elif answer.status < ServiceError.status:
        log.info("admin_token_refused", reason=answer.document()["error"])
    return answer


async def logout(upstreams: Upstreams, sent: Sent) -> Answer:
    """End the session of the access token."""
    answer = await upstreams.auth.forward(sent)
    if answer.status == HTTP_NO_CONTENT:
        log.info("admin_signed_out", username=current_actor().name)
    return answer


async def change_password(upstreams: Upstreams, sent: Sent) -> Answer:
    """Change one's password, which ends every session and begins another."""
    answer = await upstreams.auth.forward(sent)
    if answer.status == HTTP_OK:
        log.info("admin_password_changed", username=current_actor().name)
    elif answer.status < ServiceError.status:
        log.info("admin_password_unchanged", username=current_actor().name, reason=answer.document()["error"])
    return answer


async def delete_event(upstreams: Upstreams, sent: Sent, event_id: str) -> Answer:
    """Delete the event, and let quiz catch up, before the deleter hears of it."""
    return await _to_the_end(_delete(upstreams, sent, {"eventId": event_id}))


async def delete_lesson(upstreams: Upstreams, sent: Sent, event_id: str, lesson_id: str) -> Answer:
    """Delete the lesson, and let quiz catch up, before the deleter hears of it."""
    return await _to_the_end(_delete(upstreams, sent, {"eventId": event_id, "lessonId": lesson_id}))


async def integrity(upstreams: Upstreams, sent: Sent) -> Answer:
    """What every service finds wrong with what it stores, as far as it has got.

    ``{"item": {"status": STATUS, "services": {"content": REPORT, "quiz": REPORT, "auth": REPORT}}}``, where a REPORT is
    what GET /internal/integrity of that service answers, or ``{"status": "unavailable"}``; the STATUS of all is the
    first of findings, unavailable, running and ok that one of them has.
    """
    services = _services(upstreams)
    reports = await asyncio.gather(*(_report(upstream) for upstream in services.values()))
    status = next(each for each in INTEGRITY_STATUSES if each in {report["status"] for report in reports})
    return answer_with({"item": {"status": status, "services": dict(zip(services, reports, strict=True))}})


async def audit(upstreams: Upstreams, sent: Sent) -> Answer:
    """What was done in all services, newest first; the query's `service` asks one of them alone.

    ``{"items": [{"id", "occurredAt", "service", "actor": {"id", "username", "role"} | null, "address", "requestId",
    "action", "subjectId"}, ...], "nextCursor"}``. Raises ValidationFailed for another `service`, and Unavailable,
    UpstreamTimeout when one that is asked does not answer: a list without it would look whole.
    """
    query = parse_qs(sent.query, keep_blank_values=True)
    asked = _audited(upstreams, query.get("service"))
    answers = await asyncio.gather(*(upstream.call("GET", "/internal/audit", sent) for upstream in asked))
    for answer in answers:
        if answer.status != HTTP_OK:
            # All judge the same query, and alike.
            return answer
    # Whoever answers has read the limit.
    limit = int(query.get("limit", [str(DEFAULT_LIMIT)])[0])
    return answer_with(_merged([answer.document() for answer in answers], limit))


async def public_events(upstreams: Upstreams, sent: Sent) -> Answer:
    """The active public events."""
    return await upstreams.content.call("GET", PUBLIC_EVENTS, sent)


async def event_access(upstreams: Upstreams, sent: Sent, event_id: str) -> Answer:
    """Exchange an event's access key for a learner grant. The address gives the event's slug.

    The segment shares its name with that of /api/events/{event_id}, as Falcon's router wants it.
    """
    judged = await upstreams.content.call("POST", f"{PUBLIC_EVENTS}/{_segment(event_id)}/access", sent)
    if judged.status in (HTTP_OK, HTTP_FORBIDDEN):
        log.info("event_access_evaluated", authorized=judged.status == HTTP_OK)
    if judged.status != HTTP_OK:
        return judged
    wanted = orjson.dumps(judged.document()["item"])
    grant = Sent("POST", "", body=wanted, content_type="application/json", client_address=sent.client_address)
    return await upstreams.auth.call("POST", "/internal/grants", grant)


async def catalog(upstreams: Upstreams, sent: Sent, event_slug: str) -> Answer:
    """The event and its lessons with their status now."""
    return await _learner_call(upstreams, sent, f"{_segment(event_slug)}/catalog")


async def access_check(upstreams: Upstreams, sent: Sent, event_slug: str, lesson_slug: str) -> Answer:
    """Whether the lesson opens, and when."""
    answer = await _lesson_call(upstreams, sent, event_slug, lesson_slug, "access-check")
    if answer.status == HTTP_OK:
        access = answer.document()
        log.info("lesson_access_evaluated", status=access["status"], authorized=access["authorized"])
        log.info("kpi_lesson_access_check", status=access["status"], authorized=access["authorized"])
    return answer


async def playback(upstreams: Upstreams, sent: Sent, event_slug: str, lesson_slug: str) -> Answer:
    """What a player needs."""
    return await _open_lesson(upstreams, sent, event_slug, lesson_slug, "playback")


async def materials(upstreams: Upstreams, sent: Sent, event_slug: str, lesson_slug: str) -> Answer:
    """The lesson's materials."""
    return await _open_lesson(upstreams, sent, event_slug, lesson_slug, "materials")


async def quiz(upstreams: Upstreams, sent: Sent, event_slug: str, lesson_slug: str) -> Answer:
    """The lesson's quiz, for a learner whom content lets in."""
    admission = await _open_lesson(upstreams, sent, event_slug, lesson_slug, "admission")
    if admission.status != HTTP_OK:
        return admission
    lesson = admission.document()["item"]
    answer = await upstreams.quiz.call("GET", f"/internal/lessons/{_segment(lesson['id'])}/quiz")
    if answer.status == HTTP_OK:
        quiz_id = answer.document()["item"]["id"]
        log.info("quiz_loaded", quizId=quiz_id)
        log.info("kpi_quiz_started", quizId=quiz_id)
    return answer


async def submit_quiz(upstreams: Upstreams, sent: Sent, event_slug: str, lesson_slug: str) -> Answer:
    """Grade a learner's answers, if content lets the learner in; quiz answers with the lesson that content opened."""
    address = {"eventSlug": event_slug, "lessonSlug": lesson_slug}
    admission = await _open_lesson(upstreams, sent, event_slug, lesson_slug, "admission")
    if admission.status != HTTP_OK:
        return await _replayed(upstreams, sent, address, admission)
    lesson = admission.document()["item"]
    opened = {**address, "lessonId": lesson["id"], "lessonTitle": lesson["title"]}
    answer = await upstreams.quiz.call("POST", "/internal/submissions", _submission(sent, opened))
    if answer.status == HTTP_OK and "Idempotency-Replayed" not in answer.headers:
        _log_submission(answer.document()["result"])
    return answer


def _services(upstreams: Upstreams) -> dict[str, Upstream]:
    return {"content": upstreams.content, "quiz": upstreams.quiz, "auth": upstreams.auth}


def _audited(upstreams: Upstreams, named: Sequence[str] | None) -> Sequence[Upstream]:
    services = _services(upstreams)
    if named is None:
        return list(services.values())
    if len(named) > 1 or named[0] not in services:
        raise ValidationFailed({"service": [f"must be one of {', '.join(services)}"]})
    return [services[named[0]]]


def _merged(pages: Sequence[Any], limit: int) -> dict[str, Any]:
    """The first items of pages that are each the first of their service in the same order, behind the same place."""
    items = list(merge(*(page["items"] for page in pages), key=_deed_key, reverse=True))
    page = page_of(items, PageRequest(limit), _deed_key)
    # Where all of them fit and one service still has more, the page is all that one's, and so is the cursor.
    of_one = next((page["nextCursor"] for page in pages if page["nextCursor"] is not None), None)
    return {"items": page.items, "nextCursor": page.next_cursor or of_one}


def _deed_key(deed: dict[str, Any]) -> SortKey:
    return (to_milliseconds(parse_instant(deed["occurredAt"])), deed["id"])


async def _report(upstream: Upstream) -> dict[str, Any]:
    try:
        answer = await upstream.call("GET", "/internal/integrity")
    except ServiceError:
        return {"status": "unavailable"}
    report: dict[str, Any] = answer.document()["item"] if answer.status == HTTP_OK else {"status": "unavailable"}
    return report


async def _lesson_call(upstreams: Upstreams, sent: Sent, event_slug: str, lesson_slug: str, action: str) -> Answer:
    return await _learner_call(upstreams, sent, f"{_segment(event_slug)}/lessons/{_segment(lesson_slug)}/{action}")


async def _learner_call(upstreams: Upstreams, sent: Sent, address: str) -> Answer:
    # The service's own token takes the place of the learner's, which goes on in another header.
    grant = _shown_grant(sent.authorization)
    return await upstreams.content.call("POST", f"{PUBLIC_EVENTS}/{address}", replace(sent, learner_grant=grant))


async def _open_lesson(upstreams: Upstreams, sent: Sent, event_slug: str, lesson_slug: str, action: str) -> Answer:
    answer = await _lesson_call(upstreams, sent, event_slug, lesson_slug, action)
    _log_access(answer)
    return answer


async def _replayed(upstreams: Upstreams, sent: Sent, address: dict[str, str], refusal: Answer) -> Answer:
    # A learner who was let in and did not hear the answer asks again when the lesson may be over, or gone.
    if sent.idempotency_key is None or refusal.status not in (HTTP_FORBIDDEN, HTTP_NOT_FOUND):
        return refusal
    answer = await upstreams.quiz.call("POST", "/internal/replays", _submission(sent, address))
    return refusal if answer.status == HTTP_NOT_FOUND else answer


def _submission(sent: Sent, about: dict[str, str]) -> Sent:
    # Content has read the body as JSON.
    document = {**about, "submission": orjson.Fragment(sent.body.strip() or b"{}")}
    return replace(sent, query="", body=orjson.dumps(document), content_type="application/json")


async def _delete(upstreams: Upstreams, sent: Sent, gone: dict[str, str]) -> Answer:
    answer = await upstreams.content.forward(sent)
    if answer.status == HTTP_NO_CONTENT:
        await _catch_up(upstreams, gone)
    return answer


async def _to_the_end(work: Coroutine[Any, Any, Answer]) -> Answer:
    # A client that hangs up cancels its request; what has begun to be deleted is deleted as a whole all the same.
    task = asyncio.create_task(work)
    _going_on.add(task)
    task.add_done_callback(_going_on.discard)
    return await asyncio.shield(task)


async def _catch_up(upstreams: Upstreams, gone: dict[str, str]) -> None:
    # The deletion stands whatever happens here: quiz follows content's feed on its own as well.
    try:
        answer = await upstreams.quiz.call("POST", "/internal/catch-up")
    except ServiceError as error:
        log.warning("quiz_deletion_postponed", reason=error.code, **gone)
        return
    if answer.status != HTTP_OK:
        log.warning("quiz_deletion_postponed", status=answer.status, **gone)


def _shown_grant(authorization: str | None) -> str | None:
    with suppress(Unauthorized):
        token = bearer_token(authorization)
        return token if _GRANT.fullmatch(token) else None
    return None


def _log_access(answer: Answer) -> None:
    if answer.status == HTTP_OK:
        log.info("lesson_access_evaluated", status="released", authorized=True)
        return
    refusal: dict[str, Any] = answer.document()
    if "status" in refusal:
        log.info("lesson_access_evaluated", status=refusal["status"], authorized=False)


def _log_submission(result: dict[str, Any]) -> None:
    outcome = {key: result[key] for key in ("quizId", "scorePercentage", "passed")}
    log.info("quiz_submitted", **outcome)
    log.info("kpi_quiz_completed", **outcome)


def _segment(text: str) -> str:
    return quote(text, safe="")
