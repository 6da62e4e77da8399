"""Name the responders of the services that a view passes on, so that the published document can describe the view."""

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

    An operation with an `admission` calls that responder first: the client's body and the refusals are those of both.
    `reads_body` is False where the gateway composes the body of the call itself.
    """

    service: Service
    method: str
    path: str
    admission: "Source | None" = None
    reads_body: bool = True


def passes_on(source: Source) -> Callable[[View], View]:
    """Declare the responder whose response the view passes on."""

    def declare(view: View) -> View:
        setattr(view, _ATTRIBUTE, source)
        return view

    return declare


def source_of(view: object) -> Source | None:
    """Return the responder whose response the view passes on, None for a view with a response of its own."""
    return getattr(view, _ATTRIBUTE, None)
