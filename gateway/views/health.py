"""The health of the gateway: this process, and the services behind it."""

import asyncio
from typing import Literal

from typing_extensions import TypedDict

from gateway.upstream import HTTP_OK, Upstream, UpstreamRequest, UpstreamResponse, json_response
from gateway.upstreams import Upstreams
from services.kit.core.errors import ServiceError, Unavailable
from services.kit.core.instants import format_instant, now
from services.kit.web.operations import Operation
from services.kit.web.schemas import InstantText


class HealthView(TypedDict):
    """The health of the API in the form of the baseline."""

    status: Literal["ok"]
    service: Literal["@flix/api"]
    timestamp: InstantText


class StatusView(TypedDict):
    """The state of a process that is up."""

    status: Literal["ok"]


@Operation(
    id="getHealth",
    summary="Read the health of the API as the baseline answers it.",
    description="The rate limit does not count it, nor the two addresses below.",
    response=HealthView,
)
async def health(upstreams: Upstreams, request: UpstreamRequest) -> UpstreamResponse:
    """Respond in the form of the baseline."""
    view: HealthView = {"status": "ok", "service": "@flix/api", "timestamp": format_instant(now())}
    return json_response(view)


@Operation(id="getLiveness", summary="Check that this process responds.", response=StatusView)
async def live(upstreams: Upstreams, request: UpstreamRequest) -> UpstreamResponse:
    """Respond while the event loop runs."""
    return json_response({"status": "ok"})


@Operation(
    id="getReadiness",
    summary="Check that every service behind the gateway can do its work.",
    response=StatusView,
    errors=(Unavailable,),
)
async def ready(upstreams: Upstreams, request: UpstreamRequest) -> UpstreamResponse:
    """Respond when every service is ready. Raise Unavailable with the names of those that are not."""
    services = upstreams.by_name()
    are_ready = await asyncio.gather(*(_is_ready(upstream) for upstream in services.values()))
    missing = [name for name, is_ready in zip(services, are_ready, strict=True) if not is_ready]
    if missing:
        raise Unavailable(f"Not ready: {', '.join(missing)}")
    return json_response({"status": "ok"})


async def _is_ready(upstream: Upstream) -> bool:
    try:
        response = await upstream.call("GET", "/health/ready")
    except ServiceError:
        return False
    return response.status == HTTP_OK
