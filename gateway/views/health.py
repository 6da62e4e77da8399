"""The health of the gateway: this process, and the services behind it."""

import asyncio
from typing import Literal

from typing_extensions import TypedDict

from gateway.upstream import HTTP_OK, Upstream, UpstreamRequest, UpstreamResponse, json_response
from gateway.upstreams import Upstreams
from services.kit.core.errors import DiskFull, ReadOnly, ServiceError, Unavailable
from services.kit.core.instants import format_instant, now
from services.kit.core.version import VERSION
from services.kit.web.operations import Operation
from services.kit.web.schemas import InstantText

_PUBLIC_REASONS = {ReadOnly: " (read-only)", DiskFull: " (disk full)"}


class HealthView(TypedDict):
    """The health of the API in the form of the baseline, and its version."""

    status: Literal["ok"]
    service: Literal["@flix/api"]
    timestamp: InstantText
    version: str


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
    view: HealthView = {
        "status": "ok",
        "service": "@flix/api",
        "timestamp": format_instant(now()),
        "version": VERSION,
    }
    return json_response(view)


@Operation(id="getLiveness", summary="Check that this process responds.", response=StatusView)
async def live(upstreams: Upstreams, request: UpstreamRequest) -> UpstreamResponse:
    """Respond while the event loop runs."""
    return json_response({"status": "ok"})


@Operation(
    id="getReadiness",
    summary="Check that every service behind the gateway can do its work.",
    description="A service whose database takes no writes is not ready, and still answers what only reads.",
    response=StatusView,
    errors=(Unavailable,),
)
async def ready(upstreams: Upstreams, request: UpstreamRequest) -> UpstreamResponse:
    """Respond when every service is ready. Raise Unavailable with the names of those that are not."""
    services = upstreams.by_name()
    states = await asyncio.gather(*(_state(upstream) for upstream in services.values()))
    missing = [f"{name}{state}" for name, state in zip(services, states, strict=True) if state is not None]
    if missing:
        raise Unavailable(f"Not ready: {', '.join(missing)}")
    return json_response({"status": "ok"})


async def _state(upstream: Upstream) -> str | None:
    """Return None for a ready service; else what to say after its name."""
    try:
        response = await upstream.call("GET", "/health/ready")
    except ServiceError:
        return ""
    return None if response.status == HTTP_OK else _reason(response)


def _reason(response: UpstreamResponse) -> str:
    """Return a reason that everyone may read; other reasons are in the service's own response."""
    return next((reason for error, reason in _PUBLIC_REASONS.items() if error.message.encode() in response.body), "")
