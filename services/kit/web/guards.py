"""Who may call what: the guard of each route, and the middleware that asks for what it wants."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Any

import falcon.asgi

from services.kit.core.actor import current_actor, set_actor
from services.kit.core.errors import Forbidden, Unauthorized
from services.kit.core.instants import now
from services.kit.core.logging import bind_route, log
from services.kit.web.tokens.access import ROLES, AccessTokenVerifier, bearer_token
from services.kit.web.tokens.service import verify_service_token


class Guard(Enum):
    """Who may call a route: an admin of that role or a higher one, a service with a token for this one, or anyone."""

    OPEN = "anyone"
    VIEWER = "viewer"
    EDITOR = "editor"
    OWNER = "owner"
    SERVICE = "service"


# What most of the addresses that admins use ask for.
READ_AND_WRITE: Mapping[str, Guard] = {
    "GET": Guard.VIEWER,
    "POST": Guard.EDITOR,
    "PUT": Guard.EDITOR,
    "DELETE": Guard.EDITOR,
}


@dataclass(frozen=True)
class Route:
    """A row of the routes table: Falcon's path template, its resource, and who may call it, for each method or for all.

    With a `suffix` the resource answers with its responders on_get_<suffix>, on_post_<suffix> and so on.
    """

    path: str
    resource: object
    guard: Guard | Mapping[str, Guard]
    suffix: str | None = None

    def guard_of(self, method: str) -> Guard:
        """Who may call it so; a method that it does not have is refused to whoever may call it at all."""
        if isinstance(self.guard, Guard):
            return self.guard
        return self.guard.get(method, Guard.OPEN if Guard.OPEN in self.guard.values() else Guard.VIEWER)


class Gatekeeper:
    """Middleware: lets a request through to its resource when it carries what the route's guard asks for."""

    def __init__(
        self,
        routes: Iterable[Route],
        name: str,
        service_secret: str,
        verifier: AccessTokenVerifier | None = None,
    ):
        self._routes = {route.path: route for route in routes}
        self._name = name
        self._service_secret = service_secret
        self._verifier = verifier

    async def process_resource(
        self,
        request: falcon.asgi.Request,
        response: falcon.asgi.Response,
        resource: object,
        params: dict[str, Any],
    ) -> None:
        """Raises Unauthorized, or Forbidden for a lower role; a route outside the table does not open at all."""
        bind_route(request.uri_template or "")
        try:
            await self._let_in(request)
        except (Unauthorized, Forbidden) as refusal:
            # ASVS 5.0, 16.3.2: failed authorization is logged.
            log.info("request_refused", reason=refusal.code, username=current_actor().name)
            raise

    async def _let_in(self, request: falcon.asgi.Request) -> None:
        route = self._routes.get(request.uri_template or "")
        guard = route.guard_of(request.method) if route else None
        if guard is Guard.OPEN:
            return
        token = bearer_token(request.get_header("Authorization"))
        if guard is Guard.SERVICE:
            request.context.caller = verify_service_token(token, self._service_secret, self._name, now())
        elif guard is not None and self._verifier is not None:
            admin = request.context.admin = await self._verifier.verify(token)
            set_actor(admin.id, admin.username, admin.role)
            if ROLES.index(admin.role) < ROLES.index(guard.value):
                raise Forbidden
        else:
            raise Unauthorized
