"""Auth over HTTP."""

from collections.abc import Iterator

import pytest

from tests.auth.client import Auth, AuthClient, running
from tests.auth.resources.owner import Owner


@pytest.fixture
def client() -> Iterator[AuthClient]:
    """A client of the app, running."""
    with running(Auth()) as client:
        yield client


@pytest.fixture
def app(client: AuthClient) -> Owner:
    """The same, as its only owner uses it."""
    return Owner(client)
