"""How sessions go on and end."""

from falcon.asgi import Request, Response

from services.auth.resources import AuthResource
from services.auth.schemas import Refresh, revoked_view, sign_in_view
from services.kit.web.documents import read_json, write_json


class TokenRefresh(AuthResource):
    """/internal/token/refresh: the gateway calls it, since the access token may be over."""

    async def on_post(self, request: Request, response: Response) -> None:
        """Exchange a refresh token for a new access token and the next refresh token."""
        refresh = await read_json(request, Refresh)
        write_json(response, sign_in_view(await self._run(self._service.sessions.refresh, refresh.refresh_token)))


class Logout(AuthResource):
    """/api/admin/logout."""

    async def on_post(self, request: Request, response: Response) -> None:
        """End the session of the access token that is shown."""
        await self._run(self._service.sessions.end, request.context.admin.session_id)
        response.status = 204


class EndedSessions(AuthResource):
    """/internal/ended-sessions."""

    async def on_get(self, request: Request, response: Response) -> None:
        """What whoever verifies access tokens must not accept any more."""
        write_json(response, revoked_view(await self._run(self._service.revoked)))
