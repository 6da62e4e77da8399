"""services.kit.core.background: a process at the lowest priority, its lines, and its end."""

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from deploy import stack
from services.kit.core.background import LOWEST_PRIORITY, BackgroundCommand, BackgroundFailed
from tests.processes import is_running
from tests.waiting import until

SCRIPT = """
import json, os, sys, time
print(json.dumps({"pid": os.getpid(), "nice": os.nice(0), "arguments": sys.argv[1:]}), flush=True)
if sys.argv[1] == "wait":
    time.sleep(3600)
sys.exit(int(sys.argv[1]))
"""


@pytest.fixture
def module(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """A module that writes one line, then waits for ever or ends with its argument."""
    (tmp_path / "one_line.py").write_text(SCRIPT)
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    return "one_line"


def lines(command: BackgroundCommand) -> list[Any]:
    """Return all lines."""
    return list(command.lines())


def test_a_command_runs_in_another_process_at_the_lowest_priority(module: str) -> None:
    [line] = lines(BackgroundCommand(module, "0", "argument"))
    assert line.pop("pid") != os.getpid()
    assert line == {"nice": LOWEST_PRIORITY, "arguments": ["0", "argument"]}
    assert os.nice(0) < LOWEST_PRIORITY


def test_a_command_that_fails_is_an_error_after_its_lines(module: str) -> None:
    running = BackgroundCommand(module, "3").lines()
    assert next(running)["arguments"] == ["3"]
    with pytest.raises(BackgroundFailed, match="its process ended with code 3"):
        next(running)


def test_an_ended_command_is_an_error_and_another_can_begin(module: str) -> None:
    command = BackgroundCommand(module, "wait")
    command.end()
    for _ in range(2):
        running = command.lines()
        pid = next(running)["pid"]
        command.end()
        with pytest.raises(BackgroundFailed, match="its process ended by SIGKILL"):
            next(running)
        assert not is_running(pid)


def test_who_stops_reading_ends_the_process(module: str) -> None:
    running: Iterator[Any] = BackgroundCommand(module, "wait").lines()
    pid = next(running)["pid"]
    running.close()  # type: ignore[attr-defined]
    assert not is_running(pid)


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux ends a process with its parent")
def test_the_process_ends_with_a_parent_that_is_killed(module: str) -> None:
    script = (
        "import threading; from services.kit.core.background import BackgroundCommand\n"
        "def read():\n    for line in BackgroundCommand('one_line', 'wait').lines(): print(line['pid'], flush=True)\n"
        "threading.Thread(target=read).start()"
    )
    parent = subprocess.Popen([sys.executable, "-c", script], cwd=stack.ROOT, stdout=subprocess.PIPE, text=True)
    with parent:
        assert parent.stdout is not None
        pid = int(parent.stdout.readline())
        assert is_running(pid)
        parent.kill()
    until(lambda: not is_running(pid), "the end of the process")
