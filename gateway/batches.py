"""Submissions travel to quiz in batches (docs/decisions/102-submissions-in-batches.md).

While one call is under way the next submissions gather, and then go as one. Nothing waits for a timer: when no call is
under way a submission goes at once.
"""

import asyncio
import time
from collections import deque
from collections.abc import Callable, Sequence
from contextvars import Context, copy_context
from dataclasses import dataclass
from typing import Any

import orjson

from gateway.upstream import (
    FORWARDED_HEADERS,
    HTTP_BAD_REQUEST,
    HTTP_METHOD_NOT_ALLOWED,
    HTTP_NOT_FOUND,
    HTTP_OK,
    HTTP_TOO_LARGE,
    JSON,
    Upstream,
    UpstreamRequest,
    UpstreamResponse,
)
from services.kit.core.errors import Unavailable, UpstreamTimeout, too_many_waiting
from services.kit.core.logging import current_request_id, log
from services.kit.core.metrics import Histogram
from services.kit.core.outcomes import set_outcomes
from services.kit.core.refusal_log import RefusalLog

SUBMISSIONS = "/internal/submissions"
SUBMISSION_BATCHES = "/internal/submission-batches"

MOST_ITEMS = 64
MOST_BYTES = 512 * 1024
# Submissions that may wait for a batch; further ones are refused with 503.
MOST_WAITING = 2048
# Quiz of the release before has no batches. It is asked again after this time.
SINGLY_SECONDS = 5

BATCH_SIZE = Histogram("flix_batch_size", "Submissions of a batch", bounds=(1, 2, 4, 8, 16, 32, 64))

NO_BATCHES = (HTTP_NOT_FOUND, HTTP_METHOD_NOT_ALLOWED)
# Quiz could not read the batch, and has graded nothing: sent singly, one submission cannot refuse the others.
UNREADABLE = (HTTP_BAD_REQUEST, HTTP_TOO_LARGE)


@dataclass(eq=False, slots=True)
class _Item:
    """A submission that waits; `key` is None without an Idempotency-Key."""

    request: UpstreamRequest
    request_id: str
    key: str | None
    context: Context
    response: asyncio.Future[UpstreamResponse]

    @property
    def document(self) -> dict[str, Any]:
        """The item of a batch."""
        return {
            "requestId": self.request_id,
            "idempotencyKey": self.request.idempotency_key,
            "clientAddress": self.request.client_address,
            "submission": orjson.Fragment(self.request.body),
        }


class SubmissionBatches:
    """Sends submissions to quiz, which has `timeout_seconds` for each of them from its arrival."""

    def __init__(self, quiz: Upstream, timeout_seconds: float, clock: Callable[[], float] = time.monotonic):
        self._quiz = quiz
        self._timeout = timeout_seconds
        self._clock = clock
        self._waiting: deque[_Item] = deque()
        # Of the submissions that wait or are under way.
        self._keys: set[str | None] = set()
        self._call: asyncio.Task[None] | None = None
        self._singly_until = float("-inf")
        self._full = RefusalLog("batch_full", "batch_full", clock)

    @property
    def waiting(self) -> int:
        """The submissions that wait for a batch."""
        return len(self._waiting)

    async def submit(self, request: UpstreamRequest) -> UpstreamResponse:
        """Return quiz's response to the submission. Raise Unavailable or UpstreamTimeout, or as a call of quiz does."""
        key = _comparable(request.idempotency_key)
        # A repetition never shares a batch with the first: alone it learns from quiz at once that the key is in flight.
        if self._clock() < self._singly_until or key in self._keys:
            return await self._quiz.call("POST", SUBMISSIONS, request)
        if len(self._waiting) >= MOST_WAITING:
            self._full.count(most=MOST_WAITING)
            raise too_many_waiting()
        response: asyncio.Future[UpstreamResponse] = asyncio.get_running_loop().create_future()
        if key is not None:
            self._keys.add(key)
        self._waiting.append(_Item(request, current_request_id(), key, copy_context(), response))
        if self._call is None:
            self._begin_next()
        try:
            # When the client leaves, its item is cancelled as well, and is not sent if it still waits.
            async with asyncio.timeout(self._timeout):
                return await response
        except TimeoutError:
            log.warning("upstream_timeout", upstream="quiz")
            raise UpstreamTimeout from None

    def _begin_next(self, _ended: object = None) -> None:
        self._call = None
        if self._waiting:
            # The first item's log context: a batch has no request of its own.
            self._call = asyncio.create_task(self._send(), context=self._waiting[0].context)
            self._call.add_done_callback(self._begin_next)

    async def _send(self) -> None:
        batch = self._next_batch()
        BATCH_SIZE.observe(len(batch))
        try:
            responses = await self._responses(batch)
        except Exception as error:  # Each client gets it.
            responses = [error] * len(batch)
        self._keys.difference_update(item.key for item in batch)
        set_outcomes((item.response for item in batch), responses)

    def _next_batch(self) -> list[_Item]:
        """Take the items of the next batch, without those whose client has left."""
        batch: list[_Item] = []
        size = 0
        while self._waiting and len(batch) < MOST_ITEMS:
            item = self._waiting[0]
            size += len(item.request.body)
            if batch and size > MOST_BYTES:
                break
            self._waiting.popleft()
            if item.response.done():
                self._keys.discard(item.key)
                size -= len(item.request.body)
            else:
                batch.append(item)
        return batch

    async def _responses(self, batch: Sequence[_Item]) -> Sequence[UpstreamResponse | BaseException]:
        if len(batch) <= 1:
            return await self._singly(batch)
        body = orjson.dumps({"items": [item.document for item in batch]})
        request = UpstreamRequest("POST", SUBMISSION_BATCHES, body=body, content_type=JSON)
        response = await self._quiz.call("POST", SUBMISSION_BATCHES, request)
        if response.status in NO_BATCHES:
            self._singly_until = self._clock() + SINGLY_SECONDS
        if response.status in NO_BATCHES + UNREADABLE:
            return await self._singly(batch)
        if response.status != HTTP_OK or len(response.document["items"]) != len(batch):
            log.warning("upstream_unintelligible", upstream="quiz", status=response.status)
            raise Unavailable
        return [_response(item) for item in response.document["items"]]

    async def _singly(self, batch: Sequence[_Item]) -> Sequence[UpstreamResponse | BaseException]:
        calls = (
            asyncio.create_task(self._quiz.call("POST", SUBMISSIONS, item.request), context=item.context)
            for item in batch
        )
        return await asyncio.gather(*calls, return_exceptions=True)


def _comparable(key: str | None) -> str | None:
    """Return a text that is equal for equal keys: quiz takes a key bare or in quotes, with escapes."""
    return None if key is None else key.strip().strip('"').replace("\\", "")


def _response(item: dict[str, Any]) -> UpstreamResponse:
    headers = {name: item["headers"][name] for name in FORWARDED_HEADERS if name in item["headers"]}
    return UpstreamResponse(item["status"], orjson.dumps(item["body"]), headers)
