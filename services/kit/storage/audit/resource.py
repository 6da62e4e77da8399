"""GET /internal/audit: the audit entries of one service, which the gateway joins with those of the others."""

from functools import partial

import falcon.asgi
from typing_extensions import TypedDict

from services.kit.core.instants import format_instant
from services.kit.storage.audit.log import AUDIT_ORDERS, AuditFilter, AuditTrail
from services.kit.storage.audit.model import AuditRecord
from services.kit.storage.use_cases import UseCases
from services.kit.web.documents import write_list
from services.kit.web.guards import Guard, Route
from services.kit.web.list_queries import list_request
from services.kit.web.pages import Page, PageRequest, page_of
from services.kit.web.reports import AuditFilters
from services.kit.web.schemas import InstantText

AUDIT = "/internal/audit"


class AuditQuery(AuditFilters):
    """The query of the list. The gateway reads `service`; cursors are bound to it."""

    service: str | None = None

    def filters(self) -> AuditFilter:
        """Return the filter for the audit log."""
        return AuditFilter(self.actor_id, self.action, self.subject_id, self.since, self.until)


class ActorView(TypedDict):
    """The person who acted."""

    id: str
    username: str | None
    role: str | None


class AuditEntryView(TypedDict):
    """An audit entry; `actor` is null where nobody was signed in, as for a command."""

    id: str
    occurredAt: InstantText
    service: str
    actor: ActorView | None
    address: str | None
    requestId: str | None
    action: str
    subjectId: str


class AuditEntries:
    """GET /internal/audit."""

    def __init__(self, service: str, trail: AuditTrail, use_cases: UseCases):
        self._service = service
        self._trail = trail
        self._run_list = use_cases.run_list

    async def on_get(self, request: falcon.asgi.Request, response: falcon.asgi.Response) -> None:
        """Respond with a page of entries, newest first; the order by instant and id is the same in all services."""
        requested = list_request(AuditQuery, request.params)
        filters = requested.query.filters()

        def read(piece: PageRequest) -> Page[AuditEntryView]:
            page = page_of(self._trail.list(filters, piece), piece, AUDIT_ORDERS)
            return page.of(partial(audit_view, self._service))

        write_list(response, requested, await self._run_list(read, requested.page))


def audit_route(service: str, trail: AuditTrail, use_cases: UseCases) -> Route:
    """Return the row of a service's routes table for its audit log."""
    return Route(AUDIT, AuditEntries(service, trail, use_cases), Guard.SERVICE)


def audit_view(service: str, record: AuditRecord) -> AuditEntryView:
    """Return the view of an entry."""
    actor = None
    if record.actor_id is not None:
        actor = ActorView(id=record.actor_id, username=record.actor_name, role=record.actor_role)
    return {
        "id": record.id,
        "occurredAt": format_instant(record.occurred_at),
        "service": service,
        "actor": actor,
        "address": record.address,
        "requestId": record.request_id,
        "action": record.action,
        "subjectId": record.subject_id,
    }
