"""Content as a client meets it: over an in-memory store, at noon."""

from collections.abc import Iterator

import pytest

from tests.content.client import Client, content_app
from tests.content.examples import with_two_events
from tests.content.memory import InMemoryContentStore


@pytest.fixture
def store() -> InMemoryContentStore:
    """A public event with an open lesson that has a material, and a private event with a lesson of its own."""
    return with_two_events(InMemoryContentStore())


@pytest.fixture
def client(store: InMemoryContentStore) -> Iterator[Client]:
    """A client of content over that store."""
    with Client.of(content_app(store)) as client:
        yield client
