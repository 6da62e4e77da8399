"""The change feed, for the services that keep something about events and lessons."""

import asyncio
from functools import partial

from falcon.asgi import Request, Response

from services.content.resources import ContentResource
from services.content.schemas.incoming import ChangesQuery, Presence, References
from services.content.schemas.views import changes_view, feed_view, presence_view, references_view
from services.kit.web.documents import read_json, write_json
from services.kit.web.schemas import validated

# How late a waiting reader may hear of a change. Asking again finds what any worker or replica has written; it is two
# short statements.
POLL_SECONDS = 0.1


class Changes(ContentResource):
    """/internal/changes."""

    async def on_get(self, request: Request, response: Response) -> None:
        """The changes behind `after`; when there are none, the first ones within `wait` seconds."""
        query = validated(ChangesQuery, dict(request.params))
        loop = asyncio.get_running_loop()
        deadline = loop.time() + query.wait
        read = partial(self._service.read_changes, request.context.caller, query.feed, query.after, query.limit)
        page = await self._run(read)
        while not page.changes and loop.time() < deadline:
            await asyncio.sleep(POLL_SECONDS)
            page = await self._run(read)
        write_json(response, changes_view(page))


class Feed(ContentResource):
    """/internal/feed."""

    async def on_get(self, request: Request, response: Response) -> None:
        """How far the feed goes, and how far its readers have come."""
        write_json(response, feed_view(*await self._run(self._service.feed)))


class LessonReferences(ContentResource):
    """/internal/references."""

    async def on_post(self, request: Request, response: Response) -> None:
        """Which of the lessons that somebody refers to are not there."""
        sent = await read_json(request, References)
        write_json(response, references_view(await self._run(self._service.missing_lessons, sent.lessons())))


class Presences(ContentResource):
    """/internal/presence."""

    async def on_post(self, request: Request, response: Response) -> None:
        """Which of the events and lessons, each named by its id alone, are there."""
        sent = await read_json(request, Presence)
        write_json(response, presence_view(*await self._run(self._service.present, sent.events, sent.lessons)))
