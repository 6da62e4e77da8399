"""What learners see. These routes are internal: the gateway calls them in a learner's name."""

from collections.abc import Sequence

from falcon.asgi import Request, Response

from services.content.resources import ContentResource
from services.content.schemas import (
    AccessRequest,
    access_view,
    catalog_view,
    lesson_view,
    material_view,
    playback_view,
    public_event_view,
)
from services.content.service import ContentService
from services.kit.pagination import page_request
from services.kit.use_cases import UseCases
from services.kit.web import read_json, write_json, write_page

SORT_KEY = (int, str)


class PublicEvents(ContentResource):
    """/internal/public/events."""

    async def on_get(self, request: Request, response: Response) -> None:
        """The active public events, oldest first, or a page of them."""
        wanted = page_request(request.get_param("limit"), request.get_param("cursor"), SORT_KEY)
        page = await self._run(self._service.list_public_events, wanted)
        write_page(response, [public_event_view(event) for event in page.items], page, wanted)


class Catalog(ContentResource):
    """/internal/public/events/{event_slug}/catalog."""

    async def on_post(self, request: Request, response: Response, event_slug: str) -> None:
        """The event and its lessons with their status now."""
        access = await read_json(request, AccessRequest, optional=True)
        catalog = await self._run(self._service.catalog, event_slug, access.event_access_key)
        write_json(response, catalog_view(catalog))


class LearnerLesson(ContentResource):
    """/internal/public/events/{event_slug}/lessons/{lesson_slug}/..., a responder for each last word."""

    def __init__(self, service: ContentService, use_cases: UseCases, allowed_domains: Sequence[str]):
        super().__init__(service, use_cases)
        self._allowed_domains = allowed_domains

    async def on_post_access_check(
        self, request: Request, response: Response, event_slug: str, lesson_slug: str
    ) -> None:
        """Whether the lesson opens, and when."""
        sent = await read_json(request, AccessRequest, optional=True)
        access = await self._run(self._service.check_access, event_slug, lesson_slug, sent.event_access_key)
        write_json(response, access_view(access))

    async def on_post_admission(self, request: Request, response: Response, event_slug: str, lesson_slug: str) -> None:
        """The lesson itself, when it opens now: what the gateway needs to fetch the rest from elsewhere."""
        sent = await read_json(request, AccessRequest, optional=True)
        lesson = await self._run(self._service.open_lesson, event_slug, lesson_slug, sent.event_access_key)
        write_json(response, {"item": lesson_view(lesson)})

    async def on_post_playback(self, request: Request, response: Response, event_slug: str, lesson_slug: str) -> None:
        """What a player needs."""
        sent = await read_json(request, AccessRequest, optional=True)
        playback = await self._run(self._service.play, event_slug, lesson_slug, sent.event_access_key)
        write_json(response, playback_view(playback, self._allowed_domains))

    async def on_post_materials(self, request: Request, response: Response, event_slug: str, lesson_slug: str) -> None:
        """The lesson's materials in order of upload."""
        sent = await read_json(request, AccessRequest, optional=True)
        opened = await self._run(self._service.open_materials, event_slug, lesson_slug, sent.event_access_key)
        items = [material_view(material, opened.lesson.event_id) for material in opened.materials]
        write_json(response, {"items": items})
