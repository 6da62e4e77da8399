"""docs/contract/BEHAVIOUR.md, "Log events that operators already watch"."""

import json
from typing import Any

import httpx
import pytest

from tests.contract.samples import (
    FUTURE,
    LATER_PAST,
    Json,
    chosen,
    new_event,
    new_lesson,
    new_quiz,
    private_event,
    public_address,
    questions,
    unique,
)
from tests.installation import ADMIN, Installation
from tests.waiting import until

PUBLIC_LESSON = "/api/public/events/{event_slug}/lessons/{lesson_slug}"


class Watched:
    """A learner's requests, and what the gateway logs of each."""

    def __init__(self, stack: Installation, learner: httpx.Client):
        self._stack, self._learner = stack, learner

    def post(self, address: str, body: Any) -> list[Json]:
        """The lines about this request before its access line, without what every line has."""
        request_id = unique("watched")
        self._learner.post(address, json=body, headers={"X-Request-ID": request_id})
        until(lambda: '"event":"request"' in "".join(self._lines(request_id)), "the access line, last of a request")
        *lines, access_line = map(json.loads, self._lines(request_id))
        assert access_line["event"] == "request"
        assert all(line.pop("requestId") == request_id for line in lines)
        assert all(line.pop("method") == "POST" for line in lines)
        common = ("level", "timestamp", "service")
        return [{name: value for name, value in line.items() if name not in common} for line in lines]

    def _lines(self, request_id: str) -> list[str]:
        return [line for line in self._stack.log_lines("gateway").splitlines() if request_id in line]


@pytest.fixture
def watched(stack: Installation, learner: httpx.Client) -> Watched:
    """A learner who is watched."""
    return Watched(stack, learner)


def test_a_sign_in_is_logged(watched: Watched) -> None:
    """Structured log lines named admin_auth_succeeded, admin_auth_failed, lesson_access_evaluated, quiz_loaded,
    quiz_submitted, and the KPI lines kpi_auth_login {success}"""
    route = {"route": "/api/admin/login"}
    assert watched.post("/api/admin/login", ADMIN) == [
        {"event": "admin_auth_succeeded", "username": ADMIN["username"], **route},
        {"event": "kpi_auth_login", "success": True, **route},
    ]
    assert watched.post("/api/admin/login", {**ADMIN, "password": "not the password"}) == [
        {"event": "admin_auth_failed", "reason": "INVALID_CREDENTIALS", **route},
        {"event": "kpi_auth_login", "success": False, **route},
    ]


@pytest.mark.parametrize(
    ("window", "status"), [({}, "released"), ({"releaseAt": FUTURE}, "locked"), ({"expiresAt": LATER_PAST}, "expired")]
)
def test_an_access_check_is_logged(admin: httpx.Client, watched: Watched, window: Json, status: str) -> None:
    """kpi_lesson_access_check {status, authorized}"""
    event = new_event(admin)
    lesson = new_lesson(admin, event, **window)
    fields = {"status": status, "authorized": status == "released", "route": f"{PUBLIC_LESSON}/access-check"}
    assert watched.post(public_address(event, lesson["slug"], "access-check"), {}) == [
        {"event": "lesson_access_evaluated", **fields},
        {"event": "kpi_lesson_access_check", **fields},
    ]


@pytest.mark.parametrize("action", ["playback", "materials", "quiz", "quiz/submit"])
def test_a_refusal_is_logged(admin: httpx.Client, watched: Watched, action: str) -> None:
    """lesson_access_evaluated"""
    event = private_event(admin)
    lesson = new_lesson(admin, event)
    assert watched.post(public_address(event, lesson["slug"], action), {}) == [
        {
            "event": "lesson_access_evaluated",
            "status": "blocked_private",
            "authorized": False,
            "route": f"{PUBLIC_LESSON}/{action}",
        }
    ]


def test_a_quiz_is_logged_when_it_begins_and_when_it_ends(admin: httpx.Client, watched: Watched) -> None:
    """kpi_quiz_started {quizId}, kpi_quiz_completed {quizId, scorePercentage, passed}; each with requestId, method and
    route."""
    event = new_event(admin)
    lesson = new_lesson(admin, event)
    quiz = new_quiz(admin, lesson, questions=questions(3))
    started = {"quizId": quiz["id"], "route": f"{PUBLIC_LESSON}/quiz"}
    assert watched.post(public_address(event, lesson["slug"], "quiz"), {}) == [
        {"event": "lesson_access_evaluated", "status": "released", "authorized": True, "route": started["route"]},
        {"event": "quiz_loaded", **started},
        {"event": "kpi_quiz_started", **started},
    ]
    route = {"route": f"{PUBLIC_LESSON}/quiz/submit"}
    completed = {"quizId": quiz["id"], "scorePercentage": 67, "passed": False, **route}
    answers = {"answers": chosen(quiz, True, True, None)}
    assert watched.post(public_address(event, lesson["slug"], "quiz/submit"), answers) == [
        {"event": "lesson_access_evaluated", "status": "released", "authorized": True, **route},
        {"event": "quiz_submitted", **completed},
        {"event": "kpi_quiz_completed", **completed},
    ]
