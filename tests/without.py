"""Requirements that are missing: the tests that need them are skipped, and fail in CI."""

import os
from typing import NoReturn

import pytest


def do_without(what: str, reason: str) -> NoReturn:
    """Skip the test, or fail in CI, with the reason."""
    # In CI a skipped half of the tests would look like success.
    if os.environ.get("CI") == "true":
        pytest.fail(f"no {what} in CI: {reason}", pytrace=False)
    pytest.skip(f"no {what}: {reason}")
