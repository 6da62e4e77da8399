"""Content as a client meets it, at noon."""

from collections.abc import Iterator

import pytest

from tests.content.client import Client, content_app
from tests.content.examples import with_two_events
from tests.content.memory import InMemoryContentStore


@pytest.fixture
def store() -> InMemoryContentStore:
    """Return a store with a public and a private event, each with an open lesson that has a material."""
    return with_two_events(InMemoryContentStore())


@pytest.fixture
def client(store: InMemoryContentStore) -> Iterator[Client]:
    """Return a client of content over that store."""
    with Client.of(content_app(store)) as client:
        yield client
