"""Auth's app, running."""

from collections.abc import Iterator

import pytest

from tests.auth.resources.running import Running, running_app


@pytest.fixture
def app() -> Iterator[Running]:
    """See Running."""
    with running_app() as running:
        yield running
