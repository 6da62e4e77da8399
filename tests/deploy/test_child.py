"""deploy.child: a process ends with the process that started it."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from deploy import stack
from tests.processes import is_running
from tests.waiting import until

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells a process that its parent has ended")

# A module in the place of a service: it writes who runs it with which arguments, and sleeps.
SLEEPER = """
import os, pathlib, sys, time

pathlib.Path(sys.argv[1]).write_text(f"{os.getpid()} {__name__} {sys.argv[2:]}")
time.sleep(120)
"""
STARTER = """
import os, subprocess, sys, time

with subprocess.Popen([sys.executable, "-m", "deploy.child", str(os.getpid()), "sleeper", *sys.argv[1:]]):
    time.sleep(120)
"""


@pytest.fixture
def environment(tmp_path: Path) -> dict[str, str]:
    """Return the environment in which a module `sleeper` can be run."""
    (tmp_path / "sleeper.py").write_text(SLEEPER)
    return {**os.environ, "PYTHONPATH": f"{stack.ROOT}{os.pathsep}{tmp_path}"}


def test_a_process_ends_when_its_starter_is_killed(environment: dict[str, str], tmp_path: Path) -> None:
    started = tmp_path / "started"
    command = [sys.executable, "-c", STARTER, str(started), "one", "two"]
    with subprocess.Popen(command, env=environment) as starter:
        until(lambda: started.exists() and started.read_text().endswith("]"), "the module runs")
        pid, name, arguments = started.read_text().split(" ", 2)
        assert (name, arguments) == ("__main__", "['one', 'two']")
        starter.kill()
    until(lambda: not is_running(int(pid)), "the process has ended", seconds=20)


def test_a_process_whose_starter_is_gone_already_runs_nothing(environment: dict[str, str], tmp_path: Path) -> None:
    started = tmp_path / "started"
    # Its parent is this process, not the one that it is told.
    command = [sys.executable, "-m", "deploy.child", "1", "sleeper", str(started)]
    with subprocess.Popen(command, env=environment) as orphan:
        until(lambda: orphan.poll() is not None or started.exists(), "it has decided")
        orphan.kill()
    assert (orphan.returncode, started.exists()) == (1, False)
