"""A stack for the fuzzer, and the figures that a note quotes."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.figures import figure
from tests.installation import Installation, installation

__all__ = ["figure"]


@pytest.fixture
def stack(tmp_path: Path) -> Iterator[Installation]:
    """A migrated and seeded installation on SQLite, running, with one proxy in front of it: the fuzzer."""
    with installation(tmp_path, TRUSTED_PROXIES="1") as built:
        built.prepare()
        built.start()
        yield built
