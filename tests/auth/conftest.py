"""Auth's stores: the in-memory twin, and Peewee's on both engines, migrated once and emptied before each test."""

import peewee
import pytest

from services.auth.migrations import MIGRATIONS
from services.auth.repository.contracts import AuthStore
from services.auth.repository.store import PeeweeAuthStore
from services.kit.core.actor import set_anonymous_actor
from tests.auth.memory import InMemoryAuthStore
from tests.auth.world import World
from tests.databases import emptied_database


@pytest.fixture(autouse=True)
def nobody_acts() -> None:
    """As when a request begins: whoever signed in in the test before is not here any more."""
    set_anonymous_actor(None)


@pytest.fixture(params=["sqlite", "postgresql"])
def auth_database(request: pytest.FixtureRequest) -> peewee.Database:
    """A migrated database without rows, on each engine in turn."""
    return emptied_database(request, MIGRATIONS)


@pytest.fixture(params=["memory", "sqlite", "postgresql"])
def store(request: pytest.FixtureRequest) -> AuthStore:
    """An empty store of each kind in turn."""
    if request.param == "memory":
        return InMemoryAuthStore()
    return PeeweeAuthStore(emptied_database(request, MIGRATIONS))


@pytest.fixture
def world(store: AuthStore) -> World:
    """The service over each store in turn; see World."""
    return World(store)
