"""Quiz's stores: the in-memory twin, and Peewee's on both engines, migrated once and emptied before each test."""

import peewee
import pytest

from services.quiz.migrations import MIGRATIONS
from services.quiz.repository.contracts import QuizStore
from services.quiz.repository.store import PeeweeQuizStore
from tests.databases import emptied_database
from tests.quiz.memory import InMemoryQuizStore


@pytest.fixture(params=["sqlite", "postgresql"])
def quiz_database(request: pytest.FixtureRequest) -> peewee.Database:
    """A migrated database without rows, on each engine in turn."""
    return emptied_database(request, MIGRATIONS)


@pytest.fixture(params=["memory", "sqlite", "postgresql"])
def store(request: pytest.FixtureRequest) -> QuizStore:
    """An empty store of each kind in turn, for the contract of the repository."""
    if request.param == "memory":
        return InMemoryQuizStore()
    return PeeweeQuizStore(emptied_database(request, MIGRATIONS))
