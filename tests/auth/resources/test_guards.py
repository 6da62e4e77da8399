"""Who may call which address of auth, and which addresses declare an operation."""

from itertools import product

import pytest

from services.kit.web.guards import Guard
from services.kit.web.operations import operation_of
from tests.auth.client import AuthClient, routes_of, service_token
from tests.auth.harness import Harness
from tests.kit.forging import Forge
from tests.refusals import FORBIDDEN, UNAUTHORIZED

# Method and path: the guard, and the id of the public operation that it answers.
EXPECTED = {
    ("GET", "/.well-known/jwks.json"): (Guard.OPEN, None),
    ("POST", "/internal/grants"): (Guard.SERVICE, "openEvent"),
    ("POST", "/internal/login"): (Guard.SERVICE, "login"),
    ("POST", "/internal/token/refresh"): (Guard.SERVICE, "refreshToken"),
    ("GET", "/internal/ended-sessions"): (Guard.SERVICE, None),
    ("POST", "/api/admin/logout"): (Guard.VIEWER, "logout"),
    ("GET", "/api/admin/me"): (Guard.VIEWER, "getMe"),
    ("POST", "/api/admin/me/password"): (Guard.VIEWER, "changePassword"),
    ("GET", "/api/admin/users"): (Guard.OWNER, "listPeople"),
    ("POST", "/api/admin/users"): (Guard.OWNER, "invitePerson"),
    ("GET", "/api/admin/users/{user_id}"): (Guard.OWNER, "getPerson"),
    ("PUT", "/api/admin/users/{user_id}"): (Guard.OWNER, "updatePerson"),
    ("POST", "/api/admin/users/{user_id}/password"): (Guard.OWNER, "resetPassword"),
}
ROUTES = [(*address, guard) for address, (guard, _) in EXPECTED.items() if guard is not Guard.OPEN]


def test_every_route_has_its_guard_and_operation() -> None:
    table, use_cases = routes_of(Harness())
    use_cases.close()
    actual = {}
    for route, method in product(table, ("GET", "POST", "PUT", "PATCH", "DELETE")):
        if hasattr(route.resource, f"on_{method.lower()}"):
            declared = operation_of(route.resource, method)
            actual[method, route.path] = (route.guard_of(method), declared and declared.id)
    assert actual == EXPECTED


@pytest.mark.parametrize(("method", "path", "guard"), ROUTES)
def test_a_route_opens_only_for_its_callers(client: AuthClient, method: str, path: str, guard: Guard) -> None:
    path = path.replace("{user_id}", "admin-1")
    tokens: dict[str, str | None] = {role: client.add_person(role, role)[1] for role in ("viewer", "editor", "owner")}
    tokens["service"] = service_token()
    tokens |= {"nobody": None, "stranger": Forge(audience="auth").token()}
    roles = ["viewer", "editor", "owner"]
    allowed = ["service"] if guard is Guard.SERVICE else roles[roles.index(guard.value) :]
    before = client.owner("GET", "/api/admin/users")
    for caller in tokens.keys() - set(allowed):
        refusal = FORBIDDEN if caller in roles and guard is not Guard.SERVICE else UNAUTHORIZED
        assert client.send(method, path, tokens[caller], json={}) == refusal, caller
    assert client.owner("GET", "/api/admin/users") == before
    for caller in allowed:
        assert client.send(method, path, tokens[caller], json={}).status not in (401, 403), caller
