"""gateway.views.learners: which service is asked what, and what operators read of it."""

from typing import Any

import aiohttp
import orjson
import pytest

from services.kit.web.judgements import Judgement, judgement_header
from tests.gateway.fakes import UNAVAILABLE, Gateway, log_line, parsed, service_error

EVENT = "/api/public/events/launch"
LESSON = f"{EVENT}/lessons/opening"
TARGET = "/internal/public/events/launch/lessons/opening"
TEMPLATE = "/api/public/events/{event_slug}/lessons/{lesson_slug}"
ADMITTED = {"item": {"id": "lesson 1", "slug": "opening", "title": "Opening", "eventId": "event-1"}}
DENIED = service_error("LESSON_ACCESS_DENIED", status="locked")
LESSON_NOT_FOUND = service_error("LESSON_NOT_FOUND")
REFUSALS = [(403, DENIED), (404, LESSON_NOT_FOUND)]
KEY = {"eventAccessKey": "canary-key"}
# What content is asked before the learner sees anything.
QUESTIONS = {"playback": "playback", "materials": "materials", "quiz": "admission", "quiz/submit": "admission"}


def evaluated(action: str, status: str = "released") -> dict[str, object]:
    """Return the log line of an evaluated access."""
    authorized = status == "released"
    return log_line("lesson_access_evaluated", f"{TEMPLATE}/{action}", status=status, authorized=authorized)


def test_the_catalog_comes_from_content_and_its_key_stays_in_the_body(gateway: Gateway) -> None:
    gateway.content.responds("POST /internal/public/events/launch/catalog", {"catalog": {"items": []}})
    assert parsed(gateway.send("POST", f"{EVENT}/catalog", json=KEY)) == (200, {"catalog": {"items": []}})
    assert gateway.content.bodies == [orjson.dumps(KEY)]
    assert gateway.lines == []
    assert "canary" not in gateway.log


@pytest.mark.parametrize("status", ["released", "locked", "blocked_private"])
def test_an_access_check_is_logged_with_its_outcome(gateway: Gateway, status: str) -> None:
    authorized = status == "released"
    access = {"authorized": authorized, "status": status, "message": "As it is", "unlocksInSeconds": 0}
    gateway.content.responds(f"POST {TARGET}/access-check", access)
    assert parsed(gateway.send("POST", f"{LESSON}/access-check")) == (200, access)
    kpi = log_line("kpi_lesson_access_check", f"{TEMPLATE}/access-check", status=status, authorized=authorized)
    assert gateway.lines == [evaluated("access-check", status), kpi]


@pytest.mark.parametrize("action", ["access-check", *QUESTIONS])
@pytest.mark.parametrize(("status", "refusal"), [*REFUSALS, (500, service_error("INTERNAL_ERROR"))])
def test_content_s_refusal_is_passed_on_and_quiz_is_not_asked(
    gateway: Gateway, action: str, status: int, refusal: dict[str, object]
) -> None:
    gateway.content.responds(f"POST {TARGET}/{QUESTIONS.get(action, action)}", refusal, status)
    response = gateway.send("POST", f"{LESSON}/{action}", json={"answers": []})
    assert (parsed(response), gateway.quiz.targets) == ((status, refusal), [])
    is_evaluated = status == 403 and action != "access-check"
    assert gateway.lines == ([evaluated(action, "locked")] if is_evaluated else [])


@pytest.mark.parametrize("action", ["playback", "materials"])
def test_what_content_shows_a_learner_is_passed_on_and_logged(gateway: Gateway, action: str) -> None:
    gateway.content.responds(f"POST {TARGET}/{action}", {"shown": action})
    assert parsed(gateway.send("POST", f"{LESSON}/{action}", json=KEY)) == (200, {"shown": action})
    assert gateway.content.bodies == [orjson.dumps(KEY)]
    assert gateway.lines == [evaluated(action)]
    assert "canary" not in gateway.log


def test_a_quiz_is_shown_to_an_admitted_learner(gateway: Gateway) -> None:
    quiz = {"item": {"id": "quiz-1", "title": "First check", "questions": []}}
    gateway.content.responds(f"POST {TARGET}/admission", ADMITTED)
    gateway.quiz.responds("GET /internal/lessons/lesson%201/quiz", quiz)
    assert parsed(gateway.send("POST", f"{LESSON}/quiz", json=KEY)) == (200, quiz)
    assert (gateway.content.bodies, gateway.quiz.bodies) == ([orjson.dumps(KEY)], [b""])
    events = ("quiz_loaded", "kpi_quiz_started")
    assert gateway.lines == [
        evaluated("quiz"),
        *(log_line(event, f"{TEMPLATE}/quiz", quizId="quiz-1") for event in events),
    ]
    assert "canary" not in gateway.log


def test_a_lesson_without_a_quiz_starts_none(gateway: Gateway) -> None:
    gateway.content.responds(f"POST {TARGET}/admission", ADMITTED)
    gateway.quiz.responds("GET /internal/lessons/lesson%201/quiz", service_error("QUIZ_NOT_FOUND"), 404)
    assert parsed(gateway.send("POST", f"{LESSON}/quiz")) == (404, service_error("QUIZ_NOT_FOUND"))
    assert gateway.lines == [evaluated("quiz")]


SUBMIT = f"{LESSON}/quiz/submit"
GRADED: dict[str, Any] = {
    "lesson": {"id": "lesson 1", "slug": "opening", "title": "Opening"},
    "result": {"quizId": "quiz-1", "scorePercentage": 50, "passed": False, "status": "failed"},
}
OUTCOME: dict[str, Any] = {"quizId": "quiz-1", "scorePercentage": 50, "passed": False}
ANSWERS = {"eventAccessKey": "canary-key", "answers": [{"questionId": "canary-question", "optionId": "o"}]}
SLUGS = {"eventSlug": "launch", "lessonSlug": "opening"}
KEYED = {"Idempotency-Key": "canary-idempotency"}


def test_quiz_grades_for_the_lesson_that_content_opened(gateway: Gateway) -> None:
    gateway.content.responds(f"POST {TARGET}/admission", ADMITTED)
    gateway.quiz.responds("POST /internal/submissions", GRADED)
    response = gateway.send("POST", f"{SUBMIT}?x=1", json=ANSWERS)
    assert (parsed(response), response.headers["Content-Type"]) == ((200, GRADED), "application/json")
    lesson = {
        **{"eventId": "event-1", "lessonId": "lesson 1", "lessonTitle": "Opening"},
        "typedLessonSlug": "opening",
    }
    assert [orjson.loads(body) for body in gateway.quiz.bodies] == [{**SLUGS, **lesson, "submission": ANSWERS}]
    assert gateway.quiz.header("Content-Type") == ["application/json"]
    assert gateway.quiz.header("Idempotency-Key") == [None]
    assert gateway.lines == [
        evaluated("quiz/submit"),
        log_line("quiz_submitted", f"{TEMPLATE}/quiz/submit", **OUTCOME),
        log_line("kpi_quiz_completed", f"{TEMPLATE}/quiz/submit", **OUTCOME),
    ]
    assert "canary" not in gateway.log


@pytest.mark.parametrize("body", [b"", b" \n"])
def test_a_submission_without_a_body_is_an_empty_one(gateway: Gateway, body: bytes) -> None:
    gateway.content.responds(f"POST {TARGET}/admission", ADMITTED)
    gateway.quiz.responds("POST /internal/submissions", service_error("QUIZ_INVALID_ATTEMPT"), 400)
    response = gateway.send("POST", SUBMIT, content=body, headers={"Content-Type": "text/plain"})
    assert parsed(response) == (400, service_error("QUIZ_INVALID_ATTEMPT"))
    assert [orjson.loads(each)["submission"] for each in gateway.quiz.bodies] == [{}]
    # A refused submission completes no quiz.
    assert gateway.lines == [evaluated("quiz/submit")]


def test_a_replayed_submission_is_not_logged_again(gateway: Gateway) -> None:
    gateway.content.responds(f"POST {TARGET}/admission", ADMITTED)
    gateway.quiz.responds("POST /internal/submissions", GRADED, Idempotency_Replayed="true")
    response = gateway.send("POST", SUBMIT, json=ANSWERS, headers=KEYED)
    assert (parsed(response), response.headers["Idempotency-Replayed"]) == ((200, GRADED), "true")
    assert gateway.quiz.header("Idempotency-Key") == ["canary-idempotency"]
    assert gateway.lines == [evaluated("quiz/submit")]
    assert "canary" not in gateway.log


# The refusals after which a response may be replayed, each with the judgement of a learner to whom the event opens, and
# with the lesson's id that quiz gets: a deleted lesson has none.
OPENED: list[tuple[int, Any, str | None]] = [(403, DENIED, "lesson 1"), (404, LESSON_NOT_FOUND, None)]


def refuse(
    gateway: Gateway, status: int, refusal: Any, opened: bool, lesson_id: str | None = None, event_id: str | None = "e"
) -> None:
    """Let content refuse the learner, with this judgement."""
    judgement = judgement_header(Judgement(event_id, opened, None, lesson_id))
    gateway.content.responds(f"POST {TARGET}/admission", refusal, status, Access_Judgement=judgement)


@pytest.mark.parametrize(("status", "refusal", "lesson_id"), OPENED)
@pytest.mark.parametrize(
    ("stored_status", "stored", "headers"),
    [
        (200, GRADED, {"Idempotency-Replayed": "true"}),
        (422, service_error("IDEMPOTENCY_KEY_REUSED"), {}),
        (409, service_error("IDEMPOTENCY_KEY_IN_FLIGHT"), {"Retry-After": "1"}),
        (400, service_error("VALIDATION_ERROR"), {}),
    ],
)
def test_a_learner_whose_lesson_ended_gets_the_response_stored_under_the_key(
    gateway: Gateway,
    status: int,
    refusal: Any,
    lesson_id: str | None,
    stored_status: int,
    stored: Any,
    headers: dict[str, str],
) -> None:
    refuse(gateway, status, refusal, True, lesson_id)
    gateway.quiz.responds("POST /internal/replays", stored, stored_status, **headers)
    response = gateway.send("POST", SUBMIT, json=ANSWERS, headers=KEYED)
    assert parsed(response) == (stored_status, stored)
    assert {name: response.headers[name] for name in headers} == headers
    assert gateway.quiz.header("Idempotency-Key") == ["canary-idempotency"]
    lesson = {} if lesson_id is None else {"lessonId": lesson_id}
    assert [orjson.loads(body) for body in gateway.quiz.bodies] == [
        {**SLUGS, "eventId": "e", **lesson, "submission": ANSWERS}
    ]
    assert gateway.lines == ([evaluated("quiz/submit", "locked")] if status == 403 else [])
    assert "canary" not in gateway.log


@pytest.mark.parametrize(("status", "refusal", "lesson_id"), OPENED)
def test_a_learner_who_has_sent_nothing_before_gets_the_refusal(
    gateway: Gateway, status: int, refusal: Any, lesson_id: str | None
) -> None:
    refuse(gateway, status, refusal, True, lesson_id)
    assert parsed(gateway.send("POST", SUBMIT, json=ANSWERS, headers=KEYED)) == (status, refusal)
    assert gateway.quiz.targets == ["POST /internal/replays"]


@pytest.mark.parametrize("event_id", ["e", None])
@pytest.mark.parametrize("status", [403, 404])
def test_without_the_key_of_the_event_nothing_is_replayed(gateway: Gateway, status: int, event_id: str | None) -> None:
    closed = service_error("LESSON_ACCESS_DENIED", status="blocked_private")
    refuse(gateway, status, closed, False, None, event_id)
    gateway.quiz.responds("POST /internal/replays", GRADED)
    for key in ("canary-idempotency", "", "\t", "x" * 300):
        response = gateway.send("POST", SUBMIT, json=ANSWERS, headers={"Idempotency-Key": key})
        assert parsed(response) == (status, closed)
    assert gateway.quiz.targets == []


def test_a_refused_learner_with_a_key_waits_while_quiz_is_down(gateway: Gateway) -> None:
    refuse(gateway, 403, DENIED, True)
    gateway.quiz.fails("POST /internal/replays", aiohttp.ClientConnectionError())
    response = gateway.send("POST", SUBMIT, json=ANSWERS, headers=KEYED)
    assert (parsed(response), response.headers["Retry-After"]) == ((503, UNAVAILABLE), "1")


@pytest.mark.parametrize("status", [400, 415, 500, 503])
def test_another_error_of_admission_looks_up_no_stored_response(gateway: Gateway, status: int) -> None:
    refuse(gateway, status, service_error("REQUEST_ERROR"), True)
    assert parsed(gateway.send("POST", SUBMIT, content=b"{", headers=KEYED)) == (status, service_error("REQUEST_ERROR"))
    assert gateway.quiz.targets == []


def test_a_query_never_reaches_a_log_line(gateway: Gateway) -> None:
    gateway.content.fails("POST /internal/public/events/launch/catalog", aiohttp.ClientConnectionError())
    for address in (f"{EVENT}/catalog?eventAccessKey=canary", f"{LESSON}/quiz?k=canary", f"{EVENT}/catalog?key=canary"):
        gateway.send("POST", address, headers={"Authorization": "Bearer canary-token"})
    assert "upstream_unavailable" in gateway.log
    assert "canary" not in gateway.log
