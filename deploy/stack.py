"""The processes of Flix on one machine: their settings, and how to start, await and stop them.

Used by `make run` and by the tests.
"""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import httpx

import gateway.config
from services.auth.__main__ import SERVICE as AUTH
from services.content.__main__ import SERVICE as CONTENT
from services.kit.core.config import ServerSettings, ServiceSettings, SettingsError
from services.kit.maintenance.command_line import Service, main
from services.kit.web.serving import port_problem
from services.quiz.__main__ import SERVICE as QUIZ

AnySettings = TypeVar("AnySettings", bound=ServerSettings)

ROOT = Path(__file__).parents[1]
# In the order of their start: quiz calls content, and both call auth.
SERVICES: Mapping[str, Service[Any]] = {"auth": AUTH, "content": CONTENT, "quiz": QUIZ}
# The module and command of each process, in the order of their start.
PROCESSES: Mapping[str, tuple[str, str]] = {
    **{name: (f"services.{name}", "serve") for name in SERVICES},
    "follow-quiz": ("services.quiz", "follow"),
    "gateway": ("gateway", "serve"),
}
READY_SECONDS = 60
# More than gunicorn's graceful_timeout.
STOP_SECONDS = 50
POLL_SECONDS = 0.1


class StartFailed(Exception):
    """The stack cannot be started; the message is one line for people."""


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
    readers: dict[str, Callable[[Mapping[str, str]], ServerSettings]] = {
        **{name: service.read_settings for name, service in SERVICES.items()},
        "gateway": gateway.config.read_settings,
    }
    return _read_all(readers, environment)


def read_service_settings(environment: Mapping[str, str]) -> dict[str, ServiceSettings]:
    """Return every service's settings by name; raise SettingsError, or StartFailed when two share a database."""
    settings: dict[str, ServiceSettings] = _read_all(
        {name: service.read_settings for name, service in SERVICES.items()}, environment
    )
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


def run_command(name: str, *arguments: str) -> None:
    """Run a service's command in this process.

    Raise StartFailed without a message: the command has written the reason to standard error.
    """
    if main(SERVICES[name], arguments):
        raise StartFailed


def start(name: str, environment: Mapping[str, str], logs: Path, inherited: Sequence[int] = ()) -> Process:
    """Start a process that ends with this one (see deploy/child.py); append its output to a file in `logs`.

    It inherits these file descriptors. Raise StartFailed.
    """
    log = logs / f"{name}.log"
    try:
        return Process(name, _popen(name, environment, log, inherited), log)
    except OSError as error:
        what = f"let this user write {error.filename}" if error.filename else "end other processes"
        raise StartFailed(f"{name} cannot be started ({error.strerror}): {what}") from None


def _popen(name: str, environment: Mapping[str, str], log: Path, inherited: Sequence[int]) -> subprocess.Popen[bytes]:
    log.parent.mkdir(parents=True, exist_ok=True)
    with log.open("ab") as output:
        return subprocess.Popen(  # noqa: S603 our own modules, under our own interpreter
            [sys.executable, "-m", "deploy.child", str(os.getpid()), *PROCESSES[name]],
            cwd=ROOT,
            env=dict(environment),
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
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
    try:
        return httpx.get(f"{address}/health/ready", timeout=5, trust_env=False).is_success
    except httpx.HTTPError:
        return False


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
