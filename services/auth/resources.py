"""HTTP in, one service call, HTTP out."""

from falcon.asgi import Request, Response

from services.auth.schemas import Credentials, sign_in_view
from services.auth.service import AuthService
from services.kit.use_cases import UseCases
from services.kit.web import read_json, write_json


class Login:
    """/internal/login: the gateway calls it in the name of a person who has no token yet."""

    def __init__(self, service: AuthService, use_cases: UseCases):
        self._service = service
        self._run = use_cases.run

    async def on_post(self, request: Request, response: Response) -> None:
        """Exchange credentials for an access token."""
        credentials = await read_json(request, Credentials)
        sign_in = await self._run(self._service.sign_in, credentials.username, credentials.password)
        write_json(response, sign_in_view(sign_in))


class PublishedKeys:
    """/.well-known/jwks.json."""

    def __init__(self, service: AuthService, use_cases: UseCases):
        self._service = service
        self._run = use_cases.run

    async def on_get(self, request: Request, response: Response) -> None:
        """The public keys that verify access tokens; they are no secret."""
        write_json(response, await self._run(self._service.published_keys))
