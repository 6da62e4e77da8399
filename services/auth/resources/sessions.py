"""The continuation and the end of sessions."""

from falcon.asgi import Request, Response

from services.auth.errors import InvalidRefreshToken
from services.auth.resources.resource import AuthResource
from services.auth.schemas.sign_in import Refresh, SignInView, revoked_view, sign_in_view
from services.kit.web.documents import read_json, rendered, write_json, write_rendered
from services.kit.web.operations import Operation


class TokenRefresh(AuthResource):
    """/internal/token/refresh: the gateway calls it in its own name, because the access token may have expired."""

    @Operation(id="refreshToken", body=Refresh, response=SignInView, errors=(InvalidRefreshToken,))
    async def on_post(self, request: Request, response: Response) -> None:
        """Exchange a refresh token for the next access token and the next refresh token.

        A refresh token is valid once. A second use within ten seconds returns the same successor if that was not used
        yet. Any other second use is a sign of theft and ends the session.
        """
        refresh = await read_json(request, Refresh)
        write_json(response, sign_in_view(await self._run(self._service.sessions.refresh, refresh.refresh_token)))


class Logout(AuthResource):
    """/api/admin/logout."""

    @Operation(id="logout", status=204)
    async def on_post(self, request: Request, response: Response) -> None:
        """End the session of the access token.

        Within two seconds the session's access tokens are refused everywhere.
        """
        await self._run(self._service.sessions.end, request.context.admin.session_id)
        response.status = 204


class EndedSessions(AuthResource):
    """/internal/ended-sessions."""

    async def on_get(self, request: Request, response: Response) -> None:
        """Return what verifiers of access tokens must refuse."""
        write_rendered(response, await self._run(rendered(self._service.revoked, revoked_view)))
