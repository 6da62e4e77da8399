"""The change feed and references, for the services that follow content."""

import asyncio
from functools import partial

from falcon.asgi import Request, Response

from services.content.resources.resource import ContentResource
from services.content.schemas.feed import (
    ChangesQuery,
    Presence,
    References,
    changes_view,
    feed_view,
    presence_view,
    references_view,
)
from services.kit.core.errors import ValidationFailed
from services.kit.web.documents import read_json, write_json
from services.kit.web.schemas import validated

# The longest delay of a change for a waiting reader, in seconds. Polling also finds what other workers and replicas
# write; it costs two short statements.
POLL_SECONDS = 0.1


class Changes(ContentResource):
    """/internal/changes."""

    async def on_get(self, request: Request, response: Response) -> None:
        """Return the changes after `after`; when there are none, wait for them up to `wait` seconds."""
        query = validated(ChangesQuery, dict(request.params))
        loop = asyncio.get_running_loop()
        deadline = loop.time() + query.wait
        caller: str = request.context.caller
        if query.reader not in (None, caller):
            raise ValidationFailed({"reader": ["must be the name of the service that calls"]})
        register = query.reader is not None
        read_changes = self._service.followers.read_changes
        read = partial(read_changes, caller, query.feed, query.after, query.limit, register=register)
        page = await self._run(read)
        while not page.changes and loop.time() < deadline:
            await asyncio.sleep(POLL_SECONDS)
            page = await self._run(read)
        write_json(response, changes_view(page))


class Feed(ContentResource):
    """/internal/feed."""

    async def on_get(self, request: Request, response: Response) -> None:
        """Return the extent of the feed, and the position of each reader."""
        write_json(response, feed_view(*await self._run(self._service.followers.feed)))


class LessonReferences(ContentResource):
    """/internal/references."""

    async def on_post(self, request: Request, response: Response) -> None:
        """Return the references that name no lesson."""
        body = await read_json(request, References)
        missing = await self._run(self._service.followers.missing_lessons, body.lessons())
        write_json(response, references_view(missing))


class Presences(ContentResource):
    """/internal/presence."""

    async def on_post(self, request: Request, response: Response) -> None:
        """Return the ids of the events and lessons that exist."""
        body = await read_json(request, Presence)
        events, lessons = await self._run(self._service.followers.present, body.events, body.lessons)
        write_json(response, presence_view(events, lessons))
