"""Towns to break, on each engine in turn, and the figures that a note quotes."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.faults.extent import Figure
from tests.faults.town import FaultTown, fault_town
from tests.postgresql import Server


def pytest_terminal_summary(terminalreporter: Any) -> None:
    """What was counted, whichever worker has counted it."""
    reports = [report for each in terminalreporter.stats.values() for report in each]
    for report in reports:
        if getattr(report, "when", None) == "call":
            for name, line in report.user_properties:
                terminalreporter.write_line(f"{name}: {line}")


@pytest.fixture
def figure(request: pytest.FixtureRequest) -> Figure:
    """Notes a line for the end of the run; with `-s` it is shown at once as well."""

    def note(line: str) -> None:
        request.node.user_properties.append(("figure", line))
        print(line)  # noqa: T201

    return note


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def engine(request: pytest.FixtureRequest) -> str:
    """What the services keep their rows in."""
    return str(request.param)


@pytest.fixture(scope="module")
def broken_town(
    engine: str, request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[FaultTown]:
    """A town in whatever state the test before has left it."""
    server: Server | None = request.getfixturevalue("postgresql_server") if engine == "postgresql" else None
    folder: Path = tmp_path_factory.mktemp(engine)
    with fault_town(folder, server) as built:
        yield built


@pytest.fixture
def town(broken_town: FaultTown) -> FaultTown:
    """The town with everything running and every line passing."""
    broken_town.heal()
    return broken_town
