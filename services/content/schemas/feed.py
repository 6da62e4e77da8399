"""The change feed and references, for the services that follow content."""

import re
from collections.abc import Sequence
from typing import Annotated

from pydantic import BeforeValidator, Field
from typing_extensions import TypedDict

from services.content.entities import Change, ChangeFeed, ChangePage, FeedReader, LessonReference
from services.kit.core.instants import format_instant
from services.kit.web.schemas import InstantText, Item, Schema, absent


def _digits(value: object) -> object:
    return int(value) if isinstance(value, str) and re.fullmatch(r"\d{1,19}", value, re.ASCII) else value


Digits = Annotated[int, BeforeValidator(_digits)]


class ChangesQuery(Schema):
    """The query of GET /internal/changes; `wait` is in seconds, `reader` is the name of the caller.

    Only what a named reader has not processed is kept for it.
    """

    feed: str = absent()
    reader: str = absent()
    after: Annotated[Digits, Field(le=2**63 - 1)] = 0
    limit: Annotated[Digits, Field(ge=1, le=1000)] = 100
    wait: Annotated[Digits, Field(le=10)] = 0


class Reference(Schema):
    """A lesson that another service refers to."""

    event_id: str
    lesson_id: str


class References(Schema):
    """The body of POST /internal/references."""

    references: Annotated[list[Reference], Field(max_length=500)]

    def lessons(self) -> list[LessonReference]:
        """Return the references as the service takes them."""
        return [LessonReference(each.event_id, each.lesson_id) for each in self.references]


class Presence(Schema):
    """The body of POST /internal/presence."""

    events: Annotated[list[str], Field(max_length=500)]
    lessons: Annotated[list[str], Field(max_length=500)]


class FeedHeadView(TypedDict):
    """The id and the extent of the feed."""

    id: str
    lastSequence: int
    prunedThrough: int


class ChangeDataView(TypedDict):
    """The ids and the version of the record that changed."""

    eventId: str
    lessonId: str | None
    materialId: str | None
    version: int


class CloudEventView(TypedDict):
    """A change as a CloudEvent 1.0 in JSON, with the extension `sequence`."""

    specversion: str
    id: str
    source: str
    type: str
    subject: str
    time: InstantText
    sequence: str
    sequencetype: str
    datacontenttype: str
    data: ChangeDataView


class ChangesView(TypedDict):
    """A page of the feed."""

    items: list[CloudEventView]
    feed: FeedHeadView


class ReaderView(TypedDict):
    """A reader of the feed; `lag` is the number of changes that it has not processed."""

    name: str
    position: int
    lag: int
    seenAt: InstantText


class FeedView(FeedHeadView):
    """The feed and its readers."""

    readers: list[ReaderView]


class ReferenceView(TypedDict):
    """A lesson that another service refers to."""

    eventId: str
    lessonId: str


class MissingView(TypedDict):
    """The references that name no lesson."""

    missing: list[ReferenceView]


class PresenceView(TypedDict):
    """The ids of the events and lessons that exist."""

    events: list[str]
    lessons: list[str]


def changes_view(page: ChangePage) -> ChangesView:
    """Return the changes and the feed that they are of."""
    return {"items": [_cloud_event(page.feed, change) for change in page.changes], "feed": _feed_head(page.feed)}


def feed_view(feed: ChangeFeed, readers: Sequence[FeedReader]) -> Item[FeedView]:
    """Return the extent of the feed and the lag of each reader."""
    views: list[ReaderView] = [
        {
            "name": reader.name,
            "position": reader.position,
            "lag": feed.last_sequence - reader.position,
            "seenAt": format_instant(reader.seen_at),
        }
        for reader in readers
    ]
    return {"item": {**_feed_head(feed), "readers": views}}


def references_view(missing: Sequence[LessonReference]) -> MissingView:
    """Return the references that name no lesson."""
    return {"missing": [{"eventId": each.event_id, "lessonId": each.lesson_id} for each in missing]}


def presence_view(events: set[str], lessons: set[str]) -> PresenceView:
    """Return the ids of the events and lessons that exist."""
    return {"events": sorted(events), "lessons": sorted(lessons)}


def _feed_head(feed: ChangeFeed) -> FeedHeadView:
    return {"id": feed.feed_id, "lastSequence": feed.last_sequence, "prunedThrough": feed.pruned_through}


def _cloud_event(feed: ChangeFeed, change: Change) -> CloudEventView:
    return {
        "specversion": "1.0",
        "id": str(change.sequence),
        "source": f"/flix/content/{feed.feed_id}",
        "type": f"app.flix.{change.kind}.{change.action}",
        "subject": change.subject_id,
        "time": format_instant(change.occurred_at),
        "sequence": str(change.sequence),
        "sequencetype": "Integer",
        "datacontenttype": "application/json",
        "data": {
            "eventId": change.event_id,
            "lessonId": change.lesson_id,
            "materialId": change.material_id,
            "version": change.version,
        },
    }
