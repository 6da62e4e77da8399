"""Fixtures of the tests on containers, which share one project."""

import os
import subprocess
import time
from collections.abc import Callable, Iterator

import docker
import pytest

from tests.compose.project import ComposeProject, ComposeStack

# Figures that are shown at the end of the run.
FIGURES: list[str] = []

Figure = Callable[[str], None]


def require_engine() -> None:
    """End the run with one line where no engine answers, which in CI is a failure."""
    try:
        docker.from_env().ping()
        subprocess.run(["docker", "compose", "version"], check=True, capture_output=True)
    except (docker.errors.DockerException, subprocess.CalledProcessError, FileNotFoundError) as error:
        in_ci = os.environ.get("CI") == "true"
        reason = "no Docker engine with docker compose answers here, so nothing was tested"
        pytest.exit(f"{reason} ({' '.join(str(error).split())})", returncode=int(in_ci))


@pytest.fixture(scope="session")
def figure() -> Figure:
    """Note a line for the end of the run."""
    return FIGURES.append


@pytest.fixture(scope="session")
def images(figure: Figure) -> Iterator[str]:
    """The prefix of the names of newly built images, which are removed afterwards."""
    builder = ComposeProject("flix-test")
    prefix = builder.environment["FLIX_IMAGES"] = builder.name
    started = time.monotonic()
    builder.compose("--profile=tools", "build", "--quiet")
    figure(f"images built in {time.monotonic() - started:.1f} s")
    yield prefix
    # The scripts deploy/*-compose build the tools again, for their project, so the first image loses its name.
    unnamed = {"label": f"com.docker.compose.project={prefix}", "dangling": "true"}
    for filters in ({"reference": f"{prefix}-*"}, unnamed):
        for image in builder.engine.images.list(filters=filters):
            builder.engine.images.remove(str(image.id), force=True)


@pytest.fixture(scope="session")
def first_stack(images: str, figure: Figure) -> Iterator[ComposeStack]:
    """The project, started for the first time on empty volumes."""
    stack = ComposeStack(ComposeProject(images))
    try:
        started = time.monotonic()
        stack.prepare()
        figure(f"docker compose up, images built, until everything is healthy: {time.monotonic() - started:.1f} s")
        yield stack
    finally:
        stack.project.down("--volumes", "--timeout=0")


@pytest.fixture
def compose_stack(first_stack: ComposeStack) -> ComposeStack:
    """The project with everything healthy again."""
    first_stack.start()
    return first_stack


@pytest.fixture
def project(compose_stack: ComposeStack) -> ComposeProject:
    """The healthy project itself."""
    return compose_stack.project


@pytest.fixture
def other_stack(first_stack: ComposeStack, images: str) -> Iterator[Callable[..., ComposeProject]]:
    """Makes one more project with these compose files and variables, while the first one is stopped."""
    first_stack.project.down()
    made: list[ComposeProject] = []

    def make(*files: str, **variables: str) -> ComposeProject:
        made.append(ComposeProject(images, *files, **variables))
        return made[-1]

    try:
        yield make
    finally:
        for each in made:
            each.down("--volumes", "--timeout=0")
