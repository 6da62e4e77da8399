"""The actor of the current request: who calls, and from which address."""

from contextvars import ContextVar
from dataclasses import dataclass, replace
from ipaddress import ip_address

# The gateway names its client to the services. It ignores the header in its clients' own requests, and only the
# gateway can reach a service.
CLIENT_ADDRESS_HEADER = "X-Client-Address"


@dataclass(frozen=True, slots=True)
class Actor:
    """An admin with the role of the token, or an anonymous caller; `address` is the client's IP address."""

    id: str | None = None
    name: str | None = None
    role: str | None = None
    address: str | None = None


_ANONYMOUS = Actor()
_actor: ContextVar[Actor] = ContextVar("actor", default=_ANONYMOUS)


def set_anonymous_actor(address: str | None) -> None:
    """Begin a request from this address; its actor is anonymous until `set_actor`."""
    try:
        _actor.set(Actor(address=str(ip_address(address or ""))))
    except ValueError:
        _actor.set(_ANONYMOUS)


def set_actor(admin_id: str, name: str, role: str) -> None:
    """Name the admin who signed in, and keep the address."""
    _actor.set(replace(_actor.get(), id=admin_id, name=name, role=role))


def current_actor() -> Actor:
    """Return the actor of the request; outside of one, an anonymous actor without an address."""
    return _actor.get()
