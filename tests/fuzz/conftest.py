"""A stack for the fuzzer."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.figures import figure
from tests.installation import Installation, installation

__all__ = ["figure"]


@pytest.fixture
def stack(tmp_path: Path) -> Iterator[Installation]:
    """A running stack on SQLite that trusts one proxy: the fuzzer."""
    with installation(tmp_path, TRUSTED_PROXIES="1") as built:
        built.prepare()
        built.start()
        yield built
