"""gateway.views.deletions: quiz catches up before a deletion is answered, and a deletion does not depend on it."""

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

import httpx
import pytest
from falcon.testing import ASGIConductor

from gateway.app import assemble
from gateway.config import read_settings
from gateway.upstream import Sent, Upstream, Upstreams
from gateway.views.deletions import delete_event, delete_lesson
from services.kit.web.tokens.access import AccessTokenVerifier
from tests.gateway.door import REQUEST_ID, SECRET, Door, error, line
from tests.kit.forging import nothing_revoked

# Of the event loop: enough for a gateway that waits for nothing to have closed everything.
TURNS = 200
DELETIONS = [
    ("/api/events/event-1", "/api/events/{event_id}", {"eventId": "event-1"}),
    (
        "/api/events/event-1/lessons/lesson-1",
        "/api/events/{event_id}/lessons/{lesson_id}",
        {"eventId": "event-1", "lessonId": "lesson-1"},
    ),
]
deletions = pytest.mark.parametrize(("address", "template", "gone"), DELETIONS, ids=["event", "lesson"])


@deletions
def test_a_deletion_reaches_content_and_then_quiz_before_it_is_answered(
    door: Door, address: str, template: str, gone: dict[str, str]
) -> None:
    door.content.answers(f"DELETE {address}", status=204)
    door.quiz.answers("POST /internal/catch-up", {"changes": 1})

    answer = door.as_admin("DELETE", address)

    assert (answer.status_code, answer.content) == (204, b"")
    assert door.content.asked == [f"DELETE {address}"]
    assert [(request.url.path, request.content) for request in door.quiz.requests] == [("/internal/catch-up", b"")]
    assert door.lines == []


@deletions
def test_a_deletion_stands_while_quiz_is_down(door: Door, address: str, template: str, gone: dict[str, str]) -> None:
    door.content.answers(f"DELETE {address}", status=204)
    door.quiz.fails("POST /internal/catch-up", httpx.ConnectError("refused"))

    answer = door.as_admin("DELETE", address, headers=REQUEST_ID)

    assert (answer.status_code, answer.content) == (204, b"")
    assert door.lines == [
        line(
            "upstream_unavailable",
            template,
            "DELETE",
            upstream="quiz",
            error="ConnectError('refused')",
        ),
        line("quiz_deletion_postponed", template, "DELETE", reason="UPSTREAM_UNAVAILABLE", **gone),
    ]


@deletions
def test_a_deletion_stands_while_quiz_fails(door: Door, address: str, template: str, gone: dict[str, str]) -> None:
    door.content.answers(f"DELETE {address}", status=204)
    door.quiz.answers("POST /internal/catch-up", error("INTERNAL_ERROR"), 500)

    answer = door.as_admin("DELETE", address, headers=REQUEST_ID)

    assert (answer.status_code, answer.content) == (204, b"")
    assert door.lines == [line("quiz_deletion_postponed", template, "DELETE", status=500, **gone)]


@deletions
def test_a_deletion_stands_while_quiz_refuses_the_gateway(
    door: Door, address: str, template: str, gone: dict[str, str]
) -> None:
    door.content.answers(f"DELETE {address}", status=204)
    door.quiz.answers("POST /internal/catch-up", error("UNAUTHORIZED"), 401)

    answer = door.as_admin("DELETE", address, headers=REQUEST_ID)

    assert (answer.status_code, answer.content) == (204, b"")
    assert door.lines == [
        line("service_token_refused", template, "DELETE", upstream="quiz"),
        line("quiz_deletion_postponed", template, "DELETE", reason="INTERNAL_ERROR", **gone),
    ]


@deletions
def test_a_deletion_that_content_refuses_does_not_reach_quiz(
    door: Door, address: str, template: str, gone: dict[str, str]
) -> None:
    door.content.answers(f"DELETE {address}", error("EVENT_NOT_FOUND"), 404)

    answer = door.as_admin("DELETE", address)

    assert (answer.status_code, answer.json()) == (404, error("EVENT_NOT_FOUND"))
    assert door.quiz.asked == []


def upstream(name: str, answer: Callable[[httpx.Request], Coroutine[None, None, httpx.Response]]) -> Upstream:
    """A service that answers as this coroutine does."""
    client = httpx.AsyncClient(base_url=f"http://{name}", transport=httpx.MockTransport(answer))
    return Upstream(name, client, SECRET, 30)


def gateway_over(upstreams: Upstreams) -> Any:
    """A gateway that knows no key and nothing that is revoked."""

    async def no_keys() -> Any:
        return {"keys": []}

    verifier = AccessTokenVerifier(no_keys, "gateway", nothing_revoked)
    return assemble(read_settings({"SERVICE_TOKEN_SECRET": SECRET}), upstreams, verifier)


@pytest.mark.parametrize(
    ("address", "gone"), [(address, gone) for address, _, gone in DELETIONS], ids=["event", "lesson"]
)
def test_a_deletion_goes_on_to_its_end_when_its_client_hangs_up_and_the_gateway_is_stopped(
    address: str, gone: dict[str, str]
) -> None:
    async def hang_up() -> list[tuple[str, str, Any]]:
        content_was_asked, content_answers = asyncio.Event(), asyncio.Event()
        asked: list[tuple[str, str, Any]] = []

        async def content(request: httpx.Request) -> httpx.Response:
            content_was_asked.set()
            await content_answers.wait()
            return httpx.Response(204)

        async def quiz(request: httpx.Request) -> httpx.Response:
            asked.append((request.method, request.url.path, request.content))
            return httpx.Response(200, json={"changes": 1})

        upstreams = Upstreams(upstream("content", content), upstream("quiz", quiz), upstream("auth", quiz))
        view: Any = delete_lesson if "lessonId" in gone else delete_event
        gateway = ASGIConductor(gateway_over(upstreams))
        async with asyncio.timeout(30):
            await gateway.__aenter__()
            deletion = asyncio.create_task(view(upstreams, Sent("DELETE", address), *gone.values()))
            await content_was_asked.wait()
            deletion.cancel()
            with pytest.raises(asyncio.CancelledError):
                await deletion
            stopping = asyncio.create_task(gateway.__aexit__(None, None, None))
            for _ in range(TURNS):
                await asyncio.sleep(0)
            content_answers.set()
            await stopping
        return asked

    assert asyncio.run(hang_up()) == [("POST", "/internal/catch-up", b"")]
