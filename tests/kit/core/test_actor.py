"""services.kit.core.actor: the actor is known in its own request and in the threads of its use cases."""

import asyncio
from contextvars import copy_context

import falcon.asgi
import pytest

from services.kit.core.actor import CLIENT_ADDRESS_HEADER, Actor, current_actor, set_actor, set_anonymous_actor
from services.kit.core.instants import now
from services.kit.storage.database import open_database
from services.kit.storage.use_cases import UseCases
from services.kit.web.app import create_web_app
from services.kit.web.documents import write_json
from services.kit.web.guards import Gatekeeper, Guard, Route
from services.kit.web.tokens.access import AccessTokenVerifier
from services.kit.web.tokens.service import issue_service_token
from tests.app_client import Client
from tests.kit.forging import SECRET, Forge, nothing_revoked


class ShowActor:
    """Responds with the actor that a use case sees in its thread."""

    def __init__(self) -> None:
        self._use_cases = UseCases(open_database("sqlite:////nowhere/notes.sqlite"), threads=1)

    async def on_get(self, request: falcon.asgi.Request, response: falcon.asgi.Response) -> None:
        actor = await self._use_cases.run(current_actor)
        write_json(response, [actor.id, actor.name, actor.role, actor.address])


def actor_in(guard: Guard, address: str | None) -> object:
    """Return the actor of a request to a route with that guard, from that address."""
    forge = Forge(at=now())

    async def keys() -> object:
        return forge.key_set()

    routes = (Route("/actor", ShowActor(), guard),)
    verifier = AccessTokenVerifier(keys, "quiz", nothing_revoked)
    app = create_web_app(routes, [Gatekeeper(routes, "quiz", SECRET, verifier)])
    token = issue_service_token(SECRET, "gateway", "quiz", now()) if guard is Guard.SERVICE else forge.token()
    headers = {} if address is None else {CLIENT_ADDRESS_HEADER: address}
    with Client.of(app) as client:
        return client.send("GET", "/actor", token, headers=headers).document


def test_outside_a_request_the_actor_is_anonymous() -> None:
    assert copy_context().run(current_actor) == Actor(None, None, None, None)


def test_the_actor_of_an_admin_s_request_is_the_admin() -> None:
    assert actor_in(Guard.VIEWER, "192.0.2.7") == ["admin-1", "ada", "owner", "192.0.2.7"]


@pytest.mark.parametrize("guard", [Guard.SERVICE, Guard.OPEN])
def test_other_requests_are_anonymous_even_with_a_token(guard: Guard) -> None:
    assert actor_in(guard, "2001:db8::1") == [None, None, None, "2001:db8::1"]


@pytest.mark.parametrize(
    ("address", "expected"),
    [
        ("2001:DB8:0:0::1", "2001:db8::1"),
        *((each, None) for each in (None, "", "somewhere", "192.0.2.7, 192.0.2.8", "192.0.2.7:80", "1" * 5000)),
    ],
)
def test_an_address_has_one_spelling_and_other_texts_are_dropped(address: str | None, expected: str | None) -> None:
    assert actor_in(Guard.SERVICE, address) == [None, None, None, expected]


def test_requests_at_the_same_time_have_their_own_actors() -> None:
    async def request(number: int) -> Actor:
        set_anonymous_actor(f"192.0.2.{number}")
        await asyncio.sleep(0)
        set_actor(f"admin-{number}", f"ada-{number}", "editor")
        await asyncio.sleep(0)
        return current_actor()

    async def all_requests() -> list[Actor]:
        return await asyncio.gather(*(asyncio.create_task(request(number)) for number in range(20)))

    assert asyncio.run(all_requests()) == [
        Actor(f"admin-{number}", f"ada-{number}", "editor", f"192.0.2.{number}") for number in range(20)
    ]
