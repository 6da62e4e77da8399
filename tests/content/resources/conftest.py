"""Content as a client meets it: over an in-memory store, at noon."""

from collections.abc import Iterator

import pytest

from tests.content.client import Client, client_of, content_app
from tests.content.examples import NOON, a_lesson, a_material, an_event
from tests.content.memory import InMemoryContentStore
from tests.content.resources.answers import KEY


@pytest.fixture
def store() -> InMemoryContentStore:
    """A public event with an open lesson that has a material, and a private event with a lesson of its own."""
    store = InMemoryContentStore()
    store.events.add(an_event())
    store.events.add(an_event(id="event-2", slug="secret", visibility="private", access_key=KEY, created_at=NOON))
    store.lessons.add(a_lesson())
    store.lessons.add(a_lesson(id="lesson-2", event_id="event-2"))
    store.materials.add_all([a_material(), a_material(id="material-2", lesson_id="lesson-2")])
    return store


@pytest.fixture
def client(store: InMemoryContentStore) -> Iterator[Client]:
    """A client of content over that store."""
    with client_of(content_app(store)) as client:
        yield client
