"""Runs a command of auth in this process."""

from typing import NamedTuple

import pytest

from services.auth.__main__ import SERVICE
from services.kit.maintenance.command_line import main


class Outcome(NamedTuple):
    """The exit code and the lines of a command."""

    code: int
    output: list[str]
    errors: list[str]


def outcome_of(capsys: pytest.CaptureFixture[str], *arguments: str) -> Outcome:
    """Run the command and return its outcome."""
    code, captured = main(SERVICE, arguments), capsys.readouterr()
    return Outcome(code, captured.out.splitlines(), captured.err.splitlines())
