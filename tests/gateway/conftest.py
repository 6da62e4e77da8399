"""The gateway over fake services."""

from collections.abc import Iterator

import pytest

from tests.gateway.door import Door


@pytest.fixture
def door() -> Iterator[Door]:
    """A gateway that limits nobody."""
    opened = Door()
    yield opened
    opened.close()
