"""Signing in."""

from falcon.asgi import Request, Response

from services.auth.errors import InvalidCredentials, PasswordChangeRequired, SignInThrottled
from services.auth.resources.resource import AuthResource
from services.auth.schemas.sign_in import Credentials, SignInView, sign_in_view
from services.kit.core.actor import current_actor
from services.kit.web.documents import read_json, write_json
from services.kit.web.operations import Operation


class Login(AuthResource):
    """/internal/login: the gateway calls it in its own name, because the person has no token yet."""

    @Operation(
        id="login",
        body=Credentials,
        response=SignInView,
        errors=(InvalidCredentials, PasswordChangeRequired, SignInThrottled),
    )
    async def on_post(self, request: Request, response: Response) -> None:
        """Exchange credentials for an access token and a refresh token.

        A person with an initial password also sends a `newPassword` of their own; without it the response is
        PASSWORD_CHANGE_REQUIRED. A `newPassword` ends every earlier session.
        """
        credentials = await read_json(request, Credentials)
        username, address = credentials.username, current_actor().address
        # Refuse throttled attempts before they take a slot from others.
        await self._run(self._service.throttling.check, username, address)
        async with self._hashing.slot():
            sign_in = await self._run(
                self._service.sign_in, username, credentials.password, credentials.new_password, address
            )
        write_json(response, sign_in_view(sign_in))
