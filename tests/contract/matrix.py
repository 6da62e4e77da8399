"""Who may do what: every operation that an app has mounted, and everyone who might call it."""

from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

from falcon.inspect import inspect_routes

from services.kit.web.app import WebApp
from services.kit.web.guards import Guard, Route
from services.kit.web.tokens.access import ROLES

ADMINS = ("viewer", "editor", "owner")
REFUSED = ("anonymous", "forged", "expired", "wrong audience", "other event's key")
CALLERS = (*ADMINS, *REFUSED)


class Operation(NamedTuple):
    """A method at an address."""

    method: str
    path: str

    @property
    def name(self) -> str:
        """As `PUT /api/events/{event_id}`."""
        return f"{self.method} {self.path}"


def mounted(app: WebApp) -> Sequence[Operation]:
    """Every operation that the app's router knows, but for OPTIONS, which Falcon answers by itself."""
    routes = inspect_routes(app)
    return sorted(Operation(each.method, route.path) for route in routes for each in route.methods if not each.internal)


def guards(table: Iterable[Route], operations: Iterable[Operation]) -> Mapping[Operation, Guard]:
    """Who may call each operation, as the routes table says."""
    by_path = {route.path: route for route in table}
    return {each: by_path[each.path].guard_of(each.method) for each in operations}


def is_let_in(caller: str, guard: Guard) -> bool:
    """Whether the caller passes that guard: the rank of roles, and nothing for whoever has no role."""
    if guard is Guard.OPEN:
        return True
    return caller in ADMINS and guard is not Guard.SERVICE and ROLES.index(caller) >= ROLES.index(guard.value)
