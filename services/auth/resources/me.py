"""The account of the person who is signed in."""

from falcon.asgi import Request, Response

from services.auth.errors import InvalidCredentials, SignInThrottled
from services.auth.resources.resource import AuthResource
from services.auth.schemas.people import MeView, me_view
from services.auth.schemas.sign_in import PasswordChange, SignInView, sign_in_view
from services.kit.core.actor import current_actor
from services.kit.web.documents import read_json, write_json
from services.kit.web.operations import Operation
from services.kit.web.schemas import Item


class Me(AuthResource):
    """/api/admin/me."""

    @Operation(id="getMe", response=Item[MeView])
    async def on_get(self, request: Request, response: Response) -> None:
        """Return the person who is signed in."""
        admin = await self._run(self._service.admin, request.context.admin.id)
        write_json(response, {"item": me_view(admin)})


class Password(AuthResource):
    """/api/admin/me/password."""

    @Operation(
        id="changePassword", body=PasswordChange, response=SignInView, errors=(InvalidCredentials, SignInThrottled)
    )
    async def on_post(self, request: Request, response: Response) -> None:
        """Change one's own password. Every session ends, and the response begins another."""
        change = await read_json(request, PasswordChange)
        admin_id, address = request.context.admin.id, current_actor().address
        async with self._hashing.slot(address):
            sign_in = await self._run(
                self._service.change_password, admin_id, change.current_password, change.new_password, address
            )
        write_json(response, sign_in_view(sign_in))
