"""Lessons and their materials, for admins."""

from collections.abc import Sequence
from functools import partial

from falcon.asgi import Request, Response

from services.content.entities import Lesson, Material
from services.content.resources import ContentResource
from services.content.schemas.incoming import LessonPatch, NewLesson, NewMaterials
from services.content.schemas.views import lesson_view, material_view
from services.content.service import ContentService
from services.kit.storage.use_cases import UseCases
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

LESSON_SORT_KEY = (int, int, str)
MATERIAL_SORT_KEY = (int,)


class Lessons(ContentResource):
    """/api/events/{event_id}/lessons."""

    async def on_get(self, request: Request, response: Response, event_id: str) -> None:
        """The event's lessons by release, or a page of them."""
        wanted = page_request(request.get_param("limit"), request.get_param("cursor"), LESSON_SORT_KEY)
        page = await self._run(self._service.list_lessons, event_id, wanted)
        write_page(response, [lesson_view(lesson) for lesson in page.items], page, wanted)

    async def on_post(self, request: Request, response: Response, event_id: str) -> None:
        """Schedule a lesson."""
        document = await read_document(request)
        create = partial(self._service.create_lesson, event_id, validated(NewLesson, document).fields())
        reply = await self._run_once(admin_idempotency_key(request, document), create, _created)
        write_stored_response(response, reply)


class LessonItem(ContentResource):
    """/api/events/{event_id}/lessons/{lesson_id}."""

    async def on_get(self, request: Request, response: Response, event_id: str, lesson_id: str) -> None:
        """One lesson."""
        lesson = await self._run(self._service.get_lesson, event_id, lesson_id)
        write_versioned(response, lesson, lesson_view(lesson))

    async def on_put(self, request: Request, response: Response, event_id: str, lesson_id: str) -> None:
        """Change some of its fields."""
        patch = await read_json(request, LessonPatch)
        lesson = await self._run(
            self._service.update_lesson, event_id, lesson_id, patch.changes(), read_if_match(request)
        )
        write_versioned(response, lesson, lesson_view(lesson))

    async def on_delete(self, request: Request, response: Response, event_id: str, lesson_id: str) -> None:
        """Delete it with its materials."""
        await self._run(self._service.delete_lesson, event_id, lesson_id, read_if_match(request))
        response.status = 204


class LessonReference(ContentResource):
    """/internal/events/{event_id}/lessons/{lesson_id}."""

    async def on_get(self, request: Request, response: Response, event_id: str, lesson_id: str) -> None:
        """The lesson, for a service that keeps something about it."""
        lesson = await self._run(self._service.get_lesson, event_id, lesson_id)
        write_json(response, {"item": lesson_view(lesson)})


class Materials(ContentResource):
    """/api/events/{event_id}/lessons/{lesson_id}/materials; `public_only` as in content's settings."""

    def __init__(self, service: ContentService, use_cases: UseCases, public_only: bool):
        super().__init__(service, use_cases)
        self._context = {"public_only": public_only}

    async def on_get(self, request: Request, response: Response, event_id: str, lesson_id: str) -> None:
        """The lesson's materials in order of upload, or a page of them."""
        wanted = page_request(request.get_param("limit"), request.get_param("cursor"), MATERIAL_SORT_KEY)
        page = await self._run(self._service.list_materials, event_id, lesson_id, wanted)
        write_page(response, [material_view(material, event_id) for material in page.items], page, wanted)

    async def on_post(self, request: Request, response: Response, event_id: str, lesson_id: str) -> None:
        """Attach files, all or none."""
        document = await read_document(request)
        uploads = validated(NewMaterials, document, self._context).uploads()
        attach = partial(self._service.add_materials, event_id, lesson_id, uploads)
        reply = await self._run_once(admin_idempotency_key(request, document), attach, partial(_attached, event_id))
        write_stored_response(response, reply)


class MaterialItem(ContentResource):
    """/api/events/{event_id}/lessons/{lesson_id}/materials/{material_id}."""

    async def on_delete(
        self,
        request: Request,
        response: Response,
        event_id: str,
        lesson_id: str,
        material_id: str,
    ) -> None:
        """Detach the file."""
        await self._run(self._service.delete_material, event_id, lesson_id, material_id)
        response.status = 204


def _created(lesson: Lesson) -> StoredResponse:
    return stored_response({"item": lesson_view(lesson)}, 201, entity_tag(lesson))


def _attached(event_id: str, materials: Sequence[Material]) -> StoredResponse:
    return stored_response({"items": [material_view(material, event_id) for material in materials]}, 201)
