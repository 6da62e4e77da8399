"""People, for owners."""

from dataclasses import replace
from functools import partial

import orjson
from falcon.asgi import Request, Response

from services.auth.entities import Invitation
from services.auth.errors import AdminNotFound, LastOwner, UsernameTaken
from services.auth.resources.resource import AuthResource
from services.auth.schemas.people import (
    InvitationView,
    NewPerson,
    PersonPatch,
    PersonQuery,
    PersonView,
    invitation_view,
    person_view,
)
from services.kit.core.actor import current_actor
from services.kit.web.documents import (
    admin_idempotency_key,
    read_document,
    read_json,
    write_json,
    write_list,
    write_stored_response,
)
from services.kit.web.idempotency import IdempotencyKey, StoredResponse, stored_response
from services.kit.web.list_queries import list_request
from services.kit.web.operations import Operation
from services.kit.web.pages import Page, PageRequest
from services.kit.web.schemas import Item, Items, validated


class People(AuthResource):
    """/api/admin/users."""

    @Operation(id="listPeople", query=PersonQuery, response=Items[PersonView], is_paged=True)
    async def on_get(self, request: Request, response: Response) -> None:
        """List all people, disabled or not, oldest first."""
        requested = list_request(PersonQuery, request.params)
        which = requested.query.filter()

        def read(piece: PageRequest) -> Page[PersonView]:
            return self._service.people.list(piece, which).of(person_view)

        write_list(response, requested, await self._run_list(read, requested.page))

    @Operation(
        id="invitePerson",
        body=NewPerson,
        response=InvitationView,
        status=201,
        errors=(UsernameTaken,),
        takes_idempotency_key=True,
    )
    async def on_post(self, request: Request, response: Response) -> None:
        """Invite a person.

        The response shows the initial password once, or again under the same Idempotency-Key. The person must replace
        it within seven days.
        """
        document = await read_document(request)
        new, key = validated(NewPerson, document), admin_idempotency_key(request, document)
        async with self._hashing.slot(current_actor().address):
            if key is None:
                invitation = await self._run(self._service.people.invite, new.username, new.role)
                write_json(response, invitation_view(invitation), 201)
            else:
                write_stored_response(response, await self._invite_once(key, new))

    async def _invite_once(self, key: IdempotencyKey, new: NewPerson) -> StoredResponse:
        people = self._service.people
        invite = partial(people.invite, new.username, new.role, key.id)
        stored = await self._run_once(replace(key, id=people.storage_id(key.id)), invite, _without_password)
        person = orjson.loads(stored.body)["item"]
        complete: InvitationView = {"item": person, "initialPassword": people.password_for(key.id, person["id"])}
        return replace(stored, body=orjson.dumps(complete))


class Person(AuthResource):
    """/api/admin/users/{user_id}."""

    @Operation(id="getPerson", response=Item[PersonView], errors=(AdminNotFound,))
    async def on_get(self, request: Request, response: Response, user_id: str) -> None:
        """Return a person."""
        write_json(response, {"item": person_view(await self._run(self._service.people.get, user_id))})

    @Operation(id="updatePerson", body=PersonPatch, response=Item[PersonView], errors=(AdminNotFound, LastOwner))
    async def on_put(self, request: Request, response: Response, user_id: str) -> None:
        """Change the role of a person, or disable or enable them.

        Another role and disabling end every session of the person.
        """
        patch = await read_json(request, PersonPatch)
        admin = await self._run(self._service.people.change, user_id, patch.changes())
        write_json(response, {"item": person_view(admin)})


class PersonPassword(AuthResource):
    """/api/admin/users/{user_id}/password."""

    @Operation(id="resetPassword", response=InvitationView, errors=(AdminNotFound, LastOwner))
    async def on_post(self, request: Request, response: Response, user_id: str) -> None:
        """Replace a lost password by a new initial password. Every session of the person ends."""
        async with self._hashing.slot(current_actor().address):
            invitation = await self._run(self._service.people.reset_password, user_id)
        write_json(response, invitation_view(invitation))


def _without_password(invitation: Invitation) -> StoredResponse:
    # The password is never stored: a retry computes it again.
    return stored_response({"item": person_view(invitation.admin)}, 201)
