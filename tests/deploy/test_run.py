"""`make run` with real processes in a folder of its own."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from pathlib import Path

import pytest

from deploy import stack
from services.content.models import EventRow
from services.kit.storage.database import open_database
from tests.ports import free_ports

Run = subprocess.Popen[str]


@pytest.fixture
def environment(tmp_path: Path) -> dict[str, str]:
    """Return ports and databases of its own, by absolute paths: the services run in the repository's folder."""
    names = ("AUTH_PORT", "CONTENT_PORT", "QUIZ_PORT", "API_PORT")
    ports = dict(zip(names, map(str, free_ports(4)), strict=True))
    urls = {f"{name.upper()}_DATABASE_URL": f"sqlite:///{tmp_path}/{name}.sqlite" for name in stack.SERVICES}
    return {"PATH": os.environ["PATH"], "PYTHONPATH": str(stack.ROOT), **ports, **urls}


@contextmanager
def running(folder: Path, environment: Mapping[str, str]) -> Iterator[Run]:
    """Run `make run` in this folder and end it afterwards."""
    with subprocess.Popen(
        [sys.executable, "-m", "deploy.run"],
        cwd=folder,
        env=dict(environment),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as run:
        try:
            yield run
        finally:
            if run.poll() is None:
                run.terminate()


def table(run: Run) -> dict[str, str]:
    """Return the rows that it prints when everything is ready."""
    assert run.stdout is not None
    lines = iter(run.stdout)
    assert any(line.startswith("Flix is ready after ") for line in lines)
    rows = (line.split(maxsplit=1) for line in iter(lambda: next(lines).strip(), ""))
    return {row[0]: row[1] for row in rows}


def end(run: Run, how: signal.Signals) -> tuple[int, str, str]:
    """Send the signal; return the exit code, the rest of the output, and the errors."""
    run.send_signal(how)
    output, errors = run.communicate()
    return run.returncode, output, errors


def test_a_file_in_place_of_the_data_folder_is_reported(tmp_path: Path, environment: dict[str, str]) -> None:
    (tmp_path / "data").write_text("a file")

    with running(tmp_path, environment) as run:
        output, errors = run.communicate()

    assert (run.returncode, output) == (1, "")
    assert errors in (
        "the folder data/logs cannot be written to (Not a directory)\n",
        "the folder data/logs cannot be written to (File exists)\n",
    )
    assert (tmp_path / "data").read_text() == "a file"


@pytest.mark.full
def test_it_prints_working_credentials_and_stops_with_the_terminal(tmp_path: Path, environment: dict[str, str]) -> None:
    address = f"http://127.0.0.1:{environment['API_PORT']}"
    with running(tmp_path, environment) as run:
        first = table(run)
        assert end(run, signal.SIGHUP) == (0, "stopped\n", "")
    stack.require_free_ports(stack.read_settings(environment).values())
    # Samples that somebody has deleted do not come back with the next start.
    with closing(open_database(environment["CONTENT_DATABASE_URL"])) as content:
        assert EventRow.delete().execute(content) == 7

    with running(tmp_path, {**environment, "ADMIN_PASSWORD": "another one"}) as run:
        second = table(run)
        assert end(run, signal.SIGINT) == (0, "stopped\n", "")
    stack.require_free_ports(stack.read_settings(environment).values())

    with closing(open_database(environment["CONTENT_DATABASE_URL"])) as content:
        assert EventRow.select().count(content) == 0
    expected = {
        "API": address,
        "health": f"{address}/health/ready",
        "logs": "data/logs/*.log",
        "try": f"next  curl -s {address}/api/public/events",
        "stop": "Ctrl-C",
        "admin": "admin / admin123",
    }
    assert (first, second) == (expected, {**expected, "admin": "admin, as it was set up"})
    assert {file.name for file in (tmp_path / "data" / "logs").iterdir()} == {
        "auth.log",
        "content.log",
        "follow-quiz.log",
        "gateway.log",
        "quiz.log",
    }
