"""What a run has started, by its own ids, so that the next run can remove what an interrupted one has left."""

import atexit
import os
import shutil
import signal
import subprocess
import tempfile
from contextlib import suppress
from pathlib import Path

from tests.waiting import until

RECORDS_NAME = f"flix-tests-{os.getuid()}"
RECORDS = Path(tempfile.gettempdir()) / RECORDS_NAME


def record_process(pid: int) -> None:
    """Remember a process that this run has started; a leader stands for its process group."""
    _record(f"process {pid} {_started(pid)}")


def record_postgresql(pid: int, folder: Path) -> None:
    """Remember a PostgreSQL that this run has started, which must release its shared memory, and its folder."""
    _record(f"postgresql {pid} {_started(pid)}", f"folder {folder}")


def record_project(name: str) -> None:
    """Remember a compose project of this run."""
    _record(f"project {name}")


def remove_leftovers() -> None:
    """End the processes and remove the projects of runs that are gone."""
    for file in RECORDS.glob("*-*") if RECORDS.is_dir() else ():
        pid, _, started = file.name.partition("-")
        if _started(int(pid)) == started:
            continue
        with suppress(FileNotFoundError):
            for line in file.read_text().splitlines():
                _remove(*line.split(" "))
            file.unlink()


def _record(*lines: str) -> None:
    RECORDS.mkdir(mode=0o700, exist_ok=True)
    file = RECORDS / f"{os.getpid()}-{_started(os.getpid())}"
    if not file.exists():
        atexit.register(file.unlink, missing_ok=True)
    with file.open("a") as opened:
        opened.writelines(f"{line}\n" for line in lines)


def _remove(kind: str, name: str, started: str = "") -> None:
    if kind == "project":
        for what, remove in (("container", ("rm", "-f", "-v")), ("volume", ("rm", "-f")), ("network", ("rm",))):
            _remove_labelled(what, name, *remove)
    elif kind == "folder":
        shutil.rmtree(name, ignore_errors=True)
    # Another process may have the number by now.
    elif kind == "postgresql" and started and _started(int(name)) == started:
        os.kill(int(name), signal.SIGQUIT)
        until(lambda: _started(int(name)) != started, f"the end of PostgreSQL {name}")
    elif started and _started(int(name)) == started:
        with suppress(ProcessLookupError):
            if os.getpgid(int(name)) == int(name):
                os.killpg(int(name), signal.SIGKILL)
            else:
                os.kill(int(name), signal.SIGKILL)


def _remove_labelled(what: str, project: str, *remove: str) -> None:
    every = ["--all"] if what == "container" else []
    label = f"label=com.docker.compose.project={project}"
    found = _docker(what, "ls", *every, "--quiet", "--filter", label).split()
    if found:
        _docker(what, *remove, *found)


def _docker(*arguments: str) -> str:
    with suppress(FileNotFoundError):
        return subprocess.run(["docker", *arguments], capture_output=True, text=True, check=False).stdout
    return ""


def _started(pid: int) -> str:
    """Return when the process started, in a form that tells it from others of its number; empty when it is gone.

    A zombie counts as gone: nobody may ever wait for it.
    """
    stat = Path(f"/proc/{pid}/stat")
    if Path("/proc/self/stat").exists():
        with suppress(FileNotFoundError, ProcessLookupError):
            # The 22nd field (proc(5)); the second one, in brackets, may hold spaces.
            state, *fields = stat.read_text().rpartition(")")[2].split()
            return "" if state == "Z" else fields[18]
        return ""
    command = ["ps", "-o", "lstart=", "-p", str(pid)]
    return "_".join(subprocess.run(command, capture_output=True, text=True, check=False).stdout.split())
