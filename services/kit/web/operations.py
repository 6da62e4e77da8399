"""The request and response of each responder, declared beside it; the published document is made from them."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeVar

from pydantic import BaseModel

from services.kit.core.errors import ServiceError

Responder = TypeVar("Responder", bound=Callable[..., Any])

_ATTRIBUTE = "operation"


@dataclass(frozen=True, kw_only=True)
class Operation:
    """One method of one address, as the published document describes it.

    `response` is the TypedDict of the body of a success, None if there is no body; `body` and `query` are the schemas
    that the responder validates with. `errors` are its own errors: those that follow from its other declarations (401
    behind a token, 412 with If-Match and so on) are added when the document is made.
    """

    id: str
    summary: str
    description: str = ""
    response: Any = None
    status: int = 200
    body: type[BaseModel] | None = None
    body_is_optional: bool = False
    query: type[BaseModel] | None = None
    errors: tuple[type[ServiceError], ...] = ()
    is_paged: bool = False
    takes_if_match: bool = False
    takes_idempotency_key: bool = False
    gives_entity_tag: bool = False


def operation(declared: Operation) -> Callable[[Responder], Responder]:
    """Declare the request and response of a responder::

    @operation(Operation(id="getEvent", summary="Read an event.", response=Item[EventView], errors=(EventNotFound,)))
    async def on_get(self, request: Request, response: Response, event_id: str) -> None: ...
    """

    def declare(responder: Responder) -> Responder:
        setattr(responder, _ATTRIBUTE, declared)
        return responder

    return declare


def operation_of(resource: object, method: str, suffix: str | None = None) -> Operation | None:
    """Return the declaration of the resource's responder for the HTTP method, or None."""
    name = f"on_{method.lower()}" + (f"_{suffix}" if suffix else "")
    return declared_operation(getattr(resource, name, None))


def declared_operation(responder: object) -> Operation | None:
    """Return the declaration of a responder, or of a view of the gateway, or None."""
    return getattr(responder, _ATTRIBUTE, None)
