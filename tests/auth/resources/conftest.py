"""Auth over HTTP."""

from collections.abc import Iterator

import pytest

from tests.auth.client import Auth, AuthClient, running


@pytest.fixture
def client() -> Iterator[AuthClient]:
    """A client of the app, running."""
    with running(Auth()) as client:
        yield client
