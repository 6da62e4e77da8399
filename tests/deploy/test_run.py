"""`flix up` with real processes in a folder of its own."""

import json
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
from services.kit.core.errors import ReadOnly
from services.kit.storage.database import open_database
from tests.deploy.env_lines import READ
from tests.ports import free_port, ports_of_a_stack
from tests.processes import children, is_running
from tests.read_only import read_only
from tests.waiting import until

Run = subprocess.Popen[str]
ADVICE = "let this user write there, or start in another folder"


@pytest.fixture
def environment(tmp_path: Path) -> dict[str, str]:
    """Return ports and databases of its own, by absolute paths: the services run in the repository's folder."""
    urls = {f"{name.upper()}_DATABASE_URL": f"sqlite:///{tmp_path}/{name}.sqlite" for name in stack.SERVICES}
    return {
        "PATH": os.environ["PATH"],
        "PYTHONPATH": str(stack.ROOT),
        "METRICS_PORT": "0",
        **ports_of_a_stack(),
        **urls,
    }


@contextmanager
def running(folder: Path, environment: Mapping[str, str], *options: str) -> Iterator[Run]:
    """Run `flix up` in this folder and end it afterwards."""
    with subprocess.Popen(
        [sys.executable, "-m", "deploy.cli", "up", *options],
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
        f"the folder data/logs cannot be written to (Not a directory): {ADVICE}\n",
        f"the folder data/logs cannot be written to (File exists): {ADVICE}\n",
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
        "docs": f"{address}/docs",
        "health": f"{address}/health/ready",
        "logs": "data/logs/*.log",
        "try": f"next  curl -s {address}/api/public/events",
        "stop": "Ctrl-C",
        "admin": "admin / admin123",
    }
    assert (first, second) == (expected, {**expected, "admin": "admin, as it was set up"})
    # The second start has moved the files of the first.
    logs = [f"{name}.log{number}" for name in stack.PROCESSES for number in ("", ".1")]
    assert sorted(file.name for file in (tmp_path / "data" / "logs").iterdir()) == sorted(logs)


@pytest.mark.full
def test_its_document_comes_when_all_is_ready_and_status_agrees(tmp_path: Path, environment: dict[str, str]) -> None:
    address = f"http://127.0.0.1:{environment['API_PORT']}"
    # One port for all of them: the first process has it.
    environment |= {"METRICS_PORT": str(free_port()), "WEB_CONCURRENCY": "2"}
    with running(tmp_path, environment, "--json") as run:
        assert run.stdout is not None
        document = json.loads(run.stdout.readline())
        seconds = document.pop("seconds")
        ready = {"ok": True, "problems": [], "address": address, "logs": "data/logs"}
        assert (document, seconds > 0) == (ready, True)
        with running(tmp_path, environment, "--json") as second:
            output, _ = second.communicate()
        assert (second.returncode, json.loads(output)["ok"]) == (1, False)

        command = [sys.executable, "-m", "deploy.cli", "status", "--json"]

        def caught_up() -> bool:
            done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False)
            found = json.loads(done.stdout)
            shown = {each["name"]: (each["state"], each["workers"]) for each in found["processes"]}
            others = dict.fromkeys(("content", "quiz", "gateway"), ("ready", None))
            # A worker is counted once it has written its numbers, some time after it serves.
            expected = {"auth": ("ready", 2), **others, "follow-quiz": ("unknown", None)}
            return (done.returncode, shown, found["feed"]["lag"]) == (0, expected, 0)

        until(caught_up, "quiz has followed content, and both workers of auth are counted")
        code, output, errors = end(run, signal.SIGTERM)
    assert (code, output) == (0, "")
    assert (
        f"no metrics of content, quiz, follow-quiz, gateway: in use is {environment['METRICS_PORT']} "
        "(leave METRICS_PORT empty, so that each process has its own)\n"
    ) in errors


@pytest.mark.full
def test_a_stack_whose_output_nobody_reads_runs_on_until_it_is_stopped(
    tmp_path: Path, environment: dict[str, str]
) -> None:
    with running(tmp_path, environment) as run:
        address = table(run)["API"]
        assert run.stdout is not None
        run.stdout.close()
        before = processes(run.pid)
        os.kill(before["services.content serve"], signal.SIGKILL)
        until(lambda: replaced(before, run) == {"services.content serve"}, "content runs again")
        until(lambda: stack.is_ready(address), "the stack is ready again")
        run.send_signal(signal.SIGINT)
        assert (run.wait(), run.stderr and run.stderr.read()) == (0, "")


@pytest.mark.full
def test_its_document_says_that_it_was_stopped_before_it_was_ready(tmp_path: Path, environment: dict[str, str]) -> None:
    with running(tmp_path, environment, "--json") as run:
        until((tmp_path / "data/stack.lock").exists, "it begins")
        _, output, _ = end(run, signal.SIGINT)
    expected = {"ok": False, "problems": ["stopped before it was ready"]}
    assert (run.returncode, json.loads(output)) == (1, expected)


@pytest.mark.full
@pytest.mark.parametrize(
    ("lost", "kept"), [("auth", "content and quiz"), ("content", "auth and quiz"), ("quiz", "auth and content")]
)
def test_a_service_that_has_lost_its_file_beside_rows_of_others_is_not_begun_anew(
    tmp_path: Path, environment: dict[str, str], lost: str, kept: str
) -> None:
    with running(tmp_path, environment) as run:
        table(run)
        assert end(run, signal.SIGTERM)[0] == 0
    for file in tmp_path.glob(f"{lost}.sqlite*"):
        file.unlink()
    with running(tmp_path, environment, "--json") as run:
        output, errors = run.communicate()
    [problem] = json.loads(output)["problems"]
    place = environment[f"{lost.upper()}_DATABASE_URL"]
    assert (run.returncode, errors) == (1, "")
    assert problem.startswith(
        f"{lost} has no data at {place}, but there are rows of {kept}: put its database back, or "
    )
    assert not list(tmp_path.glob(f"{lost}.sqlite"))


@pytest.mark.full
def test_a_killed_process_is_started_again_and_takes_only_its_workers_along(
    tmp_path: Path, environment: dict[str, str]
) -> None:
    with running(tmp_path, environment) as run:
        address = table(run)["API"]
        before, killed = processes(run.pid), {"services.quiz follow", "services.content serve"}
        [worker] = children(before["services.content serve"])
        for name in killed:
            os.kill(before[name], signal.SIGKILL)
        until(lambda: not is_running(worker), "content's worker has ended")
        # A process is there for a moment after it was killed.
        until(lambda: replaced(before, run) >= killed, "every process runs again")
        until(lambda: stack.is_ready(address), "the stack is ready again")
        assert replaced(before, run) == killed
        code, output, errors = end(run, signal.SIGTERM)
    content, follower = sorted(output.splitlines()[:2])
    assert content == "content ended (SIGKILL; see data/logs/content.log): it is started again in 1 s"
    assert follower == "follow-quiz ended (SIGKILL; see data/logs/follow-quiz.log): it is started again in 1 s"
    assert (code, errors) == (0, "")


@pytest.mark.full
def test_a_stack_keeps_its_folder_until_it_is_stopped_or_killed(tmp_path: Path, environment: dict[str, str]) -> None:
    with running(tmp_path, environment) as run:
        table(run)
        with running(tmp_path, environment) as second:
            output, errors = second.communicate()
        assert (second.returncode, output) == (1, "")
        assert errors == (
            f"the folder data is in use by another stack, process {run.pid}: stop it first (kill {run.pid})\n"
        )
        children = processes(run.pid).values()
        run.kill()
        run.communicate()
    until(lambda: not any(map(is_running, children)), "the processes of the killed stack have ended")

    with running(tmp_path, environment) as third:
        table(third)
        assert end(third, signal.SIGTERM) == (0, "stopped\n", "")


@pytest.mark.full
def test_of_two_first_starts_at_once_one_serves_and_one_names_it(tmp_path: Path, environment: dict[str, str]) -> None:
    with running(tmp_path, environment) as one, running(tmp_path, environment) as other:
        until(lambda: None not in (one.poll(), other.poll()) or {one.poll(), other.poll()} == {None, 1}, "one gives up")
        winner, loser = (one, other) if one.poll() is None else (other, one)
        output, errors = loser.communicate()
        reason = f"the folder data is in use by another stack, process {winner.pid}: stop it first (kill {winner.pid})"
        assert (loser.returncode, output, errors) == (1, "", f"{reason}\n")
        table(winner)
        assert end(winner, signal.SIGTERM) == (0, "stopped\n", "")


@pytest.mark.full
@pytest.mark.parametrize(
    ("path", "advice"),
    [
        ("data", "the folder data/logs cannot be written to"),
        ("data/logs/auth.log", "auth cannot be started"),
        ("auth.sqlite", f"auth: {ReadOnly.message} (let this user write, or set AUTH_DATABASE_URL)"),
    ],
)
def test_what_cannot_be_written_stops_the_start_with_one_line(
    tmp_path: Path, environment: dict[str, str], path: str, advice: str
) -> None:
    (tmp_path / "data" / "logs").mkdir(parents=True)
    (tmp_path / "data" / "logs" / "auth.log").touch()
    if path == "data":
        (tmp_path / "data" / "logs" / "auth.log").unlink()
        (tmp_path / "data" / "logs").rmdir()
    migrate = [sys.executable, "-m", "services.auth", "migrate"]
    subprocess.run(migrate, env=environment, cwd=tmp_path, check=True, stdout=subprocess.DEVNULL)
    with read_only(tmp_path / path), running(tmp_path, environment) as run:
        _, errors = run.communicate()
    assert (run.returncode, errors.count("\n")) == (1, 1)
    assert errors.startswith(advice)


@pytest.mark.full
def test_its_processes_get_the_exact_values_of_env(clone: Path, environment: dict[str, str]) -> None:
    password = 'p@$$ w#rd "é" %s ${PATH} \\d'
    lines = {f"V{number}": text for number, text in enumerate(READ)}
    text = "".join(f"{name}={text}\n" for name, text in lines.items())
    (clone / ".env").write_text(f"ADMIN_PASSWORD='{password}'\nTRUSTED_PROXY=1\n{text}")

    with running(clone, {**environment, "PYTHONPATH": str(clone)}) as run:
        assert table(run)["admin"] == f"admin / {password}"
        handed = {name: environment_of(pid) for name, pid in processes(run.pid).items()}
        code, _, errors = end(run, signal.SIGTERM)

    expected = {name: READ[text] for name, text in lines.items()}
    assert {name: {key: each.get(key) for key in lines} for name, each in handed.items()} == {
        f"{module} {command}": expected for module, command in stack.PROCESSES.values()
    }
    warning = ".env, line 2: Flix has no variable TRUSTED_PROXY; the nearest is TRUSTED_PROXIES\n"
    assert (code, errors) == (0, warning)


def environment_of(pid: int) -> dict[str, str]:
    """Return the variables with which a process was started."""
    entries = Path(f"/proc/{pid}/environ").read_bytes().decode().rstrip("\0").split("\0")
    return dict(entry.split("=", 1) for entry in entries)


def processes(parent: int) -> dict[str, int]:
    """Return the id of each process of a stack by its module and command."""
    return {" ".join(command_line(pid)[-2:]): pid for pid in children(parent) if len(command_line(pid)) > 2}


def replaced(before: Mapping[str, int], run: Run) -> set[str]:
    """Return the names of the processes that run with another id than before; none while one of them does not run."""
    now = processes(run.pid)
    return {name for name in before if before[name] != now[name]} if now.keys() == before.keys() else set()


def command_line(pid: int) -> list[str]:
    """Return the arguments of a process."""
    try:
        return Path(f"/proc/{pid}/cmdline").read_text().rstrip("\0").split("\0")
    except OSError:
        return []
