"""The gateway's questions for a version, thousands a second, answered before Falcon, which costs more than the read.

A question that is unusual in any way, or fails, is left to Falcon and the route of the same address.
"""

import re
import time
from collections.abc import Awaitable, Callable
from dataclasses import asdict
from typing import Any

import orjson

from services.kit.core.errors import ServiceError
from services.kit.core.instants import now
from services.kit.core.metrics import REQUEST_SECONDS
from services.kit.web.app import Direct
from services.kit.web.bodies import Receive
from services.kit.web.freshness import Version
from services.kit.web.tokens.access import bearer_token
from services.kit.web.tokens.service import verify_service_token

# One route for all of them: the template of the address is known to Falcon only.
_ANSWERED = ("versions", "GET", 200)


def direct_versions(
    service: str, service_secret: str, address: re.Pattern[str], read: Callable[..., Awaitable[Version]]
) -> Direct:
    """Return the direct responses of a service: `read` gets the groups of the path that the pattern matches."""

    async def respond(scope: Any, _receive: Receive, send: Any) -> bool:
        asked = address.fullmatch(scope["path"])
        if asked is None or scope["method"] != "GET":
            return False
        began_at = time.perf_counter()
        try:
            _require_service(scope, service, service_secret)
            body = orjson.dumps(asdict(await read(*asked.groups())))
        except ServiceError:
            return False
        headers = [(b"content-type", b"application/json"), (b"content-length", b"%d" % len(body))]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": body})
        REQUEST_SECONDS.observe(time.perf_counter() - began_at, _ANSWERED)
        return True

    return respond


def _require_service(scope: Any, service: str, service_secret: str) -> None:
    authorizations = [value.decode("latin-1") for name, value in scope["headers"] if name == b"authorization"]
    token = bearer_token(authorizations[0] if len(authorizations) == 1 else None)
    verify_service_token(token, service_secret, service, now())
