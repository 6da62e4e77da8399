"""People, for owners."""

from dataclasses import replace
from functools import partial

import orjson
from falcon.asgi import Request, Response

from services.auth.entities import Invitation
from services.auth.resources import AuthResource, HashingResource
from services.auth.schemas import NewPerson, PersonPatch, invitation_view, person_view, told_invitation
from services.kit.web.documents import (
    admin_idempotency_key,
    read_document,
    read_json,
    write_json,
    write_page,
    write_stored_response,
)
from services.kit.web.idempotency import IdempotencyKey, StoredResponse, stored_response
from services.kit.web.pages import page_request
from services.kit.web.schemas import validated

SORT_KEY = (int, str)


class People(HashingResource):
    """/api/admin/users."""

    async def on_get(self, request: Request, response: Response) -> None:
        """Everybody, oldest first, or a page of them."""
        wanted = page_request(request.get_param("limit"), request.get_param("cursor"), SORT_KEY)
        page = await self._run(self._service.people.list, wanted)
        write_page(response, [person_view(admin) for admin in page.items], page, wanted)

    async def on_post(self, request: Request, response: Response) -> None:
        """Invite somebody."""
        document = await read_document(request)
        sent, key = validated(NewPerson, document), admin_idempotency_key(request, document)
        if key is None:
            invitation = await self._hash(self._service.people.invite, sent.username, sent.role)
            write_json(response, invitation_view(invitation), 201)
        else:
            write_stored_response(response, await self._invited_once(key, sent))

    async def _invited_once(self, key: IdempotencyKey, sent: NewPerson) -> StoredResponse:
        people = self._service.people
        kept_key = replace(key, id=people.kept_under(key.id))
        reply = await self._hash_once(kept_key, partial(people.invite, sent.username, sent.role, key.id), _kept)
        person = orjson.loads(reply.body)["item"]
        document = told_invitation(person, people.password_under(key.id, person["id"]))
        return replace(reply, body=orjson.dumps(document))


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


def _kept(invitation: Invitation) -> StoredResponse:
    # The password is a secret of the person's: whoever answers again computes it again.
    return stored_response({"item": person_view(invitation.admin)}, 201)
