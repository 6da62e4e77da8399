"""Signing in."""

from functools import partial

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
        username, password, address = credentials.username, credentials.password, current_actor().address
        # Throttled attempts are refused here, before they take a slot from others.
        is_suspect = partial(self._run, self._service.waits_behind_others, username, password, address)
        async with self._hashing.slot(address, is_suspect):
            sign_in = await self._run(self._service.sign_in, username, password, credentials.new_password, address)
        write_json(response, sign_in_view(sign_in))
