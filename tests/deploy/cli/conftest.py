"""An installation on SQLite in a folder of its own, and `flix` run on it in this process."""

import json
import os
import shutil
import signal
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from typer.testing import CliRunner

from deploy import env_file, stack
from deploy.cli.app import app
from tests.installation import SERVICES, installation
from tests.ports import ports_of_a_stack


class Done(NamedTuple):
    """How a command ended."""

    code: int
    output: str
    errors: str

    @property
    def document(self) -> Any:
        """The document of --json."""
        return json.loads(self.output)


Flix = Callable[..., Done]


@pytest.fixture(scope="session")
def seeded_files(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with the seeded files of every service."""
    folder = tmp_path_factory.mktemp("seeded")
    with installation(folder) as built:
        built.prepare()
    return folder


@pytest.fixture
def folder(seeded_files: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return the working folder: a seeded installation with all defaults but its ports; nothing of it runs."""
    (tmp_path / "data").mkdir()
    for name in SERVICES:
        shutil.copy(seeded_files / f"{name}.sqlite", tmp_path / "data")
    for name in (".env.example", "pyproject.toml"):
        (tmp_path / name).symlink_to(stack.ROOT / name)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(env_file, "ROOT", tmp_path)
    for name, port in ports_of_a_stack().items():
        monkeypatch.setenv(name, port)
    return tmp_path


@pytest.fixture
def flix(folder: Path) -> Iterator[Flix]:
    """Run a command in the folder; what it changes of this process is undone afterwards."""
    variables, umask = dict(os.environ), os.umask(0o022)
    os.umask(umask)
    handlers = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGHUP)}

    def run(*arguments: str | Path, typed: str = "") -> Done:
        done = CliRunner().invoke(app, list(map(str, arguments)), input=typed, prog_name="flix")
        if done.exception is not None and not isinstance(done.exception, SystemExit):
            raise done.exception
        return Done(done.exit_code, done.stdout, done.stderr)

    yield run
    os.environ.clear()
    os.environ.update(variables)
    os.umask(umask)
    for number, handler in handlers.items():
        signal.signal(number, handler)


def rows(name: str, query: str) -> list[Any]:
    """Return what a query finds in a service's database."""
    with closing(sqlite3.connect(f"data/{name}.sqlite")) as connection:
        return connection.execute(query).fetchall()


def execute(name: str, *statements: str) -> None:
    """Change a service's database."""
    with closing(sqlite3.connect(f"data/{name}.sqlite")) as connection, connection:
        for each in statements:
            connection.execute(each)


def states(flix: Flix) -> dict[str, str]:
    """Return the worst state of each check."""
    found: dict[str, str] = {}
    for each in flix("doctor", "--json").document["checks"]:
        found[each["check"]] = max(
            found.get(each["check"], ""), each["state"], key=["", "ok", "warning", "problem"].index
        )
    return found
