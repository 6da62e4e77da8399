"""The gateway's routes table and those of the services agree: who may call what, and which service answers."""

from collections.abc import Mapping
from typing import Any

from gateway.routes import PUBLIC_ROUTES
from gateway.sources import Service
from services.auth.app import create_app as create_auth
from services.auth.app import routes as auth_routes
from services.auth.config import read_settings as read_auth
from services.content.app import create_app as create_content
from services.content.app import routes as content_routes
from services.content.config import read_settings as read_content
from services.kit.storage.audit.resource import audit_route
from services.kit.storage.health import health_routes
from services.kit.storage.integrity import integrity_route
from services.kit.web.guards import Guard
from services.quiz.app import create_app as create_quiz
from services.quiz.app import routes as quiz_routes
from services.quiz.config import read_settings as read_quiz
from tests.contract.matrix import Operation, guards, mounted


class _Unused:
    """Stands for the parts of a routes table, none of which is called."""

    threads = 2

    def __getattr__(self, name: str) -> Any:
        return None


_UNUSED: Any = _Unused()
COMMON = (
    *health_routes(_UNUSED, _UNUSED, _UNUSED),
    audit_route("a service", _UNUSED, _UNUSED),
    integrity_route(_UNUSED),
)
MOUNTED = {
    "auth": mounted(create_auth(read_auth({}))),
    "content": mounted(create_content(read_content({}))),
    "quiz": mounted(create_quiz(read_quiz({}))),
}
GUARDS: Mapping[str, Mapping[Operation, Guard]] = {
    "auth": guards((*auth_routes(_UNUSED, _UNUSED), *COMMON), MOUNTED["auth"]),
    "content": guards((*content_routes(_UNUSED, _UNUSED, read_content({}), _UNUSED), *COMMON), MOUNTED["content"]),
    "quiz": guards((*quiz_routes(_UNUSED, _UNUSED, _UNUSED), *COMMON), MOUNTED["quiz"]),
}
PASSED_ON = {
    Operation(method, route.path): target.value
    for route in PUBLIC_ROUTES
    for method, (_guard, target) in route.methods.items()
    if isinstance(target, Service)
}


def test_gateway_and_services_ask_for_the_same_role() -> None:
    at_the_gateway = {
        Operation(method, route.path): guard
        for route in PUBLIC_ROUTES
        for method, guard in route.guards.items()
        if guard is not Guard.OPEN
    }
    at_the_services = {
        operation: guard
        for table in GUARDS.values()
        for operation, guard in table.items()
        if operation.path.startswith("/api/")
    }
    # The gateway joins these from several services and asks for them in its own name.
    joined = {Operation("GET", "/api/admin/audit"): Guard.OWNER, Operation("GET", "/api/admin/integrity"): Guard.VIEWER}
    assert at_the_gateway == {**at_the_services, **joined}


def test_a_request_is_passed_on_to_the_service_that_has_its_address() -> None:
    owners = {operation: service for service, operations in MOUNTED.items() for operation in operations}
    assert {operation: owners[operation] for operation in PASSED_ON} == PASSED_ON


def test_internal_addresses_are_for_services_or_hold_no_data() -> None:
    internal = {
        (operation.path, guard)
        for table in GUARDS.values()
        for operation, guard in table.items()
        if not operation.path.startswith("/api/")
    }
    public = {path for path, guard in internal if guard is Guard.OPEN}
    assert public == {"/.well-known/jwks.json", "/health/live", "/health/ready"}
    assert {guard for _, guard in internal} == {Guard.OPEN, Guard.SERVICE}
