"""The session of README.md, run in a shell, prints what the page says."""

import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from deploy import stack
from tests.installation import Installation, installation


@pytest.fixture
def local_stack(tmp_path: Path) -> Iterator[Installation]:
    """The stack of `make run`: the local profile's sign-in and the demo seed."""
    with installation(tmp_path, ADMIN_USERNAME="admin", ADMIN_PASSWORD="admin123") as built:
        built.prepare("demo")
        built.start()
        yield built


def test_the_session_of_the_readme_answers_as_printed(local_stack: Installation) -> None:
    readme = (stack.ROOT / "README.md").read_text()
    chapter = readme.split("## A launch in one session")[1].split("\n## ")[0]
    session, expected = re.findall(r"```\w+\n(.*?)```", chapter, re.S)
    session = session.replace("http://127.0.0.1:3001", local_stack.address)

    done = subprocess.run(["sh", "-c", session], capture_output=True, text=True, check=False)

    assert (done.stdout, done.stderr) == (expected, "")


def test_every_variable_of_the_example_environment_is_its_own_default() -> None:
    lines = (stack.ROOT / ".env.example").read_text().splitlines()
    variables = dict(line.split("=", 1) for line in lines if line and not line.startswith("#"))

    assert stack.read_settings(variables) == stack.read_settings({})
