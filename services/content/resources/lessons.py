"""Lessons and their materials, for admins."""

from collections.abc import Sequence
from functools import partial

from falcon.asgi import Request, Response

from services.content.entities import Lesson, Material
from services.content.errors import EventNotFound, InvalidWindow, LessonNotFound, LessonSlugTaken, MaterialNotFound
from services.content.resources.resource import ContentResource
from services.content.schemas.lessons import (
    LessonPatch,
    LessonView,
    MaterialView,
    NewLesson,
    NewMaterials,
    lesson_changes,
    lesson_view,
    material_view,
)
from services.content.schemas.lists import LessonQuery, MaterialQuery
from services.content.service.content import ContentService
from services.kit.core.errors import NotFound
from services.kit.storage.use_cases import UseCases
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


class Lessons(ContentResource):
    """/api/events/{event_id}/lessons."""

    @Operation(id="listLessons", query=LessonQuery, response=Items[LessonView], errors=(EventNotFound,), is_paged=True)
    async def on_get(self, request: Request, response: Response, event_id: str) -> None:
        """List the event's lessons by releaseAt, earliest first."""
        requested = list_request(LessonQuery, request.params, event_id)
        which = requested.query.filter()

        def read(piece: PageRequest) -> Page[LessonView]:
            return self._service.lessons.list(event_id, piece, which).of(lesson_view)

        write_list(response, requested, await self._run_list(read, requested.page))

    @Operation(
        id="createLesson",
        body=NewLesson,
        response=Item[LessonView],
        status=201,
        errors=(InvalidWindow, EventNotFound, LessonSlugTaken),
        takes_idempotency_key=True,
        gives_entity_tag=True,
    )
    async def on_post(self, request: Request, response: Response, event_id: str) -> None:
        """Create a lesson."""
        document = await read_document(request)
        create = partial(self._service.lessons.create, event_id, validated(NewLesson, document).fields())
        stored = await self._run_once(admin_idempotency_key(request, document), create, _created)
        write_stored_response(response, stored)


class LessonItem(ContentResource):
    """/api/events/{event_id}/lessons/{lesson_id}."""

    @Operation(id="getLesson", response=Item[LessonView], errors=(EventNotFound, LessonNotFound), gives_entity_tag=True)
    async def on_get(self, request: Request, response: Response, event_id: str, lesson_id: str) -> None:
        """Return a lesson."""
        lesson = await self._run(self._service.lessons.get, event_id, lesson_id)
        write_versioned(response, lesson, lesson_view(lesson))

    @Operation(
        id="updateLesson",
        body=LessonPatch,
        response=Item[LessonView],
        errors=(InvalidWindow, EventNotFound, LessonNotFound, LessonSlugTaken),
        takes_if_match=True,
        gives_entity_tag=True,
    )
    async def on_put(self, request: Request, response: Response, event_id: str, lesson_id: str) -> None:
        """Change some fields of a lesson; null clears expiresAt.

        What a read answers can be sent back: a value that equals the stored one is taken, whatever it is.
        """
        document, states = await read_document(request), read_if_match(request)
        changes_of = partial(lesson_changes, document)
        try:
            lesson = await self._run(self._service.lessons.update, event_id, lesson_id, changes_of, states)
        except NotFound:
            # A wrong body is refused first, with nothing stored to compare it with.
            validated(LessonPatch, document)
            raise
        write_versioned(response, lesson, lesson_view(lesson))

    @Operation(id="deleteLesson", status=204, errors=(EventNotFound, LessonNotFound), takes_if_match=True)
    async def on_delete(self, request: Request, response: Response, event_id: str, lesson_id: str) -> None:
        """Delete a lesson with its materials and its quiz."""
        # The gateway has quiz delete the quiz.
        await self._run(self._service.lessons.delete, event_id, lesson_id, read_if_match(request))
        response.status = 204


class LessonReference(ContentResource):
    """/internal/events/{event_id}/lessons/{lesson_id}."""

    async def on_get(self, request: Request, response: Response, event_id: str, lesson_id: str) -> None:
        """Return the lesson to a service that refers to it."""
        lesson = await self._run(self._service.lessons.get, event_id, lesson_id)
        write_json(response, {"item": lesson_view(lesson)})


class Materials(ContentResource):
    """/api/events/{event_id}/lessons/{lesson_id}/materials; `public_only` as in content's settings."""

    def __init__(self, service: ContentService, use_cases: UseCases, public_only: bool):
        super().__init__(service, use_cases)
        self._context = {"public_only": public_only}

    @Operation(
        id="listMaterials",
        query=MaterialQuery,
        response=Items[MaterialView],
        errors=(EventNotFound, LessonNotFound),
        is_paged=True,
    )
    async def on_get(self, request: Request, response: Response, event_id: str, lesson_id: str) -> None:
        """List the lesson's materials in the order of their upload."""
        requested = list_request(MaterialQuery, request.params, event_id, lesson_id)

        def read(piece: PageRequest) -> Page[MaterialView]:
            page = self._service.materials.list(event_id, lesson_id, piece)
            return page.of(partial(material_view, event_id=event_id))

        write_list(response, requested, await self._run_list(read, requested.page))

    @Operation(
        id="attachMaterials",
        body=NewMaterials,
        response=Items[MaterialView],
        status=201,
        errors=(EventNotFound, LessonNotFound),
        takes_idempotency_key=True,
    )
    async def on_post(self, request: Request, response: Response, event_id: str, lesson_id: str) -> None:
        """Attach files, all or none.

        Flix keeps their addresses, never the files, and fetches nothing.
        """
        document = await read_document(request)
        uploads = validated(NewMaterials, document, self._context).uploads()
        attach = partial(self._service.materials.add, event_id, lesson_id, uploads)
        stored = await self._run_once(admin_idempotency_key(request, document), attach, partial(_attached, event_id))
        write_stored_response(response, stored)


class MaterialItem(ContentResource):
    """/api/events/{event_id}/lessons/{lesson_id}/materials/{material_id}."""

    @Operation(id="deleteMaterial", status=204, errors=(EventNotFound, LessonNotFound, MaterialNotFound))
    async def on_delete(
        self, request: Request, response: Response, event_id: str, lesson_id: str, material_id: str
    ) -> None:
        """Detach one file."""
        await self._run(self._service.materials.delete, event_id, lesson_id, material_id)
        response.status = 204


def _created(lesson: Lesson) -> StoredResponse:
    return stored_response({"item": lesson_view(lesson)}, 201, entity_tag(lesson))


def _attached(event_id: str, materials: Sequence[Material]) -> StoredResponse:
    return stored_response({"items": [material_view(material, event_id) for material in materials]}, 201)
