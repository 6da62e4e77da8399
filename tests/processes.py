"""Processes of the operating system."""

from contextlib import suppress
from pathlib import Path


def is_running(pid: int) -> bool:
    """Return whether the process exists and is not a zombie."""
    with suppress(FileNotFoundError, ProcessLookupError):
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    return False


def children(pid: int) -> list[int]:
    """Return the ids of the process's own processes."""
    return [int(each) for each in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def log_lines(log: Path) -> str:
    """Return the whole lines of a log; while the last one is being written, a reader sees a part of it."""
    text = log.read_text()
    return text[: text.rfind("\n") + 1]
