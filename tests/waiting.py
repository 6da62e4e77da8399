"""Waiting for a condition instead of sleeping."""

import time
from collections.abc import Callable

PATIENCE_SECONDS = 120
POLL_SECONDS = 0.05


def until(condition: Callable[[], bool], what: str, seconds: float = PATIENCE_SECONDS) -> None:
    """Poll until the condition holds; after `seconds` fail with the name of what did not happen."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, f"after {seconds:.0f} s still not: {what}"
        time.sleep(POLL_SECONDS)
