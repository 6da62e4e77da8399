"""How much a test does, a little in `make test` or all of it when its own command says so, and what it then tells."""

import os
from collections.abc import Callable

import pytest

# Notes a line that is shown at the end of the run.
Figure = Callable[[str], None]


def in_full(variable: str) -> bool:
    """Whether that variable of the environment asks for everything: `small`, as without it, or `full`."""
    chosen = os.environ.get(variable, "small")
    if chosen not in ("small", "full"):
        raise ValueError(f"{variable} must be small or full, not {chosen!r}")
    return chosen == "full"


@pytest.fixture
def figure(request: pytest.FixtureRequest) -> Figure:
    """Notes a line for the end of the run; with `-s` it is shown at once as well."""

    def note(line: str) -> None:
        request.node.user_properties.append(("figure", line))
        print(line)  # noqa: T201

    return note
