"""How much is done: a little in `make test`, all of it with FAULTS=full, as `make test-faults` sets it."""

import os
from collections.abc import Callable

# Notes a line that is shown at the end of the run.
Figure = Callable[[str], None]

_CHOSEN = os.environ.get("FAULTS", "small")
if _CHOSEN not in ("small", "full"):
    raise ValueError(f"FAULTS must be small or full, not {_CHOSEN!r}")

FULL = _CHOSEN == "full"


def so_many(small: int, full: int) -> int:
    """One of both numbers."""
    return full if FULL else small
