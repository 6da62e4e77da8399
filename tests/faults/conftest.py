"""Stacks to break, on each engine in turn, and the figures that a note quotes."""

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
    """What the services keep their rows in."""
    return str(request.param)


@pytest.fixture(scope="module")
def broken_stack(
    engine: str, request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[FaultStack]:
    """A stack in whatever state the test before has left it."""
    server: Server | None = request.getfixturevalue("postgresql_server") if engine == "postgresql" else None
    folder: Path = tmp_path_factory.mktemp(engine)
    with fault_stack(folder, server) as built:
        yield built


@pytest.fixture
def stack(broken_stack: FaultStack) -> FaultStack:
    """The stack with everything running and every line passing."""
    broken_stack.heal()
    return broken_stack
