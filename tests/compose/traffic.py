"""Requests that go on while something happens to the containers."""

import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import count, cycle

import httpx

from tests.clients import Clients
from tests.compose.project import ComposeStack
from tests.waiting import until

# A client pauses after a refusal.
PAUSE_SECONDS = 0.05


@dataclass
class Flow:
    """The number of responses by status, and of failures by name."""

    responses: Counter[int | str] = field(default_factory=Counter)
    refusals: list[str] = field(default_factory=list)

    @property
    def requests(self) -> int:
        """Return the number of requests."""
        return sum(self.responses.values())

    @property
    def failures(self) -> dict[int | str, int]:
        """Return the failures."""
        return {response: times for response, times in self.responses.items() if response not in (200, 201)}

    def await_more(self, number: int) -> None:
        """Wait until this many more were answered."""
        aim = self.requests + number
        until(lambda: self.requests >= aim, f"{number} more requests")


@contextmanager
def everyday_traffic(stack: ComposeStack, number: int = 6) -> Iterator[Flow]:
    """Requests of learners and an admin to every service, over connections that are kept open."""
    flow, slugs = Flow(), count()
    with stack.admin() as admin:
        token = admin.headers["Authorization"]
        run = f"traffic-{time.monotonic_ns()}"
        event = admin.post("/api/events", json={"title": run, "slug": run, "visibility": "public"}).json()["item"]
    lesson = "/api/public/events/flix-mvp-launch-event/lessons/kickoff-do-mvp"

    def new_lesson() -> dict[str, str]:
        return {"title": "Flowing", "slug": f"lesson-{next(slugs)}", "releaseAt": "2026-01-01T00:00:00Z"}

    kinds: list[Callable[[httpx.Client], httpx.Response]] = [
        lambda client: client.post("/api/public/events/flix-mvp-launch-event/catalog"),
        lambda client: client.post(f"/api/events/{event['id']}/lessons", json=new_lesson()),
        lambda client: client.post(f"{lesson}/quiz"),
        lambda client: client.post(f"{lesson}/quiz/submit", json={"answers": []}),
        lambda client: client.get("/api/quizzes/quiz-public-1"),
        lambda client: client.post("/api/admin/login", json=dict(stack.sign_in)),
        lambda client: client.post(f"{lesson}/playback"),
    ]

    def work(index: int) -> Iterator[None]:
        with stack.client(Authorization=token) as client:
            for send in cycle(kinds[index % len(kinds) :] + kinds[: index % len(kinds)]):
                response, text = _answer(client, send)
                flow.responses[response] += 1
                if response not in (200, 201):
                    flow.refusals.append(text)
                    time.sleep(PAUSE_SECONDS)
                yield

    with Clients(number, work):
        yield flow


def _answer(client: httpx.Client, send: Callable[[httpx.Client], httpx.Response]) -> tuple[int | str, str]:
    try:
        response = send(client)
    except httpx.HTTPError as error:
        return repr(error), repr(error)
    return response.status_code, f"{response.request.method} {response.url.path}: {response.text}"
