"""Content as a client meets it, at noon."""

from collections.abc import Iterator

import peewee
import pytest

from services.content.repository.store import PeeweeContentStore
from tests.content.client import Client, content_app
from tests.content.examples import with_two_events
from tests.content.memory import InMemoryContentStore
from tests.content.resources.answers import full_store


@pytest.fixture
def store() -> InMemoryContentStore:
    """Return a store with a public and a private event, each with an open lesson that has a material."""
    return with_two_events(InMemoryContentStore())


@pytest.fixture
def client(store: InMemoryContentStore) -> Iterator[Client]:
    """Return a client of content over that store."""
    with Client.of(content_app(store)) as client:
        yield client


@pytest.fixture
def full_client(content_database: peewee.Database) -> Iterator[Client]:
    """Return a client of content over each engine in turn, with 120 rows of each kind."""
    with Client.of(content_app(full_store(PeeweeContentStore(content_database)))) as client:
        yield client
