"""gateway.__main__: the command line. tests/journeys runs the real process."""

import os
import subprocess
import sys

import pytest

from deploy import stack


def run(*arguments: str, **variables: str) -> tuple[int, str, str]:
    done = subprocess.run(
        [sys.executable, "-m", "gateway", *arguments],
        cwd=stack.ROOT,
        env={"PATH": os.environ["PATH"], **variables},
        capture_output=True,
        text=True,
        check=False,
    )
    return done.returncode, done.stdout, done.stderr


@pytest.mark.parametrize("arguments", [(), ("migrate",), ("serve", "now")])
def test_a_wrong_command_line_prints_the_usage(arguments: tuple[str, ...]) -> None:
    assert run(*arguments) == (2, "", "usage: python -m gateway serve\n")


def test_wrong_settings_are_printed_one_line_each() -> None:
    code, output, errors = run("serve", API_PORT="many", RATE_LIMIT_MAX="many")

    assert (code, output) == (1, "")
    assert errors == (
        "API_PORT must be a whole number from 1 to 65535, not 'many'\n"
        "RATE_LIMIT_MAX must be a whole number from 1 to 1000000, not 'many'\n"
    )
