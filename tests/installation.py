"""A whole installation of real processes on free ports, for the journeys and the contract tests."""

import os
import socket
import subprocess
import sys
from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import httpx

from deploy import stack
from services.kit.storage.database import open_database
from tests.postgresql import Server

ADMIN = {"username": "admin", "password": "a password of some length"}
SERVICES = ("auth", "content", "quiz")
SERVERS = (*SERVICES, "gateway")
PROCESSES = tuple(stack.PROCESSES)


class Stack(ABC):
    """What a journey needs to know of an installation, be it of processes or of containers."""

    address: str
    sign_in: Mapping[str, str] = ADMIN

    @abstractmethod
    def prepare(self, seed_set: str = "minimal") -> None:
        """Migrate and seed every service."""

    @abstractmethod
    def start(self, *names: str) -> None:
        """Start these processes, or all that do not run, and wait until everything is ready."""

    @abstractmethod
    def stop(self, *names: str) -> None:
        """Stop these processes, or all of them, as an operator would."""

    @abstractmethod
    def kill(self, *names: str) -> None:
        """End these processes, or all of them, as a power cut would."""

    @abstractmethod
    def command(self, service: str, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Run `python -m services.<service> ...` in this installation and give what it said."""

    @abstractmethod
    def log_lines(self, name: str) -> str:
        """Everything the process has said."""

    def client(self, **headers: str) -> httpx.Client:
        """A client of the gateway."""
        return httpx.Client(base_url=self.address, timeout=30, trust_env=False, headers=headers)

    def admin(self) -> httpx.Client:
        """A client of the gateway that has signed in."""
        with self.client() as client:
            answer = client.post("/api/admin/login", json=self.sign_in)
            assert answer.status_code == 200, answer.text
        return self.client(Authorization=f"Bearer {answer.json()['accessToken']}")


class Installation(Stack):
    """All processes, with their own ports, databases and logs under one folder."""

    def __init__(self, folder: Path, database_urls: Mapping[str, str], **variables: str):
        ports = dict(zip(SERVERS, _free_ports(len(SERVERS)), strict=True))
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
            "API_PORT": str(ports["gateway"]),
            **{f"{name.upper()}_PORT": str(ports[name]) for name in SERVICES},
            **{f"{name.upper()}_URL": addresses[name] for name in SERVICES},
            **{f"{name.upper()}_DATABASE_URL": database_urls[name] for name in SERVICES},
            **variables,
        }
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
        """Migrate and seed every service in this process: to start six others takes longer than many a test."""
        for service in stack.SERVICES.values():
            settings = service.read_settings(self.environment)
            with closing(open_database(settings.database_url)) as database:
                service.migrations.up(database)
                service.seeder.seed_database(database, settings, seed_set)

    def start(self, *names: str) -> None:
        for name in names or PROCESSES:
            if name not in self._processes:
                self._processes[name] = stack.start(name, self.environment, self.logs)
        stack.wait_until(lambda: stack.is_ready(self.address), self._processes.values())

    def stop(self, *names: str) -> None:
        stack.stop([self._processes.pop(name) for name in names or tuple(self._processes)])

    def kill(self, *names: str) -> None:
        for name in names or tuple(self._processes):
            stack.kill(self._processes.pop(name))

    def pid(self, name: str) -> int:
        """The id of the process, which is gunicorn's master where it has workers."""
        return self._processes[name].popen.pid

    def log_lines(self, name: str) -> str:
        return (self.logs / f"{name}.log").read_text()


@contextmanager
def installation(folder: Path, server: Server | None = None, **variables: str) -> Iterator[Installation]:
    """An installation with nothing started, on SQLite files or on three databases of the server."""
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


def _free_ports(count: int) -> list[int]:
    probes = [socket.socket() for _ in range(count)]
    try:
        for probe in probes:
            probe.bind(("127.0.0.1", 0))
        ports: list[Any] = [probe.getsockname()[1] for probe in probes]
        return ports
    finally:
        for probe in probes:
            probe.close()
