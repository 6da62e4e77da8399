"""The request and response of each responder, declared beside it; the published document is made from them."""

import inspect
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, TypeVar

from pydantic import BaseModel

from services.kit.core.errors import ServiceError

Responder = TypeVar("Responder", bound=Callable[..., Any])

_ATTRIBUTE = "operation"


@dataclass(frozen=True, kw_only=True)
class Operation:
    """The decorator of a responder: one method of one address, as the published document describes it.

    Without a `summary`, the first paragraph of the responder's docstring is the summary, and the rest is the
    description. `response` is the TypedDict of the body of a success, None if there is no JSON; `texts` are the media
    types of bodies that are no JSON. `body` and `query` are the schemas that the responder validates with. `errors` are
    its own errors: those that follow from its other declarations (401 behind a token, 412 with If-Match and so on) are
    added when the document is made. `reads` are the GET forms that the gateway makes of the response. With
    `is_conditional` the response has an ETag, and If-None-Match is looked at::

        @Operation(id="getEvent", response=Item[EventView], errors=(EventNotFound,))
        async def on_get(self, request: Request, response: Response, event_id: str) -> None: ...
    """

    id: str
    summary: str = ""
    description: str = ""
    body: type[BaseModel] | None = None
    body_is_optional: bool = False
    query: type[BaseModel] | None = None
    response: Any = None
    texts: tuple[str, ...] = ()
    status: int = 200
    errors: tuple[type[ServiceError], ...] = ()
    is_paged: bool = False
    takes_if_match: bool = False
    takes_idempotency_key: bool = False
    gives_entity_tag: bool = False
    reads: tuple["Operation", ...] = ()
    is_conditional: bool = False

    def __call__(self, responder: Responder) -> Responder:
        """Declare the request and response of the responder."""
        setattr(responder, _ATTRIBUTE, self if self.summary else self._described_by(responder))
        return responder

    def _described_by(self, responder: Responder) -> "Operation":
        summary, _, description = (inspect.getdoc(responder) or "").partition("\n\n")
        return replace(self, summary=" ".join(summary.split()), description=" ".join(description.split()))


def operation_of(resource: object, method: str, suffix: str | None = None) -> Operation | None:
    """Return the declaration of the resource's responder for the HTTP method, or None."""
    name = f"on_{method.lower()}" + (f"_{suffix}" if suffix else "")
    return declared_operation(getattr(resource, name, None))


def declared_operation(responder: object) -> Operation | None:
    """Return the declaration of a responder, or of a view of the gateway, or None."""
    return getattr(responder, _ATTRIBUTE, None)
