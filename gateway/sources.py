"""The responders of the services whose declarations describe the gateway's views in the published document."""

from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum
from typing import Any, TypeVar

View = TypeVar("View", bound=Callable[..., Any])

_ATTRIBUTE = "source"


class Service(Enum):
    """A service behind the gateway."""

    CONTENT = "content"
    QUIZ = "quiz"
    AUTH = "auth"


@dataclass(frozen=True)
class Source:
    """The responder that declares an operation: its service, its method and its path template there.

    An operation with an `admission` calls that responder first, so both read the client's body and both may refuse.
    `reads_body` is False where the gateway composes the body of the call itself. `read` is the id of the declaration of
    the GET form that the gateway makes of the response.
    """

    service: Service
    method: str
    path: str
    admission: "Source | None" = None
    reads_body: bool = True
    read: str | None = None


def declared_by(source: Source) -> Callable[[View], View]:
    """Name the responder whose response the view returns."""

    def declare(view: View) -> View:
        setattr(view, _ATTRIBUTE, source)
        return view

    return declare


def source_of(view: object) -> Source | None:
    """Return the responder whose response the view returns, None for a view with its own declaration."""
    return getattr(view, _ATTRIBUTE, None)
