"""Deletions in content. Quiz follows them before the client gets its response."""

import asyncio
from collections.abc import Coroutine
from typing import Any

from gateway.sources import Service, Source, declared_by
from gateway.upstream import HTTP_NO_CONTENT, HTTP_OK, UpstreamRequest, UpstreamResponse
from gateway.upstreams import Upstreams
from services.kit.core.errors import ServiceError
from services.kit.core.logging import log

# The event loop keeps only weak references to its tasks.
_running: set[asyncio.Task[UpstreamResponse]] = set()


@declared_by(Source(Service.CONTENT, "DELETE", "/api/events/{event_id}"))
async def delete_event(upstreams: Upstreams, request: UpstreamRequest, event_id: str) -> UpstreamResponse:
    """Delete the event and let quiz catch up."""
    return await _complete(_delete(upstreams, request, {"eventId": event_id}))


@declared_by(Source(Service.CONTENT, "DELETE", "/api/events/{event_id}/lessons/{lesson_id}"))
async def delete_lesson(
    upstreams: Upstreams, request: UpstreamRequest, event_id: str, lesson_id: str
) -> UpstreamResponse:
    """Delete the lesson and let quiz catch up."""
    return await _complete(_delete(upstreams, request, {"eventId": event_id, "lessonId": lesson_id}))


async def finish() -> None:
    """Wait for the deletions whose clients have disconnected. Call it before the upstreams are closed."""
    await asyncio.gather(*_running, return_exceptions=True)


async def _delete(upstreams: Upstreams, request: UpstreamRequest, ids: dict[str, str]) -> UpstreamResponse:
    response = await upstreams.content.forward(request)
    if response.status == HTTP_NO_CONTENT:
        await _catch_up(upstreams, ids)
    return response


async def _complete(work: Coroutine[Any, Any, UpstreamResponse]) -> UpstreamResponse:
    # A client that disconnects cancels its request, and must not cancel the deletion and the catch-up.
    task = asyncio.create_task(work)
    _running.add(task)
    task.add_done_callback(_running.discard)
    return await asyncio.shield(task)


async def _catch_up(upstreams: Upstreams, ids: dict[str, str]) -> None:
    # A failure does not undo the deletion: quiz also follows content's feed by itself.
    try:
        response = await upstreams.quiz.call("POST", "/internal/catch-up")
    except ServiceError as error:
        log.warning("quiz_deletion_postponed", reason=error.code, **ids)
        return
    if response.status != HTTP_OK:
        log.warning("quiz_deletion_postponed", status=response.status, **ids)
