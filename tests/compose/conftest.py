"""Tests of the deployment: `pytest --town=compose tests/journeys tests/compose`, which needs a Docker engine."""

import pytest

from tests.compose import towns


def pytest_addoption(parser: pytest.Parser) -> None:
    """The option, known when this folder is among pytest's arguments."""
    parser.addoption("--town", choices=["local", "compose"], default="local", help="what the journeys run on")


def pytest_configure(config: pytest.Config) -> None:
    """The journeys, in another folder, share the containers."""
    if config.getoption("--town", "local") == "compose":
        towns.require_engine()
        config.pluginmanager.register(towns, "compose-towns")


def pytest_ignore_collect(config: pytest.Config) -> bool | None:
    """Without the option nothing here is collected."""
    return None if config.getoption("--town", "local") == "compose" else True


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """What a note quotes of the run."""
    for line in towns.FIGURES:
        terminalreporter.write_line(line)
