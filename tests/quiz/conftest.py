"""Quiz's stores: the in-memory twin, and Peewee's on both engines, migrated once and emptied before each test."""

from collections.abc import Iterator
from pathlib import Path

import peewee
import pytest

from services.kit.database import open_database
from services.quiz.migrations import MIGRATIONS
from services.quiz.models import TABLES
from services.quiz.repository import PeeweeQuizStore, QuizStore
from tests.postgresql import Server
from tests.quiz.memory import InMemoryQuizStore


@pytest.fixture(scope="session")
def quiz_sqlite(tmp_path_factory: pytest.TempPathFactory) -> Iterator[peewee.Database]:
    """A migrated SQLite file for the whole session."""
    yield from _migrated(f"sqlite:///{Path(tmp_path_factory.mktemp('quiz')) / 'quiz.sqlite'}")


@pytest.fixture(scope="session")
def quiz_postgresql(postgresql_server: Server) -> Iterator[peewee.Database]:
    """A migrated PostgreSQL database for the whole session."""
    url = postgresql_server.create_database()
    yield from _migrated(url)
    postgresql_server.drop_database(url)


def _migrated(url: str) -> Iterator[peewee.Database]:
    database = open_database(url)
    MIGRATIONS.up(database)
    yield database
    database.close()


def emptied(database: peewee.Database) -> peewee.Database:
    """The database without its rows."""
    for table in reversed(TABLES):
        table.delete().execute(database)
    return database


@pytest.fixture(params=["sqlite", "postgresql"])
def quiz_database(request: pytest.FixtureRequest) -> peewee.Database:
    """A migrated database without rows, on each engine in turn."""
    return emptied(request.getfixturevalue(f"quiz_{request.param}"))


@pytest.fixture(params=["memory", "sqlite", "postgresql"])
def store(request: pytest.FixtureRequest) -> QuizStore:
    """An empty store of each kind in turn."""
    if request.param == "memory":
        return InMemoryQuizStore()
    return PeeweeQuizStore(emptied(request.getfixturevalue(f"quiz_{request.param}")))
