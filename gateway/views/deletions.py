"""Deletions that quiz has to hear of, and does before the deleter."""

import asyncio
from collections.abc import Coroutine
from typing import Any

from gateway.upstream import HTTP_NO_CONTENT, HTTP_OK, Answer, Sent, Upstreams
from services.kit.core.errors import ServiceError
from services.kit.core.logging import log

# The event loop keeps only weak references to its tasks.
_going_on: set[asyncio.Task[Answer]] = set()


async def delete_event(upstreams: Upstreams, sent: Sent, event_id: str) -> Answer:
    """Delete the event, and let quiz catch up, before the deleter hears of it."""
    return await _to_the_end(_delete(upstreams, sent, {"eventId": event_id}))


async def delete_lesson(upstreams: Upstreams, sent: Sent, event_id: str, lesson_id: str) -> Answer:
    """Delete the lesson, and let quiz catch up, before the deleter hears of it."""
    return await _to_the_end(_delete(upstreams, sent, {"eventId": event_id, "lessonId": lesson_id}))


async def finish() -> None:
    """Wait for the deletions whose clients have gone; for whoever is about to close the upstreams."""
    await asyncio.gather(*_going_on, return_exceptions=True)


async def _delete(upstreams: Upstreams, sent: Sent, gone: dict[str, str]) -> Answer:
    answer = await upstreams.content.forward(sent)
    if answer.status == HTTP_NO_CONTENT:
        await _catch_up(upstreams, gone)
    return answer


async def _to_the_end(work: Coroutine[Any, Any, Answer]) -> Answer:
    # A client that hangs up cancels its request; what has begun to be deleted is deleted as a whole all the same.
    task = asyncio.create_task(work)
    _going_on.add(task)
    task.add_done_callback(_going_on.discard)
    return await asyncio.shield(task)


async def _catch_up(upstreams: Upstreams, gone: dict[str, str]) -> None:
    # The deletion stands whatever happens here: quiz follows content's feed on its own as well.
    try:
        answer = await upstreams.quiz.call("POST", "/internal/catch-up")
    except ServiceError as error:
        log.warning("quiz_deletion_postponed", reason=error.code, **gone)
        return
    if answer.status != HTTP_OK:
        log.warning("quiz_deletion_postponed", status=answer.status, **gone)
