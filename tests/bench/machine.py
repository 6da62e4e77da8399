"""The machine in words, its processor time, and the memory of processes."""

import os
import platform
import sqlite3
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

TICKS = os.sysconf("SC_CLK_TCK")


@dataclass
class Usage:
    """Processor time while it was watched: that of others as a share of all cores, and each process's in seconds."""

    foreign: float = 0.0
    seconds: Mapping[str, float] = field(default_factory=dict)


@contextmanager
def watching(processes: Mapping[str, int] | None = None) -> Iterator[Usage]:
    """Yield the usage, which is known when the block ends; `processes` are ids by name, their workers included.

    Others are all but this process and those that it has started.
    """
    usage, named = Usage(), processes or {}
    before = _seconds(named)
    busy, total, own = (*_machine_ticks(), _family_ticks(os.getpid()))
    yield usage
    busy_after, total_after, own_after = (*_machine_ticks(), _family_ticks(os.getpid()))
    usage.seconds = {name: after - before[name] for name, after in _seconds(named).items()}
    foreign = (busy_after - busy) - (own_after - own)
    usage.foreign = max(0.0, foreign / max(1, total_after - total))


@contextmanager
def on_core(core: int) -> Iterator[None]:
    """Run this thread, and the processes that it starts meanwhile, on this core alone."""
    allowed = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {core})
    try:
        yield
    finally:
        os.sched_setaffinity(0, allowed)


def family(roots: Iterable[int]) -> list[int]:
    """Return the processes and all their descendants."""
    children: dict[int, list[int]] = {}
    for stat in Path("/proc").glob("[0-9]*/stat"):
        with suppress(OSError):
            parent = int(stat.read_text().rpartition(")")[2].split()[1])
            children.setdefault(parent, []).append(int(stat.parent.name))
    found, waiting = [], list(roots)
    while waiting:
        found.append(waiting.pop())
        waiting.extend(children.get(found[-1], ()))
    return found


def memory(roots: Iterable[int]) -> float:
    """Return the memory of the processes and their descendants in MB (PSS: shared pages are divided by their users)."""
    return sum(_proportional_kilobytes(pid) for pid in family(roots)) / 1000 * 1.024


def words(folder: Path) -> str:
    """Describe this machine; `folder` is where the databases are."""
    cores = len(os.sched_getaffinity(0))
    gigabytes = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 1e9
    return (
        f"{cores} cores ({_processor_model()}), {gigabytes:.0f} GB of memory, databases on {_file_system(folder)}; "
        f"{platform.system()} {platform.release().split('-')[0]}, Python {platform.python_version()}, "
        f"SQLite {sqlite3.sqlite_version}"
    )


def _seconds(processes: Mapping[str, int]) -> dict[str, float]:
    return {name: _family_ticks(pid) / TICKS for name, pid in processes.items()}


def _family_ticks(pid: int) -> int:
    return sum(map(_ticks, family([pid])))


def _machine_ticks() -> tuple[int, int]:
    """Return the ticks in which the cores were busy, and all ticks."""
    # user nice system idle iowait irq softirq steal (proc(5)); guests are part of user.
    ticks = [int(each) for each in Path("/proc/stat").read_text().splitlines()[0].split()[1:9]]
    return sum(ticks) - ticks[3] - ticks[4], sum(ticks)


def _ticks(pid: int) -> int:
    """Return the ticks that the process has used, with those of its children that have ended."""
    with suppress(OSError):
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        return sum(map(int, fields[11:15]))
    return 0


def _proportional_kilobytes(pid: int) -> int:
    with suppress(OSError):
        for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
            if line.startswith("Pss:"):
                return int(line.split()[1])
    return 0


def _processor_model() -> str:
    with suppress(OSError):
        for line in Path("/proc/cpuinfo").read_text().splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.machine()


def _file_system(folder: Path) -> str:
    """Return the type of the file system that holds the folder."""
    mounts = [line.split()[1:3] for line in Path("/proc/mounts").read_text().splitlines()]
    holding = [(place, kind) for place, kind in mounts if folder.resolve().is_relative_to(place)]
    return max(holding, key=lambda mount: len(mount[0]))[1]
