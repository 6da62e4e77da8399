"""Signing in."""

from falcon.asgi import Request, Response

from services.auth.resources import HashingResource
from services.auth.schemas import Credentials, sign_in_view
from services.kit.core.actor import current_actor
from services.kit.web.documents import read_json, write_json


class Login(HashingResource):
    """/internal/login: the gateway calls it in the name of a person who has no token yet."""

    async def on_post(self, request: Request, response: Response) -> None:
        """Exchange credentials for an access token."""
        sent = await read_json(request, Credentials)
        address = current_actor().address
        # Who has to wait hears so at once, and does not stand in the way of those who do not.
        await self._run(self._service.throttling.require_room, sent.username, address)
        sign_in = await self._hash(self._service.sign_in, sent.username, sent.password, sent.new_password, address)
        write_json(response, sign_in_view(sign_in))
