"""Sign-ins, submissions and decisions on access count once, whatever becomes of them."""

from collections.abc import Callable
from typing import NamedTuple

import aiohttp
import pytest

from gateway.views.learners import ACCESS_DECISIONS, SUBMITS
from gateway.views.sessions import SIGN_INS
from services.kit.core.metrics import Counter
from tests.gateway.fakes import FakeService, Gateway, service_error
from tests.gateway.views.test_learners import ADMITTED, DENIED, KEYED, LESSON, TARGET, refuse

GRADED = {"result": {"quizId": "quiz-1", "scorePercentage": 100, "passed": True}}
FAILED = {"result": {**GRADED["result"], "passed": False}}
LOST = service_error("LESSON_NOT_FOUND")
LOGIN, SUBMIT = "POST /internal/login", "POST /internal/submissions"
ADMISSION, CHECK, REPLAY = f"POST {TARGET}/admission", f"POST {TARGET}/access-check", "POST /internal/replays"
SIGNED_IN = {"user": {"username": "ada"}}


class Kind(NamedTuple):
    """What is counted, and the address and the headers of its request."""

    counter: Counter
    address: str
    headers: dict[str, str]


SIGN_IN = Kind(SIGN_INS, "/api/admin/login", {})
SUBMISSION = Kind(SUBMITS, f"{LESSON}/quiz/submit", KEYED)
QUESTION = Kind(ACCESS_DECISIONS, f"{LESSON}/access-check", {})
OPENING = Kind(ACCESS_DECISIONS, f"{LESSON}/playback", {})
Arrange = Callable[[Gateway], object]


def admitted(arrange: Callable[[FakeService], object]) -> Arrange:
    """Let content admit the learner, and quiz respond as arranged."""

    def arrange_both(gateway: Gateway) -> None:
        gateway.content.responds(ADMISSION, ADMITTED)
        arrange(gateway.quiz)

    return arrange_both


def replayed(gateway: Gateway) -> None:
    refuse(gateway, 403, DENIED, True)
    gateway.quiz.responds(REPLAY, GRADED, Idempotency_Replayed="true")


def checked(status: str) -> Arrange:
    return lambda gateway: gateway.content.responds(CHECK, {"status": status, "authorized": status == "released"})


AWAY = aiohttp.ClientConnectionError()
WAYS: dict[str, tuple[Kind, Arrange, str | None]] = {
    "signed in": (SIGN_IN, lambda gateway: gateway.auth.responds(LOGIN, SIGNED_IN), "succeeded"),
    "wrong password": (SIGN_IN, lambda gateway: gateway.auth.responds(LOGIN, service_error("X"), 401), "refused"),
    "too many": (SIGN_IN, lambda gateway: gateway.auth.responds(LOGIN, service_error("X"), 429), "limited"),
    "auth fails": (SIGN_IN, lambda gateway: gateway.auth.responds(LOGIN, service_error("X"), 500), "failed"),
    "auth is away": (SIGN_IN, lambda gateway: gateway.auth.fails(LOGIN, AWAY), "failed"),
    "auth takes too long": (SIGN_IN, lambda gateway: gateway.auth.fails(LOGIN, TimeoutError()), "failed"),
    "auth is not itself": (
        SIGN_IN,
        lambda gateway: gateway.auth.responds(LOGIN, [], Content_Type="text/html"),
        "failed",
    ),
    "a bug at sign-in": (SIGN_IN, lambda gateway: gateway.auth.fails(LOGIN, RuntimeError("a bug")), "failed"),
    "passed": (SUBMISSION, admitted(lambda quiz: quiz.responds(SUBMIT, GRADED)), "passed"),
    "failed": (SUBMISSION, admitted(lambda quiz: quiz.responds(SUBMIT, FAILED)), "failed"),
    "sent again": (
        SUBMISSION,
        admitted(lambda quiz: quiz.responds(SUBMIT, GRADED, Idempotency_Replayed="true")),
        "replayed",
    ),
    "sent again after the end": (SUBMISSION, replayed, "replayed"),
    "bad answers": (SUBMISSION, admitted(lambda quiz: quiz.responds(SUBMIT, service_error("X"), 400)), "refused"),
    "a lesson that is gone": (SUBMISSION, lambda gateway: gateway.content.responds(ADMISSION, LOST, 404), "refused"),
    "quiz fails": (SUBMISSION, admitted(lambda quiz: quiz.responds(SUBMIT, service_error("X"), 500)), "error"),
    "quiz has no place": (SUBMISSION, admitted(lambda quiz: quiz.responds(SUBMIT, service_error("X"), 503)), "error"),
    "quiz is away": (SUBMISSION, admitted(lambda quiz: quiz.fails(SUBMIT, AWAY)), "error"),
    "quiz takes too long": (SUBMISSION, admitted(lambda quiz: quiz.fails(SUBMIT, TimeoutError())), "error"),
    "content is away": (SUBMISSION, lambda gateway: gateway.content.fails(ADMISSION, AWAY), "error"),
    "a bug at a submission": (SUBMISSION, admitted(lambda quiz: quiz.responds(SUBMIT, {"result": {}})), "error"),
    "checked": (QUESTION, checked("released"), "released"),
    "checked too early": (QUESTION, checked("locked"), "locked"),
    "checked too late": (QUESTION, checked("expired"), "expired"),
    "checked without a key": (QUESTION, checked("blocked_private"), "blocked_private"),
    "a status of a later release": (QUESTION, checked("paused"), "other"),
    "opened": (OPENING, lambda gateway: gateway.content.responds(f"POST {TARGET}/playback", {}), "released"),
    "not opened": (OPENING, lambda gateway: gateway.content.responds(f"POST {TARGET}/playback", DENIED, 403), "locked"),
    # Nothing was decided.
    "checked at no lesson": (QUESTION, lambda gateway: gateway.content.responds(CHECK, LOST, 404), None),
    "checked while content is away": (QUESTION, lambda gateway: gateway.content.fails(CHECK, AWAY), None),
    "not opened while content fails": (
        OPENING,
        lambda gateway: gateway.content.responds(f"POST {TARGET}/playback", service_error("X"), 500),
        None,
    ),
}


@pytest.mark.parametrize("way", WAYS)
def test_each_way_out_is_counted_once(gateway: Gateway, way: str) -> None:
    kind, arrange, expected = WAYS[way]
    arrange(gateway)
    before = dict(kind.counter.values)
    gateway.send("POST", kind.address, json={"answers": []}, headers=kind.headers)
    assert more(kind.counter, before) == ([] if expected is None else [((expected,), 1)])


@pytest.mark.parametrize(
    ("kind", "service", "target"),
    [(SIGN_IN, "auth", LOGIN), (SUBMISSION, "content", ADMISSION), (SUBMISSION, "quiz", SUBMIT)],
)
def test_so_is_a_client_that_leaves(gateway: Gateway, kind: Kind, service: str, target: str) -> None:
    asked = gateway.services[service]
    if service == "quiz":
        gateway.content.responds(ADMISSION, ADMITTED)
    asked.never_responds(target)
    before = dict(kind.counter.values)
    gateway.leave("POST", kind.address, asked, json={"answers": []})
    assert more(kind.counter, before) == [(("client_gone",), 1)]


def more(counter: Counter, before: dict[tuple[str | int, ...], float]) -> list[tuple[tuple[str | int, ...], float]]:
    """Return what was counted since then."""
    return [
        (labels, value - before.get(labels, 0))
        for labels, value in counter.values.items()
        if value != before.get(labels)
    ]
