"""Imports of libraries that load Rich where it is installed, for consoles that no process of ours has: without it.

Rich is there for `flix`. In a process that serves it would take 5.5 MB (structlog) or 3.5 MB (httpx).
"""

import sys
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def without_rich() -> Iterator[None]:
    """Let imports inside find no Rich, unless it is loaded already."""
    if "rich" in sys.modules:
        yield
        return
    sys.modules["rich"] = None  # type: ignore[assignment]
    try:
        yield
    finally:
        del sys.modules["rich"]
