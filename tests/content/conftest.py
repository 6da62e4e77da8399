"""The stores of content: the in-memory twin, and both engines, migrated once and emptied before each test."""

import peewee
import pytest

from services.content.migrations import MIGRATIONS
from services.content.repository.contracts import ContentStore
from services.content.repository.store import PeeweeContentStore
from tests.content.memory import InMemoryContentStore
from tests.databases import emptied_database


@pytest.fixture(params=["sqlite", "postgresql"])
def content_database(request: pytest.FixtureRequest) -> peewee.Database:
    """Return a migrated database without rows, on each engine in turn."""
    return emptied_database(request, MIGRATIONS)


@pytest.fixture(params=["memory", "sqlite", "postgresql"])
def store(request: pytest.FixtureRequest) -> ContentStore:
    """Return an empty store of each kind in turn."""
    if request.param == "memory":
        return InMemoryContentStore()
    return PeeweeContentStore(emptied_database(request, MIGRATIONS))
