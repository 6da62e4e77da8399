"""What a process of the stack and the workers that it forks have in common (TRAPS 7)."""

import os
import signal
from pathlib import Path

import pytest

from tests.installation import SERVERS, Installation
from tests.waiting import until

PROC = Path("/proc")
ESTABLISHED = "01"

pytestmark = pytest.mark.skipif(not (PROC / "self/fd").exists(), reason="what a process has open is asked of /proc")


def opened(pid: int) -> list[str]:
    """What the process has open: paths, and `socket:[number]` for sockets."""
    return [str(each.readlink()) for each in (PROC / str(pid) / "fd").iterdir()]


def connections() -> set[str]:
    """Every connection of this machine, by the name that it has among the files of a process."""
    rows = [line.split() for line in (PROC / "net/tcp").read_text().splitlines()[1:]]
    return {f"socket:[{row[9]}]" for row in rows if row[3] == ESTABLISHED}


def workers(pid: int) -> list[int]:
    """The processes that it has forked."""
    return [int(each) for each in (PROC / f"{pid}/task/{pid}/children").read_text().split()]


def test_whoever_forks_workers_has_no_connection_and_no_thread_to_share_with_them(built: Installation) -> None:
    built.start()
    with built.admin() as admin:
        assert admin.get("/api/events").status_code == 200

    for name in SERVERS:
        master = built.pid(name)
        assert [path for path in opened(master) if ".sqlite" in path] == []
        assert {*opened(master)} & connections() == set()
        assert len([*(PROC / str(master) / "task").iterdir()]) == 1


def test_a_worker_that_dies_is_replaced_and_nothing_else_is_started_again(built_on_sqlite: Installation) -> None:
    built_on_sqlite.start()
    masters = {name: built_on_sqlite.pid(name) for name in SERVERS}
    with built_on_sqlite.admin() as admin:
        for name in SERVERS:
            [worker] = workers(masters[name])
            os.kill(worker, signal.SIGKILL)
            until(lambda of=name, gone=worker: workers(masters[of]) not in ([gone], []), f"{name} has another worker")  # type: ignore[misc]

        until(lambda: admin.get("/health/ready").status_code == 200, "everything is ready again")
        assert admin.get("/api/events").status_code == 200
        assert admin.get("/api/quizzes").status_code == 200
    assert {name: built_on_sqlite.pid(name) for name in SERVERS} == masters
