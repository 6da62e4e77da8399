"""A project of `docker compose` with its own name, port and images, for the tests of the deployment."""

import json
import os
import secrets
import subprocess
from collections.abc import Iterable, Mapping
from typing import Any

import docker
from docker.models.containers import Container

from deploy.stack import ROOT
from services.kit.core.config import LOCAL_SERVICE_SECRET
from services.kit.core.instants import now
from services.kit.web.tokens.service import issue_service_token
from tests.installation import PROCESSES, SERVICES, Stack
from tests.leftovers import record_project
from tests.ports import free_port
from tests.waiting import until

ONE_SHOTS = ("secrets", *(f"{work}-{service}" for work in ("migrate", "seed") for service in SERVICES))
SERVERS = ("postgres", *PROCESSES)
MIGRATIONS = {
    service: sorted(file.stem for file in (ROOT / "services" / service / "migrations").glob("[0-9]*.py"))
    for service in SERVICES
}
PORTS = {"gateway": 3001, "content": 3011, "quiz": 3012, "auth": 3013}
# Status, Retry-After, document.
Answer = tuple[int, str | None, Any]


# Asks the process from within its own container, since only the gateway has a port outside.
_ASK = """
import sys, urllib.request, urllib.error
headers = {"Content-Type": "application/json", "Authorization": sys.argv[3]}
request = urllib.request.Request(sys.argv[1], data=sys.argv[2].encode() or None, headers=headers)
try:
    answer = urllib.request.urlopen(request, timeout=20)
except urllib.error.HTTPError as error:
    answer = error
print(answer.status, answer.headers.get("Retry-After"), answer.read().decode())
"""


class ComposeProject:
    """A compose project; nothing runs until `up`."""

    def __init__(self, images: str, *files: str, **variables: str):
        self.name = f"flix-test-{secrets.token_hex(4)}"
        record_project(self.name)
        self.port = free_port()
        self.address = f"http://127.0.0.1:{self.port}"
        self.engine = docker.from_env()
        self.environment = {
            **{name: os.environ[name] for name in ("PATH", "HOME", "DOCKER_HOST") if name in os.environ},
            "COMPOSE_PROJECT_NAME": self.name,
            "COMPOSE_FILE": ":".join(("docker-compose.yml", *files)),
            "FLIX_IMAGES": images,
            "API_PORT": str(self.port),
            "RATE_LIMIT_MAX": "1000000",
            "ACCESS_KEY_GUESSES_MAX": "1000000",
            "ACCESS_KEY_GUESSES_OF_EVENT_MAX": "1000000",
            **variables,
        }

    def with_files(self, *files: str) -> "ComposeProject":
        """Return the same project with other compose files."""
        other = ComposeProject(self.environment["FLIX_IMAGES"], *files)
        other.name, other.port, other.address = self.name, self.port, self.address
        other.environment = {**self.environment, "COMPOSE_FILE": other.environment["COMPOSE_FILE"]}
        return other

    def start_command(self, *command: str) -> "subprocess.Popen[str]":
        """Start the command in the project's environment."""
        pipe = subprocess.PIPE
        return subprocess.Popen(command, cwd=ROOT, env=self.environment, stdout=pipe, stderr=pipe, text=True)

    def try_compose(self, *arguments: str) -> "subprocess.CompletedProcess[str]":
        """Run `docker compose ...` and return its result."""
        with self.start_command("docker", "compose", "--progress=quiet", *arguments) as process:
            output, errors = process.communicate()
        return subprocess.CompletedProcess(arguments, process.returncode, output, errors)

    def compose(self, *arguments: str) -> str:
        """Run `docker compose ...`, which must succeed, and return its output."""
        done = self.try_compose(*arguments)
        assert done.returncode == 0, done.stderr
        return done.stdout

    def run(
        self, service: str, *command: str, volumes: Iterable[str] = (), **variables: str
    ) -> "subprocess.CompletedProcess[str]":
        """Run the command in a container like the service's, with more volumes and other variables."""
        return self.try_compose(*self._run_arguments(service, volumes, variables), *command)

    def run_python(self, service: str, program: str) -> "subprocess.CompletedProcess[str]":
        """Run a Python program as the first process of a container like the service's."""
        options = ["run", "--rm", "--no-deps", "-T", "--entrypoint", "python", service]
        return self.try_compose(*options, "-c", program)

    def start_run(self, service: str, *command: str, **variables: str) -> "subprocess.Popen[str]":
        """Start the command in a container like the service's."""
        arguments = self._run_arguments(service, (), variables)
        return self.start_command("docker", "compose", "--progress=quiet", *arguments, *command)

    @staticmethod
    def _run_arguments(service: str, volumes: Iterable[str], variables: Mapping[str, str]) -> list[str]:
        options = [f"--volume={volume}" for volume in volumes]
        options += [f"--env={name}={value}" for name, value in variables.items()]
        return ["run", "--rm", "--no-deps", "-T", *options, service]

    def up(self) -> None:
        """Start everything and wait until it is healthy."""
        self.compose("up", "--detach", "--no-build")
        self.wait_until_healthy()

    def down(self, *options: str) -> None:
        """Remove everything that the options do not keep."""
        self.compose("down", "--remove-orphans", *options)
        # Compose keeps networks of files that were added by `with_files`.
        for network in self.engine.networks.list(filters={"label": f"com.docker.compose.project={self.name}"}):
            network.remove()

    def wait_until_healthy(self, *services: str) -> None:
        """Wait until every container of these services, or of all servers, is healthy."""
        for service in services or SERVERS:
            until(lambda name=service: self._is_healthy(name), f"{service} is healthy")  # type: ignore[misc]

    def _is_healthy(self, service: str) -> bool:
        containers = self.containers(service)
        return bool(containers) and all(
            each.attrs["State"].get("Health", {}).get("Status") == "healthy" for each in containers
        )

    def containers(self, service: str | None = None) -> list[Container]:
        """Return the project's containers, or those of one service, by name."""
        labels = [f"com.docker.compose.project={self.name}", "com.docker.compose.oneoff=False"]
        if service is not None:
            labels.append(f"com.docker.compose.service={service}")
        found = self.engine.containers.list(all=True, filters={"label": labels}, ignore_removed=True)
        return sorted(found, key=lambda each: str(each.name))

    def container(self, service: str) -> Container:
        """Return the only container of that service."""
        (only,) = self.containers(service)
        return only

    def ids(self) -> dict[str, str]:
        """Return every container's id by name."""
        return {str(each.name): str(each.id) for each in self.containers()}

    def execute(self, service: str, *command: str, user: str = "") -> "subprocess.CompletedProcess[str]":
        """Run the command in the service's running container."""
        result = self.container(service).exec_run(list(command), demux=True, user=user)
        streams: Any = result.output
        output, errors = ((each or b"").decode() for each in streams)
        return subprocess.CompletedProcess(command, int(result.exit_code or 0), output, errors)

    def ask(self, service: str, path: str, body: object = None) -> Answer:
        """Send a request to the process from its own container; the status is 0 without a response."""
        token = issue_service_token(LOCAL_SERVICE_SECRET, "gateway", service, now())
        data = "" if body is None else json.dumps(body)
        address = f"http://127.0.0.1:{PORTS[service]}{path}"
        command = ["python", "-c", _ASK, address, data, f"Bearer {token}"]
        result = self.container(service).exec_run(command, stderr=False)
        if result.exit_code:
            return 0, None, None
        output: Any = result.output
        status, retry_after, document = output.decode().split(" ", 2)
        return int(status), None if retry_after == "None" else retry_after, json.loads(document)

    def sql(self, database: str, statement: str) -> list[list[str]]:
        """Return the rows of a superuser's statement, as text."""
        options = ["-X", "-q", "-A", "-t", "-F", "\t", "-v", "ON_ERROR_STOP=1", "-U", "postgres", "-d", database]
        done = self.execute("postgres", "psql", *options, "-c", statement, user="postgres")
        assert done.returncode == 0, done.stderr
        return [line.split("\t") for line in done.stdout.splitlines()]

    def secret(self, file: str) -> str:
        """Return a secret of the project, by its path below /run/flix."""
        done = self.execute("postgres", "cat", f"/run/flix/{file}", user="root")
        assert done.returncode == 0, done.stderr
        return done.stdout

    def log(self, service: str) -> str:
        """Return the logs of the service's containers."""
        return "".join(each.logs().decode() for each in self.containers(service))


class ComposeStack(Stack):
    """A compose project in its development profile, as a stack for the journeys."""

    sign_in: Mapping[str, str] = {"username": "admin", "password": "admin123"}

    def __init__(self, project: ComposeProject):
        self.project = project
        self.address = project.address
        self.said_at_first: dict[str, str] = {}

    def prepare(self, seed_set: str = "minimal") -> None:
        """Start everything for the first time, which migrates and seeds."""
        self.project.environment["SEED"] = seed_set
        self.project.up()
        self.said_at_first = {service: self.project.log(service) for service in ONE_SHOTS}

    def start(self, *names: str) -> None:
        if any(not self.project.containers(name) for name in SERVERS):
            self.project.up()
        for name in names or SERVERS:
            for container in self.project.containers(name):
                if container.status != "running":
                    container.start()
        self.project.wait_until_healthy()
        until(self._is_ready, "the gateway is ready")

    def stop(self, *names: str) -> None:
        self.project.compose("stop", *names)

    def kill(self, *names: str) -> None:
        for name in names or SERVERS:
            for container in self.project.containers(name):
                container.kill("SIGKILL")

    def command(self, service: str, *arguments: str) -> "subprocess.CompletedProcess[str]":
        role = "migrate" if arguments[0] == "migrate" else "seed"
        return self.project.run(f"{role}-{service}", *arguments)

    def rows(self, service: str, statement: str) -> list[tuple[Any, ...]]:
        return [tuple(row) for row in self.project.sql(service, statement)]

    def log_lines(self, name: str) -> str:
        return self.project.log(name)

    def everything(self) -> list[Any]:
        """Return all events with their lessons, and all quizzes, as an admin sees them."""
        with self.admin() as admin:
            events = admin.get("/api/events").json()
            lessons = [admin.get(f"/api/events/{each['id']}/lessons").json() for each in events["items"]]
            return [events, *lessons, admin.get("/api/quizzes").json()]

    def _is_ready(self) -> bool:
        with self.client() as client:
            return client.get("/health/ready").is_success
