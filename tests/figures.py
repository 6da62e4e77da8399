"""How much a test does, and the figures that it notes for the end of the run."""

import os
from collections.abc import Callable

import pytest

# Notes a line that is shown at the end of the run.
Figure = Callable[[str], None]

# `make proof` sets PROOF=1: the long proofs run at their full size.
PROOF = os.environ.get("PROOF") == "1"


def so_many(usual: int, proof: int) -> int:
    """Return the usual number, or the larger one in `make proof`."""
    return proof if PROOF else usual


@pytest.fixture
def figure(request: pytest.FixtureRequest) -> Figure:
    """Note a line for the end of the run; with `-s` it is printed at once as well."""

    def note(line: str) -> None:
        request.node.user_properties.append(("figure", line))
        print(line)  # noqa: T201

    return note
