"""Requests that go on while something happens to the containers."""

import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import count, cycle
from typing import Any

import httpx

from tests.clients import Clients
from tests.compose.project import ComposeStack
from tests.waiting import until

Document = dict[str, Any]
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

    def new_lesson() -> Document:
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


@dataclass
class Written:
    """The acknowledged lessons and materials, as in the responses."""

    event: Document
    lessons: list[Document] = field(default_factory=list)
    uploads: list[list[Document]] = field(default_factory=list)
    refusals: Counter[int] = field(default_factory=Counter)

    @property
    def acknowledged(self) -> int:
        """Return the number of acknowledged writes."""
        return len(self.lessons) + len(self.uploads)

    def await_more(self, number: int) -> None:
        """Wait until this many more were acknowledged."""
        aim = self.acknowledged + number
        until(lambda: self.acknowledged >= aim, f"{number} more writes acknowledged")


def _upload(name: str) -> Document:
    common = {"mimeType": "application/pdf", "sizeBytes": 1024}
    files = [{"fileName": f"{name}-{part}.pdf", "downloadUrl": f"https://files.example/{part}.pdf"} for part in "abc"]
    return {"files": [{**common, **file} for file in files]}


@contextmanager
def writers(stack: ComposeStack, number: int) -> Iterator[Written]:
    """Write lessons and three files of each at once; refusals must be 503 or 504."""
    with stack.admin() as admin:
        token = admin.headers["Authorization"]
        slug = f"writing-{time.monotonic_ns()}"
        response = admin.post("/api/events", json={"title": slug, "slug": slug, "visibility": "public"})
        written = Written(response.json()["item"])
    lessons = f"/api/events/{written.event['id']}/lessons"

    def send(client: httpx.Client, path: str, document: Document) -> Document | None:
        response = client.post(path, json=document)
        if response.status_code == 201:
            accepted: Document = response.json()
            return accepted
        assert response.status_code in (503, 504), response.text
        assert int(response.headers["Retry-After"]) >= 1
        written.refusals[response.status_code] += 1
        time.sleep(PAUSE_SECONDS)
        return None

    def work(index: int) -> Iterator[None]:
        with stack.client(Authorization=token) as client:
            for turn in count():
                name = f"lesson-{index}-{turn}"
                new = {"title": name, "slug": name, "releaseAt": "2026-01-01T00:00:00Z"}
                if (made := send(client, lessons, new)) is not None:
                    written.lessons.append(made["item"])
                    yield
                    upload = send(client, f"{lessons}/{made['item']['id']}/materials", _upload(name))
                    if upload is not None:
                        written.uploads.append(upload["items"])
                yield

    with Clients(number, work):
        yield written


def losses(stack: ComposeStack, written: Written) -> tuple[list[Document], list[list[Document]], list[str]]:
    """Return lost lessons, lost uploads, and lessons with half an upload."""
    with stack.admin() as admin:
        kept = {each["id"]: each for each in admin.get(f"/api/events/{written.event['id']}/lessons").json()["items"]}
    rows = stack.project.sql(
        "content",
        "SELECT m.lesson_id, m.id, m.file_name FROM materials m JOIN lessons l ON l.id = m.lesson_id "
        f"WHERE l.event_id = '{written.event['id']}'",
    )
    files = {(lesson, material): name for lesson, material, name in rows}
    by_lesson = Counter(lesson for lesson, _, _ in rows)
    lost_lessons = [each for each in written.lessons if kept.get(each["id"]) != each]
    lost_uploads = [
        upload
        for upload in written.uploads
        if any(files.get((each["lessonId"], each["id"])) != each["fileName"] for each in upload)
    ]
    return lost_lessons, lost_uploads, [lesson for lesson, number in by_lesson.items() if number % 3]
