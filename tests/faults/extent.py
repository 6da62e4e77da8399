"""How much is done: a little in `make test`, all of it with FAULTS=full, as `make test-faults` sets it."""

from tests.figures import in_full

FULL = in_full("FAULTS")


def so_many(small: int, full: int) -> int:
    """One of both numbers."""
    return full if FULL else small
