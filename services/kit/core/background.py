"""A command in a process of its own beside a server, at the lowest priority, which reports in JSON lines.

`python -m services.kit.core.background PARENT_PID MODULE ARGUMENT...` runs the module in such a process.
"""

import os
import runpy
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import orjson

from services.kit.core.processes import end_with_parent

LOWEST_PRIORITY = 19
_ROOT = Path(__file__).parents[3]


class BackgroundFailed(Exception):
    """The process has not finished its work."""


class BackgroundCommand:
    """A command of which one process runs at a time. It gets the environment of this process."""

    def __init__(self, module: str, *arguments: str):
        self._command = [module, *arguments]
        self._process: subprocess.Popen[bytes] | None = None
        self._lock = threading.Lock()

    def lines(self) -> Iterator[Any]:
        """Start the process and yield each document that it writes. Raise BackgroundFailed or OSError.

        Call it in a thread that reads to the end: on Linux the process ends with this thread.
        """
        process = self._start()
        with process:
            try:
                yield from map(orjson.loads, process.stdout or ())
            except BaseException:
                process.kill()
                raise
            finally:
                with self._lock:
                    self._process = None
        if process.returncode:
            raise BackgroundFailed(_reason(process.returncode))

    def _start(self) -> subprocess.Popen[bytes]:
        command = [sys.executable, "-m", __name__, str(os.getpid()), *self._command]
        with self._lock:
            self._process = subprocess.Popen(  # noqa: S603 our own module, under our own interpreter
                command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, cwd=_ROOT
            )
            return self._process

    def end(self) -> None:
        """End the process if it runs."""
        with self._lock:
            if self._process is not None:
                self._process.kill()


def _reason(code: int) -> str:
    return f"its process ended by {signal.Signals(-code).name}" if code < 0 else f"its process ended with code {code}"


def main() -> None:
    """Bind this process to its parent, lower its priority, and run the module in it."""
    parent, module, *arguments = sys.argv[1:]
    # At once: whatever runs here only reads.
    if not end_with_parent(int(parent), signal.SIGKILL):
        sys.exit(1)
    # Not SCHED_IDLE: on a busy machine a check would read for hours, and SQLite's log grows as long as it reads.
    os.nice(LOWEST_PRIORITY)
    sys.argv[1:] = arguments
    runpy.run_module(module, run_name="__main__", alter_sys=True)


if __name__ == "__main__":
    main()
