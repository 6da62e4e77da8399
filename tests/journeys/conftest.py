"""Journeys run over real processes, on both engines."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.installation import Installation, installation


@pytest.fixture(params=["sqlite", "postgresql"])
def town(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Installation]:
    """A migrated and seeded installation, running."""
    server = None if request.param == "sqlite" else request.getfixturevalue("postgresql_server")
    with installation(tmp_path, server) as built:
        built.prepare()
        built.start()
        yield built
