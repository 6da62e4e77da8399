"""Content's stores: the in-memory twin, and Peewee's on both engines, migrated once and emptied before each test."""

from collections.abc import Iterator
from pathlib import Path

import peewee
import pytest
from hypothesis import settings

from services.content.migrations import MIGRATIONS
from services.content.models import EventRow
from services.content.repository import ContentStore, PeeweeContentStore
from services.kit.database import open_database
from tests.content.memory import InMemoryContentStore
from tests.postgresql import Server

# No example fails for being slow: a shared machine is slow now and then.
settings.register_profile("no deadline", deadline=None)
settings.load_profile("no deadline")


@pytest.fixture(scope="session")
def content_sqlite(tmp_path_factory: pytest.TempPathFactory) -> Iterator[peewee.Database]:
    """A migrated SQLite file for the whole session."""
    yield from _migrated(f"sqlite:///{Path(tmp_path_factory.mktemp('content')) / 'content.sqlite'}")


@pytest.fixture(scope="session")
def content_postgresql(postgresql_server: Server) -> Iterator[peewee.Database]:
    """A migrated PostgreSQL database for the whole session."""
    url = postgresql_server.create_database()
    yield from _migrated(url)
    postgresql_server.drop_database(url)


def _migrated(url: str) -> Iterator[peewee.Database]:
    database = open_database(url)
    MIGRATIONS.up(database)
    yield database
    database.close()


def _emptied(request: pytest.FixtureRequest) -> peewee.Database:
    database: peewee.Database = request.getfixturevalue(f"content_{request.param}")
    # Lessons and materials go with their events.
    EventRow.delete().execute(database)
    return database


@pytest.fixture(params=["sqlite", "postgresql"])
def content_database(request: pytest.FixtureRequest) -> peewee.Database:
    """A migrated database without rows, on each engine in turn."""
    return _emptied(request)


@pytest.fixture(params=["memory", "sqlite", "postgresql"])
def store(request: pytest.FixtureRequest) -> ContentStore:
    """An empty store of each kind in turn."""
    return InMemoryContentStore() if request.param == "memory" else PeeweeContentStore(_emptied(request))
