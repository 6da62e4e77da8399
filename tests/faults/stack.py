"""A stack whose processes can be killed, paused and cut off from one another, and healed."""

import os
import signal
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx

from deploy import stack
from tests.faults.proxy import Link, Proxies
from tests.installation import PROCESSES, SERVICES, Installation, Stack, installation
from tests.postgresql import Server
from tests.waiting import until

# Who calls whom; a client calls the gateway.
CALLS = {
    "content": ("auth",),
    "quiz": ("auth", "content"),
    "follow-quiz": ("content",),
    "gateway": ("auth", "content", "quiz"),
}
CLIENT_PATIENCE_SECONDS = 5
# Short deadlines, since paused processes never respond, and tokens that last for a run of hours.
TIMES = {"GATEWAY_TIMEOUT_SECONDS": "2", "UPSTREAM_TIMEOUT_SECONDS": "1", "JWT_ACCESS_TTL": "12h"}
# Clients choose their own addresses.
PROXIES_BEFORE_THE_GATEWAY = {"TRUSTED_PROXIES": "1"}


class FaultStack(Stack):
    """A stack with a breakable link for each pair of processes that talk, and one for the clients."""

    def __init__(self, installed: Installation, proxies: Proxies):
        self._installed = installed
        self._processes: dict[str, stack.Process] = {}
        self._paused: set[str] = set()
        ports = {name: urlsplit(address).port or 0 for name, address in installed.addresses.items()}
        self.links: dict[tuple[str, str], Link] = {
            (caller, called): proxies.link(ports[called]) for caller, names in CALLS.items() for called in names
        }
        self.entrance = self.links["client", "gateway"] = proxies.link(ports["gateway"])
        self.address = self.entrance.address

    def prepare(self, seed_set: str = "minimal") -> None:
        self._installed.prepare(seed_set)

    def command(self, service: str, *arguments: str) -> subprocess.CompletedProcess[str]:
        return self._installed.command(service, *arguments)

    def log_lines(self, name: str) -> str:
        return self._installed.log_lines(name)

    def client(self, **headers: str) -> httpx.Client:
        return httpx.Client(base_url=self.address, timeout=CLIENT_PATIENCE_SECONDS, trust_env=False, headers=headers)

    def start(self, *names: str) -> None:
        """Start these processes, or all that do not run, and wait until each is ready."""
        started = [name for name in names or PROCESSES if name not in self._processes]
        for name in started:
            self._processes[name] = stack.start(name, self._environment(name), self._installed.logs)
        for name in started:
            # A follower has no port, and the gateway is ready only with all others.
            if name in SERVICES:
                self._await(f"{name} is ready", name)

    def stop(self, *names: str) -> None:
        stack.stop([self._processes.pop(name) for name in names or tuple(self._processes)])

    def kill(self, *names: str) -> None:
        for name in names or tuple(self._processes):
            self._paused.discard(name)
            stack.kill(self._processes.pop(name))

    def pause(self, name: str) -> None:
        """Stop the process with SIGSTOP."""
        self._paused.add(name)
        os.killpg(self._processes[name].popen.pid, signal.SIGSTOP)

    def resume(self, name: str) -> None:
        """Let the process continue."""
        self._paused.discard(name)
        os.killpg(self._processes[name].popen.pid, signal.SIGCONT)

    def is_up(self, name: str) -> bool:
        """Tell whether the process runs and is not paused."""
        return name in self._processes and name not in self._paused

    def heal(self) -> None:
        """Heal every link, start every process, and wait until the stack is ready."""
        for link in self.links.values():
            link.heal()
        for name in tuple(self._paused):
            self.resume(name)
        self.start()
        self._await("the gateway is ready", "gateway")

    def process_ids(self) -> dict[str, int]:
        """Return the id of each process, to notice a restart."""
        return {name: process.popen.pid for name, process in self._processes.items()}

    def rows(self, service: str, statement: str) -> list[tuple[Any, ...]]:
        return self._installed.rows(service, statement)

    def database_url(self, service: str) -> str:
        """Return the URL of the service's database."""
        return self._installed.environment[f"{service.upper()}_DATABASE_URL"]

    def findings(self) -> list[str]:
        """Return the findings of the engine's own checks and of each service's `check`."""
        found = [line for service in SERVICES for line in self._check(service)]
        for service in SERVICES:
            if self.database_url(service).startswith("sqlite:///"):
                found += [f"{service}: {row}" for row in self.rows(service, "PRAGMA foreign_key_check")]
                found += [f"{service}: {row}" for row in self.rows(service, "PRAGMA quick_check") if row != ("ok",)]
        return found

    def _check(self, service: str) -> list[str]:
        done = self.command(service, "check")
        return [] if done.returncode == 0 else [f"{service}: {line}" for line in done.stdout.splitlines()]

    def _environment(self, name: str) -> Mapping[str, str]:
        lines = {f"{called.upper()}_URL": self.links[name, called].address for called in CALLS.get(name, ())}
        return {**self._installed.environment, **lines}

    def _await(self, what: str, name: str) -> None:
        process, address = self._processes[name], self._installed.addresses[name]

        def is_ready() -> bool:
            assert process.is_running, f"{name} ended before {what}: see {process.log}"
            return stack.is_ready(address)

        until(is_ready, what)


@contextmanager
def fault_stack(
    folder: Path, server: Server | None, database_urls: Mapping[str, str] | None = None, **variables: str
) -> Iterator[FaultStack]:
    """A migrated and seeded stack that does not run yet; `database_urls` replaces its own databases."""
    proxies = Proxies()
    changed = {f"{service.upper()}_DATABASE_URL": url for service, url in (database_urls or {}).items()}
    with installation(folder, server, **TIMES, **PROXIES_BEFORE_THE_GATEWAY, **changed, **variables) as installed:
        built = FaultStack(installed, proxies)
        built.prepare()
        try:
            yield built
        finally:
            built.kill()
            proxies.close()
