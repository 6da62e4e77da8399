"""A run removes what an interrupted one has left, and nothing else."""

import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import pytest

from deploy import stack
from tests import leftovers
from tests.leftovers import _started, record_process, remove_leftovers
from tests.waiting import until
from tests.without import do_without

STARTER = """
import sys
import tests.postgresql

{preparation}
try:
    with tests.postgresql.running_server() as server:
        print(server.url, flush=True)
        sys.stdin.read()
except tests.postgresql.NoPostgresql as reason:
    print(f"none: {{reason}}", flush=True)
"""
SLEEP = [sys.executable, "-c", "import time; time.sleep(600)"]
PIPES: dict[str, Any] = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}


@pytest.fixture(autouse=True)
def records(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty folder of records."""
    monkeypatch.setattr(leftovers, "RECORDS", tmp_path)
    return tmp_path


def test_the_processes_of_a_killed_run_are_ended(records: Path) -> None:
    with subprocess.Popen(SLEEP, start_new_session=True) as left:
        record_process(left.pid)
        (own,) = records.iterdir()
        # As if the run that wrote it had been another process, which is gone.
        own.rename(records / f"{os.getpid()}-0")

        remove_leftovers()

        assert left.wait() == -9
    assert list(records.iterdir()) == []


def test_the_processes_of_a_living_run_go_on(records: Path) -> None:
    with subprocess.Popen("cat", start_new_session=True, **PIPES) as running:
        record_process(running.pid)
        remove_leftovers()
        assert goes_on(running)
        assert len(list(records.iterdir())) == 1


def test_another_process_of_the_same_number_goes_on(records: Path) -> None:
    with subprocess.Popen("cat", start_new_session=True, **PIPES) as other:
        (records / "1-0").write_text(f"process {other.pid} 0\n")
        remove_leftovers()
        assert goes_on(other)
    assert list(records.iterdir()) == []


def goes_on(cat: subprocess.Popen[str]) -> bool:
    """Return whether it still copies what it reads, and let it end. A process that was just killed may not be gone."""
    return cat.communicate("still here")[0] == "still here"


@pytest.mark.full
@pytest.mark.parametrize("ends_by_itself", [True, False], ids=["ends with its starter", "is stopped by the next run"])
def test_a_postgresql_whose_run_was_killed_is_gone(monkeypatch: pytest.MonkeyPatch, ends_by_itself: bool) -> None:
    with tempfile.TemporaryDirectory(prefix="flix-") as temporary:
        # The user postgres must get at its data.
        Path(temporary).chmod(0o755)
        environment = {**os.environ, "TMPDIR": temporary, "TEST_POSTGRES_URL": ""}
        monkeypatch.setattr(leftovers, "RECORDS", Path(temporary) / leftovers.RECORDS_NAME)
        preparation = "" if ends_by_itself else "tests.postgresql._LIBC = None"
        command = [sys.executable, "-c", STARTER.format(preparation=preparation)]
        with subprocess.Popen(
            command, cwd=stack.ROOT, env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE
        ) as starter:
            assert starter.stdout is not None
            line = starter.stdout.readline().decode()
            if line.startswith("none: "):
                do_without("PostgreSQL", line.removeprefix("none: "))
            (folder,) = Path(temporary).glob("flix-postgresql-*")
            pid = int((folder / "data" / "postmaster.pid").read_text().split()[0])
            starter.kill()
        if ends_by_itself:
            until(lambda: not _started(pid), "the end of the server with its starter")
        assert bool(_started(pid)) is not ends_by_itself

        remove_leftovers()

        assert (_started(pid), folder.exists(), list(leftovers.RECORDS.iterdir())) == ("", False, [])
