"""The guard of each route, which says who may call it, and the middleware that enforces it."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Any

import falcon.asgi

from services.kit.core.actor import current_actor, set_actor
from services.kit.core.errors import Forbidden, NotFound, Unauthorized
from services.kit.core.instants import now
from services.kit.core.logging import bind_route, log
from services.kit.web.tokens.access import ROLES, AccessTokenVerifier, bearer_token
from services.kit.web.tokens.service import verify_service_token

# Control characters, and dot segments, which a client must resolve itself (RFC 3986 section 5.2.4): sent on to a
# service they would name another address.
_INVALID_PATH = re.compile(r"[\x00-\x1f\x7f]|/\.\.?(/|$)")


class Guard(Enum):
    """Who may call a route: anyone, an admin with this role or a higher one, or a service with a token for this one."""

    OPEN = "anyone"
    VIEWER = "viewer"
    EDITOR = "editor"
    OWNER = "owner"
    SERVICE = "service"


# The guards of most admin routes.
READ_AND_WRITE: Mapping[str, Guard] = {
    "GET": Guard.VIEWER,
    "POST": Guard.EDITOR,
    "PUT": Guard.EDITOR,
    "DELETE": Guard.EDITOR,
}


@dataclass(frozen=True)
class Route:
    """A row of the routes table: Falcon's path template, the resource, and the guard of each method or of all.

    With a `suffix` the responders are on_get_<suffix>, on_post_<suffix> and so on.
    """

    path: str
    resource: object
    guard: Guard | Mapping[str, Guard]
    suffix: str | None = None

    def guard_of(self, method: str) -> Guard:
        """Return the guard of the method; HEAD has that of GET.

        An unknown method has the weakest guard of the route: only callers of the route learn that it is unknown.
        """
        if isinstance(self.guard, Guard):
            return self.guard
        known = "GET" if method == "HEAD" else method
        return self.guard.get(known, Guard.OPEN if Guard.OPEN in self.guard.values() else Guard.VIEWER)


class Gatekeeper:
    """Middleware: authorizes each request by the guard of its route.

    Middleware before it may have verified the access token and set `verified_admin` in the request's context.
    """

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
        """Raise Unauthorized, or Forbidden for a lower role. A route that is not in the table is always refused.

        Raise NotFound for a path that no HTTP client sends.
        """
        if _INVALID_PATH.search(request.path):
            raise NotFound
        bind_route(request.uri_template or "")
        try:
            await self._authorize(request)
        except (Unauthorized, Forbidden) as refusal:
            # ASVS 5.0, 16.3.2: failed authorization is logged.
            log.info("request_refused", reason=refusal.code, username=current_actor().name)
            raise

    async def _authorize(self, request: falcon.asgi.Request) -> None:
        route = self._routes.get(request.uri_template or "")
        guard = route.guard_of(request.method) if route else None
        if guard is Guard.OPEN:
            return
        token = bearer_token(request.get_header("Authorization"))
        if guard is Guard.SERVICE:
            request.context.caller = verify_service_token(token, self._service_secret, self._name, now())
        elif guard is not None and self._verifier is not None:
            verified = getattr(request.context, "verified_admin", None)
            admin = request.context.admin = verified or await self._verifier.verify(token)
            set_actor(admin.id, admin.username, admin.role)
            if ROLES.index(admin.role) < ROLES.index(guard.value):
                raise Forbidden
        else:
            raise Unauthorized
