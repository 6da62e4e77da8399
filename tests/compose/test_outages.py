"""Quiz stopped, paused, cut off: the rest goes on, its routes say when to try again, and it heals by itself."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import httpx
import pytest

from tests.compose.stack import ComposeTown, Stack
from tests.waiting import until

LESSON = "/api/public/events/flix-mvp-launch-event/lessons/kickoff-do-mvp"


@dataclass(frozen=True)
class Outage:
    """How it begins, how it ends, and what a client is told meanwhile."""

    begin: Callable[[Stack], object]
    end: Callable[[Stack], object]
    answers: frozenset[tuple[int, str]]


UNAVAILABLE, TIMEOUT = (503, "UPSTREAM_UNAVAILABLE"), (504, "UPSTREAM_TIMEOUT")


def cut_off(stack: Stack) -> None:
    """Take quiz off the network."""
    stack.engine.networks.get(f"{stack.name}_back").disconnect(stack.container("quiz"))


def connect(stack: Stack) -> None:
    """Put it back under its name."""
    stack.engine.networks.get(f"{stack.name}_back").connect(stack.container("quiz"), aliases=["quiz"])


OUTAGES = {
    "stopped": Outage(
        lambda stack: stack.container("quiz").stop(),
        lambda stack: stack.container("quiz").start(),
        frozenset({UNAVAILABLE}),
    ),
    "paused": Outage(
        lambda stack: stack.container("quiz").pause(),
        lambda stack: stack.container("quiz").unpause(),
        frozenset({TIMEOUT}),
    ),
    # A connection that is still open runs into the deadline, a new one is not made.
    "cut off": Outage(cut_off, connect, frozenset({UNAVAILABLE, TIMEOUT})),
}


def ask_quiz_routes(client: httpx.Client) -> list[httpx.Response]:
    """All at the same time, since each may take until its deadline."""
    calls: list[Callable[[], httpx.Response]] = [
        lambda: client.post(f"{LESSON}/quiz"),
        lambda: client.post(f"{LESSON}/quiz/submit", json={"answers": []}),
        lambda: client.get("/api/quizzes/quiz-public-1"),
        lambda: client.get("/api/quizzes"),
    ]
    with ThreadPoolExecutor(len(calls)) as pool:
        return [each.result() for each in [pool.submit(call) for call in calls]]


@pytest.mark.parametrize("name", OUTAGES)
def test_without_quiz_the_rest_goes_on_and_quiz_heals_by_itself(compose_town: ComposeTown, name: str) -> None:
    outage, stack = OUTAGES[name], compose_town.stack
    started = stack.container("gateway").attrs["State"]["StartedAt"]
    slug = f"without-quiz-{name.replace(' ', '-')}"
    with compose_town.admin() as admin, compose_town.client() as learner:
        assert [answer.status_code for answer in ask_quiz_routes(admin)] == [200, 200, 200, 200]
        outage.begin(stack)
        try:
            answers = ask_quiz_routes(admin)
            made = admin.post("/api/events", json={"title": "On we go", "slug": slug, "visibility": "public"})
            rest = [
                learner.post("/api/public/events/flix-mvp-launch-event/catalog"),
                learner.post(f"{LESSON}/access-check"),
                learner.post(f"{LESSON}/playback"),
                learner.post(f"{LESSON}/materials"),
                admin.get("/api/events"),
                learner.post("/api/admin/login", json=dict(compose_town.sign_in)),
                admin.delete(f"/api/events/{made.json()['item']['id']}"),
            ]
            unready = learner.get("/health/ready")
        finally:
            outage.end(stack)

        assert {(each.status_code, each.json()["error"]) for each in answers} <= outage.answers
        assert all(int(each.headers["Retry-After"]) >= 1 for each in answers)
        assert made.status_code == 201
        assert [each.status_code for each in rest] == [200, 200, 200, 200, 200, 200, 204]
        assert (unready.status_code, unready.json()["message"]) == (503, "Not ready: quiz")
        until(lambda: learner.post(f"{LESSON}/quiz").status_code == 200, "quiz answers again")
        assert [answer.status_code for answer in ask_quiz_routes(admin)] == [200, 200, 200, 200]
    assert stack.container("gateway").attrs["State"]["StartedAt"] == started
    assert "Traceback" not in stack.log("gateway")
