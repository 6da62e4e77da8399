"""gateway.views.learners through the assembled app: what is asked of whom, and what operators read of it."""

from typing import Any

import httpx
import orjson
import pytest

from tests.gateway.door import REQUEST_ID, Door, asked_bodies, error, line

LESSON = "/api/public/events/launch/lessons/opening"
INSIDE = "/internal/public/events/launch/lessons/opening"
TEMPLATE = "/api/public/events/{event_slug}/lessons/{lesson_slug}"
ADMITTED = {"item": {"id": "lesson 1", "slug": "opening", "title": "Opening", "eventId": "event-1"}}
DENIED = error("LESSON_ACCESS_DENIED", status="locked")


def test_public_events_are_content_s(door: Door) -> None:
    door.content.answers("GET /internal/public/events?limit=2&cursor=a%2Bb", {"items": [], "nextCursor": None})

    answer = door.send("GET", "/api/public/events?limit=2&cursor=a%2Bb")

    assert (answer.status_code, answer.json()) == (200, {"items": [], "nextCursor": None})


def test_the_catalog_is_content_s_and_its_key_stays_in_the_body(door: Door) -> None:
    door.content.answers("POST /internal/public/events/launch/catalog", {"catalog": {"items": []}})
    body = {"eventAccessKey": "canary-key"}

    answer = door.send("POST", "/api/public/events/launch/catalog", json=body, headers=REQUEST_ID)

    assert (answer.status_code, answer.json()) == (200, {"catalog": {"items": []}})
    assert asked_bodies(door.content.requests) == [
        ("/internal/public/events/launch/catalog", b'{"eventAccessKey":"canary-key"}')
    ]
    assert door.lines == []
    assert "canary" not in door.everything_logged


@pytest.mark.parametrize(("status", "authorized"), [("released", True), ("locked", False), ("blocked_private", False)])
def test_an_access_check_is_logged_as_it_was_answered(door: Door, status: str, authorized: bool) -> None:
    access = {"authorized": authorized, "status": status, "message": "As it is", "unlocksInSeconds": 0}
    door.content.answers(f"POST {INSIDE}/access-check", access)

    answer = door.send("POST", f"{LESSON}/access-check", headers=REQUEST_ID)

    assert (answer.status_code, answer.json()) == (200, access)
    assert door.lines == [
        line("lesson_access_evaluated", f"{TEMPLATE}/access-check", status=status, authorized=authorized),
        line("kpi_lesson_access_check", f"{TEMPLATE}/access-check", status=status, authorized=authorized),
    ]


def test_an_access_check_of_no_lesson_is_no_evaluation(door: Door) -> None:
    door.content.answers(f"POST {INSIDE}/access-check", error("LESSON_NOT_FOUND"), 404)

    answer = door.send("POST", f"{LESSON}/access-check")

    assert (answer.status_code, answer.json()) == (404, error("LESSON_NOT_FOUND"))
    assert door.lines == []


@pytest.mark.parametrize("action", ["playback", "materials"])
def test_what_content_shows_a_learner_is_passed_on_and_logged(door: Door, action: str) -> None:
    door.content.answers(f"POST {INSIDE}/{action}", {"shown": action})

    answer = door.send("POST", f"{LESSON}/{action}", json={"eventAccessKey": "canary-key"}, headers=REQUEST_ID)

    assert (answer.status_code, answer.json()) == (200, {"shown": action})
    assert asked_bodies(door.content.requests) == [(f"{INSIDE}/{action}", b'{"eventAccessKey":"canary-key"}')]
    assert door.lines == [line("lesson_access_evaluated", f"{TEMPLATE}/{action}", status="released", authorized=True)]
    assert "canary" not in door.everything_logged


@pytest.mark.parametrize(
    ("action", "asked"),
    [
        ("playback", "playback"),
        ("materials", "materials"),
        ("quiz", "admission"),
        ("quiz/submit", "admission"),
    ],
)
def test_a_learner_whom_content_denies_gets_its_refusal_and_nothing_of_quiz(
    door: Door, action: str, asked: str
) -> None:
    door.content.answers(f"POST {INSIDE}/{asked}", DENIED, 403)

    answer = door.send("POST", f"{LESSON}/{action}", json={"answers": []}, headers=REQUEST_ID)

    assert (answer.status_code, answer.json()) == (403, DENIED)
    assert door.quiz.asked == []
    assert door.lines == [line("lesson_access_evaluated", f"{TEMPLATE}/{action}", status="locked", authorized=False)]


@pytest.mark.parametrize(
    ("action", "asked"),
    [
        ("playback", "playback"),
        ("materials", "materials"),
        ("quiz", "admission"),
        ("quiz/submit", "admission"),
    ],
)
def test_a_lesson_that_content_does_not_know_is_not_evaluated(door: Door, action: str, asked: str) -> None:
    door.content.answers(f"POST {INSIDE}/{asked}", error("LESSON_NOT_FOUND"), 404)

    answer = door.send("POST", f"{LESSON}/{action}", json={"answers": []}, headers=REQUEST_ID)

    assert (answer.status_code, answer.json()) == (404, error("LESSON_NOT_FOUND"))
    assert (door.quiz.asked, door.lines) == ([], [])


def test_a_quiz_is_shown_to_a_learner_whom_content_admits(door: Door) -> None:
    shown = {"item": {"id": "quiz-1", "title": "First check", "questions": []}}
    door.content.answers(f"POST {INSIDE}/admission", ADMITTED)
    door.quiz.answers("GET /internal/lessons/lesson%201/quiz", shown)

    answer = door.send("POST", f"{LESSON}/quiz", json={"eventAccessKey": "canary-key"}, headers=REQUEST_ID)

    assert (answer.status_code, answer.json()) == (200, shown)
    assert asked_bodies(door.content.requests) == [(f"{INSIDE}/admission", b'{"eventAccessKey":"canary-key"}')]
    assert asked_bodies(door.quiz.requests) == [("/internal/lessons/lesson%201/quiz", b"")]
    assert door.lines == [
        line("lesson_access_evaluated", f"{TEMPLATE}/quiz", status="released", authorized=True),
        line("quiz_loaded", f"{TEMPLATE}/quiz", quizId="quiz-1"),
        line("kpi_quiz_started", f"{TEMPLATE}/quiz", quizId="quiz-1"),
    ]
    assert "canary" not in door.everything_logged


def test_a_lesson_without_a_quiz_starts_none(door: Door) -> None:
    door.content.answers(f"POST {INSIDE}/admission", ADMITTED)
    door.quiz.answers("GET /internal/lessons/lesson%201/quiz", error("QUIZ_NOT_FOUND"), 404)

    answer = door.send("POST", f"{LESSON}/quiz", headers=REQUEST_ID)

    assert (answer.status_code, answer.json()) == (404, error("QUIZ_NOT_FOUND"))
    assert door.lines == [line("lesson_access_evaluated", f"{TEMPLATE}/quiz", status="released", authorized=True)]


GRADED: dict[str, Any] = {
    "lesson": {"id": "lesson 1", "slug": "opening", "title": "Opening"},
    "result": {"quizId": "quiz-1", "scorePercentage": 50, "passed": False, "status": "failed"},
}
OUTCOME: dict[str, Any] = {"quizId": "quiz-1", "scorePercentage": 50, "passed": False}
SUBMIT = f"{TEMPLATE}/quiz/submit"
ADMISSION_LINE = line("lesson_access_evaluated", SUBMIT, status="released", authorized=True)
ANSWERS = {"eventAccessKey": "canary-key", "answers": [{"questionId": "canary-question", "optionId": "o"}]}
KEYED = {**REQUEST_ID, "Idempotency-Key": "canary-idempotency"}


def test_a_submission_is_graded_by_quiz_for_the_lesson_that_content_opened(door: Door) -> None:
    door.content.answers(f"POST {INSIDE}/admission?x=1", ADMITTED)
    door.quiz.answers("POST /internal/submissions", GRADED)

    answer = door.send("POST", f"{LESSON}/quiz/submit?x=1", json=ANSWERS, headers=REQUEST_ID)

    assert (answer.status_code, answer.headers["Content-Type"], answer.json()) == (200, "application/json", GRADED)
    [asked] = door.quiz.requests
    assert (orjson.loads(asked.content), asked.headers["Content-Type"]) == (
        {
            "eventSlug": "launch",
            "lessonSlug": "opening",
            "lessonId": "lesson 1",
            "lessonTitle": "Opening",
            "submission": ANSWERS,
        },
        "application/json",
    )
    assert "Idempotency-Key" not in asked.headers
    assert door.lines == [
        ADMISSION_LINE,
        line("quiz_submitted", SUBMIT, **OUTCOME),
        line("kpi_quiz_completed", SUBMIT, **OUTCOME),
    ]
    assert "canary" not in door.everything_logged


@pytest.mark.parametrize("body", [b"", b" \n"])
def test_a_submission_without_a_body_is_one_of_nothing(door: Door, body: bytes) -> None:
    door.content.answers(f"POST {INSIDE}/admission", ADMITTED)
    door.quiz.answers("POST /internal/submissions", error("VALIDATION_ERROR"), 400)

    answer = door.send("POST", f"{LESSON}/quiz/submit", content=body, headers={"Content-Type": "text/plain"})

    assert (answer.status_code, answer.json()) == (400, error("VALIDATION_ERROR"))
    assert [orjson.loads(request.content)["submission"] for request in door.quiz.requests] == [{}]


def test_a_submission_that_quiz_refuses_completes_nothing(door: Door) -> None:
    door.content.answers(f"POST {INSIDE}/admission", ADMITTED)
    door.quiz.answers("POST /internal/submissions", error("QUIZ_INVALID_ATTEMPT"), 400)

    answer = door.send("POST", f"{LESSON}/quiz/submit", json={"answers": []}, headers=REQUEST_ID)

    assert (answer.status_code, answer.json()) == (400, error("QUIZ_INVALID_ATTEMPT"))
    assert door.lines == [ADMISSION_LINE]


def test_a_submission_that_is_answered_again_completes_nothing_again(door: Door) -> None:
    door.content.answers(f"POST {INSIDE}/admission", ADMITTED)
    door.quiz.answers("POST /internal/submissions", GRADED, Idempotency_Replayed="true")

    answer = door.send("POST", f"{LESSON}/quiz/submit", json=ANSWERS, headers=KEYED)

    assert (answer.status_code, answer.headers["Idempotency-Replayed"], answer.json()) == (200, "true", GRADED)
    assert [request.headers["Idempotency-Key"] for request in door.quiz.requests] == ["canary-idempotency"]
    assert door.lines == [ADMISSION_LINE]
    assert "canary" not in door.everything_logged


@pytest.mark.parametrize(("status", "refusal"), [(403, DENIED), (404, error("LESSON_NOT_FOUND"))])
@pytest.mark.parametrize(
    ("kept_status", "kept", "headers"),
    [
        (200, GRADED, {"Idempotency_Replayed": "true"}),
        (422, error("IDEMPOTENCY_KEY_REUSED"), {}),
        (409, error("IDEMPOTENCY_KEY_IN_FLIGHT"), {"Retry_After": "1"}),
        (400, error("VALIDATION_ERROR"), {}),
    ],
)
def test_a_learner_who_is_let_in_no_longer_gets_the_answer_that_is_kept_under_the_key(
    door: Door, status: int, refusal: Any, kept_status: int, kept: Any, headers: dict[str, str]
) -> None:
    door.content.answers(f"POST {INSIDE}/admission", refusal, status)
    door.quiz.answers("POST /internal/replays", kept, kept_status, **headers)

    answer = door.send("POST", f"{LESSON}/quiz/submit", json=ANSWERS, headers=KEYED)

    assert (answer.status_code, answer.json()) == (kept_status, kept)
    assert {name.replace("_", "-"): answer.headers[name.replace("_", "-")] for name in headers} == {
        name.replace("_", "-"): text for name, text in headers.items()
    }
    [asked] = door.quiz.requests
    assert asked.headers["Idempotency-Key"] == "canary-idempotency"
    assert orjson.loads(asked.content) == {"eventSlug": "launch", "lessonSlug": "opening", "submission": ANSWERS}
    evaluated = [line("lesson_access_evaluated", SUBMIT, status="locked", authorized=False)] if status == 403 else []
    assert door.lines == evaluated
    assert "canary" not in door.everything_logged


@pytest.mark.parametrize(("status", "refusal"), [(403, DENIED), (404, error("LESSON_NOT_FOUND"))])
def test_a_learner_who_was_never_let_in_gets_the_refusal_under_a_key_too(door: Door, status: int, refusal: Any) -> None:
    door.content.answers(f"POST {INSIDE}/admission", refusal, status)

    answer = door.send("POST", f"{LESSON}/quiz/submit", json=ANSWERS, headers=KEYED)

    assert (answer.status_code, answer.json()) == (status, refusal)
    assert door.quiz.asked == ["POST /internal/replays"]


def test_whether_an_answer_is_kept_is_not_guessed_while_quiz_is_down(door: Door) -> None:
    door.content.answers(f"POST {INSIDE}/admission", DENIED, 403)
    door.quiz.fails("POST /internal/replays", httpx.ConnectError("refused"))

    answer = door.send("POST", f"{LESSON}/quiz/submit", json=ANSWERS, headers=KEYED)

    assert (answer.status_code, answer.json()["error"], answer.headers["Retry-After"]) == (
        503,
        "UPSTREAM_UNAVAILABLE",
        "1",
    )


@pytest.mark.parametrize("status", [400, 415, 500, 503])
def test_what_is_no_matter_of_admission_is_not_looked_up_under_the_key(door: Door, status: int) -> None:
    door.content.answers(f"POST {INSIDE}/admission", error("REQUEST_ERROR"), status)

    answer = door.send("POST", f"{LESSON}/quiz/submit", content=b"{", headers=KEYED)

    assert (answer.status_code, answer.json(), door.quiz.asked) == (status, error("REQUEST_ERROR"), [])


@pytest.mark.parametrize("action", ["access-check", "playback", "materials"])
def test_content_s_own_failure_is_passed_on_and_is_no_evaluation(door: Door, action: str) -> None:
    door.content.answers(f"POST {INSIDE}/{action}", error("INTERNAL_ERROR"), 500)

    answer = door.send("POST", f"{LESSON}/{action}")

    assert (answer.status_code, answer.json(), door.lines) == (500, error("INTERNAL_ERROR"), [])


def test_a_query_never_reaches_a_log_line(door: Door) -> None:
    door.send("POST", "/api/public/events/launch/catalog?eventAccessKey=canary-key")
    door.send("POST", f"{LESSON}/quiz?eventAccessKey=canary-key", headers={"Authorization": "Bearer canary-token"})
    door.content.fails("POST /internal/public/events/launch/catalog?key=canary", httpx.ReadError("reset"))
    door.send("POST", "/api/public/events/launch/catalog?key=canary")

    assert "upstream_unavailable" in door.everything_logged
    assert "canary" not in door.everything_logged
