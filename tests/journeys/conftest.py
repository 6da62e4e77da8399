"""Journeys run over real processes, on both engines. One installation serves all of them, each with its own slugs."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.installation import Installation, installation


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def shared_town(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Installation]:
    """A migrated and seeded installation."""
    server = None if request.param == "sqlite" else request.getfixturevalue("postgresql_server")
    folder: Path = tmp_path_factory.mktemp(request.param)
    with installation(folder, server) as built:
        built.prepare()
        yield built


@pytest.fixture
def town(shared_town: Installation) -> Installation:
    """The installation with every process running, whatever the journey before has ended."""
    shared_town.start()
    return shared_town
