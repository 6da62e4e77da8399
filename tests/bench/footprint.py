"""How much memory everything needs while nobody asks, and how soon it is ready: with `make run`, one worker each."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from deploy import stack
from tests.bench.machine import memory
from tests.bench.targets import Check
from tests.installation import installation
from tests.leftovers import record_process
from tests.waiting import until

# After this time nothing of the start is under way.
SETTLE_SECONDS = 5


@dataclass(frozen=True)
class Footprint:
    """Seconds until a new and an old installation are ready, and the idle memory of everything in MB (PSS)."""

    first_start: float
    start: float
    idle: float

    @property
    def checks(self) -> list[Check]:
        """What is asked of an installation that nobody uses."""
        goal, of = "everything idle, one worker each", "`make run`"
        return [
            Check(goal, of, "{} MB", self.idle, 450, 350, at_most=True),
            Check(goal, of, "ready after {} s", self.start, 4, 2.5, at_most=True),
        ]


def measure_footprint(folder: Path) -> Footprint:
    """Start `make run` twice in this folder, on SQLite: the first start migrates and seeds."""
    # Never started: it knows free ports and the variables.
    with installation(folder) as known:
        environment = {**known.environment, "PYTHONPATH": str(stack.ROOT), "WEB_CONCURRENCY": "1"}
        with _running(folder, environment, known.address) as (_pid, first_start):
            pass
        with _running(folder, environment, known.address) as (pid, start):
            time.sleep(SETTLE_SECONDS)
            return Footprint(first_start, start, memory([pid]))


@contextmanager
def _running(folder: Path, environment: Mapping[str, str], address: str) -> Iterator[tuple[int, float]]:
    """Yield the id of the runner, and the seconds after which the gateway was ready."""
    started_at = time.monotonic()
    with (folder / "run.log").open("ab") as output:
        runner = subprocess.Popen(
            [sys.executable, "-m", "deploy.run"], cwd=folder, env=dict(environment), stdout=output, stderr=output
        )
    record_process(runner.pid)
    try:
        until(lambda: runner.poll() is not None or stack.is_ready(address), "a stack that is ready")
        if runner.poll() is not None:
            raise RuntimeError((folder / "run.log").read_text())
        yield runner.pid, time.monotonic() - started_at
    finally:
        os.kill(runner.pid, signal.SIGTERM)
        runner.wait(stack.STOP_SECONDS + 10)
