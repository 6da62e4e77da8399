"""The servers that are measured: the stack, the bare Falcon app and the peer."""

import hashlib
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx

from deploy import stack
from tests.bench.scene import Json
from tests.installation import Installation, installation
from tests.leftovers import record_process
from tests.ports import free_port
from tests.postgresql import Server, durable_server
from tests.waiting import until

ENGINES = ("sqlite", "postgresql")
PEER = Path(__file__).parent / "peer"
# As many as there are cores, for both yardsticks.
YARDSTICK_WORKERS = 2
# The limits are on, and no run reaches them. The tokens outlive the longest bench.
VARIABLES = {
    "RATE_LIMIT_MAX": "1000000",
    "RATE_LIMIT_ADDRESS_MAX": "20000000",
    "ACCESS_KEY_GUESSES_MAX": "1000000",
    "ACCESS_KEY_GUESSES_OF_EVENT_MAX": "1000000",
    "GATEWAY_TIMEOUT_SECONDS": "10",
    "UPSTREAM_TIMEOUT_SECONDS": "5",
    "JWT_ACCESS_TTL": "12h",
    "LEARNER_GRANT_TTL": "12h",
    # The defaults.
    "METRICS_PORT": "",
}
# Variables of the shell that reach the stack, so that they can be compared.
SETTABLE = ("LOG_LEVEL", "REDIS_URL", "SERVICE_THREADS", "METRICS_PORT", "ACCESS_LOG_PERCENT")


@contextmanager
def product(folder: Path, engine: str, workers: int, **variables: str) -> Iterator[Installation]:
    """A migrated stack of this engine that runs, with this many workers for each server and these variables."""
    folder.mkdir(exist_ok=True)
    with _database_server(folder, engine) as server:
        ours = {name: text for name, text in os.environ.items() if name in SETTABLE}
        settings = {**VARIABLES, **ours, **variables, "WEB_CONCURRENCY": str(workers)}
        with installation(folder, server, **settings) as built:
            built.prepare()
            built.start()
            yield built


@contextmanager
def _database_server(folder: Path, engine: str) -> Iterator[Server | None]:
    if engine == "sqlite":
        yield None
        return
    data, log = folder / "postgresql", folder / "write-ahead-log"
    for each in (data, log):
        each.mkdir()
    with durable_server(data, log) as server:
        yield server


@contextmanager
def bare(folder: Path, workers: int = YARDSTICK_WORKERS) -> Iterator[tuple[str, int]]:
    """The bare Falcon app under the settings of the stack; yield its address and the id of its first process."""
    port = free_port()
    command = [
        *(sys.executable, "-m", "deploy.child", str(os.getpid()), "gunicorn"),
        *("--config", str(stack.ROOT / "deploy" / "gunicorn.conf.py"), "--bind", f"127.0.0.1:{port}"),
        *("--workers", str(workers), "tests.bench.bare:app"),
    ]
    variables = {"PATH": os.environ["PATH"], "FLIX_PROCESS": "bare", "LOG_LEVEL": "info"}
    with _running(command, stack.ROOT, variables, folder / "bare.log", port, "/") as started:
        yield started


@contextmanager
def peer(folder: Path, rows: Mapping[str, list[Json]], path: str) -> Iterator[tuple[str, int]]:
    """The peer with these rows, ready when it answers a POST of `path`; yield its address and its process id."""
    python, port = peer_environment(), free_port()
    variables = {"PATH": os.environ["PATH"], "PEER_DATABASE": str(folder / "peer.sqlite")}
    subprocess.run([python, "seed.py"], cwd=PEER, env=variables, input=json.dumps(rows), text=True, check=True)
    command = [
        *(str(python), "-m", "uvicorn", "app:app", "--workers", str(YARDSTICK_WORKERS), "--port", str(port)),
        *("--no-access-log", "--log-level", "warning"),
    ]
    with _running(command, PEER, variables, folder / "peer.log", port, path, "POST") as started:
        yield started


def new_folder(parent: Path, name: str) -> Path:
    """Return a new folder of that name."""
    folder = parent / name
    folder.mkdir()
    return folder


def peer_environment() -> Path:
    """Return the peer's own Python, installed from its lock file into the user's cache when it is not there."""
    lock = PEER / "requirements.lock"
    caches = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    name = hashlib.sha256(lock.read_bytes() + sys.version.encode()).hexdigest()[:12]
    folder = caches / "flix-bench" / name
    if not (folder / "complete").exists():
        print("installing the packages of tests/bench/peer/requirements.lock")
        shutil.rmtree(folder, ignore_errors=True)
        subprocess.run([sys.executable, "-m", "venv", folder], check=True)
        install = ("-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--require-hashes", "-r")
        subprocess.run([folder / "bin" / "python", *install, lock], check=True)
        (folder / "complete").touch()
    return folder / "bin" / "python"


@contextmanager
def _running(
    command: list[str], cwd: Path, variables: Mapping[str, str], log: Path, port: int, path: str, method: str = "GET"
) -> Iterator[tuple[str, int]]:
    address = f"http://127.0.0.1:{port}"
    with log.open("wb") as output:
        process: subprocess.Popen[Any] = subprocess.Popen(
            command, cwd=cwd, env=dict(variables), stdout=output, stderr=output, start_new_session=True
        )
    record_process(process.pid)
    try:
        until(lambda: process.poll() is not None or _answers(method, address + path), f"an answer of {command[2]}", 60)
        if process.poll() is not None:
            raise RuntimeError(log.read_text())
        yield address, process.pid
    finally:
        process.terminate()
        try:
            process.wait(60)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _answers(method: str, url: str) -> bool:
    try:
        return httpx.request(method, url, json={}, timeout=5, trust_env=False).is_success
    except httpx.HTTPError:
        return False
