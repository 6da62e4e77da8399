"""Who is acting, and from where: known to whatever is written while a request is answered."""

from contextvars import ContextVar
from dataclasses import dataclass, replace
from ipaddress import ip_address

# The gateway tells the services whom it speaks for. It never takes the header from its own clients, and nobody but
# the gateway reaches a service.
CLIENT_ADDRESS_HEADER = "X-Client-Address"


@dataclass(frozen=True, slots=True)
class Actor:
    """An admin with the role of the token, or nobody who has signed in; `address` is the client's IP address."""

    id: str | None = None
    name: str | None = None
    role: str | None = None
    address: str | None = None


_NOBODY = Actor()
_actor: ContextVar[Actor] = ContextVar("actor", default=_NOBODY)


def set_anonymous_actor(address: str | None) -> None:
    """A request has come from that address; until `set_actor` nobody has signed in."""
    _actor.set(Actor(address=_ip_address(address)))


def set_actor(admin_id: str, name: str, role: str) -> None:
    """The request is that admin's."""
    _actor.set(replace(_actor.get(), id=admin_id, name=name, role=role))


def current_actor() -> Actor:
    """Who acts; outside of a request, nobody."""
    return _actor.get()


def _ip_address(text: str | None) -> str | None:
    try:
        return str(ip_address(text or ""))
    except ValueError:
        return None
