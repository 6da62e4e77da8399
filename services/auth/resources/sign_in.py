"""Signing in."""

from falcon.asgi import Request, Response

from services.auth.resources import AuthResource
from services.auth.schemas import Credentials, sign_in_view
from services.kit.web import read_json, write_json


class Login(AuthResource):
    """/internal/login: the gateway calls it in the name of a person who has no token yet."""

    async def on_post(self, request: Request, response: Response) -> None:
        """Exchange credentials for an access token."""
        credentials = await read_json(request, Credentials)
        sign_in = await self._run(self._service.sign_in, credentials.username, credentials.password)
        write_json(response, sign_in_view(sign_in))
