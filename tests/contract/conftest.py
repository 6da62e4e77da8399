"""One running stack for each engine, and clients that check every response against the contract.

On SQLite the gateway repeats responses from memory and answers usual requests before Falcon; on PostgreSQL it does
neither. So the whole suite goes both ways.
"""

from collections.abc import Iterator

import httpx
import pytest

from tests.contract.openapi import GATEWAY, Contract
from tests.contract.tokens import Tokens
from tests.installation import ENGINES, Installation, installation
from tests.postgresql import Server

CONTRACT = Contract()
# gateway/openapi.yaml documents every member, and every response but INTERNAL_ERROR.
PAGE = Contract(GATEWAY, general={(500, "INTERNAL_ERROR")}, closed=True)


@pytest.fixture(scope="session")
def contract() -> Contract:
    """The baseline."""
    return CONTRACT


@pytest.fixture(scope="session")
def sqlite_stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Installation]:
    """A stack on SQLite files, for the whole session."""
    with installation(tmp_path_factory.mktemp("sqlite")) as built:
        yield from _running(built)


@pytest.fixture(scope="session")
def postgresql_stack(tmp_path_factory: pytest.TempPathFactory, postgresql_server: Server) -> Iterator[Installation]:
    """A stack on PostgreSQL, for the whole session."""
    with installation(tmp_path_factory.mktemp("postgresql"), postgresql_server, CACHE_MEGABYTES="0") as built:
        # A field that is repeated makes a request unusual.
        built.headers_of_clients = [("X-Repeated", "once"), ("X-Repeated", "twice")]
        yield from _running(built)


def _running(built: Installation) -> Iterator[Installation]:
    built.prepare()
    built.start()
    yield built


@pytest.fixture(scope="session", params=ENGINES)
def stack(request: pytest.FixtureRequest) -> Installation:
    """A migrated and seeded stack that runs; the tests share it and create their own events in it.

    Each engine's stays until the session ends: were it built here, every file of tests would build it anew.
    """
    built: Installation = request.getfixturevalue(f"{request.param}_stack")
    return built


@pytest.fixture(scope="module")
def admin(stack: Installation) -> Iterator[httpx.Client]:
    """An owner's client; for one file only, since its token lives for 15 minutes."""
    with judged(stack.admin()) as client:
        yield client


@pytest.fixture(scope="session")
def learner(stack: Installation) -> Iterator[httpx.Client]:
    """A client without a token."""
    with judged(stack.client()) as client:
        yield client


def judged(client: httpx.Client) -> httpx.Client:
    """Check every response to the client against the baseline and gateway/openapi.yaml."""

    def judge(response: httpx.Response) -> None:
        response.read()
        CONTRACT.check(response)
        PAGE.check(response)

    client.event_hooks = {"response": [judge]}
    return client


@pytest.fixture(scope="module")
def tokens(stack: Installation, admin: httpx.Client) -> Tokens:
    """Signs tokens with auth's key, which the first sign-in has created."""
    return Tokens(stack)
