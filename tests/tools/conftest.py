"""A new installation of the demo season, as whoever reads the document finds it."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.installation import Installation
from tests.tools.season import demo_season


@pytest.fixture
def demo(tmp_path: Path) -> Iterator[Installation]:
    """A running installation with the demo season."""
    with demo_season(tmp_path) as stack:
        yield stack
