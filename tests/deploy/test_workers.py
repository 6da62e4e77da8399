"""A master shares no connection and no thread with its workers (docs/traps.md, 7)."""

import os
import signal
from pathlib import Path

import pytest

from tests.installation import SERVERS, Installation
from tests.processes import children
from tests.waiting import until

PROC = Path("/proc")
ESTABLISHED = "01"

pytestmark = pytest.mark.skipif(
    not (PROC / "self/fd").exists(), reason="the open files of a process are read from /proc"
)


def open_files(pid: int) -> list[str]:
    """Return the open files of a process: paths, and `socket:[number]` for sockets."""
    return [str(each.readlink()) for each in (PROC / str(pid) / "fd").iterdir()]


def connections() -> set[str]:
    """Return every TCP connection of this machine, named as in the open files of a process."""
    rows = [line.split() for line in (PROC / "net/tcp").read_text().splitlines()[1:]]
    return {f"socket:[{row[9]}]" for row in rows if row[3] == ESTABLISHED}


@pytest.mark.full
def test_a_master_has_no_connection_and_no_second_thread(built: Installation) -> None:
    built.start()
    with built.admin() as admin:
        assert admin.get("/api/events").status_code == 200

    for name in SERVERS:
        master = built.pid(name)
        assert [path for path in open_files(master) if ".sqlite" in path] == []
        assert {*open_files(master)} & connections() == set()
        assert len([*(PROC / str(master) / "task").iterdir()]) == 1


@pytest.mark.full
def test_only_a_worker_that_dies_is_replaced(built_on_sqlite: Installation) -> None:
    built_on_sqlite.start()
    masters = {name: built_on_sqlite.pid(name) for name in SERVERS}
    with built_on_sqlite.admin() as admin:
        for name in SERVERS:
            [worker] = children(masters[name])
            os.kill(worker, signal.SIGKILL)
            until(lambda of=name, gone=worker: children(masters[of]) not in ([gone], []), f"{name} has another worker")  # type: ignore[misc]

        until(lambda: admin.get("/health/ready").status_code == 200, "everything is ready again")
        assert admin.get("/api/events").status_code == 200
        assert admin.get("/api/quizzes").status_code == 200
    assert {name: built_on_sqlite.pid(name) for name in SERVERS} == masters
