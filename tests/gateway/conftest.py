"""The gateway over fake services."""

from collections.abc import Iterator

import pytest

from tests.gateway.door import Door
from tests.valkey import Valkey, running_valkey


@pytest.fixture
def door() -> Iterator[Door]:
    """A gateway that limits nobody."""
    opened = Door()
    yield opened
    opened.close()


@pytest.fixture
def valkey() -> Iterator[Valkey]:
    """A shared store with nothing in it."""
    with running_valkey() as server:
        yield server
