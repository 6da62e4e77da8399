"""Auth's stores: the in-memory twin, and Peewee's on both engines, migrated once and emptied before each test."""

from collections.abc import Iterator
from pathlib import Path

import peewee
import pytest

from services.auth.migrations import MIGRATIONS
from services.auth.models import TABLES
from services.auth.repository import AuthStore, PeeweeAuthStore
from services.kit.database import open_database
from tests.auth.memory import InMemoryAuthStore
from tests.postgresql import Server


@pytest.fixture(scope="session")
def auth_sqlite(tmp_path_factory: pytest.TempPathFactory) -> Iterator[peewee.Database]:
    """A migrated SQLite file for the whole session."""
    yield from _migrated(f"sqlite:///{Path(tmp_path_factory.mktemp('auth')) / 'auth.sqlite'}")


@pytest.fixture(scope="session")
def auth_postgresql(postgresql_server: Server) -> Iterator[peewee.Database]:
    """A migrated PostgreSQL database for the whole session."""
    url = postgresql_server.create_database()
    yield from _migrated(url)
    postgresql_server.drop_database(url)


def _migrated(url: str) -> Iterator[peewee.Database]:
    database = open_database(url)
    MIGRATIONS.up(database)
    yield database
    database.close()


def _emptied(database: peewee.Database) -> peewee.Database:
    for table in reversed(TABLES):
        table.delete().execute(database)
    return database


@pytest.fixture(params=["sqlite", "postgresql"])
def auth_database(request: pytest.FixtureRequest) -> peewee.Database:
    """A migrated database without rows, on each engine in turn."""
    return _emptied(request.getfixturevalue(f"auth_{request.param}"))


@pytest.fixture(params=["memory", "sqlite", "postgresql"])
def store(request: pytest.FixtureRequest) -> AuthStore:
    """An empty store of each kind in turn."""
    if request.param == "memory":
        return InMemoryAuthStore()
    return PeeweeAuthStore(_emptied(request.getfixturevalue(f"auth_{request.param}")))
