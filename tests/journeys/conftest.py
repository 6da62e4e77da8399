"""Journeys run on real processes, on both engines, or with `--stack=compose` on containers.

One installation serves all of them, each with its own slugs.
"""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.figures import figure as journey_figure
from tests.installation import ENGINES, Stack, installation

# Under another name, since on containers `figure` comes from tests/compose/stacks.py.
__all__ = ["journey_figure"]

HERE = Path(__file__).parent


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Run the journeys on processes or on containers."""
    if "shared_stack" in metafunc.fixturenames:
        on_compose = metafunc.config.getoption("--stack", "local") == "compose"
        kinds = ["compose"] if on_compose else ENGINES
        metafunc.parametrize("shared_stack", kinds, indirect=True, scope="session")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Deselect on containers the journeys that start processes of their own."""
    if config.getoption("--stack", "local") != "compose":
        return
    own = [each for each in items if HERE in each.path.parents and "shared_stack" not in _fixtures(each)]
    config.hook.pytest_deselected(items=own)
    items[:] = [each for each in items if each not in own]


def _fixtures(item: pytest.Item) -> list[str]:
    return item.fixturenames if isinstance(item, pytest.Function) else []


@pytest.fixture(scope="session")
def shared_stack(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """A migrated and seeded stack."""
    if request.param == "compose":
        yield request.getfixturevalue("first_stack")
        return
    server = None if request.param == "sqlite" else request.getfixturevalue("postgresql_server")
    folder: Path = tmp_path_factory.mktemp(request.param)
    with installation(folder, server) as built:
        built.prepare()
        yield built


@pytest.fixture
def stack(shared_stack: Stack) -> Stack:
    """The stack with every process running again."""
    shared_stack.start()
    return shared_stack
