"""What learners ask for: content judges who is let in, quiz shows and grades, and the log hears how it went."""

import re
from contextlib import suppress
from dataclasses import replace
from typing import Any
from urllib.parse import quote

import orjson

from gateway.upstream import HTTP_FORBIDDEN, HTTP_NOT_FOUND, HTTP_OK, Answer, Sent, Upstreams
from services.kit.core.errors import Unauthorized
from services.kit.core.logging import log
from services.kit.web.tokens.access import bearer_token

PUBLIC_EVENTS = "/internal/public/events"

# A JWS in compact form (RFC 7515 section 7.1), of lengths that no grant of ours comes near.
_GRANT = re.compile(r"[\w-]{1,2000}\.[\w-]{1,2000}\.[\w-]{1,2000}", re.ASCII)


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
