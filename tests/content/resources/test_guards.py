"""Who may call: one matrix, made from the routes table, so that a new route is covered when it is added."""

import re
from unittest.mock import Mock

import pytest
from falcon.routing import map_http_methods

from services.content.app import routes
from services.kit.web.guards import Guard
from tests.content.client import BAD_HEADERS, SETTINGS, Client, access_token, bad_tokens, service_token
from tests.content.memory import InMemoryContentStore
from tests.content.resources.answers import everything
from tests.refusals import FORBIDDEN, UNAUTHORIZED, Response

UNUSED = Mock()
IDENTIFIERS = {
    "event_id": "event-1",
    "lesson_id": "lesson-1",
    "material_id": "material-1",
    "event_slug": "launch",
    "lesson_slug": "first",
}
ENDPOINTS = [
    pytest.param(
        method,
        re.sub(r"{(\w+)}", lambda name: IDENTIFIERS[name[1]], route.path),
        route.guard_of(method),
        id=f"{method} {route.path}",
    )
    for route in routes(UNUSED, UNUSED, SETTINGS, UNUSED)
    for method in map_http_methods(route.resource, suffix=route.suffix)
]


@pytest.mark.parametrize(("method", "path", "guard"), ENDPOINTS)
def test_a_route_opens_with_its_own_token_only(
    client: Client, store: InMemoryContentStore, method: str, path: str, guard: Guard
) -> None:
    before = everything(store)
    headers = {
        **{name: {} if value is None else {"Authorization": value} for name, value in BAD_HEADERS.items()},
        **{name: {"Authorization": f"Bearer {token}"} for name, token in bad_tokens(guard).items()},
    }
    # With a body: it must not matter before the caller is known.
    refused = {name: client.exchange(method, path, headers=each, body=b"{") for name, each in headers.items()}
    assert {name: Response(each.status_code, each.json) for name, each in refused.items()} == dict.fromkeys(
        headers, UNAUTHORIZED
    )
    assert {each.headers["www-authenticate"] for each in refused.values()} == {"Bearer"}
    assert everything(store) == before


@pytest.mark.parametrize(("method", "path", "guard"), [each for each in ENDPOINTS if each.values[2] is Guard.EDITOR])
def test_a_viewer_may_not_do_what_an_editor_may(
    client: Client, store: InMemoryContentStore, method: str, path: str, guard: Guard
) -> None:
    before = everything(store)
    for claims in ({"roles": ["viewer"]}, {"roles": ["root"]}, {"role": "learner"}):
        answer = client.send(method, path, access_token(**claims), json={"title": "Other"})
        assert answer == FORBIDDEN
    assert everything(store) == before


@pytest.mark.parametrize(("method", "path", "guard"), ENDPOINTS)
def test_a_route_opens_with_its_token_in_any_case_of_the_scheme(
    client: Client, method: str, path: str, guard: Guard
) -> None:
    token = service_token() if guard is Guard.SERVICE else access_token(roles=[guard.value])
    answer = client.send(method, path, headers={"Authorization": f"bearer {token}"}, json=[])
    assert answer.status in (200, 204, 400)


def test_no_route_of_content_is_open_to_anyone() -> None:
    assert {each.values[2] for each in ENDPOINTS} == {Guard.VIEWER, Guard.EDITOR, Guard.SERVICE}
