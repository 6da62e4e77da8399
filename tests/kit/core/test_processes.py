"""services.kit.core.processes: the limit of open files. The end with the parent is in tests/deploy/test_run.py."""

import subprocess
import sys

import pytest

from deploy import stack

RAISE = "from services.kit.core.processes import file_limit, raise_file_limit; print(raise_file_limit(), file_limit())"


@pytest.mark.parametrize(
    ("limits", "expected"), [("-Sn 200; ulimit -Hn 300", "(200, 300) 300"), ("-n 200", "(200, 200) 200")]
)
def test_the_limit_of_open_files_is_raised_to_the_hard_one(limits: str, expected: str) -> None:
    command = ["sh", "-c", f'ulimit {limits}; exec "$@"', "sh", sys.executable, "-c", RAISE]
    done = subprocess.run(command, cwd=stack.ROOT, capture_output=True, text=True, check=True)
    assert done.stdout == f"{expected}\n"
