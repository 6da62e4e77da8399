"""Events and the dashboard's counts, for admins."""

from functools import partial

from falcon.asgi import Request, Response

from services.content.entities import Event
from services.content.errors import EventNotFound, EventSlugTaken
from services.content.resources.resource import ContentResource
from services.content.schemas.events import (
    EventPatch,
    EventView,
    NewEvent,
    SnapshotView,
    event_changes,
    event_view,
    snapshot_view,
)
from services.content.schemas.lists import EventQuery
from services.content.schemas.previews import AccessPreviewView, PreviewQuery, access_preview_view
from services.kit.core.errors import NotFound, ValidationFailed
from services.kit.web.documents import (
    admin_idempotency_key,
    read_document,
    read_if_match,
    write_json,
    write_list,
    write_stored_response,
    write_versioned,
)
from services.kit.web.entity_tags import entity_tag
from services.kit.web.idempotency import StoredResponse, stored_response
from services.kit.web.list_queries import list_request
from services.kit.web.operations import Operation
from services.kit.web.pages import Page, PageRequest
from services.kit.web.schemas import Item, Items, validated


class Events(ContentResource):
    """/api/events."""

    @Operation(id="listEvents", query=EventQuery, response=Items[EventView], is_paged=True)
    async def on_get(self, request: Request, response: Response) -> None:
        """List every event, oldest first."""
        requested = list_request(EventQuery, request.params)
        which = requested.query.filter()

        def read(piece: PageRequest) -> Page[EventView]:
            return self._service.events.list(piece, which).of(event_view)

        write_list(response, requested, await self._run_list(read, requested.page))

    @Operation(
        id="createEvent",
        body=NewEvent,
        response=Item[EventView],
        status=201,
        errors=(EventSlugTaken,),
        takes_idempotency_key=True,
        gives_entity_tag=True,
    )
    async def on_post(self, request: Request, response: Response) -> None:
        """Create an event."""
        document = await read_document(request)
        create = partial(self._service.events.create, validated(NewEvent, document).fields())
        stored = await self._run_once(admin_idempotency_key(request, document), create, _created)
        write_stored_response(response, stored)


class EventItem(ContentResource):
    """/api/events/{event_id}."""

    @Operation(id="getEvent", response=Item[EventView], errors=(EventNotFound,), gives_entity_tag=True)
    async def on_get(self, request: Request, response: Response, event_id: str) -> None:
        """Return an event."""
        event = await self._run(self._service.events.get, event_id)
        write_versioned(response, event, event_view(event))

    @Operation(
        id="updateEvent",
        body=EventPatch,
        response=Item[EventView],
        errors=(EventNotFound, EventSlugTaken),
        takes_if_match=True,
        gives_entity_tag=True,
    )
    async def on_put(self, request: Request, response: Response, event_id: str) -> None:
        """Change some fields of an event; null clears accessKey, logoUrl and highlightVideoUrl.

        What a read answers can be sent back: a value that equals the stored one is taken, whatever it is.
        """
        document, states = await read_document(request), read_if_match(request)
        try:
            event = await self._run(self._service.events.update, event_id, partial(event_changes, document), states)
        except NotFound:
            # A wrong body is refused first, with nothing stored to compare it with.
            validated(EventPatch, document)
            raise
        write_versioned(response, event, event_view(event))

    @Operation(id="deleteEvent", status=204, errors=(EventNotFound,), takes_if_match=True)
    async def on_delete(self, request: Request, response: Response, event_id: str) -> None:
        """Delete an event with its lessons, their materials and their quizzes."""
        # The gateway has quiz delete the quizzes.
        await self._run(self._service.events.delete, event_id, read_if_match(request))
        response.status = 204


class EventAccessPreview(ContentResource):
    """/api/events/{event_id}/access-preview."""

    @Operation(
        id="previewEventAccess",
        query=PreviewQuery,
        response=Item[AccessPreviewView],
        errors=(EventNotFound, ValidationFailed),
    )
    async def on_get(self, request: Request, response: Response, event_id: str) -> None:
        """Return what a learner would meet at an instant, and what looks wrong in the schedule.

        The learner is one whom the event admits: of a private event, with its key.
        """
        at = validated(PreviewQuery, dict(request.params)).at
        preview = await self._run(self._service.events.preview_access, event_id, at)
        write_json(response, {"item": access_preview_view(preview)})


class OperationalSnapshot(ContentResource):
    """/api/admin/dashboard/operational-snapshot."""

    @Operation(id="getSnapshot", response=SnapshotView)
    async def on_get(self, request: Request, response: Response) -> None:
        """Count the events and the lessons of the whole installation."""
        write_json(response, snapshot_view(await self._run(self._service.snapshot)))


def _created(event: Event) -> StoredResponse:
    return stored_response({"item": event_view(event)}, 201, entity_tag(event))
