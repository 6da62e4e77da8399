"""People, for owners."""

from falcon.asgi import Request, Response

from services.auth.resources import AuthResource, HashingResource
from services.auth.schemas import NewPerson, PersonPatch, invitation_view, person_view
from services.kit.documents import read_json, write_json, write_page
from services.kit.pagination import page_request

SORT_KEY = (int, str)


class People(HashingResource):
    """/api/admin/users."""

    async def on_get(self, request: Request, response: Response) -> None:
        """Everybody, oldest first, or a page of them."""
        wanted = page_request(request.get_param("limit"), request.get_param("cursor"), SORT_KEY)
        page = await self._run(self._service.people.list, wanted)
        write_page(response, [person_view(admin) for admin in page.items], page, wanted)

    async def on_post(self, request: Request, response: Response) -> None:
        """Invite somebody. The answer is a secret, so that no Idempotency-Key is read and nothing is kept of it."""
        sent = await read_json(request, NewPerson)
        invitation = await self._hash(self._service.people.invite, sent.username, sent.role)
        write_json(response, invitation_view(invitation), 201)


class Person(AuthResource):
    """/api/admin/users/{user_id}."""

    async def on_get(self, request: Request, response: Response, user_id: str) -> None:
        """One of them."""
        write_json(response, {"item": person_view(await self._run(self._service.people.get, user_id))})

    async def on_put(self, request: Request, response: Response, user_id: str) -> None:
        """Change the role, disable or enable."""
        patch = await read_json(request, PersonPatch)
        admin = await self._run(self._service.people.change, user_id, patch.changes())
        write_json(response, {"item": person_view(admin)})


class PersonPassword(HashingResource):
    """/api/admin/users/{user_id}/password."""

    async def on_post(self, request: Request, response: Response, user_id: str) -> None:
        """A new initial password, in the place of a lost one."""
        invitation = await self._hash(self._service.people.reset_password, user_id)
        write_json(response, invitation_view(invitation))
