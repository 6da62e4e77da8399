"""What this machine does not have: on a laptop the tests that need it are skipped, in CI they fail."""

import os
from typing import NoReturn

import pytest


def do_without(what: str, reason: str) -> NoReturn:
    """Skip, or fail, for that reason."""
    # In CI a skipped half of the tests would look like success.
    if os.environ.get("CI") == "true":
        pytest.fail(f"no {what} in CI: {reason}", pytrace=False)
    pytest.skip(f"no {what}: {reason}")
