"""Reports joined from all services: the checks of their databases, and the audit log."""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import replace
from heapq import merge
from typing import Annotated, Any, Literal, cast, get_args
from urllib.parse import parse_qs

from pydantic import Field
from typing_extensions import TypedDict

from gateway.upstream import HTTP_OK, Upstream, UpstreamRequest, UpstreamResponse, json_response
from gateway.upstreams import ServiceName, Upstreams
from services.kit.core.errors import ServiceError, ValidationFailed
from services.kit.core.instants import parse_instant, to_milliseconds
from services.kit.web.list_queries import list_request
from services.kit.web.operations import Operation
from services.kit.web.pages import KeyOrders, Orders, PageRequest, SortKey, page_of
from services.kit.web.reports import AuditFilters, ReportView
from services.kit.web.schemas import InstantText, Item

# The worst first.
IntegrityStatus = Literal["findings", "unavailable", "running", "ok"]
INTEGRITY_STATUSES: tuple[IntegrityStatus, ...] = get_args(IntegrityStatus)


class UnavailableReportView(TypedDict):
    """The report of a service that does not respond."""

    status: Literal["unavailable"]


class IntegrityView(TypedDict):
    """A report of each service; `status` is the worst of them."""

    status: IntegrityStatus
    services: dict[ServiceName, ReportView | UnavailableReportView]


class ActorView(TypedDict):
    """The person who acted."""

    id: str
    username: str
    role: Literal["owner", "editor", "viewer"]


class AuditEntryView(TypedDict):
    """One entry of the audit log."""

    id: str
    occurredAt: InstantText
    service: ServiceName
    actor: Annotated[ActorView | None, Field(description="null where nobody was signed in, as for a command")]
    address: Annotated[str | None, Field(description="the client's network address")]
    requestId: str | None
    action: Annotated[str, Field(description="a kind of record and what was done to it, such as event.created")]
    subjectId: str


class AuditPageView(TypedDict):
    """A page of the audit log; 50 entries where the request names no `limit`."""

    items: list[AuditEntryView]
    nextCursor: str | None


class AuditQuery(AuditFilters):
    """The query of the audit log. The services validate it, too; `service` is the gateway's."""

    service: Annotated[ServiceName | None, Field(description="only entries of this service")] = None


@Operation(
    id="getIntegrity",
    summary="Read what every service finds wrong in its database, as far as its check has come.",
    response=Item[IntegrityView],
)
async def integrity(upstreams: Upstreams, request: UpstreamRequest) -> UpstreamResponse:
    """Join the reports of GET /internal/integrity of all services."""
    services = upstreams.by_name()
    reports = await asyncio.gather(*(_report(upstream) for upstream in services.values()))
    statuses = {report["status"] for report in reports}
    # During a redeployment a service of a newer version may send a status that this version does not know.
    status: IntegrityStatus = next((each for each in INTEGRITY_STATUSES if each in statuses), "unavailable")
    view: Item[IntegrityView] = {"item": {"status": status, "services": dict(zip(services, reports, strict=True))}}
    return json_response(view)


@Operation(
    id="listAuditEntries",
    summary="List who did what to which id in all services, newest first.",
    description="503 or 504 while a service that is asked does not respond: a list without its entries would look "
    "complete.",
    query=AuditQuery,
    response=AuditPageView,
    is_paged=True,
)
async def audit(upstreams: Upstreams, request: UpstreamRequest) -> UpstreamResponse:
    """Merge the audit logs of all services, or return that of the query's `service`.

    Raise ValidationFailed for a wrong query, and Unavailable or UpstreamTimeout when one does not respond.
    """
    given = parse_qs(request.query, keep_blank_values=True)
    audited = _chosen(upstreams, given.get("service"))
    once = {name: values[0] if len(values) == 1 else values for name, values in given.items()}
    requested = list_request(AuditQuery, once)
    responses = await asyncio.gather(*(each.call("GET", "/internal/audit", request) for each in audited))
    for response in responses:
        if response.status != HTTP_OK:
            # Every service validates the same query in the same way.
            return response
    merged = _merged([response.document for response in responses], requested.page)
    link = requested.link(merged["nextCursor"])
    response = json_response(merged)
    return response if link is None else replace(response, headers={**response.headers, "Link": link})


def _chosen(upstreams: Upstreams, names: Sequence[str] | None) -> Sequence[Upstream]:
    services: dict[str, Upstream] = {str(name): upstream for name, upstream in upstreams.by_name().items()}
    if names is None:
        return list(services.values())
    if len(names) > 1 or names[0] not in services:
        raise ValidationFailed({"service": [f"must be one of {', '.join(services)}"]})
    return [services[names[0]]]


def _merged(pages: Sequence[AuditPageView], requested: PageRequest) -> AuditPageView:
    # Each page is the first one of its service after the same cursor, in the same order.
    items = list(merge(*(page["items"] for page in pages), key=_entry_key, reverse=True))
    page = page_of(items, requested, _ORDERS)
    # Where all items fit and a service still has more, that service alone filled the page: return its cursor.
    service_cursor = next((page["nextCursor"] for page in pages if page["nextCursor"] is not None), None)
    return {"items": list(page.items), "nextCursor": requested.cursor_after(page.next_key) or service_cursor}


def _entry_key(entry: AuditEntryView) -> SortKey:
    return (to_milliseconds(parse_instant(entry["occurredAt"])), entry["id"])


_ORDERS: KeyOrders[AuditEntryView] = Orders("-occurredAt", {"occurredAt": _entry_key})


async def _report(upstream: Upstream) -> ReportView | UnavailableReportView:
    try:
        response = await upstream.call("GET", "/internal/integrity")
    except ServiceError:
        return {"status": "unavailable"}
    if response.status != HTTP_OK:
        return {"status": "unavailable"}
    document: Mapping[str, Any] = response.document
    return cast(ReportView, document["item"])
