"""A running stack of all processes on free ports, for the journeys and the contract tests."""

import os
import subprocess
import sys
from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest

from deploy import commands, stack
from services.kit.storage.database import open_database
from tests.clients import send_patiently
from tests.leftovers import record_process
from tests.pgbouncer import Pooler
from tests.ports import free_ports
from tests.postgresql import Server
from tests.processes import log_lines

ADMIN = {"username": "admin", "password": "a password of some length"}
SERVICES = ("auth", "content", "quiz")
SERVERS = (*SERVICES, "gateway")
PROCESSES = tuple(stack.PROCESSES)
# The parameters of a fixture that runs a stack: on SQLite in `make test`, on both engines in `make test-full`.
ENGINES = ("sqlite", pytest.param("postgresql", marks=pytest.mark.full))


class Stack(ABC):
    """What a journey needs of a stack, be it of processes or of containers."""

    address: str
    sign_in: Mapping[str, str] = ADMIN
    # Sent with every request of its clients.
    headers_of_clients: Sequence[tuple[str, str]] = ()

    @abstractmethod
    def prepare(self, seed_set: str = "minimal") -> None:
        """Migrate and seed every service."""

    @abstractmethod
    def start(self, *names: str) -> None:
        """Start these processes, or all that do not run, and wait until the gateway is ready."""

    @abstractmethod
    def stop(self, *names: str) -> None:
        """Let these processes, or all of them, end in order."""

    @abstractmethod
    def kill(self, *names: str) -> None:
        """Kill these processes, or all of them."""

    @abstractmethod
    def command(self, service: str, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Return the result of `python -m services.<service> ...`."""

    @abstractmethod
    def log_lines(self, name: str) -> str:
        """Return the log of the process."""

    @abstractmethod
    def rows(self, service: str, statement: str) -> list[tuple[Any, ...]]:
        """Return the rows of a query on the service's database; on containers every value is text."""

    def client(self, **headers: str) -> httpx.Client:
        """Return a client of the gateway."""
        # Without TLS: to load the certificates of the system takes longer than most requests.
        fields = [*self.headers_of_clients, *headers.items()]
        return httpx.Client(base_url=self.address, timeout=60, trust_env=False, verify=False, headers=fields)

    def admin(self) -> httpx.Client:
        """Return a client of the gateway with an access token."""
        with self.client() as client:
            response = send_patiently(lambda: client.post("/api/admin/login", json=self.sign_in), 504)
            assert response.status_code == 200, response.text
        return self.client(Authorization=f"Bearer {response.json()['accessToken']}")


class Installation(Stack):
    """A stack of processes with its own ports, databases and logs in one folder."""

    def __init__(self, folder: Path, database_urls: Mapping[str, str], **variables: str):
        ports = dict(zip(SERVERS, free_ports(len(SERVERS)), strict=True))
        addresses = {name: f"http://127.0.0.1:{port}" for name, port in ports.items()}
        managed = any(url.startswith("postgresql") for url in database_urls.values())
        self.logs = folder / "logs"
        self.address = addresses["gateway"]
        self.addresses = addresses
        self.environment = {
            "PATH": os.environ["PATH"],
            "DATABASE_PROFILE": "managed" if managed else "local",
            "SERVICE_TOKEN_SECRET": "a secret that only these tests know, long enough",
            "SIGNING_KEY_SECRET": "what the signing keys of these tests are encrypted with",
            "ADMIN_USERNAME": ADMIN["username"],
            "ADMIN_PASSWORD": ADMIN["password"],
            "CORS_ORIGIN": "http://localhost:5173,https://learn.example",
            "RATE_LIMIT_MAX": "1000000",
            "ACCESS_KEY_GUESSES_MAX": "1000000",
            "ACCESS_KEY_GUESSES_OF_EVENT_MAX": "1000000",
            # Longer than a loaded machine needs: where a deadline itself is tested, the test sets it.
            "GATEWAY_TIMEOUT_SECONDS": "50",
            "UPSTREAM_TIMEOUT_SECONDS": "40",
            # Of the tests' stacks nobody reads metrics, but for those that set a port.
            "METRICS_PORT": "0",
            "API_PORT": str(ports["gateway"]),
            **{f"{name.upper()}_PORT": str(ports[name]) for name in SERVICES},
            **{f"{name.upper()}_URL": addresses[name] for name in SERVICES},
            **{f"{name.upper()}_DATABASE_URL": database_urls[name] for name in SERVICES},
            **variables,
        }
        # Of each process whose metrics a test reads.
        self.metrics_ports: dict[str, int] = {}
        self._processes: dict[str, stack.Process] = {}

    def command(self, service: str, *arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", f"services.{service}", *arguments],
            cwd=stack.ROOT,
            env=self.environment,
            capture_output=True,
            text=True,
            check=False,
        )

    def prepare(self, seed_set: str = "minimal") -> None:
        """Migrate and seed every service in this process, since starting six others takes seconds."""
        for service in commands.SERVICES.values():
            settings = service.read_settings(self.environment)
            with closing(open_database(settings.database_url)) as database:
                service.migrations.up(database)
                service.seeder.seed_database(database, settings, seed_set)

    def start(self, *names: str) -> None:
        for name in names or PROCESSES:
            if name not in self._processes:
                metrics = {"METRICS_PORT": str(self.metrics_ports[name])} if name in self.metrics_ports else {}
                self._processes[name] = stack.start(name, {**self.environment, **metrics}, self.logs)
                record_process(self.pid(name))
        stack.wait_until(lambda: stack.is_ready(self.address), self._processes.values())

    def stop(self, *names: str) -> None:
        stack.stop([self._processes.pop(name) for name in names or tuple(self._processes)])

    def kill(self, *names: str) -> None:
        for name in names or tuple(self._processes):
            stack.kill(self._processes.pop(name))

    def pid(self, name: str) -> int:
        """Return the id of the process: gunicorn's master where there are workers."""
        return self._processes[name].popen.pid

    def rows(self, service: str, statement: str) -> list[tuple[Any, ...]]:
        with closing(open_database(self.environment[f"{service.upper()}_DATABASE_URL"])) as database:
            return list(database.execute_sql(statement).fetchall())

    def log_lines(self, name: str) -> str:
        return log_lines(self.logs / f"{name}.log")


@contextmanager
def installation(folder: Path, server: Server | Pooler | None = None, **variables: str) -> Iterator[Installation]:
    """An installation that does not run yet, on SQLite files or on three databases of the server."""
    if server is None:
        urls = {service: f"sqlite:///{folder / service}.sqlite" for service in SERVICES}
    else:
        urls = {service: server.create_database() for service in SERVICES}
    built = Installation(folder, urls, **variables)
    try:
        yield built
    finally:
        built.stop()
        if server is not None:
            for url in urls.values():
                server.drop_database(url)
