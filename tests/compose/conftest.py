"""Tests of the deployment: `pytest --stack=compose tests/journeys tests/compose`, which needs a Docker engine."""

import pytest

from tests.compose import stacks


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the option, known when this folder is among pytest's arguments."""
    parser.addoption("--stack", choices=["local", "compose"], default="local", help="what the journeys run on")


def pytest_configure(config: pytest.Config) -> None:
    """Let the journeys, in another folder, share the containers."""
    if config.getoption("--stack", "local") == "compose":
        stacks.require_engine()
        config.pluginmanager.register(stacks, "compose-stacks")


def pytest_ignore_collect(config: pytest.Config) -> bool | None:
    """Collect nothing here without the option."""
    return None if config.getoption("--stack", "local") == "compose" else True


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Show the figures."""
    for line in stacks.FIGURES:
        terminalreporter.write_line(line)
