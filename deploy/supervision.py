"""Start a process again when it has ended, after a pause that doubles each time. Other processes are not touched."""

import time
from collections.abc import Callable

from deploy.stack import Process, StartFailed

FIRST_PAUSE_SECONDS = 1.0
LONGEST_PAUSE_SECONDS = 30.0
# A process that has run for so long gets the first pause again.
STEADY_SECONDS = 60.0


class Supervised:
    """A process that is started again. `report` gets a line for people each time it has ended."""

    def __init__(
        self,
        process: Process,
        start: Callable[[str], Process],
        report: Callable[[str], None],
        elapsed: Callable[[], float] = time.monotonic,
    ):
        self.process = process
        self._start = start
        self._report = report
        self._elapsed = elapsed
        self._started_at = elapsed()
        self._pause = FIRST_PAUSE_SECONDS
        self._due: float | None = None

    def look(self) -> None:
        """Start the process again if it has ended and its pause is over."""
        if self._due is None and not self.process.is_running:
            self._plan()
        if self._due is not None and self._elapsed() >= self._due:
            self._start_again()

    def _start_again(self) -> None:
        try:
            self.process = self._start(self.process.name)
        except StartFailed as error:
            self._report(f"{error}: it is tried again in {self._pause:.0f} s")
            self._postpone()
        else:
            self._started_at, self._due = self._elapsed(), None

    def _plan(self) -> None:
        if self._elapsed() - self._started_at >= STEADY_SECONDS:
            self._pause = FIRST_PAUSE_SECONDS
        name, log = self.process.name, self.process.log
        self._report(f"{name} ended ({self.process.ending}; see {log}): it is started again in {self._pause:.0f} s")
        self._postpone()

    def _postpone(self) -> None:
        self._due = self._elapsed() + self._pause
        self._pause = min(2 * self._pause, LONGEST_PAUSE_SECONDS)
