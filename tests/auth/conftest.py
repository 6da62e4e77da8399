"""Auth's stores: the in-memory twin, and Peewee's on both engines; the harness and the client use the twin."""

from collections.abc import Iterator

import peewee
import pytest

from services.auth.migrations import MIGRATIONS
from services.auth.repository.contracts import AuthStore
from services.auth.repository.store import PeeweeAuthStore
from services.kit.core.actor import set_anonymous_actor
from tests.auth.client import AuthClient, running
from tests.auth.harness import Harness
from tests.auth.memory import InMemoryAuthStore
from tests.databases import emptied_database


@pytest.fixture(autouse=True)
def anonymous_actor() -> None:
    """Forget the actor of the previous test."""
    set_anonymous_actor(None)


@pytest.fixture(params=["sqlite", "postgresql"])
def auth_database(request: pytest.FixtureRequest) -> peewee.Database:
    """A migrated database without rows, on each engine."""
    return emptied_database(request, MIGRATIONS)


@pytest.fixture(params=["memory", "sqlite", "postgresql"])
def store(request: pytest.FixtureRequest) -> AuthStore:
    if request.param == "memory":
        return InMemoryAuthStore()
    return PeeweeAuthStore(emptied_database(request, MIGRATIONS))


@pytest.fixture
def auth() -> Harness:
    """The service over the in-memory twin."""
    return Harness()


@pytest.fixture
def client(auth: Harness) -> Iterator[AuthClient]:
    """A client of the app over the in-memory twin."""
    with running(auth) as client:
        yield client
