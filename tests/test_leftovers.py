"""A run removes what an interrupted one has left, and nothing else."""

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests import leftovers
from tests.leftovers import record_process, remove_leftovers

SLEEP = [sys.executable, "-c", "import time; time.sleep(600)"]
PIPES: dict[str, Any] = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}


@pytest.fixture(autouse=True)
def records(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty folder of records."""
    monkeypatch.setattr(leftovers, "RECORDS", tmp_path)
    return tmp_path


def test_the_processes_of_a_killed_run_are_ended(records: Path) -> None:
    with subprocess.Popen(SLEEP, start_new_session=True) as left:
        record_process(left.pid)
        (own,) = records.iterdir()
        # As if the run that wrote it had been another process, which is gone.
        own.rename(records / f"{os.getpid()}-0")

        remove_leftovers()

        assert left.wait() == -9
    assert list(records.iterdir()) == []


def test_the_processes_of_a_living_run_go_on(records: Path) -> None:
    with subprocess.Popen("cat", start_new_session=True, **PIPES) as running:
        record_process(running.pid)
        remove_leftovers()
        assert goes_on(running)
        assert len(list(records.iterdir())) == 1


def test_another_process_of_the_same_number_goes_on(records: Path) -> None:
    with subprocess.Popen("cat", start_new_session=True, **PIPES) as other:
        (records / "1-0").write_text(f"process {other.pid} 0\n")
        remove_leftovers()
        assert goes_on(other)
    assert list(records.iterdir()) == []


def goes_on(cat: subprocess.Popen[str]) -> bool:
    """Return whether it still copies what it reads, and let it end. A process that was just killed may not be gone."""
    return cat.communicate("still here")[0] == "still here"
