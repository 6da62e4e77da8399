"""Stacks for faults, on each engine in turn."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.faults.stack import FaultStack, fault_stack
from tests.figures import figure
from tests.installation import ENGINES
from tests.postgresql import Server

__all__ = ["figure"]


@pytest.fixture(scope="module", params=ENGINES)
def engine(request: pytest.FixtureRequest) -> str:
    """The engine of the services' databases."""
    return str(request.param)


@pytest.fixture(scope="module")
def broken_stack(
    engine: str, request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[FaultStack]:
    """A stack in the state in which the test before has left it."""
    server: Server | None = request.getfixturevalue("postgresql_server") if engine == "postgresql" else None
    folder: Path = tmp_path_factory.mktemp(engine)
    with fault_stack(folder, server) as built:
        yield built


@pytest.fixture
def stack(broken_stack: FaultStack) -> FaultStack:
    """The stack, healed."""
    broken_stack.heal()
    return broken_stack
