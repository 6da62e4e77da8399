"""What learners see. These routes are internal: the gateway calls them in a learner's name."""

from collections.abc import Callable, Sequence
from typing import TypeVar

from falcon.asgi import Request, Response

from services.content.resources import ContentResource
from services.content.schemas.incoming import AccessRequest
from services.content.schemas.views import (
    access_view,
    catalog_view,
    event_access_view,
    lesson_view,
    material_view,
    playback_view,
    public_event_view,
)
from services.content.service import ContentService, ShownGrant
from services.kit.core.errors import Unauthorized, Unavailable
from services.kit.storage.use_cases import UseCases
from services.kit.web.documents import read_json, write_json, write_page
from services.kit.web.pages import page_request
from services.kit.web.tokens.grants import GRANT_HEADER, GrantVerifier

SORT_KEY = (int, str)

Result = TypeVar("Result")


class PublicEvents(ContentResource):
    """/internal/public/events."""

    async def on_get(self, request: Request, response: Response) -> None:
        """The active public events, oldest first, or a page of them."""
        wanted = page_request(request.get_param("limit"), request.get_param("cursor"), SORT_KEY)
        page = await self._run(self._service.list_public_events, wanted)
        write_page(response, [public_event_view(event) for event in page.items], page, wanted)


class EventAccess(ContentResource):
    """/internal/public/events/{event_slug}/access."""

    async def on_post(self, request: Request, response: Response, event_slug: str) -> None:
        """What a grant is to say for who sends the event's key."""
        sent = await read_json(request, AccessRequest, optional=True)
        access = await self._run(self._service.event_access, event_slug, sent.event_access_key)
        write_json(response, {"item": event_access_view(access)})


class LearnerResource(ContentResource):
    """What opens to a learner with the event's key in the body, or with a grant in its place."""

    def __init__(self, service: ContentService, use_cases: UseCases, grants: GrantVerifier):
        super().__init__(service, use_cases)
        self._grants = grants

    async def _open(self, use_case: Callable[..., Result], request: Request, *slugs: str) -> Result:
        sent = await read_json(request, AccessRequest, optional=True)
        return await self._run(use_case, *slugs, sent.event_access_key, await self._shown_grant(request))

    async def _shown_grant(self, request: Request) -> ShownGrant:
        token = request.get_header(GRANT_HEADER)
        try:
            return await self._grants.verify(token) if token else None
        except Unauthorized:
            return None
        except Unavailable as error:
            return error


class Catalog(LearnerResource):
    """/internal/public/events/{event_slug}/catalog."""

    async def on_post(self, request: Request, response: Response, event_slug: str) -> None:
        """The event and its lessons with their status now."""
        catalog = await self._open(self._service.catalog, request, event_slug)
        write_json(response, catalog_view(catalog))


class LearnerLesson(LearnerResource):
    """/internal/public/events/{event_slug}/lessons/{lesson_slug}/..., a responder for each last word."""

    def __init__(
        self, service: ContentService, use_cases: UseCases, grants: GrantVerifier, allowed_domains: Sequence[str]
    ):
        super().__init__(service, use_cases, grants)
        self._allowed_domains = allowed_domains

    async def on_post_access_check(
        self, request: Request, response: Response, event_slug: str, lesson_slug: str
    ) -> None:
        """Whether the lesson opens, and when."""
        access = await self._open(self._service.check_access, request, event_slug, lesson_slug)
        write_json(response, access_view(access))

    async def on_post_admission(self, request: Request, response: Response, event_slug: str, lesson_slug: str) -> None:
        """The lesson itself, when it opens now: what the gateway needs to fetch the rest from elsewhere."""
        lesson = await self._open(self._service.open_lesson, request, event_slug, lesson_slug)
        write_json(response, {"item": lesson_view(lesson)})

    async def on_post_playback(self, request: Request, response: Response, event_slug: str, lesson_slug: str) -> None:
        """What a player needs."""
        playback = await self._open(self._service.play, request, event_slug, lesson_slug)
        write_json(response, playback_view(playback, self._allowed_domains))

    async def on_post_materials(self, request: Request, response: Response, event_slug: str, lesson_slug: str) -> None:
        """The lesson's materials in order of upload."""
        opened = await self._open(self._service.open_materials, request, event_slug, lesson_slug)
        items = [material_view(material, opened.lesson.event_id) for material in opened.materials]
        write_json(response, {"items": items})
