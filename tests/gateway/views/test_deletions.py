"""gateway.views.deletions: quiz catches up before the response, and a deletion does not depend on it."""

import asyncio
from typing import Any, NamedTuple

import aiohttp
import httpx
import pytest
from falcon.testing import ASGIConductor

from gateway.app import assemble
from gateway.config import read_settings
from gateway.upstream import Outgoing, UpstreamRequest
from gateway.upstreams import Upstreams, upstreams_over
from gateway.views.deletions import delete_event, delete_lesson
from services.kit.web.tokens.access import AccessTokenVerifier
from tests.gateway.fakes import SECRET, Gateway, log_line, parsed, service_error, upstream
from tests.kit.forging import nothing_revoked

# Turns of the event loop in which a gateway that waits for nothing would have closed everything.
TURNS = 200
CATCH_UP = "POST /internal/catch-up"


class Deletion(NamedTuple):
    """An address with its template and its ids."""

    address: str
    template: str
    ids: dict[str, str]


EVENT = Deletion("/api/events/event-1", "/api/events/{event_id}", {"eventId": "event-1"})
LESSON = Deletion(
    "/api/events/event-1/lessons/lesson-1",
    "/api/events/{event_id}/lessons/{lesson_id}",
    {"eventId": "event-1", "lessonId": "lesson-1"},
)
deletions = pytest.mark.parametrize("deletion", [EVENT, LESSON], ids=["event", "lesson"])


@deletions
def test_a_deletion_reaches_content_and_then_quiz(gateway: Gateway, deletion: Deletion) -> None:
    gateway.content.responds(f"DELETE {deletion.address}", status=204)
    gateway.quiz.responds(CATCH_UP, {"changes": 1})
    assert parsed(gateway.as_admin("DELETE", deletion.address)) == (204, None)
    assert gateway.targets == [f"DELETE {deletion.address}", CATCH_UP]
    assert (gateway.quiz.bodies, gateway.lines) == ([b""], [])


@deletions
def test_a_deletion_stands_while_quiz_does_not_catch_up(gateway: Gateway, deletion: Deletion) -> None:
    def postponed(**reason: object) -> dict[str, object]:
        return log_line("quiz_deletion_postponed", deletion.template, "DELETE", **reason, **deletion.ids)

    def failed(event: str, **fields: object) -> dict[str, object]:
        return log_line(event, deletion.template, "DELETE", upstream="quiz", **fields)

    gateway.content.responds(f"DELETE {deletion.address}", status=204)
    gateway.quiz.responds(CATCH_UP, service_error("INTERNAL_ERROR"), 500)
    assert parsed(gateway.as_admin("DELETE", deletion.address)) == (204, None)
    assert gateway.lines == [postponed(status=500)]

    gateway.quiz.responds(CATCH_UP, service_error("UNAUTHORIZED"), 401)
    assert parsed(gateway.as_admin("DELETE", deletion.address)) == (204, None)
    assert gateway.lines == [failed("service_token_refused"), postponed(reason="INTERNAL_ERROR")]

    gateway.quiz.fails(CATCH_UP, aiohttp.ClientConnectionError())
    assert parsed(gateway.as_admin("DELETE", deletion.address)) == (204, None)
    assert gateway.lines == [
        failed("upstream_unavailable", error="ClientConnectionError()"),
        postponed(reason="UPSTREAM_UNAVAILABLE"),
    ]


@deletions
def test_a_deletion_that_content_refuses_does_not_reach_quiz(gateway: Gateway, deletion: Deletion) -> None:
    gateway.content.responds(f"DELETE {deletion.address}", service_error("EVENT_NOT_FOUND"), 404)
    assert parsed(gateway.as_admin("DELETE", deletion.address)) == (404, service_error("EVENT_NOT_FOUND"))
    assert gateway.quiz.targets == []


SETTINGS = read_settings({"SERVICE_TOKEN_SECRET": SECRET})


def app_over(upstreams: Upstreams) -> Any:
    """Return a gateway that knows no key and no revoked session."""

    async def no_keys() -> Any:
        return {"keys": []}

    verifier = AccessTokenVerifier(no_keys, "gateway", nothing_revoked)
    return assemble(SETTINGS, upstreams, verifier)


@deletions
def test_a_deletion_completes_when_its_client_leaves_and_the_gateway_stops(deletion: Deletion) -> None:
    async def leave_and_stop() -> list[tuple[str, bytes]]:
        content_called, content_may_respond = asyncio.Event(), asyncio.Event()
        quiz_requests: list[tuple[str, bytes]] = []

        async def content(request: Outgoing) -> httpx.Response:
            content_called.set()
            await content_may_respond.wait()
            return httpx.Response(204)

        async def quiz(request: Outgoing) -> httpx.Response:
            quiz_requests.append((f"{request.method} {request.target}", request.body))
            return httpx.Response(200, json={"changes": 1})

        services = (upstream("content", content), upstream("quiz", quiz), upstream("auth", quiz))
        upstreams = upstreams_over(*services, SETTINGS, nothing_revoked)
        view: Any = delete_lesson if deletion is LESSON else delete_event
        app = ASGIConductor(app_over(upstreams))
        async with asyncio.timeout(30):
            await app.__aenter__()
            request = UpstreamRequest("DELETE", deletion.address)
            task = asyncio.create_task(view(upstreams, request, *deletion.ids.values()))
            await content_called.wait()
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
            stopping = asyncio.create_task(app.__aexit__(None, None, None))
            for _ in range(TURNS):
                await asyncio.sleep(0)
            content_may_respond.set()
            await stopping
        return quiz_requests

    assert asyncio.run(leave_and_stop()) == [(CATCH_UP, b"")]
