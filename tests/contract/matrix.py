"""Who may do what: every operation that an app has mounted, and every kind of caller."""

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
        """For example `PUT /api/events/{event_id}`."""
        return f"{self.method} {self.path}"


def mounted(app: WebApp) -> Sequence[Operation]:
    """Return every operation of the app's router, without OPTIONS and HEAD: the kit answers HEAD wherever GET is."""
    routes = inspect_routes(app)
    found = {Operation(each.method, route.path) for route in routes for each in route.methods if not each.internal}
    assert {each.path for each in found if each.method == "HEAD"} == {
        each.path for each in found if each.method == "GET"
    }
    return sorted(each for each in found if each.method != "HEAD")


def guards(table: Iterable[Route], operations: Iterable[Operation]) -> Mapping[Operation, Guard]:
    """Return the guard of each operation in the routes table."""
    by_path = {route.path: route for route in table}
    return {each: by_path[each.path].guard_of(each.method) for each in operations}


def is_let_in(caller: str, guard: Guard) -> bool:
    """Tell whether the caller passes the guard: by the rank of roles, and never without a role."""
    if guard is Guard.OPEN:
        return True
    return caller in ADMINS and guard is not Guard.SERVICE and ROLES.index(caller) >= ROLES.index(guard.value)
