"""The queries of content's lists."""

from typing import Annotated, ClassVar, Literal

from pydantic import Field

from services.content.entities import EventFilter, LessonFilter, Visibility
from services.kit.web.list_queries import Flag, Keys, ListQuery, Search
from services.kit.web.schemas import Instant, absent

EventSort = Annotated[
    Literal["createdAt", "-createdAt", "title", "-title"], Field(description="the order; a - reverses it")
]
Q = Annotated[Search, Field(description="only those with this text in their title or slug, in any case")]


class PublicEventQuery(ListQuery):
    """The query of GET /api/public/events."""

    list_name = "publicEvents"
    keys: ClassVar[Keys] = {"createdAt": (int, int, str), "title": (str, str)}

    q: Q = absent()
    sort: EventSort = "createdAt"


class EventQuery(ListQuery):
    """The query of GET /api/events."""

    list_name = "events"
    keys: ClassVar[Keys] = PublicEventQuery.keys

    is_active: Annotated[Flag, Field(description="only active ones, or only others")] = absent()
    visibility: Annotated[Visibility, Field(description="only these")] = absent()
    q: Q = absent()
    sort: EventSort = "createdAt"

    def filter(self) -> EventFilter:
        """Return the filter."""
        return EventFilter(is_active=self.is_active, visibility=self.visibility, q=self.q)


class LessonQuery(ListQuery):
    """The query of GET /api/events/{eventId}/lessons."""

    list_name = "lessons"
    keys: ClassVar[Keys] = {"releaseAt": (int, int, str), "title": (str, str)}

    q: Q = absent()
    since: Annotated[Instant, Field(alias="from", description="only with a releaseAt from this instant on")] = absent()
    until: Annotated[Instant, Field(alias="to", description="only with a releaseAt before this instant")] = absent()
    sort: Annotated[
        Literal["releaseAt", "-releaseAt", "title", "-title"], Field(description="the order; a - reverses it")
    ] = "releaseAt"

    def filter(self) -> LessonFilter:
        """Return the filter."""
        return LessonFilter(q=self.q, since=self.since, until=self.until)


class MaterialQuery(ListQuery):
    """The query of the materials of a lesson, which have one order and no filters."""

    list_name = "materials"
    keys: ClassVar[Keys] = {"position": (int,)}
