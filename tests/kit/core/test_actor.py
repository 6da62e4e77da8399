"""services.kit.core.actor: who acts is known in the request that is his, in its use case's thread, and nowhere else."""

import asyncio
from contextvars import copy_context

import falcon.asgi
import pytest

from services.kit.core.actor import CLIENT_ADDRESS_HEADER, Actor, current_actor, set_actor, set_anonymous_actor
from services.kit.storage.database import open_database
from services.kit.storage.use_cases import UseCases
from services.kit.web.app import create_web_app
from services.kit.web.documents import write_json
from services.kit.web.guards import Gatekeeper, Guard, Route
from tests.app_client import Client
from tests.content.client import SETTINGS, access_token, service_token, verifier

ADA = Actor("admin-1", "admin", "owner", "192.0.2.7")


class Acting:
    """Answers who acts, as a use case sees it."""

    def __init__(self) -> None:
        self._use_cases = UseCases(open_database("sqlite:////nowhere/notes.sqlite"), threads=1)

    async def on_get(self, request: falcon.asgi.Request, response: falcon.asgi.Response) -> None:
        actor = await self._use_cases.run(current_actor)
        write_json(response, [actor.id, actor.name, actor.role, actor.address])


ROUTES = (
    Route("/open", Acting(), Guard.OPEN),
    Route("/viewer", Acting(), Guard.VIEWER),
    Route("/service", Acting(), Guard.SERVICE),
)


def told(path: str, token: str | None, address: str | None) -> object:
    """Who acts in a request with that token and address."""
    app = create_web_app(ROUTES, [Gatekeeper(ROUTES, "content", SETTINGS.service_secret, verifier())])
    headers = {} if address is None else {CLIENT_ADDRESS_HEADER: address}
    with Client.of(app) as client:
        return client.send("GET", path, token, headers=headers).document


def test_outside_of_a_request_nobody_acts() -> None:
    assert copy_context().run(current_actor) == Actor(None, None, None, None)


def test_an_admin_s_request_is_the_admin_s_in_its_use_case_too() -> None:
    assert told("/viewer", access_token(), ADA.address) == [ADA.id, ADA.name, ADA.role, ADA.address]


def test_a_service_acts_for_nobody_who_has_signed_in_from_the_address_that_it_tells() -> None:
    assert told("/service", service_token(), "2001:db8::1") == [None, None, None, "2001:db8::1"]


def test_a_token_that_nobody_has_asked_for_makes_nobody_act() -> None:
    assert told("/open", access_token(), "192.0.2.7") == [None, None, None, "192.0.2.7"]


@pytest.mark.parametrize("address", [None, "", "somewhere", "192.0.2.7, 192.0.2.8", "192.0.2.7:80", "1" * 5000])
def test_what_is_no_address_is_none(address: str | None) -> None:
    assert told("/service", service_token(), address) == [None, None, None, None]


def test_an_address_has_one_spelling() -> None:
    assert told("/service", service_token(), "2001:DB8:0:0::1") == [None, None, None, "2001:db8::1"]


def test_requests_at_the_same_time_do_not_see_one_another_s_actors() -> None:
    async def acting(number: int) -> Actor:
        set_anonymous_actor(f"192.0.2.{number}")
        await asyncio.sleep(0)
        set_actor(f"admin-{number}", f"ada-{number}", "editor")
        await asyncio.sleep(0)
        return current_actor()

    async def all_at_once() -> list[Actor]:
        return await asyncio.gather(*(asyncio.create_task(acting(number)) for number in range(20)))

    assert asyncio.run(all_at_once()) == [
        Actor(f"admin-{number}", f"ada-{number}", "editor", f"192.0.2.{number}") for number in range(20)
    ]
