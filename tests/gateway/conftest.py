"""The gateway over fake services."""

from collections.abc import Iterator

import pytest

from tests.gateway.fakes import Gateway
from tests.valkey import Valkey, running_valkey


@pytest.fixture
def gateway() -> Iterator[Gateway]:
    """A gateway that limits nobody."""
    opened = Gateway()
    yield opened
    opened.close()


@pytest.fixture
def valkey() -> Iterator[Valkey]:
    """An empty shared store."""
    with running_valkey() as server:
        yield server
