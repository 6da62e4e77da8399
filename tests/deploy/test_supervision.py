"""deploy.supervision: which process is started again, and when."""

from pathlib import Path
from types import SimpleNamespace
from typing import Any

from deploy.stack import Process, StartFailed
from deploy.supervision import LONGEST_PAUSE_SECONDS, STEADY_SECONDS, Supervised


class Runs:
    """Processes that end when the test says so, and the time."""

    def __init__(self) -> None:
        self.at = 0.0
        self.starts: list[float] = []
        self.lines: list[str] = []
        self.ended: Any = SimpleNamespace(returncode=-9, poll=lambda: -9)
        self.running: Any = SimpleNamespace(returncode=None, poll=lambda: None)
        self.popen: Any = self.running
        self.supervised = Supervised(self.start("quiz"), self.start, self.lines.append, lambda: self.at)

    def start(self, name: str) -> Process:
        """Start a process."""
        self.starts.append(self.at)
        return Process(name, self.popen, Path("data/logs/quiz.log"))

    def look_until(self, at: float) -> None:
        """Look four times a second until this time."""
        while self.at < at:
            self.at += 0.25
            self.supervised.look()


def test_a_process_that_runs_is_left_alone() -> None:
    runs = Runs()
    runs.look_until(10)
    assert (runs.starts, runs.lines) == ([0.0], [])


def test_a_process_that_keeps_ending_is_started_after_longer_and_longer_pauses() -> None:
    runs = Runs()
    runs.supervised.process = Process("quiz", runs.ended, Path("data/logs/quiz.log"))
    runs.popen = runs.ended
    runs.look_until(100)
    pauses = [later - earlier for earlier, later in zip(runs.starts[1:], runs.starts[2:], strict=False)]
    # It ends at once, which the next look sees.
    assert [round(pause - 0.25) for pause in pauses] == [2, 4, 8, 16, LONGEST_PAUSE_SECONDS, LONGEST_PAUSE_SECONDS]
    assert runs.lines[0] == "quiz ended (SIGKILL; see data/logs/quiz.log): it is started again in 1 s"


def test_a_process_that_ran_steadily_is_started_again_soon() -> None:
    runs = Runs()
    for _ in range(2):
        runs.look_until(runs.at + STEADY_SECONDS)
        runs.supervised.process = Process("quiz", runs.ended, Path("data/logs/quiz.log"))
        runs.look_until(runs.at + 2)
    assert [line.rpartition(" in ")[2] for line in runs.lines] == ["1 s", "1 s"]


def test_a_start_that_fails_is_reported_and_tried_again_later() -> None:
    runs = Runs()

    def fail(name: str) -> Process:
        runs.starts.append(runs.at)
        raise StartFailed(f"{name} cannot be started (No space left on device)")

    runs.supervised = Supervised(runs.supervised.process, fail, runs.lines.append, lambda: runs.at)
    runs.supervised.process = Process("quiz", runs.ended, Path("data/logs/quiz.log"))
    runs.look_until(8)
    assert runs.starts == [0.0, 1.25, 3.25, 7.25]
    assert runs.lines[1:3] == [
        f"quiz cannot be started (No space left on device): it is tried again in {pause} s" for pause in (2, 4)
    ]
