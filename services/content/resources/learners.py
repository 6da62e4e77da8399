"""Events and lessons for learners. These routes are internal: the gateway calls them for a learner."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from typing import TypeVar

from falcon.asgi import Request, Response

from services.content.errors import EventAccessDenied, EventNotFound, LessonAccessDenied, LessonNotFound
from services.content.resources.resource import ContentResource
from services.content.schemas.learners import (
    AccessRequest,
    AccessView,
    CalendarView,
    CatalogView,
    EventAccessView,
    ListedEventView,
    PlaybackView,
    PublicEventView,
    ReadCatalogView,
    access_view,
    catalog_view,
    event_access_view,
    playback_view,
    public_event_view,
)
from services.content.schemas.lessons import LessonView, MaterialView, lesson_view, materials_view
from services.content.schemas.lists import PublicEventQuery
from services.content.service.content import ContentService
from services.content.service.learners import PresentedGrant, Report, Visitor
from services.kit.core.errors import Unauthorized, Unavailable
from services.kit.storage.use_cases import UseCases
from services.kit.web.documents import read_json, rendered, write_json, write_list, write_rendered
from services.kit.web.freshness import FRESHNESS_HEADER, Freshness, freshness_header
from services.kit.web.judgements import JUDGEMENT_HEADER, Judgement, judgement_header
from services.kit.web.list_queries import list_request
from services.kit.web.operations import Operation
from services.kit.web.pages import Page, PageRequest
from services.kit.web.schemas import Item, Items
from services.kit.web.tokens.grants import GRANT_HEADER, GrantVerifier

Result = TypeVar("Result")


class PublicEvents(ContentResource):
    """/internal/public/events."""

    @Operation(id="listPublicEvents", query=PublicEventQuery, response=Items[ListedEventView], is_paged=True)
    async def on_get(self, request: Request, response: Response) -> None:
        """List the active public events, oldest first."""
        requested = list_request(PublicEventQuery, request.params)
        q = requested.query.q

        def read(piece: PageRequest) -> Page[ListedEventView]:
            return self._service.events.list_public(piece, q).of(public_event_view)

        write_list(response, requested, await self._run_list(read, requested.page))


class ContentVersion(ContentResource):
    """/internal/version: the state of the records and content's clock, in one read of the database."""

    async def on_get(self, request: Request, response: Response) -> None:
        """Return the version now."""
        version = await self._run(self._service.learners.version)
        write_json(response, asdict(version))


class EventAccess(ContentResource):
    """/internal/public/events/{event_slug}/access."""

    @Operation(
        id="openEvent",
        body=AccessRequest,
        body_is_optional=True,
        response=Item[EventAccessView],
        errors=(EventAccessDenied,),
    )
    async def on_post(self, request: Request, response: Response, event_slug: str) -> None:
        """Exchange an event's access key for a learner grant, which opens the event instead of the key.

        The response holds the content of the grant; the gateway has auth sign it.
        """
        body = await read_json(request, AccessRequest, optional=True)
        with _judgement_headers(response) as report:
            access = await self._run(self._service.learners.event_access, event_slug, body.event_access_key, report)
        write_json(response, {"item": event_access_view(access)})


class LearnerResource(ContentResource):
    """The base of resources that need the event's key in the body, or a grant in a header."""

    def __init__(self, service: ContentService, use_cases: UseCases, grants: GrantVerifier):
        super().__init__(service, use_cases)
        self._grants = grants

    async def _open(self, use_case: Callable[..., Result], request: Request, response: Response, *slugs: str) -> Result:
        body = await read_json(request, AccessRequest, optional=True)
        grant = await self._presented_grant(request)
        with _judgement_headers(response) as report:
            return await self._run(use_case, *slugs, Visitor(body.event_access_key, grant, report))

    async def _presented_grant(self, request: Request) -> PresentedGrant:
        token = request.get_header(GRANT_HEADER)
        try:
            return await self._grants.verify(token) if token else None
        except Unauthorized:
            return None
        except Unavailable as error:
            return error


class Catalog(LearnerResource):
    """/internal/public/events/{event_slug}/catalog."""

    @Operation(
        id="getCatalog",
        body=AccessRequest,
        body_is_optional=True,
        response=CatalogView,
        errors=(EventAccessDenied, EventNotFound),
        reads=(
            Operation(
                id="getPublicEvent",
                summary="Return the event as a learner sees it.",
                response=Item[PublicEventView],
                errors=(EventAccessDenied, EventNotFound),
                is_conditional=True,
            ),
            Operation(
                id="getPublicCatalog",
                summary="Return the event and its lessons with their status now, for caches.",
                description="The time is in the header Server-Time.",
                response=ReadCatalogView,
                errors=(EventAccessDenied, EventNotFound),
                is_conditional=True,
            ),
        ),
    )
    async def on_post(self, request: Request, response: Response, event_slug: str) -> None:
        """Return the event and its lessons with their status now."""
        read = rendered(self._service.learners.catalog, catalog_view)
        write_rendered(response, await self._open(read, request, response, event_slug))


class EventCalendar(ContentResource):
    """/internal/public/events/{event_slug}/calendar."""

    @Operation(
        id="makeCalendar",
        response=CalendarView,
        errors=(EventNotFound,),
        reads=(
            Operation(
                id="getPublicCalendar",
                summary="Subscribe to the lessons of a public event in a calendar program.",
                description="An iCalendar (RFC 5545) with an entry for each lesson, from its release to its expiry.",
                texts=("text/calendar",),
                errors=(EventNotFound,),
                is_conditional=True,
            ),
        ),
    )
    async def on_post(self, request: Request, response: Response, event_slug: str) -> None:
        """Return the lessons of a public event as an iCalendar, in a member of a JSON object."""
        with _judgement_headers(response) as report:
            calendar = await self._run(self._service.learners.calendar, event_slug, report)
        write_json(response, {"calendar": calendar})


class LearnerLesson(LearnerResource):
    """/internal/public/events/{event_slug}/lessons/{lesson_slug}/...: a responder for each last segment."""

    def __init__(
        self, service: ContentService, use_cases: UseCases, grants: GrantVerifier, allowed_domains: Sequence[str]
    ):
        super().__init__(service, use_cases, grants)
        self._allowed_domains = allowed_domains

    @Operation(
        id="checkAccess",
        body=AccessRequest,
        body_is_optional=True,
        response=AccessView,
        errors=(EventNotFound, LessonNotFound),
        reads=(
            Operation(
                id="getPublicAccess",
                summary="Return whether the lesson opens, and when.",
                description="As the POST form. It is about this moment, so it has no ETag.",
                response=AccessView,
                errors=(EventNotFound, LessonNotFound),
            ),
        ),
    )
    async def on_post_access_check(
        self, request: Request, response: Response, event_slug: str, lesson_slug: str
    ) -> None:
        """Return whether the lesson opens, and when.

        Always 200 for a known lesson, and for any lesson of a private event without its key; `authorized` and `status`
        say whether it opens.
        """
        access = await self._open(self._service.learners.check_access, request, response, event_slug, lesson_slug)
        write_json(response, access_view(access))

    @Operation(
        id="admitLearner",
        body=AccessRequest,
        body_is_optional=True,
        response=Item[LessonView],
        errors=(LessonAccessDenied, EventNotFound, LessonNotFound),
    )
    async def on_post_admission(self, request: Request, response: Response, event_slug: str, lesson_slug: str) -> None:
        """Return the lesson if it opens now.

        The gateway calls it before quiz shows or grades the lesson's quiz.
        """
        lesson = await self._open(self._service.learners.open_lesson, request, response, event_slug, lesson_slug)
        write_json(response, {"item": lesson_view(lesson)})

    @Operation(
        id="getPlayback",
        body=AccessRequest,
        body_is_optional=True,
        response=PlaybackView,
        errors=(LessonAccessDenied, EventNotFound, LessonNotFound),
        reads=(
            Operation(
                id="getPublicPlayback",
                summary="Return the video, the lesson and its neighbours, for a player, and for caches.",
                response=PlaybackView,
                errors=(LessonAccessDenied, EventNotFound, LessonNotFound),
                is_conditional=True,
            ),
        ),
    )
    async def on_post_playback(self, request: Request, response: Response, event_slug: str, lesson_slug: str) -> None:
        """Return the video, the lesson and its neighbours, for a player."""
        playback = await self._open(self._service.learners.play, request, response, event_slug, lesson_slug)
        write_json(response, playback_view(playback, self._allowed_domains))

    @Operation(
        id="getLessonMaterials",
        body=AccessRequest,
        body_is_optional=True,
        response=Items[MaterialView],
        errors=(LessonAccessDenied, EventNotFound, LessonNotFound),
        reads=(
            Operation(
                id="getPublicMaterials",
                summary="List the lesson's materials in the order of their upload, for caches.",
                response=Items[MaterialView],
                errors=(LessonAccessDenied, EventNotFound, LessonNotFound),
                is_conditional=True,
            ),
        ),
    )
    async def on_post_materials(self, request: Request, response: Response, event_slug: str, lesson_slug: str) -> None:
        """List the lesson's materials in the order of their upload."""
        read = rendered(self._service.learners.open_materials, materials_view)
        write_rendered(response, await self._open(read, request, response, event_slug, lesson_slug))


@contextmanager
def _judgement_headers(response: Response) -> Iterator[Report]:
    """Write the last report of the use case into headers, also when it raises: the gateway reads them of a refusal."""
    reports: list[tuple[Judgement, Freshness | None]] = []
    try:
        yield lambda judgement, freshness: reports.append((judgement, freshness))
    finally:
        if reports:
            judgement, freshness = reports[-1]
            response.set_header(JUDGEMENT_HEADER, judgement_header(judgement))
            if freshness is not None:
                response.set_header(FRESHNESS_HEADER, freshness_header(freshness))
