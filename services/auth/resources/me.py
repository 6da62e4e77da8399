"""What people see and change of themselves."""

from falcon.asgi import Request, Response

from services.auth.resources import AuthResource, HashingResource
from services.auth.schemas import PasswordChange, me_view, sign_in_view
from services.kit.core.actor import current_actor
from services.kit.web.documents import read_json, write_json


class Me(AuthResource):
    """/api/admin/me."""

    async def on_get(self, request: Request, response: Response) -> None:
        """Who is signed in."""
        admin = await self._run(self._service.admin, request.context.admin.id)
        write_json(response, {"item": me_view(admin)})


class Password(HashingResource):
    """/api/admin/me/password."""

    async def on_post(self, request: Request, response: Response) -> None:
        """Change one's password; every session ends, and the answer begins another."""
        change = await read_json(request, PasswordChange)
        admin_id, address = request.context.admin.id, current_actor().address
        change_password = self._service.change_password
        sign_in = await self._hash(change_password, admin_id, change.current_password, change.new_password, address)
        write_json(response, sign_in_view(sign_in))
