"""tests.postgresql: a run that is killed leaves no server."""

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.postgresql import running_server
from tests.processes import is_running
from tests.waiting import until
from tests.without import do_without

ROOT = Path(__file__).parents[1]
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


@pytest.fixture
def records(monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Return where servers are recorded, apart from other runs on this machine, which would clean up as well."""
    monkeypatch.delenv("TEST_POSTGRES_URL", raising=False)
    with tempfile.TemporaryDirectory(prefix="flix-") as temporary:
        # The user postgres must get at its data.
        Path(temporary).chmod(0o755)
        monkeypatch.setenv("TMPDIR", temporary)
        monkeypatch.setattr(tempfile, "tempdir", None)
        yield Path(temporary) / f"flix-postgresql-servers-{os.getuid()}"


@pytest.mark.full
@pytest.mark.parametrize("ends_by_itself", [True, False], ids=["ends with its starter", "is stopped by the next run"])
def test_a_server_whose_run_was_killed_is_gone(records: Path, ends_by_itself: bool) -> None:
    preparation = "" if ends_by_itself else "tests.postgresql._LIBC = None"
    command = [sys.executable, "-c", STARTER.format(preparation=preparation)]
    with subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as starter:
        assert starter.stdout is not None
        line = starter.stdout.readline().decode()
        if line.startswith("none: "):
            do_without("PostgreSQL", line.removeprefix("none: "))
        (record,) = records.iterdir()
        folder = Path(json.loads(record.read_text())[2])
        pid = int((folder / "data" / "postmaster.pid").read_text().split()[0])
        starter.kill()
    if ends_by_itself:
        until(lambda: not is_running(pid), "the end of the server with its starter")
    assert is_running(pid) is not ends_by_itself

    with running_server():
        assert not is_running(pid)
        assert not folder.exists()
        assert not record.exists()
    assert list(records.iterdir()) == []
