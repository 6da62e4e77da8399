"""The second lock: every operation of each service, asked directly and not through the gateway. Both locks agree."""

import re
from collections.abc import Iterator, Mapping
from typing import Any

import httpx
import pytest

from gateway.routes import PUBLIC_ROUTES
from gateway.sources import Service
from services.auth.app import create_app as create_auth
from services.auth.app import routes as auth_routes
from services.auth.config import read_settings as read_auth
from services.content.app import create_app as create_content
from services.content.app import routes as content_routes
from services.content.config import read_settings as read_content
from services.kit.core.instants import now
from services.kit.storage.audit.resource import audit_route
from services.kit.storage.health import health_routes
from services.kit.storage.integrity import integrity_route
from services.kit.web.guards import Guard
from services.kit.web.tokens.service import issue_service_token
from services.quiz.app import create_app as create_quiz
from services.quiz.app import routes as quiz_routes
from services.quiz.config import read_settings as read_quiz
from tests.contract.matrix import ADMINS, CALLERS, Operation, guards, is_let_in, mounted
from tests.contract.samples import said
from tests.contract.tokens import Tokens
from tests.installation import Installation
from tests.refusals import FORBIDDEN, UNAUTHORIZED

NOTHING: Any = None


class _Nothing:
    """Stands for whatever the rows of a table are made of, none of which is used."""

    threads = 2

    def __getattr__(self, name: str) -> Any:
        return NOTHING


_NOTHING: Any = _Nothing()
COMMON = (
    *health_routes(_NOTHING, _NOTHING, _NOTHING),
    audit_route("a service", _NOTHING, _NOTHING),
    integrity_route(_NOTHING),
)
TABLES = {
    "auth": (*auth_routes(_NOTHING, _NOTHING), *COMMON),
    "content": (*content_routes(_NOTHING, _NOTHING, read_content({}), _NOTHING), *COMMON),
    "quiz": (*quiz_routes(_NOTHING, _NOTHING, _NOTHING), *COMMON),
}
MOUNTED = {
    "auth": mounted(create_auth(read_auth({}))),
    "content": mounted(create_content(read_content({}))),
    "quiz": mounted(create_quiz(read_quiz({}))),
}
GUARDS: Mapping[str, Mapping[Operation, Guard]] = {
    service: guards(TABLES[service], operations) for service, operations in MOUNTED.items()
}
OPERATIONS = [(service, operation) for service, operations in MOUNTED.items() for operation in operations]
# Besides everyone whom the gateway knows, the gateway itself, and a service that means another one.
SERVICES = ("gateway", "gateway, for another service")
OTHER_EVENT_S_KEY = {"eventAccessKey": "the key of another event"}


class Callers:
    """Everyone who might reach a service."""

    def __init__(self, stack: Installation, tokens: Tokens):
        self.stack, self.tokens = stack, tokens

    def token(self, caller: str, service: str) -> str | None:
        """What the caller shows to that service."""
        others = [name for name in ("gateway", *TABLES) if name != service]
        match caller:
            case "anonymous" | "other event's key":
                return None
            case "gateway" | "gateway, for another service":
                audience = service if caller == "gateway" else others[-1]
                return issue_service_token(self.stack.environment["SERVICE_TOKEN_SECRET"], "gateway", audience, now())
            case "forged":
                return self.tokens.of_another_key()
        claims: Mapping[str, Any] = {"expired": {"exp": 1_000_000_000}, "wrong audience": {"aud": others}}
        return self.tokens.access_token(**claims.get(caller, {"roles": [caller], "sid": f"of-a-{caller}"}))

    def ask(self, client: httpx.Client, caller: str, service: str, operation: Operation) -> httpx.Response:
        """The answer to what the caller sends, of which nothing is there."""
        token = self.token(caller, service)
        return client.request(
            operation.method,
            re.sub(r"\{[^}]*\}", "no-such-thing", operation.path),
            headers={} if token is None else {"Authorization": f"Bearer {token}"},
            json=OTHER_EVENT_S_KEY if caller == "other event's key" else {},
        )


@pytest.fixture(scope="module")
def callers(stack: Installation, tokens: Tokens) -> Callers:
    """See Callers."""
    return Callers(stack, tokens)


@pytest.fixture(scope="module")
def direct(stack: Installation) -> Iterator[Mapping[str, httpx.Client]]:
    """A client of each service."""
    clients = {name: httpx.Client(base_url=stack.addresses[name], timeout=30, trust_env=False) for name in TABLES}
    yield clients
    for client in clients.values():
        client.close()


def comes_in(caller: str, guard: Guard) -> bool:
    """Whether the caller passes that guard of a service."""
    if caller in SERVICES:
        return guard is Guard.OPEN or (guard is Guard.SERVICE and caller == "gateway")
    return is_let_in(caller, guard)


def refusal_of(answer: httpx.Response) -> Any:
    """The whole answer when the caller was not let in, or None."""
    if answer.status_code in (401, 403) and answer.json()["error"] in ("UNAUTHORIZED", "FORBIDDEN"):
        return said(answer)
    assert answer.status_code < 500, answer.text
    return None


def test_no_cell_is_left_out() -> None:
    everyone = (*CALLERS, *SERVICES)
    cells = {(service, operation, caller) for service, operation in OPERATIONS for caller in everyone}
    counts = {service: len(operations) for service, operations in MOUNTED.items()}
    assert counts == {"auth": 17, "content": 30, "quiz": 14}
    assert len(cells) == sum(counts.values()) * len(everyone) == 61 * 10
    in_tables = {service: {route.path for route in table} for service, table in TABLES.items()}
    assert in_tables == {service: {each.path for each in operations} for service, operations in MOUNTED.items()}


@pytest.mark.parametrize(("service", "operation"), OPERATIONS, ids=lambda each: getattr(each, "name", each))
def test_each_caller_comes_as_far_as_the_service_s_own_table_says(
    callers: Callers, direct: Mapping[str, httpx.Client], service: str, operation: Operation
) -> None:
    guard = GUARDS[service][operation]
    everyone = (*CALLERS, *SERVICES)
    refusals = {caller: refusal_of(callers.ask(direct[service], caller, service, operation)) for caller in everyone}
    lower = {each for each in ADMINS if guard not in (Guard.OPEN, Guard.SERVICE) and not is_let_in(each, guard)}
    assert refusals == {
        caller: None if comes_in(caller, guard) else FORBIDDEN if caller in lower else UNAUTHORIZED
        for caller in everyone
    }


def test_the_gateway_s_table_and_those_of_the_services_agree() -> None:
    at_the_gateway = {
        Operation(method, route.path): guard
        for route in PUBLIC_ROUTES
        for method, guard in route.guards.items()
        if guard is not Guard.OPEN
    }
    at_the_services = {
        operation: guard
        for service in GUARDS.values()
        for operation, guard in service.items()
        if operation.path.startswith("/api/")
    }
    # What the gateway joins of several services' answers it asks for in its own name.
    joined = {
        Operation("GET", "/api/admin/audit"): Guard.OWNER,
        Operation("GET", "/api/admin/integrity"): Guard.VIEWER,
    }
    assert at_the_gateway == {**at_the_services, **joined}


def test_what_is_passed_on_is_passed_to_the_service_that_has_it() -> None:
    passed_on = {
        Operation(method, route.path): target.value
        for route in PUBLIC_ROUTES
        for method, (_guard, target) in route.methods.items()
        if isinstance(target, Service)
    }
    owners = {operation: service for service, operations in MOUNTED.items() for operation in operations}
    assert passed_on == {operation: owners[operation] for operation in passed_on}


def test_what_is_not_public_is_for_services_or_says_nothing() -> None:
    inside = {
        (operation.path, guard)
        for service in GUARDS.values()
        for operation, guard in service.items()
        if not operation.path.startswith("/api/")
    }
    assert {path for path, guard in inside if guard is Guard.OPEN} == {
        "/.well-known/jwks.json",
        "/health/live",
        "/health/ready",
    }
    assert {guard for _, guard in inside} == {Guard.OPEN, Guard.SERVICE}
