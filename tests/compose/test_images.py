"""The contents of the images, and the rights of their containers."""

import json

import pytest

from services.kit.core.version import VERSION
from tests.compose.project import ComposeProject
from tests.compose.stacks import Figure
from tests.installation import PROCESSES, SERVERS, SERVICES

# Imports every module of these packages.
IMPORT = """
import importlib, pkgutil, sys
for name in sys.argv[1:]:
    for each in pkgutil.walk_packages(importlib.import_module(name).__path__, f"{name}."):
        if not each.name.endswith(".__main__"):
            importlib.import_module(each.name)
"""
PACKAGES = {"gateway": "gateway", **{service: f"services.{service}" for service in SERVICES}}


@pytest.mark.parametrize("part", SERVERS)
def test_an_image_holds_the_kit_and_its_own_package_only(project: ComposeProject, part: str, figure: Figure) -> None:
    def imports(module: str) -> bool:
        return project.execute(part, "python", "-c", f"import {module}").returncode == 0

    image = project.container(part).image
    assert image is not None
    figure(f"image of {part}: {image.attrs['Size'] / 1e6:.0f} MB")

    assert [name for name, package in PACKAGES.items() if imports(package)] == [part]
    own = [] if part == "gateway" else [part]
    listed = project.execute(part, "ls", "/app", "/app/services").stdout.split()
    top = ["deploy", *(["gateway"] if part == "gateway" else []), "services"]
    assert listed == ["/app:", *top, "/app/services:", *sorted(["__init__.py", "__pycache__", "kit", *own])]
    # No build tools and no tests, nothing of the command line.
    assert project.execute(part, "sh", "-c", "command -v gcc").stdout == ""
    assert [name for name in ("pytest", "rich", "typer") if imports(name)] == []
    # The gateway loads no database, which import-linter checks.
    packages = ["gateway", "services.kit.core", "services.kit.web"] if part == "gateway" else ["services"]
    assert project.execute(part, "python", "-c", IMPORT, *packages).stderr == ""


def test_the_tools_image_imports_everything(images: str, project: ComposeProject, figure: Figure) -> None:
    name = f"{images}-tools"
    figure(f"image of tools: {project.engine.images.get(name).attrs['Size'] / 1e6:.0f} MB")

    command = ["python", "-c", IMPORT, "services", "gateway", "deploy"]
    assert project.engine.containers.run(name, command, network_disabled=True, remove=True, stderr=True) == b""


def test_an_image_names_its_version_and_revision(images: str, project: ComposeProject) -> None:
    labelled = ComposeProject(f"{images}-labelled", FLIX_REVISION="0123abc", FLIX_CREATED="2026-03-01T12:00:00Z")
    labelled.compose("--profile=tools", "build", "--quiet", "gateway", "tools")
    names = ("title", "version", "revision", "created")

    def labels(image: str) -> list[str]:
        found = project.engine.images.get(image).labels
        return [found[f"org.opencontainers.image.{name}"] for name in names]

    assert {part: labels(f"{images}-labelled-{part}") for part in ("gateway", "tools")} == {
        part: [f"flix-{part}", VERSION, "0123abc", "2026-03-01T12:00:00Z"] for part in ("gateway", "tools")
    }
    assert labels(f"{images}-auth") == ["flix-auth", VERSION, "unknown", "1970-01-01T00:00:00Z"]


@pytest.mark.parametrize("part", PROCESSES)
def test_a_container_has_no_more_rights_than_it_needs(project: ComposeProject, part: str) -> None:
    container = project.container(part)
    host, config = container.attrs["HostConfig"], container.attrs["Config"]

    assert (host["ReadonlyRootfs"], host["CapDrop"], host["CapAdd"]) == (True, ["ALL"], None)
    assert host["SecurityOpt"] == ["no-new-privileges:true"]
    assert (host["Memory"], host["PidsLimit"], host["Privileged"]) == (384 * 1024 * 1024, 128, False)
    assert config["Healthcheck"]["Test"][:2] == ["CMD", "python"]
    assert config["User"].startswith("10001:")
    # More than gunicorn's graceful_timeout of 45 s.
    assert config["StopTimeout"] == 55

    status = dict(line.split(":\t", 1) for line in project.execute(part, "cat", "/proc/1/status").stdout.splitlines())
    assert {status[name].strip() for name in ("CapEff", "CapPrm", "CapBnd")} == {"0" * 16}
    assert (status["NoNewPrivs"], status["Uid"].split()) == ("1", ["10001"] * 4)
    for place in ("/app/new", "/opt/flix/new", "/etc/new", "/run/flix/new"):
        assert project.execute(part, "touch", place).stderr.strip().endswith("Read-only file system")
    assert project.execute(part, "touch", "/tmp/new").returncode == 0


def test_a_container_that_takes_too_much_memory_is_ended(project: ComposeProject) -> None:
    done = project.run_python("content", "print(len(b'x' * 1024 ** 3))")

    assert (done.returncode, done.stdout) == (137, "")


def test_a_container_cannot_start_processes_without_end(project: ComposeProject) -> None:
    program = """
import os, time
made = 0
try:
    for made in range(1000):
        if os.fork() == 0:
            time.sleep(60)
            os._exit(0)
except BlockingIOError:
    print(made < 128, flush=True)
os.kill(1, 9) if os.getpid() != 1 else os._exit(0)
"""
    done = project.run_python("content", program)

    assert (done.returncode, done.stdout) == (0, "True\n")


@pytest.mark.parametrize("part", PROCESSES)
def test_logs_are_json_lines(project: ComposeProject, part: str) -> None:
    lines = project.log(part).splitlines()

    assert lines
    assert {json.loads(line)["service"] for line in lines} == {part}
