"""Installations for the tests of backup and restore."""

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from deploy import town
from services.kit.database import open_database
from tests.installation import Installation, installation
from tests.postgresql import Server


@pytest.fixture(params=["sqlite", "postgresql"])
def built(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Installation]:
    """A seeded installation, on each engine in turn; nothing of it runs."""
    server: Server | None = request.getfixturevalue("postgresql_server") if request.param == "postgresql" else None
    folder = tmp_path / "installation"
    folder.mkdir()
    with installation(folder, server) as made:
        _prepare(made)
        yield made


@pytest.fixture
def built_on_sqlite(tmp_path: Path) -> Iterator[Installation]:
    """A seeded installation on SQLite files; nothing of it runs."""
    folder = tmp_path / "installation"
    folder.mkdir()
    with installation(folder) as made:
        _prepare(made)
        yield made


def _prepare(made: Installation) -> None:
    """Migrate and seed every service in this process, which starts none."""
    for service in town.SERVICES.values():
        settings = service.read_settings(made.environment)
        with closing(open_database(settings.database_url)) as database:
            service.migrations.up(database)
            service.seeder.plant(database, settings, service.seeder.sets[0])
