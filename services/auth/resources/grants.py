"""Learner grants."""

from falcon.asgi import Request, Response

from services.auth.resources.resource import AuthResource
from services.auth.schemas.grants import GrantView, NewGrant, grant_view
from services.kit.web.documents import read_json, write_json
from services.kit.web.operations import Operation


class Grants(AuthResource):
    """/internal/grants: the gateway calls it for a learner whose access key content has accepted."""

    @Operation(id="openEvent", body=NewGrant, response=GrantView)
    async def on_post(self, request: Request, response: Response) -> None:
        """Exchange an event's access key for a learner grant, which opens the event instead of the key."""
        new = await read_json(request, NewGrant)
        grant = await self._run(self._service.grants.issue, new.event_id, new.fingerprint)
        write_json(response, grant_view(grant))
