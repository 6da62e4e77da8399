"""Installations for the tests of backup and restore."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.installation import Installation, installation
from tests.postgresql import Server


@pytest.fixture(params=["sqlite", "postgresql"])
def built(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Installation]:
    """A seeded installation, on each engine in turn; nothing of it runs."""
    server: Server | None = request.getfixturevalue("postgresql_server") if request.param == "postgresql" else None
    folder = tmp_path / "installation"
    folder.mkdir()
    with installation(folder, server) as made:
        made.prepare()
        yield made


@pytest.fixture
def built_on_sqlite(tmp_path: Path) -> Iterator[Installation]:
    """A seeded installation on SQLite files; nothing of it runs."""
    folder = tmp_path / "installation"
    folder.mkdir()
    with installation(folder) as made:
        made.prepare()
        yield made
