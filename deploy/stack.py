"""The processes of Flix on one machine: their settings, and how to start, await and stop them.

Used by `make run` and by the tests. The process that supervises the others needs no more than this module and what it
imports; what migrates and seeds is in commands.py.
"""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from http import HTTPStatus
from http.client import HTTPConnection, HTTPException
from pathlib import Path
from typing import BinaryIO, TypeVar
from urllib.parse import urlsplit

import gateway.config
import services.auth.config
import services.content.config
import services.quiz.config
from services.kit.core.config import Environment, ServerSettings, ServiceSettings, SettingsError
from services.kit.core.failures import CommandFailed
from services.kit.web.serving import bind_error, port_problem

AnySettings = TypeVar("AnySettings", bound=ServerSettings)

ROOT = Path(__file__).parents[1]
# In the order of their start: quiz calls content, and both call auth.
SERVICES: Mapping[str, Callable[[Mapping[str, str]], ServiceSettings]] = {
    "auth": services.auth.config.read_settings,
    "content": services.content.config.read_settings,
    "quiz": services.quiz.config.read_settings,
}
"""How the settings of each service are read."""
# The module and command of each process, in the order of their start.
PROCESSES: Mapping[str, tuple[str, str]] = {
    **{name: (f"services.{name}", "serve") for name in SERVICES},
    "follow-quiz": ("services.quiz", "follow"),
    "gateway": ("gateway", "serve"),
}
# A hash takes 19 MiB. Without this glibc keeps two of them for good, for each worker; with it each goes back to the
# system at once, and comes in huge pages, without which that would cost a fifth more processor time for a hash.
VARIABLES: Mapping[str, Mapping[str, str]] = {
    "auth": {"GLIBC_TUNABLES": "glibc.malloc.mmap_threshold=1048576:glibc.malloc.hugetlb=1"}
}
READY_SECONDS = 60
# More than gunicorn's graceful_timeout.
STOP_SECONDS = 50
POLL_SECONDS = 0.1


class StartFailed(CommandFailed):
    """The stack cannot be started."""


@dataclass(frozen=True)
class Process:
    """A running process of the stack, such as gunicorn's master; it leads its own process group."""

    name: str
    popen: subprocess.Popen[bytes]
    log: Path

    @property
    def is_running(self) -> bool:
        """Whether the process has not ended."""
        return self.popen.poll() is None

    @property
    def ending(self) -> str:
        """How an ended process ended."""
        code = self.popen.returncode
        return signal.Signals(-code).name if code < 0 else f"exit code {code}"


def read_settings(environment: Mapping[str, str]) -> dict[str, ServerSettings]:
    """Return every process's settings by name; raise SettingsError with the problems of all of them, each once."""
    return _read_all({**SERVICES, "gateway": gateway.config.read_settings}, environment)


def read_service_settings(environment: Mapping[str, str]) -> dict[str, ServiceSettings]:
    """Return every service's settings by name; raise SettingsError, or StartFailed when two share a database."""
    settings = _read_all(SERVICES, environment)
    require_own_databases(settings.values())
    return settings


def _read_all(
    readers: Mapping[str, Callable[[Mapping[str, str]], AnySettings]], environment: Mapping[str, str]
) -> dict[str, AnySettings]:
    settings, problems = {}, []
    for name, read in readers.items():
        try:
            settings[name] = read(environment)
        except SettingsError as error:
            problems += error.problems
    if problems:
        raise SettingsError(list(dict.fromkeys(problems)))
    return settings


def require_own_databases(settings: Iterable[ServerSettings]) -> None:
    """Raise StartFailed when two services would use one database, as with DATABASE_URL alone."""
    urls = [each.database_url for each in settings if isinstance(each, ServiceSettings)]
    if len(set(urls)) < len(urls):
        variables = ", ".join(f"{name.upper()}_DATABASE_URL" for name in SERVICES)
        raise StartFailed(f"each service needs a database of its own: set {variables}")


def require_free_ports(settings: Iterable[ServerSettings]) -> None:
    """Raise StartFailed with a line for each port that is in use, which names its variable."""
    problems = [problem for each in settings if (problem := port_problem(each))]
    if problems:
        raise StartFailed("\n".join(problems))


def taken_metrics_ports(variables: Mapping[str, str]) -> dict[str, int]:
    """Return the metrics port of each process that cannot have it: another program's, or a process's before it."""
    environment = Environment(variables)
    host = environment.option("METRICS_HOST", "127.0.0.1")
    taken: dict[str, int] = {}
    used: set[int] = set()
    for name in PROCESSES:
        port = environment.metrics_port(name)
        if port and (port in used or bind_error(host, port)):
            taken[name] = port
        used.add(port)
    return taken


def reachable(host: str) -> str:
    """Return the host as a URL has it, from where this machine reaches what listens there."""
    everywhere = {"0.0.0.0": "127.0.0.1", "::": "[::1]"}  # noqa: S104
    return everywhere.get(host, f"[{host}]" if ":" in host else host)


def start(name: str, environment: Mapping[str, str], logs: Path, inherited: Sequence[int] = ()) -> Process:
    """Start a process that ends with this one (see deploy/child.py); append its output to a file in `logs`.

    It inherits these file descriptors. Raise StartFailed.
    """
    log = logs / f"{name}.log"
    try:
        log.parent.mkdir(parents=True, exist_ok=True)
        variables = {**VARIABLES.get(name, {}), **environment}
        with log.open("ab") as output:
            return Process(name, _popen(PROCESSES[name], variables, inherited, output), log)
    except OSError as error:
        what = f"let this user write {error.filename}" if error.filename else "end other processes"
        raise StartFailed(f"{name} cannot be started ({error.strerror}): {what}") from None


def run_to_end(
    module: str,
    environment: Mapping[str, str],
    inherited: Sequence[int] = (),
    output: BinaryIO | None = None,
    errors: BinaryIO | None = None,
) -> None:
    """Run a module in a process as `start` does, with the output of this one or another, and wait for its end.

    Raise StartFailed without a message: the module has written the reason to its errors.
    """
    if _popen([module], environment, inherited, output, errors).wait():
        raise StartFailed


def _popen(
    command: Sequence[str],
    environment: Mapping[str, str],
    inherited: Sequence[int],
    output: BinaryIO | None = None,
    errors: BinaryIO | None = None,
) -> subprocess.Popen[bytes]:
    return subprocess.Popen(  # noqa: S603 our own modules, under our own interpreter
        [sys.executable, "-m", "deploy.child", str(os.getpid()), *command],
        cwd=ROOT,
        env=dict(environment),
        stdin=subprocess.DEVNULL,
        stdout=output,
        stderr=errors or output,
        pass_fds=inherited,
        # Ctrl-C in the terminal must reach only this process, which stops the others in order.
        start_new_session=True,
    )


def wait_until(condition: Callable[[], bool], processes: Iterable[Process], seconds: float = READY_SECONDS) -> None:
    """Poll until the condition holds; raise StartFailed when a process ends, or after `seconds`."""
    deadline = time.monotonic() + seconds
    watched = list(processes)
    while not condition():
        for process in watched:
            if not process.is_running:
                raise StartFailed(f"{process.name} stopped: {_last_line(process.log)} (see {process.log})")
        if time.monotonic() > deadline:
            raise StartFailed(f"not ready after {seconds:.0f} s; see {watched[0].log.parent}")
        time.sleep(POLL_SECONDS)


def is_ready(address: str) -> bool:
    """Return whether the process at this address reports that it is ready."""
    return responds_well(address, "GET", "/health/ready", seconds=5)


def responds_well(address: str, method: str, path: str, body: bytes | None = None, seconds: float = 10) -> bool:
    """Return whether a request of JSON gets a response below 300 within `seconds` for each of its steps."""
    connection = HTTPConnection(urlsplit(address).netloc, timeout=seconds)
    try:
        connection.request(method, path, body, {"Content-Type": "application/json"} if body is not None else {})
        return connection.getresponse().status < HTTPStatus.MULTIPLE_CHOICES
    except (OSError, HTTPException):
        return False
    finally:
        connection.close()


def stop(processes: Iterable[Process], seconds: float = STOP_SECONDS) -> None:
    """Stop the processes, last started first; kill those that have not ended after `seconds`."""
    last_first = list(reversed(list(processes)))
    for process in last_first:
        if process.is_running:
            process.popen.terminate()
    deadline = time.monotonic() + seconds
    for process in last_first:
        try:
            process.popen.wait(max(0.1, deadline - time.monotonic()))
        except subprocess.TimeoutExpired:
            kill(process)


def kill(process: Process) -> None:
    """End a process and its workers with SIGKILL."""
    with suppress(ProcessLookupError):
        os.killpg(process.popen.pid, signal.SIGKILL)
    process.popen.wait()


def _last_line(log: Path) -> str:
    lines = log.read_text(errors="replace").strip().splitlines()
    return lines[-1] if lines else "it wrote nothing"
