"""Responses of a service that are kept in memory, and repeated at a version that was read after the request arrived."""

from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import NamedTuple

import orjson

from gateway.representations import Representation
from gateway.upstream import HTTP_FORBIDDEN, HTTP_NOT_FOUND, HTTP_OK, Upstream, UpstreamResponse
from services.kit.core.instants import format_instant, from_milliseconds, now, to_milliseconds
from services.kit.core.logging import current_request_id
from services.kit.core.metrics import Counter
from services.kit.core.recently_used import RecentlyUsed
from services.kit.web.freshness import Freshness, Version, version_of

CACHE_REQUESTS = Counter(
    "flix_cache_requests", "Requests that memory may answer, and whether it did", ("cache", "result")
)

REPEATED = (HTTP_OK, HTTP_FORBIDDEN, HTTP_NOT_FOUND)
# Most responses have 1 to 10 KB. A short one takes more than its body.
SMALLEST_RESPONSE_BYTES = 3 * 1024
# A body is kept as parts, as it was rendered last, and as GET shows it in each coding.
KEPT_OF_A_BODY = 3

AskVersion = Callable[[str], Awaitable[Version | None]]
"""Asks a service for its version at a path; None from the release before, which has none. Raises as a call does."""


Representations = dict[object, Representation]
"""What GET shows of a response, by the function that makes it."""


class TimedResponse(NamedTuple):
    """A response as it is at this time of the service's clock, in milliseconds, with what was made of it before."""

    response: UpstreamResponse
    at: int
    representations: Representations


def timed_now(response: UpstreamResponse) -> TimedResponse:
    """Return a response that is not from memory. A service of the release before sends no time of its own."""
    freshness = response.freshness
    return TimedResponse(response, to_milliseconds(now()) if freshness is None else freshness.version.at, {})


class RememberedResponse:
    """A response of content, which may show content's time in some places."""

    def __init__(self, response: UpstreamResponse, freshness: Freshness):
        self.freshness = freshness
        self._response = response
        # A JSON string cannot contain this text, because of its quotes.
        self._parts = response.body.split(_server_time(freshness.version.at))
        self._rendered = (freshness.version.at, response)
        self._representations: Representations = {}

    @property
    def size(self) -> int:
        """The bytes that are kept."""
        return KEPT_OF_A_BODY * len(self._response.body)

    def timed(self, milliseconds: int) -> TimedResponse:
        """Return the response at that time with what was made of it before."""
        return TimedResponse(self.at(milliseconds), milliseconds, self._representations)

    def at(self, milliseconds: int) -> UpstreamResponse:
        """Return the response at that time of content's clock. Those who share a version share the response."""
        rendered_at, rendered = self._rendered
        if rendered_at == milliseconds or len(self._parts) == 1:
            return rendered
        rendered = replace(self._response, body=_server_time(milliseconds).join(self._parts))
        self._rendered = (milliseconds, rendered)
        return rendered


def remembered_responses(maximum_bytes: int) -> RecentlyUsed[str, RememberedResponse]:
    """Return an empty memory of responses, by address; it keeps none when `maximum_bytes` is 0."""
    return RecentlyUsed(maximum_bytes, lambda response: max(SMALLEST_RESPONSE_BYTES, response.size))


async def read_version(service: Upstream, path: str) -> Version | None:
    """Ask the service in an ordinary call; see AskVersion."""
    response = await service.call("GET", path)
    return version_of(response.document) if response.status == HTTP_OK else None


def to_this_request(timed: TimedResponse) -> TimedResponse:
    """Return the response with this request's id: a refusal shows that of the request for which content made it."""
    response = timed.response
    if response.status < HTTP_FORBIDDEN or "requestId" not in response.document:
        return timed
    own = replace(response, body=orjson.dumps({**response.document, "requestId": current_request_id()}))
    return timed._replace(response=own)


def _server_time(milliseconds: int) -> bytes:
    return b'"serverTime":"%s"' % format_instant(from_milliseconds(milliseconds)).encode()
