"""Events, for admins."""

from functools import partial

from falcon.asgi import Request, Response

from services.content.entities import Event
from services.content.resources import ContentResource
from services.content.schemas.incoming import EventPatch, NewEvent
from services.content.schemas.views import event_view, snapshot_view
from services.kit.web.documents import (
    admin_idempotency_key,
    read_document,
    read_if_match,
    read_json,
    write_json,
    write_page,
    write_stored_response,
    write_versioned,
)
from services.kit.web.entity_tags import entity_tag
from services.kit.web.idempotency import StoredResponse, stored_response
from services.kit.web.pages import page_request
from services.kit.web.schemas import validated

SORT_KEY = (int, str)


class Events(ContentResource):
    """/api/events."""

    async def on_get(self, request: Request, response: Response) -> None:
        """Every event, oldest first, or a page of them."""
        wanted = page_request(request.get_param("limit"), request.get_param("cursor"), SORT_KEY)
        page = await self._run(self._service.list_events, wanted)
        write_page(response, [event_view(event) for event in page.items], page, wanted)

    async def on_post(self, request: Request, response: Response) -> None:
        """Create an event."""
        document = await read_document(request)
        create = partial(self._service.create_event, validated(NewEvent, document).fields())
        reply = await self._run_once(admin_idempotency_key(request, document), create, _created)
        write_stored_response(response, reply)


class EventItem(ContentResource):
    """/api/events/{event_id}."""

    async def on_get(self, request: Request, response: Response, event_id: str) -> None:
        """One event."""
        event = await self._run(self._service.get_event, event_id)
        write_versioned(response, event, event_view(event))

    async def on_put(self, request: Request, response: Response, event_id: str) -> None:
        """Change some of its fields."""
        patch = await read_json(request, EventPatch)
        event = await self._run(self._service.update_event, event_id, patch.changes(), read_if_match(request))
        write_versioned(response, event, event_view(event))

    async def on_delete(self, request: Request, response: Response, event_id: str) -> None:
        """Delete it with its lessons and their materials."""
        await self._run(self._service.delete_event, event_id, read_if_match(request))
        response.status = 204


class OperationalSnapshot(ContentResource):
    """/api/admin/dashboard/operational-snapshot."""

    async def on_get(self, request: Request, response: Response) -> None:
        """Counts over the whole installation."""
        write_json(response, snapshot_view(await self._run(self._service.snapshot)))


def _created(event: Event) -> StoredResponse:
    return stored_response({"item": event_view(event)}, 201, entity_tag(event))
