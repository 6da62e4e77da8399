"""Quizzes in the gateway's memory are never wrong, and those who wait for the same lesson share a question."""

import asyncio
from collections.abc import Callable, Sequence
from contextlib import suppress
from functools import partial
from typing import Any

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.memory import read_version
from gateway.quiz_memory import QuizMemory
from gateway.upstream import Outgoing, UpstreamResponse
from services.kit.web.freshness import FRESHNESS_HEADER
from services.kit.web.pages import PageRequest
from services.quiz.entities import QuizFilter
from services.quiz.errors import LessonHasQuiz
from services.quiz.repository.contracts import QuizStore
from services.quiz.service.quiz import QuizService
from tests.gateway.fakes import upstream
from tests.kit.forging import SECRET
from tests.quiz.client import LessonsOfContent, quiz_app
from tests.quiz.examples import a_quiz, quiz_changes, quiz_fields
from tests.quiz.memory import InMemoryQuizStore

LESSON = "/internal/lessons/lesson-1/quiz"
EMPTY_LESSON = "/internal/lessons/lesson-2/quiz"

MEGABYTE = 1024 * 1024

Change = Callable[[QuizService], None]


class Gateways:
    """Memories of two gateways over one quiz, which has a quiz for `lesson-1`, and the addresses that it was asked."""

    def __init__(self, store: QuizStore, *, has_versions: bool = True, maximum_bytes: int = MEGABYTE):
        self.asked: list[str] = []
        self._app: Any = quiz_app(store, LessonsOfContent())
        self._has_versions = has_versions
        self._quiz = upstream("quiz", self._handle, secret=SECRET)
        self.memories = [QuizMemory(self._quiz, partial(read_version, self._quiz), maximum_bytes) for _ in range(2)]

    async def view(self, path: str, gateway: int = 0) -> UpstreamResponse:
        """Return a gateway's response to a learner."""
        return (await self.memories[gateway].respond(path)).response

    async def ask_quiz(self, path: str) -> UpstreamResponse:
        """Ask quiz itself."""
        return await self._quiz.call("GET", path)

    async def _handle(self, request: Outgoing) -> httpx.Response:
        self.asked.append(request.target)
        if not self._has_versions and request.target.endswith("/version"):
            return httpx.Response(404, json={"error": "NOT_FOUND"})
        sent = httpx.Request(request.method, f"http://quiz{request.target}", headers=request.headers)
        response = await httpx.ASGITransport(self._app).handle_async_request(sent)
        headers = httpx.Headers(response.headers)
        if not self._has_versions:
            headers.pop(FRESHNESS_HEADER)
        return httpx.Response(response.status_code, headers=headers, content=await response.aread())


@pytest.fixture
def store() -> InMemoryQuizStore:
    """Quiz with a quiz for one lesson."""
    store = InMemoryQuizStore()
    store.quizzes.add(a_quiz())
    return store


def outcome(response: UpstreamResponse) -> tuple[int, Any]:
    """Return what the learner sees; ids of requests differ."""
    return response.status, {name: value for name, value in response.document.items() if name != "requestId"}


@pytest.mark.parametrize("path", [LESSON, EMPTY_LESSON])
def test_the_second_request_asks_quiz_for_the_version_only(store: InMemoryQuizStore, path: str) -> None:
    async def ask() -> None:
        gateways = Gateways(store)
        first, second = [await gateways.view(path) for _ in range(2)]
        others = await asyncio.gather(*(gateways.view(path) for _ in range(20)))
        assert gateways.asked == [path, f"{path}/version", f"{path}/version"]
        assert {str(outcome(each)) for each in (first, second, *others)} == {str(outcome(first))}

    asyncio.run(ask())


def test_a_quiz_of_the_release_before_is_asked_each_time(store: InMemoryQuizStore) -> None:
    async def ask() -> None:
        gateways = Gateways(store, has_versions=False)
        assert [(await gateways.view(LESSON)).status for _ in range(2)] == [200, 200]
        assert gateways.asked == [LESSON, LESSON]

    asyncio.run(ask())


def test_a_memory_of_no_bytes_asks_each_time(store: InMemoryQuizStore) -> None:
    async def ask() -> None:
        gateways = Gateways(store, maximum_bytes=0)
        assert [(await gateways.view(LESSON)).status for _ in range(2)] == [200, 200]
        assert gateways.asked == [LESSON, LESSON]

    asyncio.run(ask())


def _quizzes_end(service: QuizService) -> None:
    for quiz in service.quizzes.list(QuizFilter(lesson_id="lesson-1"), PageRequest()).items:
        service.quizzes.delete(quiz.id)


def _quiz_begins(service: QuizService) -> None:
    with suppress(LessonHasQuiz):
        service.quizzes.create(quiz_fields("lesson-1"))


def _title_changes(title: str) -> Change:
    def change(service: QuizService) -> None:
        for quiz in service.quizzes.list(QuizFilter(lesson_id="lesson-1"), PageRequest()).items:
            service.quizzes.update(quiz.id, quiz_changes(title=title))

    return change


CHANGES = st.one_of(st.sampled_from([_quizzes_end, _quiz_begins]), st.sampled_from("abc").map(_title_changes))


@given(steps=st.lists(st.tuples(st.integers(0, 1), CHANGES), max_size=12))
def test_a_quiz_from_memory_is_what_quiz_says_now(steps: Sequence[tuple[int, Change]]) -> None:
    async def ask() -> None:
        store = InMemoryQuizStore()
        gateways, service = Gateways(store), QuizService(store, lambda event_id, lesson_id: None)
        for gateway, change in steps:
            await gateways.view(LESSON, gateway)
            change(service)
            assert outcome(await gateways.view(LESSON, gateway)) == outcome(await gateways.ask_quiz(LESSON))

    asyncio.run(ask())
