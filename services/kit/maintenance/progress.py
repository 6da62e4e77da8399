"""The progress of long work on standard error: a bar on a terminal, a line every few seconds elsewhere."""

import sys
import time
from importlib.util import find_spec
from typing import Any

# Without a terminal a line of progress is written at this interval, so short work writes none.
LINE_SECONDS = 5.0


class Meter:
    """Shows the stages of long work, one after the other. A line begins with `prefix`."""

    def __init__(self, prefix: str = "checking ", unit: str = "rows"):
        self._prefix, self._unit = prefix, unit
        # The images of services hold no Rich.
        self._terminal = sys.stderr.isatty() and find_spec("rich") is not None
        self._bar: Any = None
        self._stage, self._done, self._total = "", 0, 0
        self._written_at = time.monotonic()

    def __enter__(self) -> "Meter":
        return self

    def __exit__(self, *_exception: object) -> None:
        self._close()

    def begin(self, stage: str, total: int) -> None:
        """Begin a stage of this many units; 0 when they are not counted."""
        self._close()
        self._stage, self._done, self._total = stage, 0, total
        if self._terminal:
            self._bar = _bar(self._unit)
            self._bar.add_task(stage, total=total or None)
            self._bar.start()
        self._write_line()

    def advance(self, done: int, total: int | None = None) -> None:
        """Add to the number of units that are done; `total` replaces their number where it is known only now."""
        self._done += done
        self._total = self._total if total is None else total
        if self._bar is not None:
            self._bar.update(self._bar.task_ids[0], completed=self._done, total=self._total or None)
        self._write_line()

    def _write_line(self) -> None:
        if self._terminal or time.monotonic() - self._written_at < LINE_SECONDS:
            return
        self._written_at = time.monotonic()
        of = f": {self._done} of {self._total}" if self._total else ""
        sys.stderr.write(f"{self._prefix}{self._stage}{of}\n")
        sys.stderr.flush()

    def _close(self) -> None:
        if self._bar is not None:
            self._bar.stop()
            self._bar = None


def _bar(unit: str) -> Any:
    # Imported here because only a terminal needs it, and it takes 60 ms.
    from rich.console import Console  # noqa: PLC0415
    from rich.progress import (  # noqa: PLC0415
        BarColumn,
        DownloadColumn,
        MofNCompleteColumn,
        Progress,
        TextColumn,
        TimeRemainingColumn,
    )

    count = DownloadColumn() if unit == "B" else MofNCompleteColumn()
    return Progress(
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        count,
        TimeRemainingColumn(),
        console=Console(file=sys.stderr),
        transient=True,
        # Lines that are printed meanwhile come above the bar; into a file or a pipe they go on as they are.
        redirect_stdout=sys.stdout.isatty(),
    )
