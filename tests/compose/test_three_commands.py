"""Production as docs/operations.md, production.md and data.md have it, word for word: three commands, TLS, a backup."""

import json
import os
import re
import shutil
import ssl
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import pytest

from deploy.archive import open_archive
from deploy.stack import ROOT
from services.kit.core.version import VERSION
from tests.compose.certificates import write_certificate
from tests.compose.project import ComposeProject
from tests.installation import SERVICES
from tests.ports import free_port
from tests.waiting import until


def first_block(page: str, heading: str) -> str:
    """Return the first commands below a heading of a page."""
    below = (ROOT / page).read_text().split(f"\n{heading}\n")[1]
    block: str = re.findall(r"```sh\n(.*?)```", below, re.S)[0]
    return block


PRODUCTION = first_block("docs/operations.md", "## Production")
TLS = first_block("docs/production.md", "## TLS")
BACKUP = first_block("docs/data.md", "### Backups at an interval")
# The project's own, so that .env decides.
DECIDED = (
    "COMPOSE_FILE",
    "COMPOSE_PROFILES",
    "RATE_LIMIT_MAX",
    "ACCESS_KEY_GUESSES_MAX",
    "ACCESS_KEY_GUESSES_OF_EVENT_MAX",
)


@pytest.fixture
def clone(tmp_path: Path) -> Path:
    """A copy of what a clone would have."""
    listed = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    names = subprocess.run(listed, cwd=ROOT, capture_output=True, text=True, check=True).stdout
    for name in filter(None, names.split("\0")):
        if (ROOT / name).is_file():
            (tmp_path / "clone" / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(ROOT / name, tmp_path / "clone" / name)
    return tmp_path / "clone"


@pytest.fixture
def paste(other_stack: Callable[..., ComposeProject], clone: Path) -> Iterator[Callable[..., ComposeProject]]:
    """Run a block of the page in the clone; .env there decides everything but names, ports and images."""
    # For the end, when all of it is removed.
    project = other_stack("deploy/compose.production.yml", "deploy/compose.tls.yml", COMPOSE_PROFILES="backups")
    environment = {name: text for name, text in project.environment.items() if name not in DECIDED}

    def run(block: str, **variables: str) -> ComposeProject:
        environment.update(variables)
        shell = ["sh", "-euc", block]
        done = subprocess.run(
            shell, cwd=clone, env=environment, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stderr
        return project

    yield run


def test_three_commands_serve_production_then_tls_and_backups(
    paste: Callable[..., ComposeProject], clone: Path, tmp_path: Path
) -> None:
    assert len(PRODUCTION.splitlines()) == 3
    project = paste(PRODUCTION)
    secrets = {file.name: file.read_text() for file in (clone / "secrets").iterdir()}
    assert len({*secrets.values()}) == len(secrets) == 10
    assert {file.stat().st_mode & 0o777 for file in [*(clone / "secrets").iterdir(), clone / ".env"]} == {0o600}
    sign_in = {"username": "ada", "password": secrets["ADMIN_PASSWORD"]}
    with httpx.Client(base_url=project.address, trust_env=False, timeout=60) as client:
        assert client.post("/api/admin/login", json=sign_in).status_code == 200
        assert client.get("/api/public/events", headers={"Origin": "https://learn.example"}).status_code == 200
        assert client.get("/health").json()["version"] == VERSION

    # A second time nothing changes.
    before = (clone / ".env").read_text()
    paste(PRODUCTION.splitlines()[0])
    assert (clone / ".env").read_text() == before

    folder = clone / "data/backups"
    project.wait_until_healthy("backups")
    (first,) = folder.glob("flix-*.tar")
    paste(BACKUP)
    second = max(folder.iterdir())
    assert {*folder.iterdir()} == {first, second}
    assert (second.stat().st_uid, second.stat().st_mode & 0o777) == (os.getuid(), 0o600)
    with open_archive(second) as archive:
        assert {*archive.manifest.services} == {*SERVICES}

    certificate = write_certificate(tmp_path)
    https, http = str(free_port()), str(free_port())
    # The page publishes at every address of the machine.
    environment = {"HTTPS_PORT": https, "HTTP_PORT": http, "API_PORT": "", "API_BIND": "127.0.0.1", **certificate}
    paste(TLS, **environment)
    trusted = ssl.create_default_context(cafile=certificate["TLS_CERTIFICATE"])
    with httpx.Client(
        trust_env=False, verify=trusted, timeout=60, headers={"X-Forwarded-For": "203.0.113.7"}
    ) as client:
        moved = client.post(f"http://127.0.0.1:{http}/api/admin/login?a=b", json=sign_in)
        assert (moved.status_code, moved.headers["Location"]) == (
            308,
            f"https://127.0.0.1:{https}/api/admin/login?a=b",
        )
        response = client.post(moved.headers["Location"], json=sign_in)
        assert response.status_code == 200
        assert response.headers.get_list("Strict-Transport-Security") == ["max-age=63072000"]
        assert "Strict-Transport-Security" not in moved.headers
    # Through nginx too the address is that of the connection: not what the client claims, and not nginx's own.
    front = project.engine.networks.get(f"{project.name}_front").attrs["IPAM"]["Config"][0]["Gateway"]
    assert project.sql("auth", "SELECT DISTINCT address FROM audit_log WHERE address IS NOT NULL") == [[front]]
    # A renewed certificate is a new file.
    for file in certificate.values():
        Path(file).unlink()
    renewed = ssl.create_default_context(cafile=write_certificate(tmp_path)["TLS_CERTIFICATE"])
    paste("docker compose restart door")
    with httpx.Client(trust_env=False, verify=renewed, timeout=60, base_url=f"https://127.0.0.1:{https}") as client:
        until(lambda: is_served(client), "nginx serves the renewed certificate")

    assert health_of_door(project) == (0, "")
    for file in certificate.values():
        Path(file).unlink()
    write_certificate(tmp_path, ended_days=1)
    paste("docker compose restart door")
    until(lambda: health_of_door(project) == (1, "the certificate has ended\n"), "the certificate has ended")

    published = {name for each in project.containers() for name in each.ports if each.ports[name]}
    assert published == {"3443/tcp", "3080/tcp"}

    assert_a_folder_of_somebody_else_is_named(project, paste)
    assert {*folder.iterdir()} == {first, second}


def assert_a_folder_of_somebody_else_is_named(project: ComposeProject, paste: Callable[..., ComposeProject]) -> None:
    """The container of the backups is unhealthy when it may not write to its folder."""
    paste("docker compose up --detach --no-deps backups", BACKUP_USER="10009:10009")
    check = project.container("backups").attrs["Config"]["Healthcheck"]["Test"][1:]
    until(lambda: "backup_failed" in project.log("backups"), "a backup has failed")
    until(lambda: project.execute("backups", *check).returncode == 1, "the container is not healthy")
    assert json.loads(project.log("backups").splitlines()[-1])["reason"].endswith(
        "cannot be written (Permission denied): give another folder"
    )


def health_of_door(project: ComposeProject) -> tuple[int, str]:
    """Return the exit code and the output of nginx's health check."""
    check = project.container("door").attrs["Config"]["Healthcheck"]["Test"][1]
    done = project.execute("door", "sh", "-c", check)
    return done.returncode, done.stdout


def is_served(client: httpx.Client) -> bool:
    """Whether the API responds over a connection that the client trusts."""
    try:
        return client.get("/health").status_code == 200
    except httpx.TransportError:
        return False
