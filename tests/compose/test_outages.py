"""Quiz stopped, paused or cut off: other routes work, its routes have Retry-After, and it recovers by itself."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import httpx
import pytest

from tests.compose.project import ComposeProject, ComposeStack
from tests.waiting import until

LESSON = "/api/public/events/flix-mvp-launch-event/lessons/kickoff-do-mvp"


@dataclass(frozen=True)
class Outage:
    """How an outage begins and ends, and the responses meanwhile."""

    begin: Callable[[ComposeProject], object]
    end: Callable[[ComposeProject], object]
    responses: frozenset[tuple[int, str]]


UNAVAILABLE, TIMEOUT = (503, "UPSTREAM_UNAVAILABLE"), (504, "UPSTREAM_TIMEOUT")


def cut_off(project: ComposeProject) -> None:
    """Disconnect quiz from the network."""
    project.engine.networks.get(f"{project.name}_back").disconnect(project.container("quiz"))


def connect(project: ComposeProject) -> None:
    """Connect quiz again under its name."""
    project.engine.networks.get(f"{project.name}_back").connect(project.container("quiz"), aliases=["quiz"])


OUTAGES = {
    "stopped": Outage(
        lambda project: project.container("quiz").stop(),
        lambda project: project.container("quiz").start(),
        frozenset({UNAVAILABLE}),
    ),
    "paused": Outage(
        lambda project: project.container("quiz").pause(),
        lambda project: project.container("quiz").unpause(),
        frozenset({TIMEOUT}),
    ),
    # An open connection meets the deadline; a new one is refused.
    "cut off": Outage(cut_off, connect, frozenset({UNAVAILABLE, TIMEOUT})),
}


def ask_quiz_routes(client: httpx.Client) -> list[httpx.Response]:
    """Send all at the same time, since each may take until its deadline."""
    calls: list[Callable[[], httpx.Response]] = [
        lambda: client.post(f"{LESSON}/quiz"),
        lambda: client.post(f"{LESSON}/quiz/submit", json={"answers": []}),
        lambda: client.get("/api/quizzes/quiz-public-1"),
        lambda: client.get("/api/quizzes"),
    ]
    with ThreadPoolExecutor(len(calls)) as pool:
        return [each.result() for each in [pool.submit(call) for call in calls]]


@pytest.mark.parametrize("name", OUTAGES)
def test_without_quiz_the_rest_goes_on_and_quiz_heals_by_itself(compose_stack: ComposeStack, name: str) -> None:
    outage, project = OUTAGES[name], compose_stack.project
    started = project.container("gateway").attrs["State"]["StartedAt"]
    slug = f"without-quiz-{name.replace(' ', '-')}"
    with compose_stack.admin() as admin, compose_stack.client() as learner:
        assert [response.status_code for response in ask_quiz_routes(admin)] == [200, 200, 200, 200]
        outage.begin(project)
        try:
            responses = ask_quiz_routes(admin)
            made = admin.post("/api/events", json={"title": "On we go", "slug": slug, "visibility": "public"})
            rest = [
                learner.post("/api/public/events/flix-mvp-launch-event/catalog"),
                learner.post(f"{LESSON}/access-check"),
                learner.post(f"{LESSON}/playback"),
                learner.post(f"{LESSON}/materials"),
                admin.get("/api/events"),
                learner.post("/api/admin/login", json=dict(compose_stack.sign_in)),
                admin.delete(f"/api/events/{made.json()['item']['id']}"),
            ]
            unready = learner.get("/health/ready")
        finally:
            outage.end(project)

        assert {(each.status_code, each.json()["error"]) for each in responses} <= outage.responses
        assert all(int(each.headers["Retry-After"]) >= 1 for each in responses)
        assert made.status_code == 201
        assert [each.status_code for each in rest] == [200, 200, 200, 200, 200, 200, 204]
        assert (unready.status_code, unready.json()["message"]) == (503, "Not ready: quiz")
        until(lambda: learner.post(f"{LESSON}/quiz").status_code == 200, "quiz answers again")
        assert [response.status_code for response in ask_quiz_routes(admin)] == [200, 200, 200, 200]
    assert project.container("gateway").attrs["State"]["StartedAt"] == started
    assert "Traceback" not in project.log("gateway")
