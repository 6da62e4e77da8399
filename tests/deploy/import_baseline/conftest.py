"""A migrated database without rows for each service, and imports into it."""

from pathlib import Path

import peewee
import pytest

from deploy.import_baseline import content, quiz
from services.content.migrations import MIGRATIONS as CONTENT_MIGRATIONS
from services.quiz.migrations import MIGRATIONS as QUIZ_MIGRATIONS
from tests.databases import emptied_database
from tests.deploy.import_baseline.importing import Import

ENGINES = ["sqlite", pytest.param("postgresql", marks=pytest.mark.full)]


@pytest.fixture(params=ENGINES)
def content_database(request: pytest.FixtureRequest) -> peewee.Database:
    """Content's database."""
    return emptied_database(request, CONTENT_MIGRATIONS)


@pytest.fixture(params=ENGINES)
def quiz_database(request: pytest.FixtureRequest) -> peewee.Database:
    """Quiz's database."""
    return emptied_database(request, QUIZ_MIGRATIONS)


@pytest.fixture
def content_import(content_database: peewee.Database, tmp_path: Path) -> Import:
    """Imports of events, lessons and materials."""
    return Import(content.IMPORTER, content_database, tmp_path)


@pytest.fixture
def quiz_import(quiz_database: peewee.Database, tmp_path: Path) -> Import:
    """Imports of quizzes."""
    return Import(quiz.IMPORTER, quiz_database, tmp_path)
